/**
 * parked_list: the parked rows of a store, for the command `parked`.
 *
 * Uses the state database alone, so it works while a consumer runs. Statuses are pg_query's.
 */
#ifndef STOCKSYNC_STATE_PARKED_LIST_H
#define STOCKSYNC_STATE_PARKED_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "consumer/state/parked_row.h"
#include "consumer/state/state.h"

/** Rows that fit every member that is set; nothing set: every row. */
struct parked_filter {
    const char *reason;
    const char *subject;
    bool by_product; /* only these products, and their levels */
    const int32_t *products;
    size_t product_count;
};

struct parked_entry {
    struct state_parked row; /* without record */
    const char *text;        /* SKU or barcode; NULL: none, or not known */
    int64_t first_at_us, last_at_us;
    int64_t retry_at_us; /* 0: not before a consumer starts */
    int64_t now_us;      /* the server's clock when it was read */
};

/** Calls each for every row, oldest first; values are valid in the callback only. */
NODISCARD enum status parked_list_each(struct state *s,
                                       const struct parked_filter *filter,
                                       void (*each)(void *arg, const struct parked_entry *entry),
                                       void *arg,
                                       struct err *err);
/** Makes rows due at once. @param count  [out] rows */
NODISCARD enum status parked_list_retry_now(struct state *s,
                                            const struct parked_filter *filter,
                                            size_t *count,
                                            struct err *err);
/** Deletes rows and calls each for them. @param count  [out] rows */
NODISCARD enum status
parked_list_drop(struct state *s,
                 const struct parked_filter *filter,
                 void (*each)(void *arg, const char *subject, const char *reason),
                 void *arg,
                 size_t *count,
                 struct err *err);

#endif
