/**
 * fake_state: the state of one store in memory, behind struct state_port, with the semantics of
 * consumer/state: revisions never fall, attempts of dead processes are adopted, parked rows are
 * given out for a minute.
 */
#ifndef STOCKSYNC_LANE_FAKE_STATE_H
#define STOCKSYNC_LANE_FAKE_STATE_H

#include "consumer/lane/ports.h"

/* A living process of the store that is not ours. */
#define FAKE_OTHER_PROCESS 7777
/* One that is gone. */
#define FAKE_DEAD_PROCESS 6666

/** A growing list. */
#define FAKE_LIST(type)                                                                            \
    struct {                                                                                       \
        type *list;                                                                                \
        size_t count, room;                                                                        \
    }

struct fake_known {
    struct level_key key;
    int32_t product_id, quantity, desired, missing, reserved;
    double raw;
    int64_t revision;
};

struct fake_attempt {
    char key[37];
    char outcome[16]; /* "": open */
    int64_t instance; /* the process that sends it */
    unsigned generation;
    char *variables;          /* owned */
    struct level_write *list; /* owned */
    size_t count;
    bool adjusts;
    int64_t sent_at_us; /* wall clock */
};

/** Units held back. */
struct fake_unimported {
    struct level_key key;
    int32_t units;
    int64_t until_us, wake_us; /* wall clock */
};

/** A number that waits for its product to get an item. */
struct fake_kept {
    struct fake_known level;
    FAKE_LIST(struct fake_unimported) unimported;
};

struct fake_parked {
    char subject[160];
    char reason[32], detail[320], code[64];
    int32_t product_id, partition, quantity, attempts;
    struct level_key key;
    int64_t offset, revision;
    int64_t retry_us, last_us;       /* wall clock; retry 0: none */
    char *record_key, *record_value; /* owned; NULL: none */
    size_t record_key_len, record_value_len;
};

struct fake_product {
    int32_t product_id;
    bool sellable;
    char text[48]; /* "": none */
    int64_t revision;
    int64_t noted_us; /* wall clock */
    bool by_other;    /* another process noted it */
};

struct fake_item {
    char text[48];
    int64_t item;
    bool tracked, bundle, known;
};

struct fake_drift {
    struct level_key key;
    int32_t product_id, expected, found;
    char kind[16], what[240];
    int64_t first_us, repaired_us; /* wall clock; repaired 0: it remains */
    int64_t request;
};

struct fake_round {
    struct state_round round; /* .done grows */
    bool ended;               /* cancelled */
    int32_t partitions;
    size_t total, compared;
};

struct fake_pushed {
    struct level_key key;
    int32_t before, after;
    char what[240];
};

struct fake_guard {
    struct state_guard row; /* .ours is set by the read */
    int64_t holder;
    int64_t held_revision;
    int64_t loaded_us;    /* wall clock */
    bool first_load_go;   /* a person has approved it */
    bool pinned_by_other; /* the next pin finds another database */
};

struct fake_catalogue {
    int64_t read_us; /* wall clock; 0: never */
    bool wanted;
    bool locked_by_other;
    bool locked;
    size_t locks, clears;
};

struct fake_state {
    FAKE_LIST(struct fake_known) levels;
    FAKE_LIST(struct fake_attempt) attempts;
    FAKE_LIST(struct fake_unimported) unimported;
    FAKE_LIST(struct fake_kept) kept;
    FAKE_LIST(struct fake_parked) parked;
    FAKE_LIST(struct fake_product) products;
    FAKE_LIST(struct fake_item) items;
    FAKE_LIST(struct state_blocked) blocked;
    FAKE_LIST(struct state_pass) passes;
    FAKE_LIST(struct fake_drift) drifts;
    FAKE_LIST(struct fake_round) rounds;
    FAKE_LIST(struct fake_pushed) pushed;
    FAKE_LIST(struct state_stream) streams; /* the first is the present one */
    int64_t first_offsets[8];               /* of the present stream, by partition */
    char positions[8][STATE_STREAM_SIZE];   /* stream of the store's offset of each partition */
    struct fake_guard guard;
    struct fake_catalogue catalogue;
    char digests[8]
                [STATE_DIGEST_SIZE]; /* of the rules that planned each partition; "": not known */
    bool forgets_rules;  /* levels may be of rules that are not known; else they are of the present
                           ones */
    int64_t instance;    /* of the state that is open; each one gets the next */
    const char *failing; /* function whose call fails with STATUS_SOURCE_LOST: "attempts_settle" */
    unsigned failing_after; /* calls of it that succeed before; it fails once */
    size_t makes, opens;
    enum status open_rc;
    bool no_warehouses, read_only;
    struct state_warehouse warehouse; /* the only one */
};

extern struct fake_state fake_state;
extern struct state_port fake_state_port; /* filled by fake_state_reset */

void fake_state_reset(void);
void fake_state_release(void);
/** A level that was written before. */
void fake_state_know(int64_t item, int32_t product_id, int32_t quantity, int64_t revision);
/** The level of an item; NULL: none. */
const struct fake_known *fake_state_level(int64_t item);
/** An open attempt of a process, with the bytes that the set of this entry has. */
void fake_state_leave_attempt(int64_t instance, const struct level_write *list, size_t count);
/** The row of a subject; NULL: it is not parked. */
struct fake_parked *fake_state_parked(const char *subject);
/** The row of a blocked partition; NULL: none. */
struct state_blocked *fake_state_blocked(int32_t partition);
/** Adds one, as an earlier process left it. */
void fake_state_block(int32_t partition, int64_t offset, bool skip);
/** The newest difference of an item; NULL: none was noted. */
const struct fake_drift *fake_state_drift(int64_t item);
/** A command asks for a round. */
void fake_state_request(const struct state_round *round);
/** The producer begins a new stream. */
void fake_state_begin_stream(const char *id, int64_t first_revision);
/** Attempts without outcome. */
size_t fake_state_open_attempts(void);

/* --- between the files of this fake --- */

extern const struct levels_port fake_levels_port;
enum status
fake_levels_orphan(struct state *s, const struct state_orphan *list, size_t count, struct err *err);
enum status fake_levels_follow(
    struct state *s, const struct state_owner *list, size_t count, bool *moved, struct err *err);
extern const struct parked_port fake_parked_port;
extern const struct blocked_port fake_blocked_port;
extern const struct verify_port fake_verify_port;
extern const struct planned_port fake_planned_port;
extern const struct streams_port fake_streams_port;
enum status fake_leftovers(struct state *s,
                           void (*each)(void *arg, const struct state_leftover *level),
                           void *arg,
                           struct err *err);
/** Counts the call. @return what it must return at once, or STATUS_OK */
enum status fake_state_enter(const char *function, struct err *err);
void fake_state_remove(size_t at, void *list, size_t *count, size_t size);
void fake_state_unpark_level(const struct level_write *write);

#endif
