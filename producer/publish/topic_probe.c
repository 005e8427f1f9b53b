#include "producer/publish/topic_probe.h"

#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/service.h"
#include "common/kafka/topic_reader.h"
#include "common/model/product_stock.h"

#define MODULE "topic_probe"
/* How many offsets before the end are read first; ten times as many each time after it. */
#define FIRST_TAIL  10
#define TAIL_FACTOR 10
#define PROGRESS_US 5000000

struct topic_probe {
    struct topic_reader *reader;
    char *topic;
};

enum status topic_probe_open(const struct conf_pairs *kafka,
                             const char *topic,
                             struct topic_probe **probe,
                             struct err *err)
{
    const struct topic_reader_options options = {.kafka = kafka,
                                                 .topic = topic,
                                                 .client_id = "stocksync-producer-probe",
                                                 .uncommitted = true};
    struct topic_reader *reader = NULL;
    const enum status rc = topic_reader_open(&options, &reader, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *probe = mem_calloc(1, sizeof **probe);
    (*probe)->reader = reader;
    (*probe)->topic = mem_strdup(topic);
    return STATUS_OK;
}

void topic_probe_close(struct topic_probe *probe)
{
    if (probe == NULL) {
        return;
    }
    topic_reader_close(probe->reader);
    mem_free(probe->topic);
    mem_free(probe);
}

void topic_facts_release(struct topic_facts *facts)
{
    mem_free(facts->partition);
    *facts = (struct topic_facts){0};
}

static void copy_stream(const struct topic_record *record, char stream[TOPIC_STREAM_SIZE])
{
    const struct bytes header = topic_record_header(record, "stream");
    const size_t len = header.len < TOPIC_STREAM_SIZE ? header.len : TOPIC_STREAM_SIZE - 1;
    if (len > 0) {
        memcpy(stream, header.ptr, len);
    }
    stream[len] = '\0';
}

/* --- ends and newest records --- */

static void fill_ends(struct topic_probe *probe, struct topic_facts *facts)
{
    const struct topic_range *ranges = topic_reader_ranges(probe->reader, &facts->count);
    facts->partition = mem_realloc(facts->partition, facts->count, sizeof *facts->partition);
    for (size_t p = 0; p < facts->count; p++) {
        facts->partition[p] = (struct topic_partition_facts){.end = ranges[p].end};
    }
    (void)topic_reader_cluster(probe->reader, facts->cluster, sizeof facts->cluster);
}

enum status topic_probe_ends(struct topic_probe *probe,
                             int timeout_ms,
                             struct topic_facts *facts,
                             struct err *err)
{
    const enum status rc = topic_reader_measure(probe->reader, timeout_ms, err);
    if (rc == STATUS_OK) {
        fill_ends(probe, facts);
    }
    return rc;
}

/* A later record of a partition replaces an earlier one. */
static bool keep_newest(void *arg, const struct topic_record *record)
{
    struct topic_facts *facts = arg;
    if ((size_t)record->partition < facts->count) {
        struct topic_partition_facts *newest = &facts->partition[record->partition];
        newest->revision = topic_record_revision(record);
        copy_stream(record, newest->stream);
        newest->has_record = true;
    }
    return true;
}

static void report_alive(void *arg)
{
    (void)arg;
    service_alive();
}

/* Partitions that may still have a record before what was read. @return whether there is one */
static bool choose_unread(const struct topic_probe *probe,
                          const struct topic_facts *facts,
                          int64_t read,
                          bool *chosen)
{
    size_t count = 0;
    bool any = false;
    const struct topic_range *ranges = topic_reader_ranges(probe->reader, &count);
    for (size_t p = 0; p < facts->count; p++) {
        chosen[p] =
            p < count && !facts->partition[p].has_record && ranges[p].end - ranges[p].oldest > read;
        any = any || chosen[p];
    }
    return any;
}

enum status topic_probe_facts(struct topic_probe *probe,
                              int timeout_ms,
                              struct topic_facts *facts,
                              struct err *err)
{
    enum status rc = topic_probe_ends(probe, timeout_ms, facts, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct topic_reading reading = {.start = TOPIC_START_LAST,
                                    .last = FIRST_TAIL,
                                    .partition_count = facts->count,
                                    .answer_ms = timeout_ms,
                                    .each = keep_newest,
                                    .tick = report_alive,
                                    .arg = facts};
    bool *chosen = mem_calloc(facts->count, sizeof *chosen);
    bool more = true;
    memset(chosen, true, facts->count * sizeof *chosen);
    reading.partitions = chosen;
    while (rc == STATUS_OK && more) {
        rc = topic_reader_read(probe->reader, &reading, err);
        if (rc == STATUS_OK) {
            more = choose_unread(probe, facts, reading.last, chosen);
            reading.last *= TAIL_FACTOR;
        }
    }
    mem_free(chosen);
    return rc;
}

/* --- records from offsets on --- */

struct passing {
    topic_probe_record_fn each;
    void *arg;
    struct err *err;
    enum status rc;
};

static bool pass_on(void *arg, const struct topic_record *found)
{
    struct passing *passing = arg;
    struct err ignored;
    struct topic_probe_record record = {.partition = found->partition,
                                        .offset = found->offset,
                                        .revision = topic_record_revision(found),
                                        .tombstone = found->value.ptr == NULL};
    if (product_stock_parse_key(found->key, &record.product_id, &ignored) != STATUS_OK) {
        record.product_id = 0;
    }
    copy_stream(found, record.stream);
    passing->rc = passing->each(passing->arg, &record, passing->err);
    return passing->rc == STATUS_OK;
}

enum status topic_probe_from(struct topic_probe *probe,
                             int timeout_ms,
                             const int64_t *starts,
                             size_t count,
                             topic_probe_record_fn each,
                             void *arg,
                             struct err *err)
{
    struct passing passing = {.each = each, .arg = arg, .err = err, .rc = STATUS_OK};
    const struct topic_reading reading = {.start = TOPIC_START_OFFSETS,
                                          .offsets = starts,
                                          .offset_count = count,
                                          .answer_ms = timeout_ms,
                                          .each = pass_on,
                                          .tick = report_alive,
                                          .arg = &passing};
    const enum status rc = topic_reader_read(probe->reader, &reading, err);
    return rc == STATUS_OK ? passing.rc : rc;
}

/* --- keys --- */

struct key_search {
    const char *topic;
    topic_probe_key_fn each;
    void *arg;
    struct err *err;
    enum status rc;
    int64_t records;
    int64_t logged_us;
};

static bool give_key(void *arg, const struct topic_record *record)
{
    struct key_search *search = arg;
    struct err ignored;
    int32_t product_id = 0;
    search->records++;
    if (product_stock_parse_key(record->key, &product_id, &ignored) == STATUS_OK) {
        search->rc = search->each(search->arg, product_id, search->err);
    }
    return search->rc == STATUS_OK;
}

static void log_progress(void *arg)
{
    struct key_search *search = arg;
    const int64_t now_us = clock_monotonic_us();
    service_alive();
    if (now_us - search->logged_us < PROGRESS_US) {
        return;
    }
    search->logged_us = now_us;
    log_info(MODULE, "keys", LF_TEXT("topic", search->topic), LF_INT("records", search->records),
             LF_MSG("the topic is read for products that only it has"));
}

enum status topic_probe_keys(
    struct topic_probe *probe, int timeout_ms, topic_probe_key_fn each, void *arg, struct err *err)
{
    struct key_search search = {.topic = probe->topic,
                                .each = each,
                                .arg = arg,
                                .err = err,
                                .rc = STATUS_OK,
                                .logged_us = clock_monotonic_us()};
    const struct topic_reading reading = {.start = TOPIC_START_OLDEST,
                                          .answer_ms = timeout_ms,
                                          .each = give_key,
                                          .tick = log_progress,
                                          .arg = &search};
    const enum status rc = topic_reader_read(probe->reader, &reading, err);
    return rc == STATUS_OK ? search.rc : rc;
}
