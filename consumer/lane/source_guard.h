/**
 * source_guard: whose records are applied. A copy of Odoo's database that publishes into the same
 * topic must not reach the store, nor a producer with another state, nor history.
 *
 * Until the first write the lane follows the database of the first record. The first write pins it.
 * Newer records of another database are not planned and hold the store, until a person confirms one
 * of the two, or the pinned database publishes the same products again. So do records of a stream
 * that the state does not know. Records of earlier streams are passed over.
 */
#ifndef STOCKSYNC_LANE_SOURCE_GUARD_H
#define STOCKSYNC_LANE_SOURCE_GUARD_H

#include "consumer/lane/streams.h"
#include "consumer/plan/foreign_records.h"

struct source_guard {
    const struct lane_context *c;
    struct foreign_records *foreign;    /* not applied */
    char database[STATE_DATABASE_SIZE]; /* whose records are applied; "": no record seen yet */
    struct streams *streams;            /* borrowed */
    char other_database[STATE_DATABASE_SIZE]; /* of the newest foreign record; or: */
    char other_stream[STATE_STREAM_SIZE];     /* its stream, which the state does not know */
    int64_t database_since;                   /* revision: older foreign records are history */
    int64_t newest_revision;                  /* that was planned */
    bool pinned;                              /* database is the state's */
    bool logged_headerless;
};

/** @param row  the state's guard */
void source_guard_open(struct source_guard *g,
                       const struct lane_context *c,
                       struct streams *streams,
                       const struct state_guard *row);
/** Zero is fine. */
void source_guard_close(struct source_guard *g);

/**
 * Whether a record may be planned.
 * @param admitted  [out] false: of another database, of an unknown stream, or history
 * @return STATUS_OK; STATUS_RENEW: the producer has begun a new stream; pg_query's
 */
NODISCARD enum status source_guard_admits(struct source_guard *g,
                                          const struct source_event *event,
                                          struct record_position at,
                                          bool *admitted,
                                          struct err *err);
/** A person accepts records up to the greatest revision seen, should the store be held. */
void source_guard_note_revision(struct source_guard *g, int64_t revision);
/** Records of another database or of an unknown stream wait. */
bool source_guard_wants_hold(const struct source_guard *g);
/** Fills reason and detail of the hold that follows. */
void source_guard_describe(const struct source_guard *g, struct lane_hold *hold);
/** A partition leaves. */
void source_guard_drop_partition(struct source_guard *g, int32_t partition);

/**
 * Before the first write: pins the database.
 * @return STATUS_OK; STATUS_RENEW: another process pinned another one; pg_query's
 */
NODISCARD enum status source_guard_pin(struct source_guard *g, struct err *err);
/**
 * Compares with the state.
 * @return STATUS_OK; STATUS_RENEW: another database was pinned or confirmed, or a new stream began,
 *         so records that are not finished must be judged again
 */
NODISCARD enum status
source_guard_compare(struct source_guard *g, const struct state_guard *row, struct err *err);

#endif
