/**
 * replan: whether a partition of the topic was planned with the store's present rules. If not, it
 * is planned again from its beginning, or from that of the present stream.
 *
 *     FRESH      no rules are known, and the store has no level: its records are planned as they
 *                come; at its end, the rules are stored
 *     AGAIN      planned with other rules: read from its beginning
 *     FINISHING  the end was read, but levels of its records are pending
 *
 * Offsets of a partition that is planned again are committed only when that is finished, so that
 * the group never goes back. A crash before that plans it again.
 *
 * While history is read (AGAIN, and all of a dry run), nothing is written: a newer record may
 * exclude the product, or have another number. A new store waits by first_load.
 */
#ifndef STOCKSYNC_LANE_REPLAN_H
#define STOCKSYNC_LANE_REPLAN_H

#include "consumer/lane/streams.h"
#include "consumer/plan/rules_digest.h"

enum replan_stage {
    REPLAN_NONE,
    REPLAN_FRESH,
    REPLAN_AGAIN,
    REPLAN_FINISHING,
    REPLAN_DONE /* the rules are to be stored */
};

struct replan_partition {
    enum replan_stage stage;
    int64_t last;    /* FINISHING: offset of the last record that was read; -1: none */
    bool is_blocked; /* by a record that cannot be read: nobody waits for its end */
};

struct replan {
    const struct lane_context *c;
    const struct streams *streams;
    char digest[RULES_DIGEST_SIZE]; /* of the present rules */
    struct replan_partition *list;  /* by partition */
    size_t size;
};

void replan_open(struct replan *r, const struct lane_context *c, const struct streams *streams);
/** Zero is fine. */
void replan_close(struct replan *r);
/** Partitions were assigned. Those that must be planned again are read from their beginning.
 * @return pg_query's */
NODISCARD enum status
replan_note_assigned(struct replan *r, const int32_t *partitions, size_t count, struct err *err);
void replan_drop_partition(struct replan *r, int32_t partition);
/** A record blocks a partition; others go on. */
void replan_note_blocked(struct replan *r, int32_t partition);
/** The end of a partition was read. */
void replan_note_end(struct replan *r, int32_t partition);
/** History is read: nothing may be written. */
bool replan_is_reading(const struct replan *r);
/** Partitions that are planned again, until all their levels are complete. */
size_t replan_count(const struct replan *r);
bool replan_may_commit(const struct replan *r, int32_t partition);
/** Stores the rules of partitions that are finished. Before a commit. @return pg_query's */
NODISCARD enum status replan_store(struct replan *r, struct err *err);

#endif
