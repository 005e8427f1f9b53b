/**
 * parents_ports: what role parents needs of the world, as tables of functions.
 *
 * The contracts are those of the functions in parents_ports_live. Tests put fakes in their place.
 */
#ifndef STOCKSYNC_PARENTS_PARENTS_PORTS_H
#define STOCKSYNC_PARENTS_PARENTS_PORTS_H

#include "consumer/intake/record_source.h"
#include "consumer/parents/parents.h"

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
    void (*release)(struct record_source *source); /* the revoked partitions */
    size_t (*assigned_count)(const struct record_source *source);
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
    void (*destroy)(struct parents *parents);
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
    struct parents_clock_port clock;
};

extern const struct parents_ports parents_ports_live;

#endif
