/**
 * streams: which stream of the topic the store follows. A stream is one unbroken history of one
 * database in one topic. The producer begins a new one when topic or database went back in time.
 *
 *     present   the newest one that the state knows: its records are planned
 *     earlier   another one that the state knows, or a record from before there were streams:
 *               history, which is passed over
 *     unknown   a producer with another state writes into the topic
 *
 * A state without any stream knows nothing about them: all records are of the present one.
 */
#ifndef STOCKSYNC_LANE_STREAMS_H
#define STOCKSYNC_LANE_STREAMS_H

#include "consumer/lane/context.h"

enum stream_age { STREAM_PRESENT, STREAM_EARLIER, STREAM_UNKNOWN };

struct stream_list {
    struct state_stream *list; /* the first is the present one */
    size_t count, room;
};

struct streams {
    const struct lane_context *c;
    struct stream_list known;
    int64_t ask_at_us;      /* monotonic: the state is asked for an unknown stream again */
    int64_t *first_offsets; /* of the present stream, by partition */
    size_t first_offset_count;
};

/** Reads the known streams. @return pg_query's */
NODISCARD enum status
streams_open(struct streams *s, const struct lane_context *c, struct err *err);
/** Zero is fine. */
void streams_close(struct streams *s);
/** The present stream; an empty one where the state knows none. */
const struct state_stream *streams_present(const struct streams *s);
/**
 * Of which stream a record is. The state is asked for a stream that is not known.
 * @return STATUS_OK; STATUS_RENEW: the producer has begun a new stream; pg_query's
 */
NODISCARD enum status streams_judge(struct streams *s,
                                    const struct source_event *event,
                                    enum stream_age *age,
                                    struct err *err);
/** Compares with the state. @return as streams_judge */
NODISCARD enum status streams_compare(struct streams *s, struct err *err);
/**
 * Partitions were assigned. One whose committed offset belongs to another stream, or to none, is
 * read from the first record of the present one, and its offset is committed there.
 * @return STATUS_OK, record_source_commit_wait's, pg_query's
 */
NODISCARD enum status
streams_note_assigned(struct streams *s, const int32_t *partitions, size_t count, struct err *err);
/** Where the present stream begins in an assigned partition. */
int64_t streams_first_offset(const struct streams *s, int32_t partition);
/**
 * What the state knows of levels. The number of one that was written in an earlier stream is
 * LEVEL_NOT_READ: the state may have forgotten what was written later. Its unimported sales stay.
 * @param known  [out] room for count entries; known[i] belongs to keys[i]
 */
NODISCARD enum status streams_read_levels(const struct lane_context *c,
                                          const struct level_key *keys,
                                          size_t count,
                                          struct level_known *known,
                                          struct err *err);

#endif
