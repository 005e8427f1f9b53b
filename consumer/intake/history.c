#include "consumer/intake/history.h"

#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "common/core/mem.h"
#include "common/kafka/kafka_conf.h"
#include "common/kafka/kafka_err.h"
#include "common/model/product_stock.h"

#define METADATA_TIMEOUT_MS 10000
#define SILENCE_LIMIT_MS    15000

struct reader {
    rd_kafka_t *client;
    int partitions;
    int open; /* partitions whose end is not reached yet */
    char (*keys)[PRODUCT_STOCK_KEY_SIZE];
    size_t key_count; /* 0: every record */
};

static enum status open_client(const struct conf_pairs *kafka, struct reader *r, struct err *err)
{
    struct kafka_identity identity = {
        .role = KAFKA_READER, .client_id = "stocksync-history", .group_id = "stocksync-history"};
    char text[256];
    void *conf = NULL;
    enum status rc = kafka_conf_build(kafka, &identity, &conf, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    r->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (r->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return err_set(err, STATUS_CONFIG, "librdkafka: %s", text);
    }
    (void)rd_kafka_poll_set_consumer(r->client);
    return STATUS_OK;
}

static enum status count_partitions(const char *topic, struct reader *r, struct err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(r->client, topic, NULL);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(r->client, 0, handle, &metadata, METADATA_TIMEOUT_MS);
    rd_kafka_topic_destroy(handle);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kafka_err_code(err, code, "reading the topic's metadata");
    }
    r->partitions = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    if (r->partitions == 0) {
        return err_set(err, STATUS_TOPIC_UNFIT, "the topic '%s' does not exist", topic);
    }
    return STATUS_OK;
}

/* A partition is read when it has the records of one of the keys. */
static bool *choose_partitions(const struct reader *r)
{
    bool *chosen = mem_calloc((size_t)r->partitions, sizeof *chosen);
    for (int32_t p = 0; p < r->partitions && r->key_count == 0; p++) {
        chosen[p] = true;
    }
    for (size_t i = 0; i < r->key_count; i++) {
        const char *key = r->keys[i];
        chosen[rd_kafka_msg_partitioner_murmur2(NULL, key, strlen(key), r->partitions, NULL,
                                                NULL)] = true;
    }
    return chosen;
}

static enum status assign(const char *topic, struct reader *r, struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(r->partitions);
    bool *chosen = choose_partitions(r);
    for (int32_t p = 0; p < r->partitions; p++) {
        if (chosen[p]) {
            rd_kafka_topic_partition_list_add(list, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
            r->open++;
        }
    }
    mem_free(chosen);
    rd_kafka_resp_err_t code = rd_kafka_assign(r->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? STATUS_OK
                                              : kafka_err_code(err, code, "assigning partitions");
}

static int64_t revision_header(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t size = 0;
    char text[24] = "";
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, "revision", &value, &size) !=
            RD_KAFKA_RESP_ERR_NO_ERROR ||
        size >= sizeof text) {
        return 0;
    }
    memcpy(text, value, size);
    return strtoll(text, NULL, 10);
}

static bool is_wanted(const struct reader *r, const rd_kafka_message_t *message)
{
    for (size_t i = 0; i < r->key_count; i++) {
        if (message->key_len == strlen(r->keys[i]) &&
            memcmp(message->key, r->keys[i], message->key_len) == 0) {
            return true;
        }
    }
    return r->key_count == 0;
}

/* @return false when the caller has seen enough */
static bool
take(const struct reader *r, const rd_kafka_message_t *message, history_fn each, void *arg)
{
    if (!is_wanted(r, message)) {
        return true;
    }
    struct history_record record = {.partition = message->partition,
                                    .offset = message->offset,
                                    .timestamp_ms = rd_kafka_message_timestamp(message, NULL),
                                    .key = bytes_of(message->key, message->key_len),
                                    .value = bytes_of(message->payload, message->len),
                                    .header_revision = revision_header(message)};
    return each(arg, &record);
}

static enum status read_all(struct reader *r, history_fn each, void *arg, struct err *err)
{
    bool more = true;
    while (more && r->open > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(r->client, SILENCE_LIMIT_MS);
        enum status rc = STATUS_OK;
        if (message == NULL) {
            return err_set(err, STATUS_BROKER_LOST, "no answer from Kafka for %d s",
                           SILENCE_LIMIT_MS / 1000);
        }
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            r->open--;
        } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            rc = kafka_err_code(err, message->err, "reading the topic");
        } else {
            more = take(r, message, each, arg);
        }
        rd_kafka_message_destroy(message);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

enum status history_read(const struct conf_pairs *kafka,
                         const char *topic,
                         const int32_t *products,
                         size_t count,
                         history_fn each,
                         void *arg,
                         struct err *err)
{
    struct reader r = {.keys = mem_calloc(count, sizeof *r.keys), .key_count = count};
    for (size_t i = 0; i < count; i++) {
        product_stock_format_key(products[i], r.keys[i]);
    }
    enum status rc = open_client(kafka, &r, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = count_partitions(topic, &r, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = assign(topic, &r, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = read_all(&r, each, arg, err);
out:
    if (r.client != NULL) {
        (void)rd_kafka_consumer_close(r.client);
        rd_kafka_destroy(r.client);
    }
    mem_free(r.keys);
    return rc;
}
