#include "consumer/state/planned_store.h"

#include <stdio.h>

#include "common/core/mem.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

enum status state_planned_read(
    struct state *s, struct state_planned *list, size_t count, bool *has_levels, struct err *err)
{
    struct pg_rows rows = {0};
    *has_levels = false;
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK || count == 0) {
        return rc;
    }
    int32_t *partitions = mem_calloc(count, sizeof *partitions);
    for (size_t i = 0; i < count; i++) {
        partitions[i] = list[i].partition;
        list[i].digest[0] = '\0';
    }
    pg_args_i32_array(&s->args, partitions, count);
    mem_free(partitions);
    rc = pg_query(s->conn, sql_consumer_planned_read, &s->args, "itb", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        struct state_planned *one = &list[pg_i32(&rows, i, 0)];
        const char *digest = pg_text(&rows, i, 1);
        (void)snprintf(one->digest, sizeof one->digest, "%s", digest != NULL ? digest : "");
        *has_levels = pg_bool(&rows, i, 2);
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status state_planned_store(
    struct state *s, const int32_t *partitions, size_t count, const char *digest, struct err *err)
{
    if (s->read_only || count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_i32_array(&s->args, partitions, count);
    pg_args_text(&s->args, digest);
    return pg_query(s->conn, sql_consumer_planned_store, &s->args, "", NULL, err);
}
