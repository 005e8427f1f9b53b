#include "consumer/state/level_store.h"

#include "consumer/state/level_args.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

enum status state_levels_read(struct state *s,
                              const struct level_key *keys,
                              size_t count,
                              int64_t now_us,
                              struct level_known *known,
                              struct err *err)
{
    struct pg_rows rows = {0};
    for (size_t i = 0; i < count; i++) {
        known[i] = (struct level_known){.key = keys[i]};
    }
    if (count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    level_args_keys(&s->args, keys, count);
    pg_args_time_us(&s->args, now_us);
    pg_args_i64(&s->args, s->instance);
    rc = pg_query(s->conn, sql_consumer_levels_read, &s->args, "iiliiidiil", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        struct level_known *k = &known[pg_i32(&rows, i, 0)];
        k->found = !pg_is_null(&rows, i, 1);
        k->quantity = pg_i32(&rows, i, 1);
        k->revision = pg_i64(&rows, i, 2);
        k->desired = pg_i32(&rows, i, 3);
        k->live = pg_i32(&rows, i, 4);
        k->product_id = pg_i32(&rows, i, 5);
        k->raw = level_args_raw(&rows, i, 6);
        k->missing = pg_i32(&rows, i, 7);
        k->reserved = pg_i32(&rows, i, 8);
        k->open_revision = pg_i64(&rows, i, 9);
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status
state_levels_note(struct state *s, const struct level_write *list, size_t count, struct err *err)
{
    if (s->read_only || count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    level_args_values(&s->args, list, count);
    return pg_query(s->conn, sql_consumer_levels_note, &s->args, "", NULL, err);
}
