/**
 * first_load: the first contact with a store. A person approves it after a look at its figures. And
 * nothing is written before the topic was read to its end, so that no state is written which a newer
 * record has overtaken.
 *
 * The state remembers that a store waits, and that a person has let it begin: for a restart, and for
 * the other processes of the store.
 */
#ifndef STOCKSYNC_LANE_FIRST_LOAD_H
#define STOCKSYNC_LANE_FIRST_LOAD_H

#include "consumer/lane/context.h"

#define FIRST_LOAD_REASON "first_load"

struct first_load {
    const struct lane_context *c;
    bool waits;     /* for a person */
    bool is_fresh;  /* no level of the store was known when the session began */
    bool caught_up; /* the end of every assigned partition was read once */
};

/** A dry run writes nothing and asks nobody. */
NODISCARD enum status
first_load_open(struct first_load *f, const struct lane_context *c, struct err *err);
/** Nothing may be written now. */
bool first_load_stops(const struct first_load *f);
/** The store must wait for a person now: it has caught up, and there is something to write. */
bool first_load_wants_hold(const struct first_load *f);
/**
 * Fills reason, detail, figures and examples.
 * @param known  levels of the store in the state
 */
void first_load_describe(const struct first_load *f, size_t known, struct lane_hold *hold);

#endif
