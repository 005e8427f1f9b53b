#include "producer/commands/options.h"

#include "common/kafka/kafka_conf.h"

static const char *const MODES[] = {"table", "logical", NULL};

static const struct conf_option PRODUCER_OPTIONS[] = {
    {.key = "mode",
     .type = CONF_CHOICE,
     .offset = offsetof(struct producer_options, mode),
     .fallback = "table",
     .choices = MODES,
     .help = "table: poll the marks; logical: woken by a replication slot (not in this version)"},
    {.key = "listen",
     .type = CONF_TEXT,
     .offset = offsetof(struct producer_options, listen),
     .fallback = "127.0.0.1:9400",
     .help = "address of /metrics, /healthz, /readyz, /status; empty: none"},
    {.key = "batch_marks",
     .type = CONF_COUNT,
     .offset = offsetof(struct producer_options, batch_marks),
     .fallback = "10000",
     .min = 1,
     .max = 50000,
     .help = "marks read at a time"},
    {.key = "idle_poll",
     .type = CONF_DURATION,
     .offset = offsetof(struct producer_options, idle_poll_ms),
     .fallback = "100ms",
     .min = 1,
     .max = 60000,
     .help = "longest pause between two reads of an empty table; shorter while there is work"},
    {.key = "settle_every",
     .type = CONF_DURATION,
     .offset = offsetof(struct producer_options, settle_ms),
     .fallback = "1s",
     .min = 10,
     .max = 10000,
     .help =
         "under load: how often the Kafka transaction is committed and its marks deleted; above 4s "
         "counts as 4s"},
    {.key = "full_pass_every",
     .type = CONF_DURATION,
     .offset = offsetof(struct producer_options, full_pass_ms),
     .fallback = "24h",
     .min = 0,
     .max = INT64_C(366) * 86400000,
     .help = "how often every product is compared with its last record and published again where "
             "it differs, for changes that triggers did not see; 0s: never"},
};

static const struct conf_option GC_OPTIONS[] = {
    {.key = "every",
     .type = CONF_DURATION,
     .offset = offsetof(struct gc_options, every_ms),
     .fallback = "1h",
     .min = 1000,
     .max = INT64_C(30) * 86400000,
     .help = "how often the producer cleans up"},
    {.key = "keep_attempts",
     .type = CONF_DURATION,
     .offset = offsetof(struct gc_options, keep_attempts_ms),
     .fallback = "7d",
     .min = 86400000,
     .max = INT64_C(3650) * 86400000,
     .help = "how long the journal of mutations (stocksync.attempt) is kept; never less than "
             "Shopify's 24 h"},
};

static const struct conf_section SECTIONS[] = {
    SHARED_CONF_SECTIONS,
    {.name = "producer",
     .options = PRODUCER_OPTIONS,
     .option_count = sizeof PRODUCER_OPTIONS / sizeof PRODUCER_OPTIONS[0],
     .offset = offsetof(struct producer_conf, producer),
     .help = "stocksync-producer"},
    {.name = "gc",
     .options = GC_OPTIONS,
     .option_count = sizeof GC_OPTIONS / sizeof GC_OPTIONS[0],
     .offset = offsetof(struct producer_conf, gc),
     .help = "scheduled cleaning, a task of the producer"},
};

static const char *const FOREIGN[] = {"consumer", "store.*", NULL};

const struct conf_schema producer_conf_schema = {
    .sections = SECTIONS,
    .section_count = sizeof SECTIONS / sizeof SECTIONS[0],
    .foreign = FOREIGN,
};

void producer_conf_check(const void *root, struct conf_problems *problems)
{
    const struct producer_conf *conf = root;
    if (conf->shared.odoo.dsn == NULL) {
        conf_problem_add(
            problems, 0,
            "[odoo] dsn is missing: for example host=/run/postgresql dbname=shop user=stocksync");
    }
    if (conf->producer.mode == MODE_LOGICAL) {
        conf_problem_add(problems, 0,
                         "[producer] mode = logical is not in this version: use table");
    }
    kafka_conf_check(&conf->shared.kafka, problems);
}
