/**
 * offset_ledger: what may be committed, per partition.
 *
 * Calling sequence:
 *
 *     offset_ledger_new
 *     _open          a partition was assigned
 *     _add           for every polled record: one hold
 *     _hold          for every level that needs the record
 *     _finish        once per hold
 *     _committable   a commit is due
 *     _close         a partition was revoked
 *     _free
 *
 * The committable offset never passes an unfinished record and never moves back. Offsets have gaps
 * (markers, compaction), so nothing here counts records by subtraction. Memory follows the number
 * of unfinished records, not of records read. Positions with partition -1 are accepted and ignored.
 * Pure: no I/O, no clock. One lane owns it.
 */
#ifndef STOCKSYNC_PLAN_OFFSET_LEDGER_H
#define STOCKSYNC_PLAN_OFFSET_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/core/status.h"
#include "consumer/plan/level_write.h"

/** The partition of parked rows that are retried, numbered by the caller. It is always open. Holds
 * count as for records, but it is never committed or listed. */
#define OFFSET_LEDGER_RETRY (-2)

struct offset_ledger;

NODISCARD struct offset_ledger *offset_ledger_new(void);
void offset_ledger_free(struct offset_ledger *ol);
/** A partition was assigned: starts a new epoch for it and forgets the old one's holds. */
void offset_ledger_open(struct offset_ledger *ol, int32_t partition);
/** A partition is gone: late holds of its epoch are ignored from now on. */
void offset_ledger_close(struct offset_ledger *ol, int32_t partition);
bool offset_ledger_is_open(const struct offset_ledger *ol, int32_t partition);
/** The open partitions, ascending; returns how many were filled. */
size_t offset_ledger_partitions(const struct offset_ledger *ol, int32_t *partitions, size_t max);
/**
 * A record was polled: one hold on it. Offsets of a partition rise.
 * @return STATUS_OK and its position;
 *         STATUS_NOT_FOUND: the partition is not open: skip the record;
 *         STATUS_DUPLICATE: a re-delivery, at or below an offset of this epoch: skip it
 */
NODISCARD enum status offset_ledger_add(struct offset_ledger *ol,
                                        int32_t partition,
                                        int64_t offset,
                                        struct record_position *at);
/** One more hold on a record that has at least one. Positions of older epochs are ignored. */
void offset_ledger_hold(struct offset_ledger *ol, struct record_position at);
/** Ends one hold. Positions of older epochs are ignored. */
void offset_ledger_finish(struct offset_ledger *ol, struct record_position at);
/** No hold on the record is left. True also when its epoch is over. */
bool offset_ledger_is_finished(const struct offset_ledger *ol, struct record_position at);
/** Forgets every parked row that is being retried: late holds are ignored from now on. */
void offset_ledger_drop_retries(struct offset_ledger *ol);
/**
 * Lists the partitions whose committable offset moved since the last offset_ledger_committed.
 * @param partitions, next_offsets  [out] room for max entries each
 * @return how many were filled
 */
size_t offset_ledger_committable(const struct offset_ledger *ol,
                                 int32_t *partitions,
                                 int64_t *next_offsets,
                                 size_t max);
/** These offsets were handed to Kafka. */
void offset_ledger_committed(struct offset_ledger *ol,
                             const int32_t *partitions,
                             const int64_t *next_offsets,
                             size_t count);
/** The greatest offset that was added since the partition was assigned; -1: none. */
int64_t offset_ledger_last(const struct offset_ledger *ol, int32_t partition);
/** The next offset of a partition below which all is finished; -1: no record yet. */
int64_t offset_ledger_next(const struct offset_ledger *ol, int32_t partition);
/** Unfinished records over all open partitions; of one partition. */
size_t offset_ledger_unfinished(const struct offset_ledger *ol);
size_t offset_ledger_unfinished_of(const struct offset_ledger *ol, int32_t partition);

#endif
