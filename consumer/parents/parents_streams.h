/**
 * parents_streams: which stream of the topic role parents has read. A topic that was created again
 * is read from its first record, even where it is longer than the one before: a change of a
 * component there must reach its kits.
 */
#ifndef STOCKSYNC_PARENTS_PARENTS_STREAMS_H
#define STOCKSYNC_PARENTS_PARENTS_STREAMS_H

#include "consumer/parents/parents_ports.h"

struct parents_streams {
    const struct parents_ports *ports;
    struct state *state;
    struct state_stream present; /* empty: the state knows none */
    int64_t look_at_us;          /* monotonic */
};

/** Opens the state, where the group's positions are like a store's. @return state_open's */
NODISCARD enum status parents_streams_open(struct parents_streams *s,
                                           const struct parents_ports *ports,
                                           const char *dsn,
                                           const char *group,
                                           struct err *err);
/** Zero is fine. */
void parents_streams_close(struct parents_streams *s);
/** Every two seconds. @return STATUS_OK; STATUS_RENEW: a new stream began; pg_query's */
NODISCARD enum status
parents_streams_compare(struct parents_streams *s, int64_t now_us, struct err *err);
/** Partitions were assigned. Those that were read of another stream are read from the present one's
 * first record. @return STATUS_OK, record_source_commit_wait's, pg_query's */
NODISCARD enum status parents_streams_note_assigned(struct parents_streams *s,
                                                    struct record_source *source,
                                                    const int32_t *partitions,
                                                    size_t count,
                                                    struct err *err);

#endif
