#include "consumer/state/warehouse_store.h"

#include "common/core/mem.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

enum status
state_warehouses(struct state *s, struct state_warehouse **list, size_t *count, struct err *err)
{
    struct pg_rows rows = {0};
    *list = NULL;
    *count = 0;
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_warehouses, NULL, "ittbi", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *count = (size_t)rows.count;
    *list = mem_calloc(*count, sizeof **list);
    for (int i = 0; i < rows.count; i++) {
        (*list)[i] = (struct state_warehouse){.id = pg_i32(&rows, i, 0),
                                              .code = mem_strdup(pg_text(&rows, i, 1)),
                                              .company = mem_strdup(pg_text(&rows, i, 2)),
                                              .active = pg_bool(&rows, i, 3),
                                              .company_id = pg_i32(&rows, i, 4)};
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

void state_warehouses_release(struct state_warehouse *list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++) {
        mem_free(list[i].code);
        mem_free(list[i].company);
    }
    mem_free(list);
}
