/*
 * install --partitions: more partitions for the topic. The wish is stored first, so that a running
 * producer never sees a number that nobody asked for.
 */
#include <stdio.h>
#include <string.h>

#include "common/kafka/kafka_topic.h"
#include "producer/commands/commands.h"
#include "producer/odoo/install.h"
#include "producer/odoo/partition_wish.h"

#define KAFKA_TIMEOUT_MS     30000
#define STATEMENT_TIMEOUT_MS 30000
#define MAX_PARTITIONS       1000

static const char *const OTHERS[] = {"--dry-run", "--grants", "--database"};

static enum status check_options(const struct topic_conf *topic, long wanted, struct err *err)
{
    if (wanted < (long)topic->partitions) {
        return err_set(
            err, STATUS_USAGE,
            "--partitions %ld: [topic] partitions = %ld in the options is the least that "
            "the programs accept: lower it first",
            wanted, (long)topic->partitions);
    }
    return STATUS_OK;
}

/* @return STATUS_NOT_FOUND  the topic has as many already, and the state must still accept them */
static enum status check_topic(const struct topic_conf *topic,
                               const struct partition_wish *wish,
                               int present,
                               long wanted,
                               struct err *err)
{
    if (wanted < present) {
        return err_set(err, STATUS_USAGE,
                       "--partitions %ld: topic '%s' has %d, and Kafka takes none away; for fewer, "
                       "create another topic and name it in [topic]",
                       wanted, topic->name, present);
    }
    if (wanted > present) {
        return STATUS_OK;
    }
    if (wish->accepted == present || wish->of_stream == present || wish->of_stream == 0) {
        return err_set(err, STATUS_USAGE,
                       "--partitions %ld: topic '%s' has %d already, and they are accepted", wanted,
                       topic->name, present);
    }
    return STATUS_NOT_FOUND;
}

/* A wish that the cluster refused is taken back. After a time-out the partitions may still come. */
static enum status grow(struct pg_conn *state,
                        const struct shared_conf *conf,
                        const struct partition_wish *before,
                        long wanted,
                        struct err *err)
{
    struct err second;
    enum status rc = partition_wish_store(state, (int32_t)wanted, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = kafka_topic_grow(&conf->kafka, conf->topic.name, (int)wanted, KAFKA_TIMEOUT_MS, err);
    if (rc != STATUS_OK && status_class(rc) != CLASS_TRANSIENT &&
        partition_wish_store(state, before->accepted, &second) != STATUS_OK) {
        (void)err_prefix(err, "the state keeps the wish for %ld partitions", wanted);
    }
    return rc;
}

static void
report(const struct topic_conf *topic, const struct partition_wish *wish, int present, long wanted)
{
    if (present < wanted) {
        (void)printf("topic '%s': %ld partitions, %d before\n", topic->name, wanted, present);
    } else {
        (void)printf("topic '%s' has %d partitions already, its stream has %d: accepted\n",
                     topic->name, present, (int)wish->of_stream);
    }
    (void)printf("the producer begins a new stream within a minute and publishes every product "
                 "again; consumers follow it by themselves\n");
    if (wanted != (long)topic->partitions) {
        (void)printf("next step: set [topic] partitions = %ld in the options of both programs; it "
                     "is used when the topic is created again\n",
                     wanted);
    }
}

static enum status
change(struct pg_conn *state, const struct shared_conf *conf, long wanted, struct err *err)
{
    const struct topic_conf *topic = &conf->topic;
    struct partition_wish wish;
    int present = 0;
    enum status rc = install_verify(state, INSTALL_STATE, conf->odoo.forecast, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = partition_wish_read(state, &wish, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = kafka_topic_count(&conf->kafka, topic->name, KAFKA_TIMEOUT_MS, &present, err);
    if (rc == STATUS_TOPIC_UNFIT && strcmp(err->origin, KAFKA_TOPIC_MISSING) == 0) {
        return err_set(err, rc,
                       "topic '%s' does not exist: set [topic] partitions = %ld, with which 'run' "
                       "creates it",
                       topic->name, wanted);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = check_topic(topic, &wish, present, wanted, err);
    if (rc == STATUS_OK) {
        rc = grow(state, conf, &wish, wanted, err);
    } else if (rc == STATUS_NOT_FOUND) {
        rc = partition_wish_store(state, (int32_t)wanted, err);
    }
    if (rc == STATUS_OK) {
        report(topic, &wish, present, wanted);
    }
    return rc;
}

enum status cmd_install_partitions(const struct cli_call *call,
                                   const struct producer_conf *conf,
                                   struct err *err)
{
    const struct pg_conn_options options = {.dsn = conf_state_dsn(&conf->shared),
                                            .application_name = "stocksync-producer install",
                                            .statement_timeout_ms = STATEMENT_TIMEOUT_MS};
    long wanted = 0;
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
        if (cli_has(call, OTHERS[i])) {
            return err_set(err, STATUS_USAGE, "--partitions stands alone: leave %s out", OTHERS[i]);
        }
    }
    enum status rc = cli_number(call, "--partitions", 0, 1, MAX_PARTITIONS, &wanted, err);
    if (rc == STATUS_OK) {
        rc = check_options(&conf->shared.topic, wanted, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    struct pg_conn *state = pg_conn_new(&options);
    rc = pg_conn_open(state, err);
    if (rc == STATUS_OK) {
        rc = change(state, &conf->shared, wanted, err);
    }
    pg_conn_free(state);
    return rc;
}
