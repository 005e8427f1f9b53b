/**
 * stream_store: the streams that the producer has begun, and to which of them a store's committed
 * offsets belong. The producer writes a stream's rows before its first record.
 * See state.h for statuses.
 */
#ifndef STOCKSYNC_STATE_STREAM_STORE_H
#define STOCKSYNC_STATE_STREAM_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "consumer/state/state.h"

#define STATE_STREAM_SIZE 37 /* a UUID as text */

/** One unbroken history of one database in one topic. */
struct state_stream {
    char id[STATE_STREAM_SIZE]; /* "": none */
    char why[24];               /* it began */
    int64_t began_us;           /* wall clock */
    int64_t first_revision;     /* its records have greater ones, records of earlier streams not */
};

/** A partition of the topic. */
struct state_position {
    int32_t partition;
    int64_t first_offset;           /* [out] no record of the stream is before it */
    char stream[STATE_STREAM_SIZE]; /* [out] of the store's committed offset; "": not known */
};

/** Calls each for every known stream. The first one is the present one. */
NODISCARD enum status state_streams_read(struct state *s,
                                         void (*each)(void *arg, const struct state_stream *stream),
                                         void *arg,
                                         struct err *err);
/** Where a stream begins in some partitions, and what the store has read of them. */
NODISCARD enum status state_positions_read(struct state *s,
                                           const struct state_stream *stream,
                                           struct state_position *list,
                                           size_t count,
                                           struct err *err);
/**
 * The store's committed offsets of these partitions belong to the stream from now on. What depends
 * on the number of partitions begins again: their passes of the comparison with the store, and the
 * partition of parked rows of earlier streams. After another stream the catalogue is read again:
 * the state may have gone back in time together with the database.
 */
NODISCARD enum status state_positions_note(struct state *s,
                                           const struct state_stream *stream,
                                           const int32_t *partitions,
                                           size_t count,
                                           struct err *err);

#endif
