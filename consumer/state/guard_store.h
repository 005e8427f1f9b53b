/**
 * guard_store: why a store is held as a whole (brake, clone guard, first load), by which process,
 * and what a person has accepted.
 */
#ifndef STOCKSYNC_STATE_GUARD_STORE_H
#define STOCKSYNC_STATE_GUARD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/plan/level_write.h"
#include "consumer/state/state.h"

#define STATE_DATABASE_SIZE 64

struct state_guard {
    bool loaded;                        /* the first load is over */
    char database[STATE_DATABASE_SIZE]; /* whose records are applied; "": none yet */
    int64_t database_since;             /* revision; older records of other databases, and of
                                           unknown streams, are skipped */
    int64_t accepted_revision;          /* a person has accepted all changes up to here */
    int64_t held_at_us;                 /* wall clock; 0: not held */
    bool ours;                          /* held by this process */
    bool first_load_waits;              /* for a person */
    char reason[32];
    char detail[320];
    char examples[1200]; /* one per line */
};

/** Whether the store was written before. */
struct state_contact {
    bool waits;    /* it was not: a person must approve its first load */
    bool is_fresh; /* none of its levels is known */
};

/** A store without a row has an empty guard. */
NODISCARD enum status state_guard_read(struct state *s, struct state_guard *guard, struct err *err);
/** A hold whose process is gone becomes ours; read the guard again. */
NODISCARD enum status state_guard_adopt(struct state *s, struct err *err);
/**
 * Holds the store, or updates the reason of our hold. Does nothing while another living process
 * holds it.
 * @param revision  the greatest one planned
 */
NODISCARD enum status state_guard_hold(struct state *s,
                                       const struct state_guard *guard,
                                       int64_t revision,
                                       struct err *err);
/** Ends our hold; the hold of another process stays. */
NODISCARD enum status state_guard_release(struct state *s, struct err *err);
/** The first load is over; this cannot be undone. */
NODISCARD enum status state_guard_loaded(struct state *s, struct err *err);
/**
 * Decides once whether the store's first load waits for a person: not if go, and not if a level is
 * known. Until a person resumes the store this stays so.
 */
NODISCARD enum status
state_guard_contact(struct state *s, bool go, struct state_contact *contact, struct err *err);
/** Pins the database if none is pinned. @param database  [in, out] becomes the pinned one */
NODISCARD enum status
state_guard_pin(struct state *s, char database[STATE_DATABASE_SIZE], struct err *err);
/**
 * A person resumes the store. If it is held, accepts all changes that Odoo has made until now, and
 * its first load if that is the reason.
 * @param database  NULL: stays
 * @param confirms  database and stream are right as of now: what others published before is history
 */
NODISCARD enum status
state_guard_resume(struct state *s, const char *database, bool confirms, struct err *err);
/** @param levels  [out] known levels of the store */
NODISCARD enum status state_guard_levels(struct state *s, size_t *levels, struct err *err);
/**
 * Calls each for every level written since since_us, with its first and its last value within the
 * last window of its changes, in order of time. Leaves out the first load, accepted revisions, writes
 * that changed nothing, and those of other living processes, which count them.
 */
NODISCARD enum status
state_guard_journal(struct state *s,
                    int64_t since_us,
                    int64_t window_us,
                    int64_t accepted_revision,
                    void (*each)(void *arg, const struct level_write *write, int64_t at_us),
                    void *arg,
                    struct err *err);

#endif
