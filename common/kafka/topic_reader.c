#include "common/kafka/topic_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/core/signals.h"
#include "common/kafka/kafka_conf.h"
#include "common/kafka/kafka_err.h"

/* How late a request to stop is noticed. */
#define SLICE_MS 200
#define TICK_US  500000

struct topic_reader {
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue; /* all partitions' records */
    char *name;
    struct topic_range *ranges; /* by partition */
    size_t count;
};

/* One call of topic_reader_read. */
struct pass {
    struct topic_reader *reader;
    const struct topic_reading *reading;
    int64_t *starts; /* by partition; -1: it is not read, or was read */
    size_t open;
    int64_t progress_us;
    int64_t tick_us;
};

enum status topic_reader_open(const struct topic_reader_options *options,
                              struct topic_reader **reader,
                              struct err *err)
{
    const struct kafka_identity identity = {
        .role = KAFKA_READER, .client_id = options->client_id, .uncommitted = options->uncommitted};
    char text[256];
    void *conf = NULL;
    const enum status rc = kafka_conf_build(options->kafka, &identity, &conf, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct topic_reader *made = mem_calloc(1, sizeof *made);
    made->name = mem_strdup(options->topic);
    made->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (made->client == NULL) {
        rd_kafka_conf_destroy(conf);
        topic_reader_close(made);
        return err_set(err, STATUS_CONFIG, "kafka client: %s", text);
    }
    made->topic = rd_kafka_topic_new(made->client, made->name, NULL);
    if (made->topic == NULL) {
        topic_reader_close(made);
        return err_set(err, STATUS_CONFIG, "'%s' cannot be a topic's name", options->topic);
    }
    made->queue = rd_kafka_queue_new(made->client);
    *reader = made;
    return STATUS_OK;
}

void topic_reader_close(struct topic_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    if (reader->queue != NULL) {
        rd_kafka_queue_destroy(reader->queue);
    }
    if (reader->topic != NULL) {
        rd_kafka_topic_destroy(reader->topic);
    }
    if (reader->client != NULL) {
        rd_kafka_destroy(reader->client);
    }
    mem_free(reader->ranges);
    mem_free(reader->name);
    mem_free(reader);
}

/* --- where partitions begin and end --- */

static enum status
find_partitions(struct topic_reader *reader, int64_t deadline_us, struct err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    (void)rd_kafka_poll(reader->client, 0);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(reader->client, 0, reader->topic, &metadata, clock_left_ms(deadline_us));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kafka_err_code(err, code, "reading the topic's metadata");
    }
    const rd_kafka_metadata_topic_t *found = metadata->topic_cnt == 1 ? &metadata->topics[0] : NULL;
    code = found != NULL ? found->err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    const int count = found != NULL ? found->partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        return err_set_origin(err, STATUS_TOPIC_UNFIT, rd_kafka_err2name(code),
                              "the topic '%s' does not exist", reader->name);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || count == 0) {
        (void)kafka_err_code(err, count == 0 ? RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE : code,
                             "reading the topic's metadata");
        return err_prefix(err, "topic '%s'", reader->name);
    }
    reader->count = (size_t)count;
    reader->ranges = mem_realloc(reader->ranges, reader->count, sizeof *reader->ranges);
    for (size_t p = 0; p < reader->count; p++) {
        reader->ranges[p] = (struct topic_range){.oldest = -1, .end = -1};
    }
    return STATUS_OK;
}

/*
 * Of every partition the oldest offset or the end: RD_KAFKA_OFFSET_BEGINNING and _END are times for
 * brokers. One request to each leader, where rd_kafka_query_watermark_offsets sends two for each partition.
 */
static enum status list_offsets(struct topic_reader *reader,
                                int64_t which,
                                int64_t deadline_us,
                                int64_t *offsets,
                                struct err *err)
{
    const int left_ms = clock_left_ms(deadline_us);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)reader->count);
    for (size_t p = 0; p < reader->count; p++) {
        rd_kafka_topic_partition_list_add(list, reader->name, (int32_t)p)->offset = which;
    }
    rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(reader->client, list, left_ms > 0 ? left_ms : 1);
    enum status rc = kafka_err_code(err, code, "asking where the topic's partitions end");
    for (size_t p = 0; p < reader->count && rc == STATUS_OK; p++) {
        code = list->elems[p].err;
        offsets[list->elems[p].partition] = list->elems[p].offset;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            (void)kafka_err_code(err, code, "asking where it ends");
            rc = err_prefix(err, "partition %" PRId32 " of topic '%s'", list->elems[p].partition,
                            reader->name);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

static enum status try_to_measure(struct topic_reader *reader, int64_t deadline_us, struct err *err)
{
    enum status rc = find_partitions(reader, deadline_us, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    int64_t *offsets = mem_calloc(reader->count, sizeof *offsets);
    rc = list_offsets(reader, RD_KAFKA_OFFSET_END, deadline_us, offsets, err);
    for (size_t p = 0; p < reader->count && rc == STATUS_OK; p++) {
        if (offsets[p] < 0) {
            rc = err_set(err, STATUS_BROKER_LOST, "partition %zu of topic '%s' tells no end", p,
                         reader->name);
        }
        reader->ranges[p].end = offsets[p];
    }
    mem_free(offsets);
    return rc;
}

/* Right after a topic is created or a leader changes, brokers disagree for a moment. */
static enum status measure_until(struct topic_reader *reader, int64_t deadline_us, struct err *err)
{
    enum status rc = try_to_measure(reader, deadline_us, err);
    while (rc == STATUS_BROKER_LOST && clock_left_ms(deadline_us) > 0) {
        (void)rd_kafka_poll(reader->client, SLICE_MS);
        if (signals_stop_requested()) {
            return err_set(err, STATUS_STOPPING, "asked to stop while asking for topic '%s'",
                           reader->name);
        }
        rc = try_to_measure(reader, deadline_us, err);
    }
    return rc;
}

static int64_t deadline_of(int timeout_ms)
{
    return clock_monotonic_us() + (int64_t)timeout_ms * 1000;
}

enum status topic_reader_measure(struct topic_reader *reader, int timeout_ms, struct err *err)
{
    return measure_until(reader, deadline_of(timeout_ms), err);
}

const struct topic_range *topic_reader_ranges(const struct topic_reader *reader, size_t *count)
{
    *count = reader->count;
    return reader->ranges;
}

char *topic_reader_cluster(struct topic_reader *reader, char *text, size_t size)
{
    char *id = rd_kafka_clusterid(reader->client, 0);
    (void)snprintf(text, size, "%s", id != NULL ? id : "");
    if (id != NULL) {
        rd_kafka_mem_free(reader->client, id);
    }
    return text;
}

/* --- reading --- */

static bool is_chosen(const struct topic_reading *reading, size_t partition)
{
    return reading->partitions == NULL ||
           (partition < reading->partition_count && reading->partitions[partition]);
}

static int64_t start_of(const struct pass *pass, size_t partition)
{
    const struct topic_reading *reading = pass->reading;
    const struct topic_range *range = &pass->reader->ranges[partition];
    int64_t start = range->oldest;
    switch (reading->start) {
    case TOPIC_START_OLDEST:
        break;
    case TOPIC_START_OFFSETS:
        start = partition < reading->offset_count ? reading->offsets[partition] : 0;
        break;
    case TOPIC_START_LAST:
        start = range->end - reading->last;
        break;
    }
    return start > range->oldest ? start : range->oldest;
}

static enum status prepare(struct pass *pass, struct err *err)
{
    struct topic_reader *reader = pass->reader;
    enum status rc = measure_until(reader, deadline_of(pass->reading->answer_ms), err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pass->starts = mem_calloc(reader->count, sizeof *pass->starts);
    rc = list_offsets(reader, RD_KAFKA_OFFSET_BEGINNING, deadline_of(pass->reading->answer_ms),
                      pass->starts, err);
    for (size_t p = 0; p < reader->count && rc == STATUS_OK; p++) {
        reader->ranges[p].oldest = pass->starts[p];
        const int64_t start = start_of(pass, p);
        const bool reads = is_chosen(pass->reading, p) && start < reader->ranges[p].end;
        pass->starts[p] = reads ? start : -1;
        pass->open += reads ? 1 : 0;
    }
    return rc;
}

static void stop(struct topic_reader *reader, size_t begun, const int64_t *was_begun)
{
    for (size_t p = 0; p < begun; p++) {
        if (was_begun[p] >= 0) {
            (void)rd_kafka_consume_stop(reader->topic, (int32_t)p);
        }
    }
}

static void finish_partition(struct pass *pass, int32_t partition)
{
    if (pass->starts[partition] >= 0) {
        pass->starts[partition] = -1;
        pass->open--;
    }
}

/* @return false when the caller has seen enough */
static bool take(struct pass *pass, const rd_kafka_message_t *message)
{
    const int32_t partition = message->partition;
    const int64_t end = pass->reader->ranges[partition].end;
    const struct topic_record record = {.partition = partition,
                                        .offset = message->offset,
                                        .timestamp_ms = rd_kafka_message_timestamp(message, NULL),
                                        .key = bytes_of(message->key, message->key_len),
                                        .value = bytes_of(message->payload, message->len),
                                        .message = message};
    const bool more = message->offset >= end || pass->reading->each(pass->reading->arg, &record);
    if (message->offset + 1 >= end) {
        finish_partition(pass, partition);
    }
    return more;
}

/* What one event of the queue means. @return false in more when the reading is over */
static enum status
handle(struct pass *pass, const rd_kafka_message_t *message, bool *more, struct err *err)
{
    const bool known = message->partition >= 0 && (size_t)message->partition < pass->reader->count;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
        message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        (void)kafka_err_code(err, message->err, "reading the topic");
        return err_prefix(err, "partition %" PRId32 " of topic '%s'", message->partition,
                          pass->reader->name);
    }
    /* What follows the end of a partition is no progress. */
    if (!known || pass->starts[message->partition] < 0) {
        return STATUS_OK;
    }
    pass->progress_us = clock_monotonic_us();
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        finish_partition(pass, message->partition);
    } else {
        *more = take(pass, message);
    }
    return STATUS_OK;
}

static enum status check_time(struct pass *pass, struct err *err)
{
    const int64_t now_us = clock_monotonic_us();
    if (pass->reading->tick != NULL && now_us - pass->tick_us >= TICK_US) {
        pass->tick_us = now_us;
        pass->reading->tick(pass->reading->arg);
    }
    if (signals_stop_requested()) {
        return err_set(err, STATUS_STOPPING, "asked to stop while reading topic '%s'",
                       pass->reader->name);
    }
    if (now_us - pass->progress_us < (int64_t)pass->reading->answer_ms * 1000) {
        return STATUS_OK;
    }
    size_t silent = 0;
    while (pass->starts[silent] < 0) {
        silent++;
    }
    return err_set(err, STATUS_BROKER_LOST,
                   "no answer from Kafka for %d s: partition %zu of topic '%s' is not read to its "
                   "end (%zu such partitions)",
                   pass->reading->answer_ms / 1000, silent, pass->reader->name, pass->open);
}

static enum status read_all(struct pass *pass, struct err *err)
{
    enum status rc = STATUS_OK;
    bool more = true;
    pass->progress_us = clock_monotonic_us();
    pass->tick_us = pass->progress_us;
    while (more && pass->open > 0 && rc == STATUS_OK) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(pass->reader->queue, SLICE_MS);
        (void)rd_kafka_poll(pass->reader->client, 0);
        if (message != NULL) {
            rc = handle(pass, message, &more, err);
            rd_kafka_message_destroy(message);
        }
        if (rc == STATUS_OK && more && pass->open > 0) {
            rc = check_time(pass, err);
        }
    }
    return rc;
}

static enum status start_and_read(struct pass *pass, struct err *err)
{
    struct topic_reader *reader = pass->reader;
    int64_t *begun = mem_calloc(reader->count, sizeof *begun);
    enum status rc = STATUS_OK;
    size_t p = 0;
    memcpy(begun, pass->starts, reader->count * sizeof *begun);
    for (; p < reader->count && rc == STATUS_OK; p++) {
        if (begun[p] >= 0 &&
            rd_kafka_consume_start_queue(reader->topic, (int32_t)p, begun[p], reader->queue) != 0) {
            rc = kafka_err_code(err, rd_kafka_last_error(), "beginning to read");
            begun[p] = -1;
        }
    }
    if (rc == STATUS_OK) {
        rc = read_all(pass, err);
    }
    stop(reader, p, begun);
    mem_free(begun);
    return rc;
}

enum status
topic_reader_read(struct topic_reader *reader, const struct topic_reading *reading, struct err *err)
{
    struct pass pass = {.reader = reader, .reading = reading};
    enum status rc = prepare(&pass, err);
    if (rc == STATUS_OK && pass.open > 0) {
        rc = start_and_read(&pass, err);
    }
    mem_free(pass.starts);
    return rc;
}

/* --- headers --- */

struct bytes topic_record_header(const struct topic_record *record, const char *name)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t size = 0;
    if (rd_kafka_message_headers(record->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return bytes_of(NULL, 0);
    }
    return bytes_of(value, size);
}

int64_t topic_record_revision(const struct topic_record *record)
{
    char text[24] = "";
    const struct bytes header = topic_record_header(record, "revision");
    if (header.ptr == NULL || header.len >= sizeof text) {
        return 0;
    }
    memcpy(text, header.ptr, header.len);
    return strtoll(text, NULL, 10);
}
