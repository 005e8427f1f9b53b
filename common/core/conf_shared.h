/**
 * conf_shared: the sections that both programs read: [odoo] [state] [kafka] [topic] [log].
 *
 * A program's root struct begins with struct shared_conf and its section table with
 * SHARED_CONF_SECTIONS.
 */
#ifndef STOCKSYNC_CORE_CONF_SHARED_H
#define STOCKSYNC_CORE_CONF_SHARED_H

#include "common/core/conf.h"
#include "common/core/logger.h"

#define CONF_DEFAULT_PATH "/etc/stocksync/stocksync.ini"

struct odoo_conf {
    char *dsn;
    bool forecast;
    int scope; /* enum stock_scope of the producer: view, lot_stock */
};

struct state_conf {
    char *dsn; /* NULL: Odoo's database */
};

struct topic_conf {
    char *name;
    int64_t partitions;
    int64_t replication_factor; /* -1: the broker's default */
    int64_t history_ms;
    int64_t tombstones_ms;
    int64_t max_message_bytes;
    bool create;
};

struct log_conf {
    int level; /* enum log_level */
};

struct shared_conf {
    struct odoo_conf odoo;
    struct state_conf state;
    struct conf_pairs kafka;
    struct topic_conf topic;
    struct log_conf log;
};

extern const struct conf_option conf_odoo_options[3];
extern const struct conf_option conf_state_options[1];
extern const struct conf_option conf_kafka_options[1];
extern const struct conf_option conf_topic_options[7];
extern const struct conf_option conf_log_options[1];

#define SHARED_CONF_SECTIONS                                                                       \
    {.name = "odoo",                                                                               \
     .options = conf_odoo_options,                                                                 \
     .option_count = 3,                                                                            \
     .offset = offsetof(struct shared_conf, odoo),                                                 \
     .help = "Odoo's database, read by the producer"},                                             \
        {.name = "state",                                                                          \
         .options = conf_state_options,                                                            \
         .option_count = 1,                                                                        \
         .offset = offsetof(struct shared_conf, state),                                            \
         .help = "database of the schema stocksync, the memory of both programs"},                 \
        {.name = "kafka",                                                                          \
         .options = conf_kafka_options,                                                            \
         .option_count = 1,                                                                        \
         .offset = offsetof(struct shared_conf, kafka),                                            \
         .help = "any librdkafka property, except those that a guarantee relies on"},              \
        {.name = "topic",                                                                          \
         .options = conf_topic_options,                                                            \
         .option_count = 7,                                                                        \
         .offset = offsetof(struct shared_conf, topic),                                            \
         .help = "the topic between the two programs"},                                            \
    {                                                                                              \
        .name = "log", .options = conf_log_options, .option_count = 1,                             \
        .offset = offsetof(struct shared_conf, log), .help = "log on standard error"               \
    }

/** The DSN of the state: [state] dsn, or [odoo] dsn where that is empty. */
const char *conf_state_dsn(const struct shared_conf *conf);
/** True when state and Odoo share one database connection string. */
bool conf_state_is_odoo(const struct shared_conf *conf);

/**
 * Loads the options of a program: from the path given with -c, else from CONF_DEFAULT_PATH if it
 * exists, else from the environment alone. Prints each problem to standard error, "FILE:LINE:
 * text".
 *
 * @return STATUS_OK, STATUS_CONFIG (err has the number of problems, or why the file cannot be read)
 */
NODISCARD enum status conf_load_or_report(const struct conf_schema *schema,
                                          const char *path,
                                          void *root,
                                          void (*cross_check)(const void *root,
                                                              struct conf_problems *problems),
                                          struct err *err);
/** The same for conf_overlay, with the options that were loaded. */
NODISCARD enum status conf_overlay_or_report(const struct conf_schema *schema,
                                             const char *path,
                                             void *root,
                                             void (*cross_check)(const void *root,
                                                                 struct conf_problems *problems),
                                             struct err *err);

#endif
