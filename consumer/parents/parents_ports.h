/**
 * parents_ports: what role parents needs of the world, as tables of functions.
 *
 * The contracts are those of the functions in parents_ports_live. Tests put fakes in their place.
 */
#ifndef STOCKSYNC_PARENTS_PARENTS_PORTS_H
#define STOCKSYNC_PARENTS_PARENTS_PORTS_H

#include "consumer/intake/record_source.h"
#include "consumer/parents/parents.h"
#include "consumer/state/stream_store.h"

/* record_source: the topic. */
struct parents_source_port {
    enum status (*open)(const struct record_source_options *options,
                        struct record_source **source,
                        struct err *err);
    int (*fd)(const struct record_source *source);
    enum status (*poll)(struct record_source *source, struct source_event *event, struct err *err);
    void (*commit)(struct record_source *source, const struct partition_offset *list, size_t count);
    enum status (*commit_wait)(struct record_source *source,
                               const struct partition_offset *list,
                               size_t count,
                               int timeout_ms,
                               struct err *err);
    void (*read_from)(struct record_source *source, int32_t partition, int64_t offset);
    void (*release)(struct record_source *source); /* the revoked partitions */
    size_t (*assigned_count)(const struct record_source *source);
    const struct source_health *(*health)(const struct record_source *source);
    void (*close)(struct record_source *source, int timeout_ms);
};

/* parents: Odoo's database. */
struct parents_marks_port {
    struct parents *(*create)(const char *dsn);
    enum status (*open)(struct parents *parents, struct err *err);
    enum status (*mark)(struct parents *parents,
                        const struct component_batch *batch,
                        struct parents_marked *marked,
                        struct err *err);
    enum status (*probe)(struct parents *parents, struct err *err);
    void (*destroy)(struct parents *parents);
};

/* The state: streams of the topic. */
struct parents_streams_port {
    struct state *(*create)(const char *dsn, const char *store);
    enum status (*open)(struct state *s, struct err *err);
    enum status (*read)(struct state *s,
                        void (*each)(void *arg, const struct state_stream *stream),
                        void *arg,
                        struct err *err);
    enum status (*positions)(struct state *s,
                             const struct state_stream *stream,
                             struct state_position *list,
                             size_t count,
                             struct err *err);
    enum status (*note)(struct state *s,
                        const struct state_stream *stream,
                        const int32_t *partitions,
                        size_t count,
                        struct err *err);
    void (*destroy)(struct state *s);
};

struct parents_clock_port {
    int64_t (*monotonic_us)(void);
    int64_t (*wall_us)(void);
    /** Waits until one of the descriptors is readable, at most timeout_ms. source_fd -1: not
     * watched. */
    void (*wait)(int wake_fd, int source_fd, int timeout_ms);
};

struct parents_ports {
    struct parents_source_port source;
    struct parents_marks_port marks;
    struct parents_streams_port streams;
    struct parents_clock_port clock;
};

extern const struct parents_ports parents_ports_live;

#endif
