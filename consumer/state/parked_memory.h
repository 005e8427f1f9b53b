/**
 * parked_memory: the parked rows of a dry run, which stores nothing. For consumer/state only.
 *
 * Records are kept for the one reason that a later record can fix. One owner: the state.
 */
#ifndef STOCKSYNC_STATE_PARKED_MEMORY_H
#define STOCKSYNC_STATE_PARKED_MEMORY_H

#include "common/core/attributes.h"
#include "consumer/state/parked_row.h"

struct parked_memory;

NODISCARD struct parked_memory *parked_memory_new(void);
/** Accepts NULL. */
void parked_memory_free(struct parked_memory *m);
/** As state_park; a row is never reported as the first. */
void parked_memory_park(struct parked_memory *m, const struct state_parked *list, size_t count);
void parked_memory_unpark(struct parked_memory *m, const char *const *subjects, size_t count);
/** As state_parked_rescan, but gives out only rows of the reason whose records are kept. Without
 * reasons it gives out nothing: everything was judged just now. */
void parked_memory_rescan(struct parked_memory *m,
                          const struct state_share *share,
                          struct state_rescan *rescan,
                          state_parked_fn each,
                          void *arg,
                          size_t *count);
void parked_memory_settle(struct parked_memory *m, struct state_tried *list, size_t count);
/** Calls each for every row; texts are borrowed for the call. Leaves out a level that shares its
 * SKU, since its product has a row too. */
void parked_memory_each(const struct parked_memory *m,
                        void (*each)(void *arg, const char *reason),
                        void *arg);

#endif
