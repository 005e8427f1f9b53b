/**
 * attempt_store: every mutation, stored before it is sent.
 */
#ifndef STOCKSYNC_STATE_ATTEMPT_STORE_H
#define STOCKSYNC_STATE_ATTEMPT_STORE_H

#include <stddef.h>

#include "consumer/plan/level_write.h"
#include "consumer/state/state.h"

#define STATE_ATTEMPTS_MAX 8 /* attempts stored at a time */

struct state_attempt {
    char key[37];
    unsigned generation;
    char *variables; /* the exact JSON that was or will be sent */
    struct level_write *list;
    size_t count;
    bool adjusts; /* by quantity - change_from, not to quantity */
};

/** The end of an attempt. */
struct state_outcome {
    const struct state_attempt *attempt;
    const char *outcome;    /* "applied", "refused", "stale", "superseded" */
    const char *request_id; /* may be NULL */
};

/**
 * Makes attempts durable before their first sending: all or none, with one wait for the disk.
 * Calling again after a lost connection is fine.
 * @param count  at most STATE_ATTEMPTS_MAX
 * @return STATUS_OK; pg_query's statuses; also STATUS_SOURCE_BUSY when another attempt used a key
 *         before: build the request again with another generation
 */
NODISCARD enum status state_attempts_begin(struct state *s,
                                           const struct state_attempt *const *list,
                                           size_t count,
                                           struct err *err);
/**
 * Stores outcomes in one statement. Marks the attempts as answered (outcome, request id, wall
 * time). Of applied attempts, upserts the levels whose revision does not fall, and deletes the
 * parked rows of those levels up to that revision. Calling again is fine.
 */
NODISCARD enum status state_attempts_settle(struct state *s,
                                            const struct state_outcome *list,
                                            size_t count,
                                            int64_t answered_at_us,
                                            struct err *err);
/**
 * Takes over the attempts without outcome whose process is gone (its advisory lock is free).
 * Call it at start and after partitions were assigned. The server may notice late that a process is
 * gone: a later call finds those attempts.
 * @param after_revision  those without a greater revision are of an earlier stream: they are given
 *                        up instead, unless they were sent within five minutes
 * @param list            [out] in order of sending; the caller's: state_attempts_release
 */
NODISCARD enum status state_attempts_adopt(struct state *s,
                                           int64_t after_revision,
                                           struct state_attempt **list,
                                           size_t *count,
                                           struct err *err);
/**
 * An attempt is about to be sent again, or later than it was stored.
 * @param open  [out] false: another process has given it up, it must not be sent
 */
NODISCARD enum status
state_attempts_renew(struct state *s, const char *key, int64_t now_us, bool *open, struct err *err);
/** Gives up the open attempts of other living processes that were last sent before. */
NODISCARD enum status
state_attempts_abandon(struct state *s, int64_t before_us, int64_t *count, struct err *err);
void state_attempts_release(struct state_attempt *list, size_t count);

#endif
