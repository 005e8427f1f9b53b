#include "tests/unit/kafka/mock_kafka.h"

#include <stdint.h>
#include <string.h>

#include "common/core/mem.h"

#define LIMIT_MS 10000

static rd_kafka_t *client(struct mock_kafka *mock, rd_kafka_type_t type)
{
    char text[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (mock->cluster != NULL) {
        (void)rd_kafka_conf_set(conf, "bootstrap.servers",
                                rd_kafka_mock_cluster_bootstraps(mock->cluster), text, sizeof text);
    }
    (void)rd_kafka_conf_set(conf, "log_level", "0", text, sizeof text);
    (void)rd_kafka_conf_set(conf, "group.id", "mock_kafka", text, sizeof text);
    (void)rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof text);
    (void)rd_kafka_conf_set(conf, "isolation.level", "read_uncommitted", text, sizeof text);
    (void)rd_kafka_conf_set(conf, "fetch.wait.max.ms", "5", text, sizeof text);
    rd_kafka_t *made = rd_kafka_new(type, conf, text, sizeof text);
    INVARIANT(made != NULL, "%s", text);
    return made;
}

void mock_kafka_start(struct mock_kafka *mock, int partitions)
{
    memset(mock, 0, sizeof *mock);
    mock->owner = client(mock, RD_KAFKA_PRODUCER);
    mock->cluster = rd_kafka_mock_cluster_new(mock->owner, 1);
    INVARIANT(mock->cluster != NULL, "mock cluster");
    const rd_kafka_resp_err_t code =
        rd_kafka_mock_topic_create(mock->cluster, MOCK_TOPIC, partitions, 1);
    INVARIANT(code == RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(code));
    mock->conf.list = mock->pairs;
    mock_kafka_set(mock, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock->cluster));
}

void mock_kafka_stop(struct mock_kafka *mock)
{
    for (size_t i = 0; i < mock->conf.count; i++) {
        mem_free(mock->pairs[i].name);
        mem_free(mock->pairs[i].value);
    }
    rd_kafka_mock_cluster_destroy(mock->cluster);
    rd_kafka_destroy(mock->owner);
}

void mock_kafka_set(struct mock_kafka *mock, const char *name, const char *value)
{
    INVARIANT(mock->conf.count < sizeof mock->pairs / sizeof *mock->pairs, "too many properties");
    mock->pairs[mock->conf.count++] =
        (struct conf_pair){.name = mem_strdup(name), .value = mem_strdup(value)};
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    (void)opaque;
    INVARIANT(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(message->err));
}

static void *borrowed(const void *ptr)
{
    const union {
        const void *in;
        void *out;
    } pun = {.in = ptr};
    return pun.out;
}

static void add_header(rd_kafka_vu_t *argument, const char *name, const char *value)
{
    argument->vtype = RD_KAFKA_VTYPE_HEADER;
    argument->u.header.name = name;
    argument->u.header.val = value;
    argument->u.header.size = (ssize_t)strlen(value);
}

/* With one more header; its value NULL: none. */
static void write_record(struct mock_kafka *mock,
                         int32_t partition,
                         const char *key,
                         const char *value,
                         const char *revision,
                         const char *header,
                         const char *text_of_header)
{
    char text[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "bootstrap.servers",
                            rd_kafka_mock_cluster_bootstraps(mock->cluster), text, sizeof text);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *writer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    INVARIANT(writer != NULL, "%s", text);
    rd_kafka_vu_t arguments[7] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = MOCK_TOPIC},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {borrowed(key), strlen(key)}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {borrowed(value), value != NULL ? strlen(value) : 0}},
    };
    size_t count = 5;
    if (revision != NULL) {
        add_header(&arguments[count++], "revision", revision);
    }
    if (text_of_header != NULL) {
        add_header(&arguments[count++], header, text_of_header);
    }
    rd_kafka_error_t *error = rd_kafka_produceva(writer, arguments, count);
    INVARIANT(error == NULL, "%s", rd_kafka_error_string(error));
    INVARIANT(rd_kafka_flush(writer, LIMIT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR, "not written");
    rd_kafka_destroy(writer);
}

void mock_kafka_write(struct mock_kafka *mock,
                      int32_t partition,
                      const char *key,
                      const char *value,
                      const char *revision)
{
    write_record(mock, partition, key, value, revision, "cause", NULL);
}

void mock_kafka_write_caused(struct mock_kafka *mock,
                             int32_t partition,
                             const char *key,
                             const char *value,
                             const char *revision,
                             const char *cause)
{
    write_record(mock, partition, key, value, revision, "cause", cause);
}

void mock_kafka_write_of_stream(struct mock_kafka *mock,
                                int32_t partition,
                                const char *key,
                                const char *value,
                                const char *revision,
                                const char *stream)
{
    write_record(mock, partition, key, value, revision, "stream", stream);
}

static void copy(char *to, size_t size, const void *from, size_t len)
{
    const size_t kept = len < size - 1 ? len : size - 1;
    if (from != NULL && kept > 0) {
        memcpy(to, from, kept);
    }
    to[kept] = '\0';
}

static void copy_header(const rd_kafka_message_t *message, const char *name, char *to, size_t size)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t len = 0;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_header_get_last(headers, name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        copy(to, size, value, len);
    }
}

/* A reader that starts before it knows the partition's leader waits 500 ms to ask again. */
static void await_leader(rd_kafka_t *reader, rd_kafka_topic_t *topic)
{
    const struct rd_kafka_metadata *metadata = NULL;
    const rd_kafka_resp_err_t code = rd_kafka_metadata(reader, 0, topic, &metadata, LIMIT_MS);
    INVARIANT(code == RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(code));
    rd_kafka_metadata_destroy(metadata);
}

void mock_kafka_copy(const rd_kafka_message_t *message, struct mock_record *record)
{
    *record =
        (struct mock_record){.value_len = message->len, .tombstone = message->payload == NULL};
    copy(record->key, sizeof record->key, message->key, message->key_len);
    copy(record->value, sizeof record->value, message->payload, message->len);
    copy_header(message, "revision", record->revision, sizeof record->revision);
    copy_header(message, "cause", record->cause, sizeof record->cause);
    copy_header(message, "epoch", record->epoch, sizeof record->epoch);
    copy_header(message, "stream", record->stream, sizeof record->stream);
}

size_t
mock_kafka_read(struct mock_kafka *mock, int32_t partition, struct mock_record *list, size_t max)
{
    size_t count = 0;
    bool more = true;
    rd_kafka_t *reader = client(mock, RD_KAFKA_CONSUMER);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(reader, MOCK_TOPIC, NULL);
    await_leader(reader, topic);
    INVARIANT(rd_kafka_consume_start(topic, partition, RD_KAFKA_OFFSET_BEGINNING) == 0, "consume");
    while (more && count < max) {
        rd_kafka_message_t *m = rd_kafka_consume(topic, partition, LIMIT_MS);
        INVARIANT(m != NULL, "the mock cluster does not answer");
        more = m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF;
        INVARIANT(!more || m->err == RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(m->err));
        if (more) {
            mock_kafka_copy(m, &list[count++]);
        }
        rd_kafka_message_destroy(m);
    }
    (void)rd_kafka_consume_stop(topic, partition);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(reader);
    return count;
}
