/**
 * parked_store: parks rows, and gives them out for retries.
 */
#ifndef STOCKSYNC_STATE_PARKED_STORE_H
#define STOCKSYNC_STATE_PARKED_STORE_H

#include <stddef.h>

#include "consumer/state/parked_row.h"
#include "consumer/state/state.h"

/**
 * Upserts rows. first_at stays, last_at and attempts move, and the next retry is put off. A row of
 * an older revision never replaces a newer one. A row without position or record (partition and
 * offset -1, ptr NULL) keeps those of the row before it.
 */
NODISCARD enum status
state_park(struct state *s, struct state_parked *list, size_t count, struct err *err);
/** Deletes rows by subject; missing ones are fine. */
NODISCARD enum status
state_unpark(struct state *s, const char *const *subjects, size_t count, struct err *err);
/** Calls each for every product with a row "product/…", ascending. */
NODISCARD enum status state_parked_products(struct state *s,
                                            void (*each)(void *arg, int32_t product_id),
                                            void *arg,
                                            struct err *err);

/* --- retries: each row is given to one process, for a minute --- */

/**
 * A row without a partition gets the one of its product, so that only one process retries it.
 * @param place_of  the partition of a product; below 0: not known yet
 */
NODISCARD enum status state_parked_place(struct state *s,
                                         int32_t (*place_of)(void *arg, int32_t product_id),
                                         void *arg,
                                         struct err *err);

/** Calls each for the rows that are due. @param count  [out] rows given out */
NODISCARD enum status state_parked_due(struct state *s,
                                       const struct state_share *share,
                                       state_parked_fn each,
                                       void *arg,
                                       size_t *count,
                                       struct err *err);

/** As state_parked_due. A page that is not full is the last. */
NODISCARD enum status state_parked_rescan(struct state *s,
                                          const struct state_share *share,
                                          struct state_rescan *rescan,
                                          state_parked_fn each,
                                          void *arg,
                                          size_t *count,
                                          struct err *err);

/** Retries are over: deletes the rows that were not parked again meanwhile. */
NODISCARD enum status
state_parked_settle(struct state *s, struct state_tried *list, size_t count, struct err *err);

/** A dry run keeps its parked rows in memory: calls each for every one. Of a state that stores its
 * rows: nothing. The reason is borrowed for the call. */
void state_parked_each_in_memory(const struct state *s,
                                 void (*each)(void *arg, const char *reason),
                                 void *arg);

#endif
