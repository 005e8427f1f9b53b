/**
 * read_positions: how far each assigned partition was read, marked and committed.
 *
 * Everything that was read and is not marked is in one batch, so one number a partition is enough.
 * Offsets are those of the next record. Pure: no I/O, no clock. One owner.
 */
#ifndef STOCKSYNC_PARENTS_READ_POSITIONS_H
#define STOCKSYNC_PARENTS_READ_POSITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/intake/record_source.h"

struct read_positions;

struct read_positions *read_positions_new(void);
/** Accepts NULL. */
void read_positions_free(struct read_positions *positions);
/** The partition is assigned and nothing of it was read. */
void read_positions_assign(struct read_positions *positions, int32_t partition);
/** The partition left: nothing is committed for it any more. */
void read_positions_drop(struct read_positions *positions, int32_t partition);
/** The partition's log went back: it is read from this offset, which is to be committed. */
void read_positions_restart(struct read_positions *positions, int32_t partition, int64_t offset);
/** A record was read; the partition may have more. */
void read_positions_note_read(struct read_positions *positions, int32_t partition, int64_t offset);
/** The partition was read to its end. */
void read_positions_note_end(struct read_positions *positions, int32_t partition);
/** The marks of everything read so far are committed. */
void read_positions_note_marked(struct read_positions *positions);
bool read_positions_has_uncommitted(const struct read_positions *positions);
/**
 * Offsets to commit, which count as committed from now on.
 *
 * @param list  [out] valid until the next change
 * @return the length of the list
 */
size_t read_positions_take_uncommitted(struct read_positions *positions,
                                       const struct partition_offset **list);
/** A partition is assigned, and all that are were read to their ends and marked. */
bool read_positions_are_drained(const struct read_positions *positions);

#endif
