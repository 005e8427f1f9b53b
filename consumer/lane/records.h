/**
 * records: polls the source and hands its records to the planner, one turn at a time.
 */
#ifndef STOCKSYNC_LANE_RECORDS_H
#define STOCKSYNC_LANE_RECORDS_H

#include "consumer/lane/blocked_partitions.h"
#include "consumer/lane/replan.h"

struct records {
    const struct lane_context *c;
    struct planner *planner;
    struct replan *replan;
    unsigned char *at_end; /* by partition: its end was seen since its last record, or once */
    size_t at_end_size;
    struct blocked_partitions blocked;
};

void records_open(struct records *r,
                  const struct lane_context *c,
                  struct planner *planner,
                  struct replan *replan);
/** Zero is fine. */
void records_close(struct records *r);

/**
 * Takes up to LANE_TURN_RECORDS events, plans the records and stores the turn.
 * @param busy   [out] more may be waiting
 * @param event  [out] SOURCE_ASSIGNED, _REVOKED or _LOST: to be handled before the next call;
 *               SOURCE_NOTHING otherwise
 */
NODISCARD enum status
records_take(struct records *r, bool *busy, struct source_event *event, struct err *err);
/** A partition was assigned: its end was not seen yet. */
void records_note_assigned(struct records *r, int32_t partition);
/** A partition left. */
void records_drop(struct records *r, int32_t partition);
/** Every assigned partition is read to its end, or to a record that blocks it. */
bool records_at_end(const struct records *r);

#endif
