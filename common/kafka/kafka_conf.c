#include "common/kafka/kafka_conf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "common/kafka/kafka_assignor.h"
#include "common/kafka/kafka_log.h"
#include "common/kafka/kafka_stats.h"

struct property {
    const char *name;
    const char *value;
};

#define AS_TEXT_(number) #number
#define AS_TEXT(number)  AS_TEXT_(number)

/* [kafka] may change these. */
static const struct property BOTH[] = {
    {"socket.keepalive.enable", "true"}, /* dead peers are noticed */
    {"socket.nagle.disable", "true"},    /* latency */
    {"log.connection.close", "false"},   /* brokers close idle connections; that is no event */
    /* A broker that comes back is noticed within seconds. */
    {"reconnect.backoff.max.ms", "2000"},
    {"socket.connection.setup.timeout.ms", "5000"},
};
static const struct property PRODUCER[] = {
    /* how long a dead producer can hold back read-committed readers and the cleaner */
    {"transaction.timeout.ms", AS_TEXT(KAFKA_TRANSACTION_TIMEOUT_MS)},
    {"linger.ms", "1"}, /* a batch is complete when it is waited for, and waiting flushes */
    {"compression.type", "lz4"}, /* 2.2 against 1.5 million records of 100 bytes a second */
    {"queue.buffering.max.kbytes", "65536"}, /* bounded memory */
};
static const struct property CONSUMER[] = {
    {"auto.offset.reset", "earliest"}, /* a new store, or one whose offsets expired, reads all */
    {"session.timeout.ms", "15000"},   /* takeover time of a dead member */
    {"heartbeat.interval.ms", "3000"},
    {"max.poll.interval.ms", "300000"}, /* a lane never blocks that long; more would hide a hang */
    {"queued.max.messages.kbytes", "4096"}, /* the default is 64 MiB for each store */
    {"fetch.message.max.bytes", "1048576"},
    {"fetch.wait.max.ms", "500"}, /* answers at once when there is data */
    {"fetch.min.bytes", "1"},
    {"check.crcs", "true"}, /* cheap at our rates */
    /* A broker that is silent so long is left for a new connection. */
    {"socket.timeout.ms", "10000"},
};
static const struct property READER[] = {
    {"queued.max.messages.kbytes", "2048"}, /* for each partition, since there is no group */
    {"fetch.wait.max.ms", "50"},            /* how late the end is known behind a marker */
    {"check.crcs", "true"},
};

/* [kafka] cannot change these: a guarantee or our own code relies on them. */
static const struct property FORCED_BOTH[] = {
    {"allow.auto.create.topics", "false"}, /* a typo must not create a topic */
};
static const struct property FORCED_PRODUCER[] = {
    {"partitioner", "murmur2_random"}, /* the same partition as Java's clients */
    {"log.queue", "true"},             /* log lines arrive in our poll, not on foreign threads */
};
static const struct property FORCED_CONSUMER[] = {
    /* A record counts once it is acknowledged. An aborted one comes again, newer. */
    {"isolation.level", "read_uncommitted"},
    {"enable.auto.commit", "false"}, /* offsets move when the outcome is durable */
    {"enable.auto.offset.store", "false"},
    {"enable.partition.eof", "true"}, /* "caught up" */
    {"log.queue", "true"},
    {"statistics.interval.ms", AS_TEXT(KAFKA_STATS_EVERY_MS)}, /* does the cluster answer? */
};
static const struct property FORCED_READER[] = {
    /* isolation.level comes from the identity */
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "earliest"},
    {"enable.partition.eof", "true"},
};

/* Reserved too: they come from the identity or follow from the transactional id. Older names of
 * all of these are listed as well. */
static const char *const RESERVED[] = {
    "transactional.id",
    "group.id",
    "group.instance.id",
    "message.max.bytes",
    "enable.idempotence",
    "acks",
    "request.required.acks",
    "auto.commit.enable",
    "max.in.flight",
    "retries",
    "message.send.max.retries",
    "max.in.flight.requests.per.connection",
    "group.protocol",
    "delivery.timeout.ms",
    "message.timeout.ms",
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool has_name(const struct property *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_ours(const char *name)
{
    for (size_t i = 0; i < COUNT(RESERVED); i++) {
        if (strcmp(RESERVED[i], name) == 0) {
            return true;
        }
    }
    return has_name(FORCED_BOTH, COUNT(FORCED_BOTH), name) ||
           has_name(FORCED_PRODUCER, COUNT(FORCED_PRODUCER), name) ||
           has_name(FORCED_CONSUMER, COUNT(FORCED_CONSUMER), name) ||
           has_name(FORCED_READER, COUNT(FORCED_READER), name);
}

static void
check_pair(const struct conf_pair *pair, rd_kafka_conf_t *conf, struct conf_problems *problems)
{
    char text[200] = "";
    const char *refusal = NULL;
    if (is_ours(pair->name)) {
        conf_problem_add(problems, pair->line,
                         "[kafka] %s: stocksync sets it, a guarantee relies on it", pair->name);
        return;
    }
    if (rd_kafka_conf_set(conf, pair->name, pair->value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        conf_problem_add(problems, pair->line, "[kafka] %s: %s", pair->name, text);
        return;
    }
    if (strcmp(pair->name, KAFKA_ASSIGNOR_PROPERTY) == 0) {
        refusal = kafka_assignor_refusal(pair->value); /* the library checks it with the client */
    }
    if (refusal != NULL) {
        conf_problem_add(problems, pair->line, "[kafka] %s = %s: %s", pair->name, pair->value,
                         refusal);
    }
}

void kafka_conf_check(const struct conf_pairs *pass_through, struct conf_problems *problems)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < pass_through->count; i++) {
        check_pair(&pass_through->list[i], conf, problems);
    }
    rd_kafka_conf_destroy(conf);
}

static enum status set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
    char text[300] = "";
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        return err_set(err, STATUS_CONFIG, "kafka property '%s': %s", name, text);
    }
    return STATUS_OK;
}

static enum status
set_list(rd_kafka_conf_t *conf, const struct property *list, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        enum status rc = set(conf, list[i].name, list[i].value, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

static enum status
set_consumer(rd_kafka_conf_t *conf, const struct conf_pairs *pass_through, struct err *err)
{
    enum status rc = set_list(conf, CONSUMER, COUNT(CONSUMER), err);
    return rc == STATUS_OK
               ? set(conf, KAFKA_ASSIGNOR_PROPERTY, kafka_assignor_of(pass_through).strategy, err)
               : rc;
}

static enum status set_defaults(rd_kafka_conf_t *conf,
                                const struct conf_pairs *pass_through,
                                const struct kafka_identity *identity,
                                struct err *err)
{
    enum status rc = set_list(conf, BOTH, COUNT(BOTH), err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = set(conf, "client.id", identity->client_id, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    switch (identity->role) {
    case KAFKA_PRODUCER:
        return set_list(conf, PRODUCER, COUNT(PRODUCER), err);
    case KAFKA_CONSUMER:
        return set_consumer(conf, pass_through, err);
    case KAFKA_READER:
        return set_list(conf, READER, COUNT(READER), err);
    }
    return STATUS_OK;
}

static enum status
set_pass_through(rd_kafka_conf_t *conf, const struct conf_pairs *pairs, struct err *err)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const struct conf_pair *pair = &pairs->list[i];
        enum status rc = is_ours(pair->name) ? STATUS_OK : set(conf, pair->name, pair->value, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

/* NULL sets nothing. */
static enum status
set_if_given(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
    return value != NULL ? set(conf, name, value, err) : STATUS_OK;
}

static enum status
force_producer(rd_kafka_conf_t *conf, const struct kafka_identity *identity, struct err *err)
{
    char number[24];
    bool limited = identity->message_max_bytes > 0;
    (void)snprintf(number, sizeof number, "%" PRId64, identity->message_max_bytes);
    enum status rc = set_list(conf, FORCED_PRODUCER, COUNT(FORCED_PRODUCER), err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = set_if_given(conf, "message.max.bytes", limited ? number : NULL, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return set_if_given(conf, "transactional.id", identity->transactional_id, err);
}

static enum status
force(rd_kafka_conf_t *conf, const struct kafka_identity *identity, struct err *err)
{
    enum status rc = set_list(conf, FORCED_BOTH, COUNT(FORCED_BOTH), err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = set_if_given(conf, "group.id", identity->group_id, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    switch (identity->role) {
    case KAFKA_PRODUCER:
        return force_producer(conf, identity, err);
    case KAFKA_CONSUMER:
        return set_list(conf, FORCED_CONSUMER, COUNT(FORCED_CONSUMER), err);
    case KAFKA_READER:
        rc = set(conf, "isolation.level",
                 identity->uncommitted ? "read_uncommitted" : "read_committed", err);
        return rc == STATUS_OK ? set_list(conf, FORCED_READER, COUNT(FORCED_READER), err) : rc;
    }
    return STATUS_OK;
}

static bool names_brokers(const struct conf_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (strcmp(pairs->list[i].name, "bootstrap.servers") == 0 ||
            strcmp(pairs->list[i].name, "metadata.broker.list") == 0) {
            return true;
        }
    }
    return false;
}

static enum status set_all(rd_kafka_conf_t *conf,
                           const struct conf_pairs *pass_through,
                           const struct kafka_identity *identity,
                           struct err *err)
{
    enum status rc = set_defaults(conf, pass_through, identity, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = set_pass_through(conf, pass_through, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return force(conf, identity, err);
}

enum status kafka_conf_build(const struct conf_pairs *pass_through,
                             const struct kafka_identity *identity,
                             void **conf,
                             struct err *err)
{
    if (!names_brokers(pass_through)) {
        return err_set(err, STATUS_CONFIG, "[kafka] bootstrap.servers is missing");
    }
    rd_kafka_conf_t *made = rd_kafka_conf_new();
    enum status rc = set_all(made, pass_through, identity, err);
    if (rc != STATUS_OK) {
        rd_kafka_conf_destroy(made);
        return rc;
    }
    kafka_log_attach(made);
    *conf = made;
    return STATUS_OK;
}
