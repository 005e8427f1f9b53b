#include "producer/publish/record_sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/mem.h"
#include "common/kafka/kafka_conf.h"
#include "common/kafka/kafka_err.h"
#include "producer/publish/acked_offsets.h"

/* An abort that takes longer means a broken client; its successor aborts by taking over. */
#define ABORT_LIMIT_MS 10000
/* While the queue is full, check for a fatal error at this interval. */
#define ROOM_POLL_MS 100
#define NUMBER_SIZE  24
#define HEADER_COUNT 5

struct record_sink {
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    char *topic_name;
    const char *database; /* borrowed; NULL: no header */
    const char *stream;   /* borrowed; NULL or "": no header */
    struct acked_offsets acked;
    bool open;
    size_t pending;                  /* queued, neither acknowledged nor refused */
    rd_kafka_resp_err_t first_error; /* of a delivery in this transaction */
    size_t *refused;
    size_t refused_count;
    size_t refused_cap;
};

/* The record itself is at fault; any other error would hit every record. */
static bool is_refusal(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_INVALID_MSG ||
           code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE || code == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
           code == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP ||
           code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct record_sink *sink = opaque;
    (void)client;
    sink->pending--;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        acked_offsets_note(&sink->acked, message->partition, message->offset);
        return;
    }
    if (sink->first_error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        sink->first_error = message->err;
    }
    if (!is_refusal(message->err)) {
        return;
    }
    if (sink->refused_count == sink->refused_cap) {
        sink->refused_cap = mem_grow_capacity(sink->refused_cap, sink->refused_count + 1);
        sink->refused = mem_realloc(sink->refused, sink->refused_cap, sizeof *sink->refused);
    }
    sink->refused[sink->refused_count++] = (size_t)(uintptr_t)message->_private;
}

enum status record_sink_new(const struct record_sink_options *options,
                            struct record_sink **sink,
                            struct err *err)
{
    char id[300];
    char text[300];
    void *conf = NULL;
    (void)snprintf(id, sizeof id, "stocksync-%s", options->topic);
    const struct kafka_identity identity = {.role = KAFKA_PRODUCER,
                                            .client_id = "stocksync-producer",
                                            .transactional_id = id,
                                            .message_max_bytes = options->max_message_bytes};
    const enum status rc = kafka_conf_build(options->kafka, &identity, &conf, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct record_sink *made = mem_calloc(1, sizeof *made);
    made->topic_name = mem_strdup(options->topic);
    made->database =
        options->database != NULL && options->database[0] != '\0' ? options->database : NULL;
    made->stream = options->stream;
    acked_offsets_init(&made->acked);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, made);
    made->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (made->client == NULL) {
        rd_kafka_conf_destroy(conf);
        record_sink_free(made);
        return err_set(err, STATUS_CONFIG, "kafka client: %s", text);
    }
    (void)rd_kafka_set_log_queue(made->client, NULL);
    made->topic = rd_kafka_topic_new(made->client, options->topic, NULL);
    if (made->topic == NULL) {
        record_sink_free(made);
        return err_set(err, STATUS_CONFIG, "'%s' cannot be a topic's name", options->topic);
    }
    *sink = made;
    return STATUS_OK;
}

/* After a fatal error a client is of no use. */
static enum status check_fatal(const struct record_sink *sink, struct err *err)
{
    char text[300];
    const rd_kafka_resp_err_t code = rd_kafka_fatal_error(sink->client, text, sizeof text);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return STATUS_OK;
    }
    (void)kafka_err_code(err, code, "kafka client");
    const enum status rc = err->status == STATUS_FENCED ? STATUS_FENCED : STATUS_CLIENT_BROKEN;
    return err_set_origin(err, rc, rd_kafka_err2name(code), "kafka client: %s", text);
}

/* Neither a fatal error nor another topic in the place of ours. */
static enum status check_client(const struct record_sink *sink, struct err *err)
{
    const enum status rc = check_fatal(sink, err);
    return rc == STATUS_OK ? acked_offsets_check(&sink->acked, sink->topic_name, err) : rc;
}

/* Without it the first record to a topic waits up to a second (librdkafka before 2.10.1). */
static enum status fetch_metadata(struct record_sink *sink, int timeout_ms, struct err *err)
{
    const rd_kafka_metadata_t *metadata = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(sink->client, 0, sink->topic, &metadata, timeout_ms);
    (void)rd_kafka_poll(sink->client, 0);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                        : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(metadata);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return STATUS_OK;
    }
    (void)kafka_err_code(err, code, "topic");
    return err_prefix(err, "'%s'", sink->topic_name);
}

enum status record_sink_take_over(struct record_sink *sink, int timeout_ms, struct err *err)
{
    const int64_t deadline_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    enum status rc = fetch_metadata(sink, timeout_ms, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    const int left_ms = clock_left_ms(deadline_us);
    rd_kafka_error_t *error = rd_kafka_init_transactions(sink->client, left_ms > 0 ? left_ms : 1);
    (void)rd_kafka_poll(sink->client, 0);
    const bool retriable = error != NULL && rd_kafka_error_is_retriable(error) != 0;
    rc = kafka_err_object(err, error, "taking over the topic");
    if (rc == STATUS_BROKER_LOST && !retriable) {
        err->status = STATUS_CLIENT_BROKEN;
    }
    return rc == STATUS_OK ? STATUS_OK : err->status;
}

enum status record_sink_begin(struct record_sink *sink, struct err *err)
{
    if (sink->open) {
        return STATUS_OK;
    }
    rd_kafka_error_t *error = rd_kafka_begin_transaction(sink->client);
    if (error != NULL) {
        (void)kafka_err_object(err, error, "beginning a transaction");
        struct err fatal;
        if (check_fatal(sink, &fatal) != STATUS_OK) {
            *err = fatal;
            return err->status;
        }
        /* Only a client in a wrong state refuses this local call. */
        err->status = STATUS_CLIENT_BROKEN;
        return err->status;
    }
    sink->open = true;
    sink->first_error = RD_KAFKA_RESP_ERR_NO_ERROR;
    sink->refused_count = 0;
    return STATUS_OK;
}

bool record_sink_is_open(const struct record_sink *sink)
{
    return sink->open;
}

bool record_sink_is_idle(struct record_sink *sink)
{
    (void)rd_kafka_poll(sink->client, 0);
    return sink->pending == 0;
}

/* librdkafka takes void * where it only reads. */
static void *borrowed(const void *ptr)
{
    const union {
        const void *in;
        void *out;
    } pun = {.in = ptr};
    return pun.out;
}

/* An index as the pointer that the delivery report returns; never followed. */
static void *opaque_of(size_t index)
{
    const union {
        uintptr_t in;
        void *out;
    } pun = {.in = index};
    return pun.out;
}

static void add_number(rd_kafka_headers_t *headers, const char *name, int64_t number)
{
    char text[NUMBER_SIZE];
    const int len = snprintf(text, sizeof text, "%" PRId64, number);
    (void)rd_kafka_header_add(headers, name, -1, text, len);
}

/*
 * The headers are passed as one object. Passed one by one, librdkafka before 2.12 frees them twice
 * when it refuses the record, as it does when the topic was deleted or forbidden meanwhile.
 */
static rd_kafka_error_t *
produce(struct record_sink *sink, const struct record *record, size_t index)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(HEADER_COUNT);
    add_number(headers, "revision", record->revision);
    (void)rd_kafka_header_add(headers, "cause", -1, record->cause, -1);
    add_number(headers, "epoch", record->epoch);
    if (sink->database != NULL) {
        (void)rd_kafka_header_add(headers, "database", -1, sink->database, -1);
    }
    if (sink->stream != NULL && sink->stream[0] != '\0') {
        (void)rd_kafka_header_add(headers, "stream", -1, sink->stream, -1);
    }
    const rd_kafka_vu_t arguments[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = sink->topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {borrowed(record->key), strlen(record->key)}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {borrowed(record->value.ptr), record->value.len}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = opaque_of(index)},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error =
        rd_kafka_produceva(sink->client, arguments, sizeof arguments / sizeof arguments[0]);
    if (error != NULL) {
        rd_kafka_headers_destroy(headers);
    }
    return error;
}

static enum status produce_failed(const struct record_sink *sink,
                                  const struct record *record,
                                  rd_kafka_error_t *error,
                                  struct err *err)
{
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    const enum status rc = kafka_err_object(err, error, "producing a record");
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        return err_set_origin(err, STATUS_TOO_LARGE, rd_kafka_err2name(code),
                              "record of product %s has %zu bytes, more than the topic takes",
                              record->key, record->value.len);
    }
    struct err fatal;
    if (check_fatal(sink, &fatal) != STATUS_OK) {
        *err = fatal;
        return err->status;
    }
    /*
     * The topic was deleted or forbidden meanwhile, and the client remembers that for minutes. A
     * new one asks again, so record_sink_take_over finds which of the two still holds.
     */
    err->status = rc == STATUS_PERMISSION || rc == STATUS_TOPIC_UNFIT ? STATUS_CLIENT_BROKEN
                                                                      : STATUS_BATCH_ABORTED;
    return err->status;
}

enum status record_sink_add(struct record_sink *sink,
                            const struct record *record,
                            size_t index,
                            struct err *err)
{
    INVARIANT(sink->open, "no transaction for product %s", record->key);
    for (;;) {
        /* Counted first: with a full queue the poll below may run callbacks of earlier records. */
        sink->pending++;
        rd_kafka_error_t *error = produce(sink, record, index);
        if (error == NULL) {
            return STATUS_OK;
        }
        sink->pending--;
        if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            return produce_failed(sink, record, error, err);
        }
        rd_kafka_error_destroy(error);
        (void)rd_kafka_poll(sink->client, ROOM_POLL_MS);
        const enum status rc = check_fatal(sink, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
}

enum status record_sink_wait(struct record_sink *sink, int timeout_ms, struct err *err)
{
    const int64_t deadline_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    while (sink->pending > 0) {
        const int left_ms = clock_left_ms(deadline_us);
        (void)rd_kafka_flush(sink->client, left_ms);
        if (left_ms == 0) {
            break;
        }
    }
    const enum status rc = check_client(sink, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (sink->first_error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return err_set_origin(err, STATUS_BATCH_ABORTED, rd_kafka_err2name(sink->first_error),
                              "delivery failed: %s", rd_kafka_err2str(sink->first_error));
    }
    if (sink->pending > 0) {
        return err_set(err, STATUS_BROKER_LOST, "%zu records are not acknowledged after %d ms",
                       sink->pending, timeout_ms);
    }
    return STATUS_OK;
}

size_t record_sink_refused(const struct record_sink *sink, const size_t **indexes)
{
    *indexes = sink->refused;
    return sink->refused_count;
}

size_t record_sink_ends(const struct record_sink *sink, const int64_t **next_offsets)
{
    *next_offsets = sink->acked.next;
    return sink->acked.count;
}

enum status record_sink_commit(struct record_sink *sink, struct err *err)
{
    if (!sink->open) {
        return STATUS_OK;
    }
    enum status rc = acked_offsets_check(&sink->acked, sink->topic_name, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    FAULT_POINT("sink.before_commit");
    /* -1: the rest of transaction.timeout.ms. A shorter limit could give up on a commit that still
     * happens. */
    rc = kafka_err_object(err, rd_kafka_commit_transaction(sink->client, -1),
                          "committing the transaction");
    if (rc == STATUS_OK) {
        sink->open = false;
        rc = acked_offsets_check(&sink->acked, sink->topic_name, err);
    }
    return rc;
}

enum status record_sink_abort(struct record_sink *sink, struct err *err)
{
    if (!sink->open) {
        return STATUS_OK;
    }
    const int64_t deadline_us = clock_monotonic_us() + (int64_t)ABORT_LIMIT_MS * 1000;
    int left_ms = ABORT_LIMIT_MS;
    enum status rc = STATUS_OK;
    do {
        rc = kafka_err_object(err, rd_kafka_abort_transaction(sink->client, left_ms),
                              "aborting the transaction");
        left_ms = clock_left_ms(deadline_us);
    } while (rc == STATUS_BROKER_LOST && left_ms > 0);
    if (rc == STATUS_OK) {
        sink->open = false;
        return STATUS_OK;
    }
    if (rc != STATUS_FENCED) {
        err->status = STATUS_CLIENT_BROKEN;
    }
    return err->status;
}

enum status record_sink_poll(struct record_sink *sink, struct err *err)
{
    (void)rd_kafka_poll(sink->client, 0);
    return check_client(sink, err);
}

void record_sink_free(struct record_sink *sink)
{
    if (sink == NULL) {
        return;
    }
    if (sink->topic != NULL) {
        rd_kafka_topic_destroy(sink->topic);
    }
    if (sink->client != NULL) {
        (void)rd_kafka_purge(sink->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        (void)rd_kafka_poll(sink->client, 0);
        rd_kafka_destroy(sink->client);
    }
    acked_offsets_release(&sink->acked);
    mem_free(sink->refused);
    mem_free(sink->topic_name);
    mem_free(sink);
}
