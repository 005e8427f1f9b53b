#include "tests/unit/lane/fake_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/avro/avro_codec.h"
#include "common/core/mem.h"
#include "tests/unit/lane/fake_clock.h"

struct fake_source fake_source;

struct record_source {
    int32_t named[FAKE_PARTITIONS]; /* of the last event */
};

struct record {
    int32_t partition;
    int64_t offset;
    char *key, *value; /* owned */
    size_t key_len, value_len;
    char database[48]; /* "": no header */
    char stream[48];   /* "": no header */
    int64_t revision;
};

static struct record_source the_source;

static struct {
    struct record *list;
    size_t count, room;
} records;

static struct avro_codec *codec;
static int32_t leaving = -1; /* revoked, and not released yet */
static struct source_health health;
static bool joining; /* the first assignment is still to be delivered */

void fake_source_reset(void)
{
    fake_source_release();
    fake_source = (struct fake_source){.partitions = 1};
}

void fake_source_release(void)
{
    for (size_t i = 0; i < records.count; i++) {
        mem_free(records.list[i].key);
        mem_free(records.list[i].value);
    }
    mem_free(records.list);
    memset(&records, 0, sizeof records);
    avro_codec_free(codec);
    codec = NULL;
}

/* --- the topic --- */

int64_t fake_source_append_bytes(int32_t partition, struct bytes key, struct bytes value)
{
    struct fake_partition *p = &fake_source.partition[partition];
    struct record r = {.partition = partition,
                       .offset = p->end,
                       .key = mem_strndup((const char *)key.ptr, key.len),
                       .key_len = key.len,
                       .value_len = value.len};
    r.value = value.ptr != NULL ? mem_strndup((const char *)value.ptr, value.len) : NULL;
    MEM_ADD(&records, list, count, room, &r);
    return p->end++;
}

static struct record *last_record(void)
{
    return &records.list[records.count - 1];
}

int64_t
fake_source_append(int32_t partition, const struct product_stock *stock, const char *database)
{
    struct err err = {0};
    struct strbuf value;
    char key[PRODUCT_STOCK_KEY_SIZE];
    strbuf_init(&value, 65536);
    if (codec == NULL) {
        assert_int_equal(avro_codec_new(&codec, &err), STATUS_OK);
    }
    assert_int_equal(avro_codec_encode(codec, stock, &value, &err), STATUS_OK);
    product_stock_format_key(stock->product_id, key);
    int64_t offset = fake_source_append_bytes(partition, bytes_text(key), strbuf_bytes(&value));
    last_record()->revision = stock->revision;
    (void)snprintf(last_record()->database, sizeof records.list->database, "%s",
                   database != NULL ? database : "");
    strbuf_release(&value);
    return offset;
}

int64_t fake_source_append_tombstone(int32_t partition, int32_t product_id, int64_t revision)
{
    char key[PRODUCT_STOCK_KEY_SIZE];
    product_stock_format_key(product_id, key);
    int64_t offset = fake_source_append_bytes(partition, bytes_text(key), (struct bytes){0});
    last_record()->revision = revision;
    return offset;
}

void fake_source_stream(const char *stream)
{
    (void)snprintf(last_record()->stream, sizeof records.list->stream, "%s", stream);
}

static void drop_record(size_t at)
{
    mem_free(records.list[at].key);
    mem_free(records.list[at].value);
    records.count--;
    memmove(records.list + at, records.list + at + 1, (records.count - at) * sizeof *records.list);
}

/* A client that is behind the end reads from the beginning: auto.offset.reset. */
void fake_source_cut(int32_t partition, int64_t end)
{
    struct fake_partition *p = &fake_source.partition[partition];
    for (size_t i = records.count; i > 0; i--) {
        if (records.list[i - 1].partition == partition && records.list[i - 1].offset >= end) {
            drop_record(i - 1);
        }
    }
    p->end = end;
    if (p->assigned && p->position > end) {
        p->position = 0;
        p->end_told = false;
    }
}

void fake_source_rebalance(enum source_event_type type, int32_t partition, int64_t after_us)
{
    assert_true(fake_source.rebalance_count < FAKE_REBALANCES);
    fake_source.rebalances[fake_source.rebalance_count++] = (struct fake_rebalance){
        .type = type, .partition = partition, .at_us = clock_monotonic_us() + after_us};
}

static bool is_slow(int64_t offset)
{
    return fake_source.slow_from > 0 && offset >= fake_source.slow_from &&
           clock_monotonic_us() < fake_source.slow_until_us;
}

static const struct record *next_record(void)
{
    for (size_t i = 0; i < records.count; i++) {
        const struct record *r = &records.list[i];
        const struct fake_partition *p = &fake_source.partition[r->partition];
        if (p->assigned && !p->paused && r->partition != leaving && p->position == r->offset &&
            !is_slow(r->offset)) {
            return r;
        }
    }
    return NULL;
}

/* A partition whose end was reached and not told; -1: none. */
static int32_t next_end(void)
{
    for (int32_t i = 0; i < FAKE_PARTITIONS; i++) {
        const struct fake_partition *p = &fake_source.partition[i];
        if (p->assigned && !p->paused && i != leaving && p->position == p->end && !p->end_told) {
            return i;
        }
    }
    return -1;
}

int64_t fake_source_readable_us(void)
{
    if (fake_source.is_silent || fake_source.is_down) {
        return INT64_MAX;
    }
    const struct fake_source *f = &fake_source;
    if (joining || f->poll_rc != STATUS_OK || next_record() != NULL || next_end() >= 0) {
        return 0;
    }
    int64_t slow_us =
        clock_monotonic_us() < f->slow_until_us && f->slow_from > 0 ? f->slow_until_us : INT64_MAX;
    return f->rebalance_next < f->rebalance_count ? f->rebalances[f->rebalance_next].at_us
                                                  : slow_us;
}

/* --- the port --- */

static enum status source_open(const struct record_source_options *options,
                               struct record_source **source,
                               struct err *err)
{
    assert_string_equal(options->topic, "stock");
    fake_source.opens++;
    if (fake_source.open_rc != STATUS_OK) {
        return err_set(err, fake_source.open_rc, "no source");
    }
    for (size_t i = 0; i < FAKE_PARTITIONS; i++) {
        struct fake_partition *p = &fake_source.partition[i];
        p->assigned = p->end_told = p->paused = false;
    }
    joining = fake_source.partitions > 0 && !fake_source.never_joins;
    source_health_begin(&health, clock_monotonic_us());
    leaving = -1;
    fake_source.open = true;
    *source = &the_source;
    return STATUS_OK;
}

static int source_fd(const struct record_source *source)
{
    assert_ptr_equal(source, &the_source);
    return 7;
}

static void assign(int32_t partition)
{
    struct fake_partition *p = &fake_source.partition[partition];
    p->assigned = true;
    p->end_told = p->paused = false;
    p->position = p->committed <= p->end ? p->committed : 0;
    p->expected = p->committed;
    p->from_start = false;
}

static void deliver_join(struct record_source *source, struct source_event *event)
{
    source_health_note_joined(&health, clock_monotonic_us());
    joining = false;
    for (int32_t i = 0; i < fake_source.partitions; i++) {
        source->named[i] = i;
        assign(i);
    }
    *event = (struct source_event){.type = SOURCE_ASSIGNED,
                                   .partitions = source->named,
                                   .partition_count = (size_t)fake_source.partitions};
}

static void deliver_rebalance(struct record_source *source, struct source_event *event)
{
    const struct fake_rebalance *r = &fake_source.rebalances[fake_source.rebalance_next++];
    source->named[0] = r->partition;
    if (r->partition == FAKE_NONE) {
        assert_int_equal(r->type, SOURCE_ASSIGNED);
    } else if (r->type == SOURCE_ASSIGNED) {
        source_health_note_joined(&health, clock_monotonic_us());
        assign(r->partition);
    } else if (r->type == SOURCE_REVOKED) {
        leaving = r->partition;
    } else {
        fake_source.partition[r->partition].assigned = false;
        source_health_note_lost(&health, clock_monotonic_us());
    }
    *event = (struct source_event){
        .type = r->type, .partitions = source->named, .partition_count = r->partition != FAKE_NONE};
}

static int64_t watch(struct fake_partition *p, int64_t offset)
{
    int64_t expected = p->expected;
    p->expected = offset;
    return offset < expected ? expected : 0;
}

static void deliver_record(const struct record *r, struct source_event *event)
{
    struct fake_partition *p = &fake_source.partition[r->partition];
    int64_t gone_back_from = watch(p, r->offset);
    p->position++;
    p->end_told = false;
    *event = (struct source_event){.type = SOURCE_RECORD,
                                   .partition = r->partition,
                                   .offset = r->offset,
                                   .gone_back_from = gone_back_from,
                                   .timestamp_ms = -1,
                                   .key = bytes_of(r->key, r->key_len),
                                   .value = bytes_of(r->value, r->value_len),
                                   .header_revision = r->revision};
    if (r->database[0] != '\0') {
        event->header_database = bytes_text(r->database);
    }
    if (r->stream[0] != '\0') {
        event->header_stream = bytes_text(r->stream);
    }
}

static enum status
source_poll(struct record_source *source, struct source_event *event, struct err *err)
{
    struct fake_source *f = &fake_source;
    *event = (struct source_event){.type = SOURCE_NOTHING};
    assert_true(f->open);
    if (f->poll_rc != STATUS_OK) {
        enum status rc = f->poll_rc;
        f->poll_rc = STATUS_OK;
        source_health_note_failure(&health, clock_monotonic_us(), rc == STATUS_BROKER_LOST,
                                   "no poll");
        return err_set(err, rc, "no poll");
    }
    if (f->is_down) {
        source_health_note_failure(&health, clock_monotonic_us(), true, SOURCE_DOWN);
        return STATUS_OK;
    }
    if (f->is_silent) {
        return STATUS_OK;
    }
    const struct kafka_stats stats = {.received = health.received + 1};
    source_health_note_stats(&health, &stats, clock_monotonic_us());
    if (joining) {
        deliver_join(source, event);
        return STATUS_OK;
    }
    if (f->rebalance_next < f->rebalance_count &&
        f->rebalances[f->rebalance_next].at_us <= clock_monotonic_us()) {
        deliver_rebalance(source, event);
        return STATUS_OK;
    }
    const struct record *record = next_record();
    int32_t end = next_end();
    if (record != NULL) {
        deliver_record(record, event);
    } else if (end >= 0) {
        struct fake_partition *p = &f->partition[end];
        p->end_told = true;
        *event = (struct source_event){.type = SOURCE_AT_END,
                                       .partition = end,
                                       .offset = p->end,
                                       .gone_back_from = watch(p, p->end)};
    }
    return STATUS_OK;
}

static void source_read_from(struct record_source *source, int32_t partition, int64_t offset)
{
    struct fake_partition *p = &fake_source.partition[partition];
    assert_ptr_equal(source, &the_source);
    assert_true(p->assigned);
    p->position = offset <= p->end ? offset : 0;
    p->expected = offset;
    p->from_start = offset == 0;
}

/* Offsets of a group fall only where its partition begins or went back, and none is committed that
 * was not delivered. */
static void take_commit(const struct partition_offset *list, size_t count)
{
    assert_true(fake_source.open);
    for (size_t i = 0; i < count; i++) {
        struct fake_partition *p = &fake_source.partition[list[i].partition];
        assert_true(p->assigned);
        assert_true(fake_source.may_fall || list[i].next_offset >= p->committed);
        assert_true(fake_source.may_fall || list[i].next_offset <= p->position);
        p->committed = list[i].next_offset;
    }
}

static void
source_commit(struct record_source *source, const struct partition_offset *list, size_t count)
{
    assert_ptr_equal(source, &the_source);
    fake_source.commits++;
    take_commit(list, count);
}

static enum status source_commit_wait(struct record_source *source,
                                      const struct partition_offset *list,
                                      size_t count,
                                      int timeout_ms,
                                      struct err *err)
{
    assert_ptr_equal(source, &the_source);
    assert_in_range(timeout_ms, 1, 10000);
    fake_source.waited_commits++;
    if (fake_source.commit_rc != STATUS_OK) {
        return err_set(err, fake_source.commit_rc, "no commit");
    }
    take_commit(list, count);
    return STATUS_OK;
}

static void source_release_partitions(struct record_source *source)
{
    assert_ptr_equal(source, &the_source);
    assert_true(leaving >= 0);
    fake_source.partition[leaving].assigned = false;
    fake_source.releases++;
    leaving = -1;
}

static int32_t source_partition_of(const struct record_source *source, int32_t product_id)
{
    (void)source;
    return product_id % (fake_source.partitions > 0 ? fake_source.partitions : 1);
}

static void source_pause(struct record_source *source, int32_t partition, bool paused)
{
    struct fake_partition *p = &fake_source.partition[partition];
    assert_ptr_equal(source, &the_source);
    assert_true(p->assigned && p->paused != paused);
    p->paused = paused;
}

static size_t source_assigned_count(const struct record_source *source)
{
    size_t count = 0;
    assert_ptr_equal(source, &the_source);
    for (int32_t i = 0; i < FAKE_PARTITIONS; i++) {
        count += fake_source.partition[i].assigned; /* also while it leaves */
    }
    return count;
}

static void source_close(struct record_source *source, int timeout_ms)
{
    assert_in_range(timeout_ms, 1, 10000);
    if (source != NULL) {
        fake_source.open = false;
    }
}

static int32_t source_partition_count(const struct record_source *source)
{
    (void)source;
    return fake_source.is_uncounted ? 0 : fake_source.partitions;
}

static const struct source_health *source_show_health(const struct record_source *source)
{
    (void)source;
    return &health;
}

const struct source_port fake_source_port = {.open = source_open,
                                             .fd = source_fd,
                                             .poll = source_poll,
                                             .commit = source_commit,
                                             .commit_wait = source_commit_wait,
                                             .read_from = source_read_from,
                                             .release_partitions = source_release_partitions,
                                             .pause = source_pause,
                                             .partition_count = source_partition_count,
                                             .assigned_count = source_assigned_count,
                                             .partition_of = source_partition_of,
                                             .health = source_show_health,
                                             .close = source_close};
