#include "consumer/intake/history.h"

#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "common/kafka/kafka_conf.h"
#include "common/kafka/kafka_err.h"
#include "common/model/product_stock.h"

#define METADATA_TIMEOUT_MS 10000
#define SILENCE_LIMIT_MS    15000

struct reader {
    rd_kafka_t *client;
    int partitions;
    int open; /* partitions whose end is not reached yet */
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

static enum status assign(const char *topic, const char *key, struct reader *r, struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(r->partitions);
    int32_t only = key != NULL ? rd_kafka_msg_partitioner_murmur2(NULL, key, strlen(key),
                                                                  r->partitions, NULL, NULL)
                               : -1;
    for (int32_t p = 0; p < r->partitions; p++) {
        if (only < 0 || only == p) {
            rd_kafka_topic_partition_list_add(list, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
            r->open++;
        }
    }
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

/* @return false when the caller has seen enough */
static bool take(const rd_kafka_message_t *message, const char *key, history_fn each, void *arg)
{
    if (key != NULL &&
        (message->key_len != strlen(key) || memcmp(message->key, key, message->key_len) != 0)) {
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

static enum status
read_all(struct reader *r, const char *key, history_fn each, void *arg, struct err *err)
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
            more = take(message, key, each, arg);
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
                         int32_t product_id,
                         history_fn each,
                         void *arg,
                         struct err *err)
{
    struct reader r = {0};
    char text[PRODUCT_STOCK_KEY_SIZE];
    const char *key = NULL;
    if (product_id > 0) {
        product_stock_format_key(product_id, text);
        key = text;
    }
    enum status rc = open_client(kafka, &r, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = count_partitions(topic, &r, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = assign(topic, key, &r, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = read_all(&r, key, each, arg, err);
out:
    (void)rd_kafka_consumer_close(r.client);
    rd_kafka_destroy(r.client);
    return rc;
}
