#include "producer/app/streams.h"

#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "producer/app/stream_rules.h"
#include "producer/odoo/id_list.h"

#define MOD "stream"

/* Kafka may be silent for so long, less than a transaction may be open. */
#define TOPIC_LIMIT_MS 8000
#define NOTE_US        INT64_C(5000000)
#define CHECK_US       INT64_C(15000000)
/* Whether the records before the noted offsets are still ours. */
#define RECORDS_US INT64_C(30000000)
/* Marks of one statement. */
#define MARK_SLICE 5000
/* Keys that are collected before repeats are dropped. */
#define KEYS_UNSORTED 100000

struct streams {
    struct streams_port port;
    const struct conf_pairs *kafka;
    const char *name; /* of the topic */
    struct topic_probe *topic;
    struct outbox *outbox;
    struct producer_status *status;
    const struct producer_metrics *metrics;
    struct stream stream;
    struct topic_facts facts; /* as asked last */
    int64_t marking_epoch;    /* all products are being marked since then, for this stream */
    char marking[STREAM_ID_SIZE];
    int64_t noted_us, check_us, records_us; /* monotonic */
};

/* What the records behind the settled ones say. */
struct reading {
    const struct stream *stream;
    int64_t settled; /* of Odoo's database */
    int64_t newest;
    struct id_list unsettled; /* products */
    bool *is_seen;            /* by partition, of a check: a record behind the noted offset came */
    size_t seen;
    bool is_strange;
};

struct streams *streams_new(const struct streams_port *port,
                            const struct conf_pairs *kafka,
                            const char *topic,
                            struct outbox *outbox,
                            struct producer_status *status,
                            const struct producer_metrics *metrics)
{
    struct streams *s = mem_calloc(1, sizeof *s);
    s->port = *port;
    s->kafka = kafka;
    s->name = topic;
    s->outbox = outbox;
    s->status = status;
    s->metrics = metrics;
    return s;
}

void streams_free(struct streams *streams)
{
    if (streams == NULL) {
        return;
    }
    streams->port.close_topic(streams->topic);
    stream_release(&streams->stream);
    topic_facts_release(&streams->facts);
    mem_free(streams);
}

/* --- looking --- */

static bool has_lost(const struct streams *s)
{
    const int64_t *ends = NULL;
    size_t count = outbox_acknowledged(s->outbox, &ends);
    for (size_t i = 0; i < count && i < s->facts.count; i++) {
        if (s->facts.partition[i].end < ends[i]) {
            return true;
        }
    }
    return false;
}

static enum status look(struct streams *s, struct stream_found *found, struct err *err)
{
    *found = (struct stream_found){0};
    enum status rc = s->port.read_ends(s->topic, TOPIC_LIMIT_MS, &s->facts, err);
    if (rc == STATUS_OK) {
        rc = s->port.read_identity(s->port.leader, err);
    }
    if (rc == STATUS_OK) {
        rc = s->port.read_settled(s->port.conn, &found->settled, err);
    }
    found->topic = s->name;
    found->facts = &s->facts;
    found->has_lost = has_lost(s);
    found->identity = s->port.identity(s->port.leader);
    found->ceiling = s->port.ceiling(s->port.leader);
    return rc;
}

static enum status take_record(void *arg, const struct topic_probe_record *record, struct err *err)
{
    struct reading *r = arg;
    const struct stream *stream = r->stream;
    (void)err;
    if ((size_t)record->partition >= stream->partition_count) {
        return STATUS_OK; /* grown meanwhile: the next look sees it */
    }
    int64_t next = stream->next_offsets[record->partition];
    r->newest = record->revision > r->newest ? record->revision : r->newest;
    if (record->offset < next) {
        bool ours = next > stream->first_offsets[record->partition];
        r->is_strange = r->is_strange || (ours && strcmp(record->stream, stream->id) != 0);
    } else if (record->product_id > 0 && record->revision > r->settled) {
        id_list_add(&r->unsettled, record->product_id);
    }
    return STATUS_OK;
}

/* From the last settled record of each partition, which shows whose records these are. */
static enum status
read_behind(struct streams *s, topic_probe_record_fn each, struct reading *reading, struct err *err)
{
    const struct stream *stream = &s->stream;
    int64_t *starts = mem_calloc(stream->partition_count, sizeof *starts);
    for (size_t i = 0; i < stream->partition_count; i++) {
        starts[i] = stream->next_offsets[i] > 0 ? stream->next_offsets[i] - 1 : 0;
    }
    enum status rc = s->port.read_from(s->topic, TOPIC_LIMIT_MS, starts, stream->partition_count,
                                       each, reading, err);
    mem_free(starts);
    return rc;
}

/* --- marks --- */

static enum status mark_all(struct streams *s, const struct id_list *ids, struct err *err)
{
    enum status rc = STATUS_OK;
    for (size_t at = 0; at < ids->count && rc == STATUS_OK; at += MARK_SLICE) {
        size_t left = ids->count - at;
        rc = s->port.mark(s->port.conn, ids->ids + at, left < MARK_SLICE ? left : MARK_SLICE,
                          CAUSE_BACKFILL, err);
    }
    return rc;
}

/* Keys of the topic, repeats dropped from time to time. */
struct keys {
    struct id_list list;
    size_t distinct; /* as counted last */
};

static enum status take_key(void *arg, int32_t product_id, struct err *err)
{
    struct keys *keys = arg;
    (void)err;
    id_list_add(&keys->list, product_id);
    if (keys->list.count >= 2 * keys->distinct + KEYS_UNSORTED) {
        id_list_sort(&keys->list);
        keys->distinct = keys->list.count;
    }
    return STATUS_OK;
}

/* Products that only the topic has: nobody else would write their tombstone. */
static enum status mark_gone(struct streams *s, struct err *err)
{
    struct keys keys = {0};
    const struct id_list *list = &keys.list;
    size_t marked = 0;
    enum status rc = s->port.read_keys(s->topic, TOPIC_LIMIT_MS, take_key, &keys, err);
    id_list_sort(&keys.list);
    for (size_t at = 0; at < list->count && rc == STATUS_OK; at += MARK_SLICE) {
        size_t left = list->count - at;
        size_t some = 0;
        rc = s->port.mark_gone(s->port.conn, list->ids + at, left < MARK_SLICE ? left : MARK_SLICE,
                               &some, err);
        marked += some;
    }
    if (rc == STATUS_OK) {
        log_info(MOD, "keys_compared", LF_INT("count", list->count), LF_INT("gone", marked),
                 LF_MSG("products that only the topic has get a tombstone"));
    }
    id_list_release(&keys.list);
    return rc;
}

/* --- opening --- */

static void describe_new(struct streams *s, const struct stream_found *found, const char *why)
{
    struct stream *stream = &s->stream;
    int32_t wanted = stream->wanted_partitions;
    stream_release(stream);
    stream->wanted_partitions = wanted;
    (void)snprintf(stream->why, sizeof stream->why, "%s", why);
    (void)snprintf(stream->topic, sizeof stream->topic, "%s", found->topic);
    (void)snprintf(stream->cluster, sizeof stream->cluster, "%s", found->facts->cluster);
    stream->identity = *found->identity;
    stream->settled = found->settled;
    stream->partition_count = found->facts->count;
    stream->first_offsets = mem_calloc(found->facts->count, sizeof *stream->first_offsets);
    stream->next_offsets = mem_calloc(found->facts->count, sizeof *stream->next_offsets);
    for (size_t i = 0; i < found->facts->count; i++) {
        stream->first_offsets[i] = found->facts->partition[i].end;
        stream->next_offsets[i] = found->facts->partition[i].end;
    }
}

static enum status
begin(struct streams *s, const struct stream_found *found, const char *why, struct err *err)
{
    char before[STREAM_ID_SIZE];
    memcpy(before, s->stream.id, sizeof before);
    enum status rc = s->port.read_newest(s->topic, TOPIC_LIMIT_MS, &s->facts, err);
    for (size_t i = 0; i < s->facts.count && rc == STATUS_OK; i++) {
        rc = s->port.raise_above(s->port.leader, s->facts.partition[i].revision, err);
    }
    if (rc == STATUS_OK) {
        rc = s->port.forget_digests(s->port.conn, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    describe_new(s, found, why);
    rc = s->port.begin(s->port.leader, &s->stream, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    metric_add(s->metrics->streams, 1);
    log_warn(MOD, "stream_begins", LF_TEXT("stream", s->stream.id), LF_TEXT("why", why),
             LF_TEXT("before", before), LF_INT("first_revision", s->stream.first_revision));
    return STATUS_OK;
}

static enum status go_on(struct streams *s, struct reading *reading, struct err *err)
{
    enum status rc = s->port.raise_above(s->port.leader, reading->newest, err);
    id_list_sort(&reading->unsettled);
    if (rc != STATUS_OK || reading->unsettled.count == 0) {
        return rc;
    }
    log_info(MOD, "unsettled_records", LF_INT("count", reading->unsettled.count),
             LF_MSG("published and not settled: these products are read again"));
    return mark_all(s, &reading->unsettled, err);
}

static enum status judge(struct streams *s, struct reading *reading, struct err *err)
{
    struct stream_found found;
    const char *why = NULL;
    enum status rc = look(s, &found, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    reading->settled = found.settled;
    enum stream_verdict verdict = stream_judge(&s->stream, &found, &why, err);
    if (verdict == STREAM_GOES_ON) {
        rc = read_behind(s, take_record, reading, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        found.newest_revision = reading->newest;
        found.is_strange = reading->is_strange;
        verdict = stream_judge(&s->stream, &found, &why, err);
    }
    switch (verdict) {
    case STREAM_REFUSED:
        return err->status;
    case STREAM_BEGINS:
        return begin(s, &found, why, err);
    case STREAM_GOES_ON:
        break;
    }
    return go_on(s, reading, err);
}

/* The operator starts the first load of an empty topic. */
static enum status prepare(struct streams *s, int64_t epoch, bool *publish_all, struct err *err)
{
    bool is_marking = s->marking_epoch == epoch && strcmp(s->marking, s->stream.id) == 0;
    if (s->stream.marked || is_marking) {
        return STATUS_OK;
    }
    if (strcmp(s->stream.why, "first") == 0) {
        log_info(MOD, "first_start",
                 LF_MSG("nothing was published before: 'stocksync-producer backfill --all' "
                        "publishes every product"));
        return streams_marked(s, err);
    }
    log_warn(MOD, "backfill", LF_TEXT("why", s->stream.why),
             LF_MSG("a new stream: every product is published again"));
    enum status rc = mark_gone(s, err);
    if (rc == STATUS_OK) {
        s->marking_epoch = epoch;
        memcpy(s->marking, s->stream.id, sizeof s->marking);
        *publish_all = true;
    }
    return rc;
}

enum status streams_open(struct streams *streams, int64_t epoch, bool *publish_all, struct err *err)
{
    struct streams *s = streams;
    struct reading reading = {.stream = &s->stream};
    *publish_all = false;
    stream_release(&s->stream);
    s->port.close_topic(s->topic);
    s->topic = NULL;
    enum status rc = s->port.open_topic(s->kafka, s->name, &s->topic, err);
    if (rc == STATUS_OK) {
        rc = s->port.read(s->port.leader, &s->stream, err);
    }
    if (rc == STATUS_OK) {
        rc = judge(s, &reading, err);
    }
    id_list_release(&reading.unsettled);
    if (rc == STATUS_OK) {
        rc = prepare(s, epoch, publish_all, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    outbox_set_stream(s->outbox, s->stream.id, s->stream.settled);
    producer_status_set_stream(s->status, &s->stream);
    s->noted_us = clock_monotonic_us();
    s->check_us = s->noted_us;
    s->records_us = s->noted_us;
    return STATUS_OK;
}

enum status streams_marked(struct streams *streams, struct err *err)
{
    enum status rc = streams->port.marked(streams->port.leader, err);
    streams->stream.marked = streams->stream.marked || rc == STATUS_OK;
    return rc;
}

/* --- going on --- */

/*
 * A partition's offset moves on only after the record before it was seen to be ours (or for the
 * first time). Else an offset in a topic that somebody filled would take its place unseen.
 */
static bool move_offsets(struct stream *stream, const int64_t *ends, size_t count, bool is_checked)
{
    bool moved = false;
    for (size_t i = 0; i < count && i < stream->partition_count; i++) {
        bool is_first = stream->next_offsets[i] == stream->first_offsets[i];
        if ((is_checked || is_first) && ends[i] > stream->next_offsets[i]) {
            stream->next_offsets[i] = ends[i];
            moved = true;
        }
    }
    return moved;
}

static enum status note(struct streams *s, bool is_checked, struct err *err)
{
    size_t count = 0;
    const int64_t *ends = NULL;
    int64_t revision = outbox_settled(s->outbox, &ends, &count);
    bool is_news = revision > s->stream.settled;
    enum status rc = is_news ? s->port.write_settled(s->port.conn, revision, true, err) : STATUS_OK;
    if (rc != STATUS_OK) {
        return rc;
    }
    s->stream.settled = is_news ? revision : s->stream.settled;
    bool moved = move_offsets(&s->stream, ends, count, is_checked);
    return is_news || moved ? s->port.note(s->port.leader, &s->stream, err) : STATUS_OK;
}

/* Ends when each partition has shown a record behind its settled ones, or with the topic. */
static enum status look_before(void *arg, const struct topic_probe_record *record, struct err *err)
{
    struct reading *r = arg;
    size_t partition = (size_t)record->partition;
    if (partition >= r->stream->partition_count) {
        return STATUS_OK;
    }
    if (record->offset < r->stream->next_offsets[partition]) {
        return take_record(arg, record, err);
    }
    r->seen += !r->is_seen[partition];
    r->is_seen[partition] = true;
    return r->seen == r->stream->partition_count ? STATUS_NOT_FOUND : STATUS_OK;
}

/* Somebody may have created the topic again and filled it beyond our offsets. */
static enum status check_records(struct streams *s, struct stream_found *found, struct err *err)
{
    struct reading reading = {.stream = &s->stream};
    reading.is_seen = mem_calloc(s->stream.partition_count, sizeof *reading.is_seen);
    enum status rc = read_behind(s, look_before, &reading, err);
    found->is_strange = reading.is_strange;
    mem_free(reading.is_seen);
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

static enum status check(struct streams *s, bool with_records, struct err *err)
{
    struct stream_found found;
    const char *why = NULL;
    enum status rc = look(s, &found, err);
    if (rc == STATUS_OK && with_records && s->facts.count == s->stream.partition_count) {
        rc = check_records(s, &found, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    switch (stream_judge(&s->stream, &found, &why, err)) {
    case STREAM_BEGINS:
        return err_set(err, STATUS_STREAM_ENDED, "stream %s ended (%s): a new one begins",
                       s->stream.id, why);
    case STREAM_REFUSED:
        return err->status;
    case STREAM_GOES_ON:
        break;
    }
    return STATUS_OK;
}

enum status streams_run(struct streams *streams, struct err *err)
{
    int64_t now = clock_monotonic_us();
    enum status rc = STATUS_OK;
    if (now - streams->noted_us >= NOTE_US) {
        streams->noted_us = now;
        rc = note(streams, false, err);
    }
    if (rc == STATUS_OK && now - streams->check_us >= CHECK_US) {
        bool with_records = now - streams->records_us >= RECORDS_US;
        streams->check_us = now;
        streams->records_us = with_records ? now : streams->records_us;
        rc = check(streams, with_records, err);
        if (rc == STATUS_OK && with_records) {
            rc = note(streams, true, err);
        }
    }
    return rc;
}

enum status streams_stop(struct streams *streams, struct err *err)
{
    return streams->stream.exists ? note(streams, false, err) : STATUS_OK;
}
