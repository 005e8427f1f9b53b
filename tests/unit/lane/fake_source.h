/**
 * fake_source: a topic and its consumer group in memory, behind struct source_port.
 *
 * A source that opens is assigned every partition of fake_source.partitions and reads from the
 * committed offsets, as after a restart. Records may be appended at any time.
 */
#ifndef STOCKSYNC_LANE_FAKE_SOURCE_H
#define STOCKSYNC_LANE_FAKE_SOURCE_H

#include "common/model/product_stock.h"
#include "consumer/lane/ports.h"

#define FAKE_PARTITIONS 4
#define FAKE_REBALANCES 8
#define FAKE_NONE       (-1) /* instead of a partition: the group assigns nothing */

struct fake_partition {
    int64_t end;       /* offset of the next record that is appended */
    int64_t position;  /* of the next record that is delivered */
    int64_t committed; /* next offset of the group */
    bool assigned;
    bool from_start;  /* was read from its first record at the last assignment */
    int64_t expected; /* a smaller offset means that the log went back */
    bool paused;      /* ends with the assignment */
    bool end_told;    /* AT_END was delivered since the last record */
};

struct fake_rebalance {
    enum source_event_type type; /* ASSIGNED, REVOKED, LOST */
    int32_t partition;
    int64_t at_us; /* monotonic */
};

struct fake_source {
    int32_t partitions; /* that a source gets when it opens; default 1 */
    struct fake_partition partition[FAKE_PARTITIONS];
    struct fake_rebalance rebalances[FAKE_REBALANCES];
    size_t rebalance_count, rebalance_next;
    int64_t slow_from;     /* records from this offset on are delivered later; 0: none */
    int64_t slow_until_us; /* monotonic */
    bool may_fall;         /* committed offsets may go back, or ahead of what was delivered */
    bool is_uncounted;     /* the cluster does not say how many partitions the topic has */
    bool open;
    size_t opens, commits, waited_commits, releases; /* counted */
    bool is_silent, is_down;        /* the cluster does not answer; no broker can be reached */
    bool never_joins;               /* the group assigns nothing */
    enum status open_rc, commit_rc; /* what those calls return */
    enum status poll_rc;            /* the next poll fails with it, once */
};

extern struct fake_source fake_source;
extern const struct source_port fake_source_port;

void fake_source_reset(void);
void fake_source_release(void);
/** Appends a record with header database (NULL: none). @return its offset */
int64_t
fake_source_append(int32_t partition, const struct product_stock *stock, const char *database);
/** Appends a tombstone with header revision. */
int64_t fake_source_append_tombstone(int32_t partition, int32_t product_id, int64_t revision);
/** The last record that was appended gets header stream. */
void fake_source_stream(const char *stream);
/** The partition's log ends at this offset now: an older log was put in its place. */
void fake_source_cut(int32_t partition, int64_t end);
/** Appends any bytes. */
int64_t fake_source_append_bytes(int32_t partition, struct bytes key, struct bytes value);
/** A rebalance that happens after so much time. */
void fake_source_rebalance(enum source_event_type type, int32_t partition, int64_t after_us);
/** Monotonic time at which a poll has something; INT64_MAX: never. */
int64_t fake_source_readable_us(void);

#endif
