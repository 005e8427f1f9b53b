#include "consumer/state/level_moves.h"

#include "common/core/mem.h"
#include "consumer/state/level_args.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

/* Rows of one statement: far below its timeout. */
#define ROWS_PER_STATEMENT 5000

/* --- items that lost their text --- */

static enum status
orphan_some(struct state *s, const struct state_orphan *list, size_t count, struct err *err)
{
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    int64_t *items = mem_calloc(count, sizeof *items);
    const char **details = mem_calloc(count, sizeof *details);
    for (size_t i = 0; i < count; i++) {
        items[i] = list[i].item;
        details[i] = state_clean(s, list[i].detail);
    }
    pg_args_i64_array(&s->args, items, count);
    pg_args_text_array(&s->args, details, count);
    mem_free(items);
    mem_free(details);
    return pg_query(s->conn, sql_consumer_levels_orphan, &s->args, "", NULL, err);
}

enum status
state_levels_orphan(struct state *s, const struct state_orphan *list, size_t count, struct err *err)
{
    if (s->read_only) {
        return STATUS_OK;
    }
    for (size_t at = 0; at < count; at += ROWS_PER_STATEMENT) {
        size_t n = count - at < ROWS_PER_STATEMENT ? count - at : ROWS_PER_STATEMENT;
        enum status rc = orphan_some(s, list + at, n, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

/* --- items that get one --- */

enum status state_levels_follow(
    struct state *s, const struct state_owner *list, size_t count, bool *moved, struct err *err)
{
    struct pg_rows rows = {0};
    *moved = false;
    if (s->read_only || count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct level_key *keys = mem_calloc(count, sizeof *keys);
    int32_t *products = mem_calloc(count, sizeof *products);
    for (size_t i = 0; i < count; i++) {
        keys[i] = list[i].key;
        products[i] = list[i].product_id;
    }
    level_args_keys(&s->args, keys, count);
    pg_args_i32_array(&s->args, products, count);
    mem_free(keys);
    mem_free(products);
    rc = pg_query(s->conn, sql_consumer_levels_follow, &s->args, "l", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *moved = pg_i64(&rows, 0, 0) > 0;
    pg_rows_release(&rows);
    return STATUS_OK;
}
