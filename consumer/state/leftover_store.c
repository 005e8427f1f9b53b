#include "consumer/state/leftover_store.h"

#include "consumer/state/state_private.h"
#include "embedded/sql.h"

enum status state_leftovers(struct state *s,
                            void (*each)(void *arg, const struct state_leftover *level),
                            void *arg,
                            struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_leftovers, &s->args, "itllilb", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        const struct state_leftover level = {
            .product_id = pg_i32(&rows, i, 0),
            .text = pg_text(&rows, i, 1),
            .key = {.item = pg_i64(&rows, i, 2), .location = pg_i64(&rows, i, 3)},
            .quantity = pg_i32(&rows, i, 4),
            .revision = pg_i64(&rows, i, 5),
            .parked = pg_bool(&rows, i, 6)};
        each(arg, &level);
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}
