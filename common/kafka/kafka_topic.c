#include "common/kafka/kafka_topic.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "common/core/clock.h"
#include "common/kafka/kafka_conf.h"
#include "common/kafka/kafka_err.h"

/* The active segment is never compacted: a day instead of the default week. */
#define SEGMENT_MS         INT64_C(86400000)
#define NUMBER_SIZE        24
#define FINDINGS_MAX_BYTES 400
#define LEADER_POLL_MS     50

/* As the cluster describes it. */
struct topic_found {
    bool exists;
    bool has_leaders;
    int partitions;
    int replicas; /* of the partition that has the fewest */
};

struct admin {
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    int64_t deadline_us;
};

/* A designed setting. */
struct design_row {
    const char *name;
    int64_t value;
    bool less_is_unfit; /* false: more is worth a note */
};
#define ROW_COUNT 4

static void list_rows(const struct kafka_topic_design *design, struct design_row list[ROW_COUNT])
{
    list[0] = (struct design_row){"min.compaction.lag.ms", design->compaction_lag_ms, true};
    list[1] = (struct design_row){"delete.retention.ms", design->tombstone_retention_ms, true};
    list[2] = (struct design_row){"max.message.bytes", design->message_max_bytes, true};
    list[3] = (struct design_row){"segment.ms", SEGMENT_MS, false};
}

static int left_ms(const struct admin *admin)
{
    const int left = clock_left_ms(admin->deadline_us);
    return left > 0 ? left : 1;
}

static enum status admin_open(const struct conf_pairs *pass_through,
                              int timeout_ms,
                              struct admin *admin,
                              struct err *err)
{
    const struct kafka_identity identity = {.role = KAFKA_PRODUCER, .client_id = "stocksync-admin"};
    void *conf = NULL;
    char text[300];
    const enum status rc = kafka_conf_build(pass_through, &identity, &conf, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    admin->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (admin->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return err_set(err, STATUS_CONFIG, "kafka client: %s", text);
    }
    (void)rd_kafka_set_log_queue(admin->client, NULL);
    admin->queue = rd_kafka_queue_new(admin->client);
    admin->deadline_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    return STATUS_OK;
}

static void admin_close(struct admin *admin)
{
    if (admin->queue != NULL) {
        rd_kafka_queue_destroy(admin->queue);
    }
    if (admin->client != NULL) {
        (void)rd_kafka_poll(admin->client, 0);
        rd_kafka_destroy(admin->client);
    }
}

static void read_metadata(const rd_kafka_metadata_topic_t *topic, struct topic_found *found)
{
    found->exists = true;
    found->has_leaders = topic->partition_cnt > 0;
    found->partitions = topic->partition_cnt;
    found->replicas = INT_MAX;
    for (int i = 0; i < topic->partition_cnt; i++) {
        const rd_kafka_metadata_partition_t *p = &topic->partitions[i];
        found->has_leaders = found->has_leaders && p->leader >= 0;
        found->replicas = p->replica_cnt < found->replicas ? p->replica_cnt : found->replicas;
    }
}

static enum status
find_topic(struct admin *admin, const char *name, struct topic_found *found, struct err *err)
{
    const rd_kafka_metadata_t *metadata = NULL;
    *found = (struct topic_found){0};
    rd_kafka_topic_t *topic = rd_kafka_topic_new(admin->client, name, NULL);
    if (topic == NULL) {
        return err_set(err, STATUS_CONFIG, "'%s' cannot be a topic's name: %s", name,
                       rd_kafka_err2str(rd_kafka_last_error()));
    }
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(admin->client, 0, topic, &metadata, left_ms(admin));
    rd_kafka_topic_destroy(topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kafka_err_code(err, code, "asking for the topic");
    }
    if (metadata->topic_cnt == 1) {
        code = metadata->topics[0].err;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
            read_metadata(&metadata->topics[0], found);
            code = RD_KAFKA_RESP_ERR_NO_ERROR;
        } else if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
            code = RD_KAFKA_RESP_ERR_NO_ERROR;
        }
    }
    rd_kafka_metadata_destroy(metadata);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        return err_set_origin(
            err, STATUS_PERMISSION, rd_kafka_err2name(code),
            "the cluster refuses to describe topic '%s': grant the ACL Describe on it", name);
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? STATUS_OK
                                              : kafka_err_code(err, code, "asking for the topic");
}

/* The event that answers an admin call, or NULL at the deadline. */
static rd_kafka_event_t *await(struct admin *admin)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(admin->queue, left_ms(admin));
    (void)rd_kafka_poll(admin->client, 0);
    return event;
}

/* --- creating --- */

static rd_kafka_resp_err_t add_configs(rd_kafka_NewTopic_t *topic,
                                       const struct kafka_topic_design *design)
{
    struct design_row list[ROW_COUNT];
    char number[NUMBER_SIZE];
    list_rows(design, list);
    rd_kafka_resp_err_t code = rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "compact");
    for (size_t i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < ROW_COUNT; i++) {
        (void)snprintf(number, sizeof number, "%" PRId64, list[i].value);
        code = rd_kafka_NewTopic_set_config(topic, list[i].name, number);
    }
    return code;
}

static enum status created(rd_kafka_event_t *event, const char *name, struct err *err)
{
    if (event == NULL) {
        return err_set(err, STATUS_BROKER_LOST, "no answer to the creation of topic '%s'", name);
    }
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const char *text = rd_kafka_event_error_string(event);
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    size_t count = 0;
    const rd_kafka_topic_result_t **topics =
        result != NULL ? rd_kafka_CreateTopics_result_topics(result, &count) : NULL;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && count == 1) {
        code = rd_kafka_topic_result_error(topics[0]);
        text = rd_kafka_topic_result_error_string(topics[0]);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        return STATUS_OK;
    }
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
        return err_set_origin(err, STATUS_PERMISSION, rd_kafka_err2name(code),
                              "the cluster refuses to create topic '%s': grant the ACL Create on "
                              "it, or create it yourself",
                              name);
    }
    (void)kafka_err_code(err, code, "creating the topic");
    const enum status rc =
        err->status == STATUS_BROKER_LOST && code > 0 ? STATUS_TOPIC_UNFIT : err->status;
    return err_set_origin(err, rc, rd_kafka_err2name(code), "creating topic '%s': %s", name,
                          text != NULL ? text : rd_kafka_err2str(code));
}

static enum status
create(struct admin *admin, const struct kafka_topic_design *design, struct err *err)
{
    char text[200];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        design->name, design->partitions, design->replication_factor, text, sizeof text);
    if (topic == NULL) {
        return err_set(err, STATUS_CONFIG, "topic '%s': %s", design->name, text);
    }
    enum status rc =
        kafka_err_code(err, add_configs(topic, design), "describing the topic to create");
    if (rc != STATUS_OK) {
        goto out;
    }
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(admin->client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, left_ms(admin), text, sizeof text);
    rd_kafka_CreateTopics(admin->client, &topic, 1, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = await(admin);
    rc = created(event, design->name, err);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
out:
    rd_kafka_NewTopic_destroy(topic);
    return rc;
}

/* What was just created has no leaders for a moment. */
static enum status wait_for_leaders(struct admin *admin,
                                    const char *name,
                                    int partitions,
                                    struct topic_found *found,
                                    struct err *err)
{
    for (;;) {
        const enum status rc = find_topic(admin, name, found, err);
        if (rc != STATUS_OK || (found->has_leaders && found->partitions >= partitions)) {
            return rc;
        }
        if (clock_left_ms(admin->deadline_us) == 0) {
            return err_set(err, STATUS_BROKER_LOST, "topic '%s' has partitions without a leader",
                           name);
        }
        (void)rd_kafka_poll(admin->client, LEADER_POLL_MS);
    }
}

/* --- comparing --- */

static const char *value_of(const rd_kafka_ConfigEntry_t **entries, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0) {
            return rd_kafka_ConfigEntry_value(entries[i]);
        }
    }
    return NULL;
}

static bool parse_number(const char *text, int64_t *number)
{
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    *number = value;
    return errno == 0 && end != text && *end == '\0';
}

static void compare_settings(const struct kafka_topic_design *design,
                             const rd_kafka_ConfigEntry_t **entries,
                             size_t count,
                             struct strbuf *unfit,
                             struct strbuf *notes)
{
    struct design_row list[ROW_COUNT];
    const char *policy = value_of(entries, count, "cleanup.policy");
    if (policy != NULL && strcmp(policy, "compact") != 0) {
        strbuf_appendf(unfit, "; cleanup.policy is '%s', wanted 'compact'", policy);
    }
    list_rows(design, list);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const char *text = value_of(entries, count, list[i].name);
        int64_t found = 0;
        if (text == NULL || !parse_number(text, &found) || found == list[i].value) {
            continue;
        }
        if (list[i].less_is_unfit && found < list[i].value) {
            strbuf_appendf(unfit, "; %s is %" PRId64 ", wanted at least %" PRId64, list[i].name,
                           found, list[i].value);
        } else if (list[i].less_is_unfit || found > list[i].value) {
            strbuf_appendf(notes, "topic '%s': %s is %" PRId64 ", designed %" PRId64 "\n",
                           design->name, list[i].name, found, list[i].value);
        }
    }
}

static void compare_counts(const struct kafka_topic_design *design,
                           const struct topic_found *found,
                           struct strbuf *unfit,
                           struct strbuf *notes)
{
    if (found->partitions < design->partitions) {
        strbuf_appendf(unfit,
                       "; partitions are %d, wanted %d ('stocksync-producer install --partitions "
                       "%d' adds them)",
                       found->partitions, design->partitions, design->partitions);
    } else if (found->partitions > design->partitions) {
        strbuf_appendf(notes, "topic '%s': %d partitions, designed %d\n", design->name,
                       found->partitions, design->partitions);
    }
    if (design->replication_factor > 0 && found->replicas != design->replication_factor) {
        strbuf_appendf(notes, "topic '%s': %d replicas, designed %d\n", design->name,
                       found->replicas, design->replication_factor);
    }
}

static enum status compare(const struct kafka_topic_design *design,
                           const struct topic_found *found,
                           rd_kafka_event_t *event,
                           struct strbuf *notes,
                           struct err *err)
{
    size_t count = 0;
    struct strbuf unfit;
    if (event == NULL) {
        return err_set(err, STATUS_BROKER_LOST, "no answer about the settings of topic '%s'",
                       design->name);
    }
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const rd_kafka_DescribeConfigs_result_t *result = rd_kafka_event_DescribeConfigs_result(event);
    const rd_kafka_ConfigResource_t **resources =
        result != NULL ? rd_kafka_DescribeConfigs_result_resources(result, &count) : NULL;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && count == 1) {
        code = rd_kafka_ConfigResource_error(resources[0]);
    }
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
        return err_set_origin(err, STATUS_PERMISSION, rd_kafka_err2name(code),
                              "the cluster refuses to show the settings of topic '%s': grant the "
                              "ACL DescribeConfigs on it",
                              design->name);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || count != 1) {
        return kafka_err_code(
            err, code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : RD_KAFKA_RESP_ERR__BAD_MSG,
            "asking for the topic's settings");
    }
    strbuf_init(&unfit, FINDINGS_MAX_BYTES);
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    compare_counts(design, found, &unfit, notes);
    compare_settings(design, entries, count, &unfit, notes);
    enum status rc = STATUS_OK;
    if (unfit.len > 0) {
        rc = err_set(err, STATUS_TOPIC_UNFIT, "topic '%s'%s", design->name, unfit.ptr + 1);
    }
    strbuf_release(&unfit);
    return rc;
}

static enum status check(struct admin *admin,
                         const struct kafka_topic_design *design,
                         const struct topic_found *found,
                         struct strbuf *notes,
                         struct err *err)
{
    char text[200];
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, design->name);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(admin->client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, left_ms(admin), text, sizeof text);
    rd_kafka_DescribeConfigs(admin->client, &resource, 1, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_event_t *event = await(admin);
    const enum status rc = compare(design, found, event, notes, err);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    return rc;
}

/* --- growing --- */

static enum status grown(rd_kafka_event_t *event, const char *name, struct err *err)
{
    if (event == NULL) {
        return err_set(err, STATUS_BROKER_LOST, "no answer to more partitions for topic '%s'",
                       name);
    }
    size_t count = 0;
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const char *text = rd_kafka_event_error_string(event);
    const rd_kafka_CreatePartitions_result_t *result =
        rd_kafka_event_CreatePartitions_result(event);
    const rd_kafka_topic_result_t **topics =
        result != NULL ? rd_kafka_CreatePartitions_result_topics(result, &count) : NULL;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && count == 1) {
        code = rd_kafka_topic_result_error(topics[0]);
        text = rd_kafka_topic_result_error_string(topics[0]);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return STATUS_OK;
    }
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
        return err_set_origin(err, STATUS_PERMISSION, rd_kafka_err2name(code),
                              "the cluster refuses to change topic '%s': grant the ACL Alter on it",
                              name);
    }
    (void)kafka_err_code(err, code, "adding partitions");
    const enum status rc =
        err->status == STATUS_BROKER_LOST && code > 0 ? STATUS_TOPIC_UNFIT : err->status;
    return err_set_origin(err, rc, rd_kafka_err2name(code), "adding partitions to topic '%s': %s",
                          name, text != NULL ? text : rd_kafka_err2str(code));
}

static enum status grow(struct admin *admin, const char *name, int partitions, struct err *err)
{
    char text[200];
    rd_kafka_NewPartitions_t *wanted =
        rd_kafka_NewPartitions_new(name, (size_t)partitions, text, sizeof text);
    if (wanted == NULL) {
        return err_set(err, STATUS_CONFIG, "topic '%s': %s", name, text);
    }
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(admin->client, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, left_ms(admin), text, sizeof text);
    rd_kafka_CreatePartitions(admin->client, &wanted, 1, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewPartitions_destroy(wanted);
    rd_kafka_event_t *event = await(admin);
    const enum status rc = grown(event, name, err);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    return rc;
}

static enum status missing(const struct kafka_topic_design *design, struct err *err)
{
    struct design_row list[ROW_COUNT];
    struct strbuf command;
    list_rows(design, list);
    strbuf_init(&command, FINDINGS_MAX_BYTES);
    strbuf_appendf(&command, "--partitions %d", design->partitions);
    if (design->replication_factor > 0) {
        strbuf_appendf(&command, " --replication-factor %d", design->replication_factor);
    }
    strbuf_append_text(&command, " --config cleanup.policy=compact");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        strbuf_appendf(&command, " --config %s=%" PRId64, list[i].name, list[i].value);
    }
    const enum status rc = err_set_origin(
        err, STATUS_TOPIC_UNFIT, KAFKA_TOPIC_MISSING,
        "topic '%s' does not exist; create it: kafka-topics.sh --create --topic %s %s",
        design->name, design->name, command.ptr);
    strbuf_release(&command);
    return rc;
}

struct kafka_topic_design kafka_topic_design_of(const struct topic_conf *topic)
{
    return (struct kafka_topic_design){.name = topic->name,
                                       .partitions = (int)topic->partitions,
                                       .replication_factor = (int)topic->replication_factor,
                                       .compaction_lag_ms = topic->history_ms,
                                       .tombstone_retention_ms = topic->tombstones_ms,
                                       .message_max_bytes = topic->max_message_bytes};
}

enum status kafka_topic_ensure(const struct conf_pairs *pass_through,
                               const struct kafka_topic_design *design,
                               bool may_create,
                               int timeout_ms,
                               struct strbuf *notes,
                               struct err *err)
{
    struct admin admin = {0};
    struct topic_found found;
    enum status rc = admin_open(pass_through, timeout_ms, &admin, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = find_topic(&admin, design->name, &found, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    if (!found.exists) {
        rc = may_create ? create(&admin, design, err) : missing(design, err);
        if (rc != STATUS_OK) {
            goto out;
        }
    }
    rc = wait_for_leaders(&admin, design->name, 1, &found, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = check(&admin, design, &found, notes, err);
out:
    admin_close(&admin);
    return rc;
}

enum status kafka_topic_count(const struct conf_pairs *pass_through,
                              const char *name,
                              int timeout_ms,
                              int *partitions,
                              struct err *err)
{
    struct admin admin = {0};
    struct topic_found found = {0};
    enum status rc = admin_open(pass_through, timeout_ms, &admin, err);
    if (rc == STATUS_OK) {
        rc = find_topic(&admin, name, &found, err);
    }
    admin_close(&admin);
    if (rc == STATUS_OK && !found.exists) {
        rc = err_set_origin(err, STATUS_TOPIC_UNFIT, KAFKA_TOPIC_MISSING,
                            "topic '%s' does not exist", name);
    }
    *partitions = found.partitions;
    return rc;
}

enum status kafka_topic_grow(const struct conf_pairs *pass_through,
                             const char *name,
                             int partitions,
                             int timeout_ms,
                             struct err *err)
{
    struct admin admin = {0};
    struct topic_found found;
    enum status rc = admin_open(pass_through, timeout_ms, &admin, err);
    if (rc == STATUS_OK) {
        rc = grow(&admin, name, partitions, err);
    }
    if (rc == STATUS_OK) {
        rc = wait_for_leaders(&admin, name, partitions, &found, err);
    }
    admin_close(&admin);
    return rc;
}
