#include "common/core/conf_shared.h"

#include <string.h>
#include <unistd.h>

static const char *const LOG_LEVELS[] = {"error", "warn", "info", "debug", NULL};

static const char *const SCOPES[] = {"view", "lot_stock", NULL};

const struct conf_option conf_odoo_options[3] = {
    {.key = "dsn",
     .type = CONF_TEXT,
     .offset = offsetof(struct odoo_conf, dsn),
     .secret_value = true,
     .help = "libpq connection string of Odoo's database (the primary, not through a pooler)"},
    {.key = "forecast",
     .type = CONF_BOOL,
     .offset = offsetof(struct odoo_conf, forecast),
     .fallback = "off",
     .help = "on: also read stock_move, for incoming, outgoing, forecast and free_confirmed"},
    {.key = "scope",
     .type = CONF_CHOICE,
     .offset = offsetof(struct odoo_conf, scope),
     .fallback = "view",
     .choices = SCOPES,
     .help = "view: all stock of a warehouse, as Odoo counts it; lot_stock: only below its stock "
             "location, without input, quality, packing and output"},
};

const struct conf_option conf_state_options[1] = {
    {.key = "dsn",
     .type = CONF_TEXT,
     .offset = offsetof(struct state_conf, dsn),
     .secret_value = true,
     .help = "libpq connection string; empty: Odoo's database"},
};

const struct conf_option conf_kafka_options[1] = {
    {.key = "*",
     .type = CONF_PAIRS,
     .offset = 0,
     .help = "for example bootstrap.servers = 127.0.0.1:9092"},
};

const struct conf_option conf_topic_options[7] = {
    {.key = "name",
     .type = CONF_TEXT,
     .offset = offsetof(struct topic_conf, name),
     .fallback = "odoo.stock.product.v1",
     .help = "one topic for each Odoo database"},
    {.key = "partitions",
     .type = CONF_COUNT,
     .offset = offsetof(struct topic_conf, partitions),
     .fallback = "12",
     .min = 1,
     .max = 1000,
     .help = "the most workers that can share one store; used when the topic is created, later: "
             "stocksync-producer install --partitions N"},
    {.key = "replication_factor",
     .type = CONF_COUNT,
     .offset = offsetof(struct topic_conf, replication_factor),
     .min = 1,
     .max = 15,
     .help = "used when the topic is created; empty: the cluster's default"},
    {.key = "history",
     .type = CONF_DURATION,
     .offset = offsetof(struct topic_conf, history_ms),
     .fallback = "30d",
     .min = 0,
     .max = INT64_C(3650) * 86400000,
     .help = "how long the full history is kept (min.compaction.lag.ms); the latest record always "
             "stays"},
    {.key = "tombstones",
     .type = CONF_DURATION,
     .offset = offsetof(struct topic_conf, tombstones_ms),
     .fallback = "30d",
     .min = 0,
     .max = INT64_C(3650) * 86400000,
     .help = "how long a store may be away and still see deletions (delete.retention.ms)"},
    {.key = "max_message",
     .type = CONF_SIZE,
     .offset = offsetof(struct topic_conf, max_message_bytes),
     .fallback = "1M",
     .min = 65536,
     .max = INT64_C(64) * 1024 * 1024,
     .help = "largest record (max.message.bytes)"},
    {.key = "create",
     .type = CONF_BOOL,
     .offset = offsetof(struct topic_conf, create),
     .fallback = "on",
     .help = "on: create a missing topic; off: print the command that creates it"},
};

const struct conf_option conf_log_options[1] = {
    {.key = "level",
     .type = CONF_CHOICE,
     .offset = offsetof(struct log_conf, level),
     .fallback = "info",
     .choices = LOG_LEVELS,
     .help = "lowest level that is written"},
};

const char *conf_state_dsn(const struct shared_conf *conf)
{
    return conf->state.dsn != NULL ? conf->state.dsn : conf->odoo.dsn;
}

bool conf_state_is_odoo(const struct shared_conf *conf)
{
    return conf->odoo.dsn != NULL && strcmp(conf_state_dsn(conf), conf->odoo.dsn) == 0;
}

static void print_problems(const char *path, const struct conf_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct conf_problem *p = &problems->list[i];
        if (p->line > 0) {
            (void)dprintf(STDERR_FILENO, "%s:%d: %s\n", path, p->line, p->text);
        } else {
            (void)dprintf(STDERR_FILENO, "%s: %s\n", path != NULL ? path : "configuration",
                          p->text);
        }
    }
}

enum status conf_load_or_report(const struct conf_schema *schema,
                                const char *path,
                                void *root,
                                void (*cross_check)(const void *root,
                                                    struct conf_problems *problems),
                                struct err *err)
{
    struct conf_problems problems = {0};
    if (path == NULL && access(CONF_DEFAULT_PATH, F_OK) == 0) {
        path = CONF_DEFAULT_PATH;
    }
    enum status rc = conf_load(schema, path, root, &problems, err);
    if (rc == STATUS_OK && cross_check != NULL) {
        cross_check(root, &problems);
    }
    if (problems.count > 0) {
        print_problems(path, &problems);
        rc = err_set(err, STATUS_CONFIG, "%zu problem%s in the configuration%s%s", problems.count,
                     problems.count == 1 ? "" : "s",
                     path != NULL ? " " : "; no file was read: name one with -c",
                     path != NULL ? path : "");
    }
    conf_problems_release(&problems);
    return rc;
}

enum status conf_overlay_or_report(const struct conf_schema *schema,
                                   const char *path,
                                   void *root,
                                   void (*cross_check)(const void *root,
                                                       struct conf_problems *problems),
                                   struct err *err)
{
    struct conf_problems problems = {0};
    enum status rc = conf_overlay(schema, path, root, &problems, err);
    if (rc == STATUS_OK && cross_check != NULL) {
        cross_check(root, &problems);
    }
    if (problems.count > 0) {
        print_problems(path, &problems);
        rc = err_set(err, STATUS_CONFIG, "%zu problem%s in %s", problems.count,
                     problems.count == 1 ? "" : "s", path);
    }
    conf_problems_release(&problems);
    return rc;
}
