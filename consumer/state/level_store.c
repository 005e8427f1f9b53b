/* Levels: what we last wrote to Shopify. */
#include "common/core/mem.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

void state_args_keys(struct pg_args *args, const struct level_key *keys, size_t count)
{
    int64_t *numbers = mem_calloc(count, sizeof *numbers);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = keys[i].item;
    }
    pg_args_i64_array(args, numbers, count);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = keys[i].location;
    }
    pg_args_i64_array(args, numbers, count);
    mem_free(numbers);
}

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
    enum status rc = count > 0 ? state_begin(s, err) : STATUS_OK;
    if (rc != STATUS_OK || count == 0) {
        return rc;
    }
    state_args_keys(&s->args, keys, count);
    pg_args_time_us(&s->args, now_us);
    rc = pg_query(s->conn, sql_consumer_levels_read, &s->args, "iiliii", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        struct level_known *k = &known[pg_i32(&rows, i, 0)];
        k->found = true;
        k->quantity = pg_i32(&rows, i, 1);
        k->revision = pg_i64(&rows, i, 2);
        k->desired = pg_i32(&rows, i, 3);
        k->live = pg_i32(&rows, i, 4);
        k->product_id = pg_i32(&rows, i, 5);
    }
    pg_rows_release(&rows);
    return rc;
}

enum status
state_levels_note(struct state *s, const struct level_write *list, size_t count, struct err *err)
{
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = count > 0 ? state_begin(s, err) : STATUS_OK;
    if (rc != STATUS_OK || count == 0) {
        return rc;
    }
    state_args_column(&s->args, WRITE_ITEM, list, count);
    state_args_column(&s->args, WRITE_LOCATION, list, count);
    state_args_column(&s->args, WRITE_PRODUCT, list, count);
    state_args_column(&s->args, WRITE_QUANTITY, list, count);
    state_args_column(&s->args, WRITE_REVISION, list, count);
    state_args_column(&s->args, WRITE_WANTED, list, count);
    return pg_query(s->conn, sql_consumer_levels_note, &s->args, "", NULL, err);
}
