/**
 * fake_world: what role parents needs of the world, for tests: a scripted topic, a database that
 * only remembers, and a clock that the waits move. One at a time.
 */
#ifndef STOCKSYNC_PARENTS_FAKE_WORLD_H
#define STOCKSYNC_PARENTS_FAKE_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/strbuf.h"
#include "common/core/thread.h"
#include "common/model/product_stock.h"
#include "consumer/parents/parents_ports.h"

#define FAKE_EVENTS 24

/* One poll. A zeroed one finds nothing. */
struct fake_event {
    enum source_event_type type;
    int32_t partition; /* of ASSIGNED, REVOKED, LOST: the only one */
    int64_t offset;
    int64_t gone_back_from;
    const char *product;     /* the key */
    const char *then_stream; /* begins with this event */
    const char *cause;
    enum status rc;   /* instead of an event */
    bool stop;        /* the lane is asked to stop as well */
    int64_t after_us; /* nothing before this time */
};

#define ASSIGNED(p)                                                                                \
    {                                                                                              \
        .type = SOURCE_ASSIGNED, .partition = (p)                                                  \
    }
#define RECORD(p, o, k)                                                                            \
    {                                                                                              \
        .type = SOURCE_RECORD, .partition = (p), .offset = (o), .product = (k)                     \
    }
#define AT_END(p)                                                                                  \
    {                                                                                              \
        .type = SOURCE_AT_END, .partition = (p)                                                    \
    }
#define NOTHING                                                                                    \
    {                                                                                              \
        .type = SOURCE_NOTHING                                                                     \
    }
#define STOP                                                                                       \
    {                                                                                              \
        .stop = true                                                                               \
    }

/* Everything outside of role parents. */
struct fake_world {
    struct fake_event script[FAKE_EVENTS];
    size_t next;
    int64_t records_left; /* after the script: as many records with ascending products */
    int64_t now_us;
    size_t waits;
    size_t assigned;
    int32_t partition; /* that an event names */
    char key[PRODUCT_STOCK_KEY_SIZE];
    int64_t offset;
    struct strbuf journal; /* calls, in order */
    struct strbuf json;    /* published last */
    struct strbuf states;  /* all that were published, each with a blank behind */
    bool ready;
    struct source_health source_health;
    int64_t silent_from_us; /* the cluster does not answer from then on; 0: it does */
    size_t probes;
    enum status open_rc, mark_rc, commit_rc, probe_rc;
    size_t marks, failing_mark; /* calls; the one that fails with mark_rc, from 1; 0: none */
    size_t marks_per_product;
    bool no_kits;
    const char *stream;   /* the present one; NULL: the state knows none */
    const char *position; /* the stream that was read; NULL: none */
    struct thread thread;
};

extern struct fake_world world;
extern const struct parents_ports fake_ports;

/** Empties the world; its clock stands at 5 s. */
void fake_world_open(void);
void fake_world_close(void);
/** Whether topic and database are closed. */
bool fake_world_is_left(void);
/** Replaces the script; the topic starts with its first event. */
void fake_world_script(const struct fake_event *events, size_t count);

#endif
