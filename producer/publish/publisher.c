#include "producer/publish/publisher.h"

#include <string.h>

#include "common/avro/avro_codec.h"
#include "common/core/logger.h"
#include "common/core/mem.h"

#define MOD "publisher"
/* librdkafka's default of message.max.bytes. */
#define DEFAULT_MAX_BYTES 1000000
/* After this many batches without one, held records whose marks do not return (deleted by hand) are
 * forgotten. A wrong guess costs one more abort. */
#define BISECT_PATIENCE 100

struct id_set {
    int32_t *ids;
    size_t count;
    size_t cap;
};

struct publisher {
    struct avro_codec *codec;
    struct publish_item *items; /* submitted and not waited for; NULL: none */
    size_t count;
    size_t tried; /* records in the transaction; only 1 (alone) matters */
    struct strbuf value;
    int64_t epoch;
    char **reasons; /* of the last publish */
    size_t reason_count;
    size_t reason_cap;
    struct id_set bisecting; /* refused together with others: tried in halves */
    struct id_set poison;    /* refused alone: parked when they are read again */
    size_t half;             /* how many of bisecting to try at once */
    int misses;              /* batches that could have tried some, but had none */
};

static bool set_has(const struct id_set *set, int32_t id)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->ids[i] == id) {
            return true;
        }
    }
    return false;
}

static void set_add(struct id_set *set, int32_t id)
{
    if (set_has(set, id)) {
        return;
    }
    if (set->count == set->cap) {
        set->cap = mem_grow_capacity(set->cap, set->count + 1);
        set->ids = mem_realloc(set->ids, set->cap, sizeof *set->ids);
    }
    set->ids[set->count++] = id;
}

static void set_remove(struct id_set *set, int32_t id)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->ids[i] == id) {
            set->ids[i] = set->ids[--set->count];
            return;
        }
    }
}

enum status publisher_new(int64_t epoch,
                          int64_t max_message_bytes,
                          struct publisher **publisher,
                          struct err *err)
{
    struct avro_codec *codec = NULL;
    const enum status rc = avro_codec_new(&codec, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct publisher *made = mem_calloc(1, sizeof *made);
    made->codec = codec;
    made->epoch = epoch;
    strbuf_init(&made->value,
                max_message_bytes > 0 ? (size_t)max_message_bytes : DEFAULT_MAX_BYTES);
    *publisher = made;
    return STATUS_OK;
}

static void drop_reasons(struct publisher *p)
{
    for (size_t i = 0; i < p->reason_count; i++) {
        mem_free(p->reasons[i]);
    }
    p->reason_count = 0;
}

void publisher_free(struct publisher *publisher)
{
    if (publisher == NULL) {
        return;
    }
    drop_reasons(publisher);
    mem_free(publisher->reasons);
    mem_free(publisher->bisecting.ids);
    mem_free(publisher->poison.ids);
    strbuf_release(&publisher->value);
    avro_codec_free(publisher->codec);
    mem_free(publisher);
}

bool publisher_is_bisecting(const struct publisher *publisher)
{
    return publisher->bisecting.count > 0;
}

static void
park(struct publisher *p, struct publish_item *item, const char *kind, const char *reason)
{
    if (p->reason_count == p->reason_cap) {
        p->reason_cap = mem_grow_capacity(p->reason_cap, p->reason_count + 1);
        p->reasons = mem_realloc(p->reasons, p->reason_cap, sizeof *p->reasons);
    }
    char *text = mem_strdup(reason);
    p->reasons[p->reason_count++] = text;
    item->end = PUBLISH_PARKED;
    item->kind = kind;
    item->reason = text;
}

/* Encodes one item and queues its record. */
static enum status queue_record(struct publisher *p,
                                struct record_sink *sink,
                                const struct publish_item *item,
                                size_t index,
                                struct err *err)
{
    char key[PRODUCT_STOCK_KEY_SIZE];
    const struct product_stock *stock = item->stock;
    product_stock_format_key(item->product_id, key);
    struct record record = {.key = key,
                            .revision = stock != NULL ? stock->revision : item->revision,
                            .cause = cause_name(stock != NULL ? stock->cause : item->cause),
                            .epoch = p->epoch};
    if (stock != NULL) {
        strbuf_reset(&p->value);
        enum status rc = avro_codec_encode(p->codec, stock, &p->value, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        record.value = strbuf_bytes(&p->value);
    }
    enum status rc = record_sink_begin(sink, err);
    return rc == STATUS_OK ? record_sink_add(sink, &record, index, err) : rc;
}

/* Queues one item. A failure of class RECORD parks it and is not returned. */
static enum status add(struct publisher *p,
                       struct record_sink *sink,
                       struct publish_item *item,
                       size_t index,
                       struct err *err)
{
    if (item->unreadable != NULL) {
        park(p, item, "unreadable", item->unreadable);
        return STATUS_OK;
    }
    enum status rc = queue_record(p, sink, item, index, err);
    item->end = PUBLISH_DONE;
    if (status_class(rc) == CLASS_RECORD) {
        park(p, item, rc == STATUS_TOO_LARGE ? "too_large" : "invalid", err->msg);
        return STATUS_OK;
    }
    return rc;
}

/* After a refusal: a record alone in its transaction is poison; several are bisected. */
static void note_refused(struct publisher *p,
                         const struct record_sink *sink,
                         const struct publish_item *items,
                         size_t tried)
{
    const size_t *indexes = NULL;
    const size_t count = record_sink_refused(sink, &indexes);
    if (count == 0) {
        return;
    }
    if (tried == 1) {
        const int32_t id = items[indexes[0]].product_id;
        set_remove(&p->bisecting, id);
        set_add(&p->poison, id);
        log_warn(MOD, "refused", LF_INT("product", id),
                 LF_MSG("the broker refuses this record alone: parked when it is read again"));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        set_add(&p->bisecting, items[indexes[i]].product_id);
    }
    p->half = (count + 1) / 2;
    p->misses = 0;
    log_warn(MOD, "refused", LF_INT("count", count),
             LF_MSG("the broker refuses some of these records: trying them in halves"));
}

static enum status wait(struct publisher *p,
                        struct record_sink *sink,
                        const struct publish_item *items,
                        size_t tried,
                        int ack_timeout_ms,
                        struct err *err)
{
    const enum status rc = record_sink_wait(sink, ack_timeout_ms, err);
    if (rc == STATUS_BATCH_ABORTED) {
        note_refused(p, sink, items, tried);
    }
    return rc;
}

/* Marks bisected records as held, and queues half of them if alone. Counts both. */
static enum status queue_half(struct publisher *p,
                              struct record_sink *sink,
                              struct publish_item *items,
                              size_t count,
                              size_t *present,
                              size_t *tried,
                              struct err *err)
{
    const bool alone = !record_sink_is_open(sink);
    for (size_t i = 0; i < count; i++) {
        if (!set_has(&p->bisecting, items[i].product_id)) {
            continue;
        }
        ++*present;
        items[i].end = PUBLISH_HELD;
        if (alone && *tried < p->half) {
            ++*tried;
            enum status rc = add(p, sink, &items[i], i, err);
            if (rc != STATUS_OK) {
                return rc;
            }
        }
    }
    return STATUS_OK;
}

/* Tries half of the bisected records in a transaction that is still empty, and holds the rest. */
static enum status try_half(struct publisher *p,
                            struct record_sink *sink,
                            struct publish_item *items,
                            size_t count,
                            int ack_timeout_ms,
                            struct err *err)
{
    const bool alone = !record_sink_is_open(sink);
    size_t present = 0;
    size_t tried = 0;
    enum status rc = queue_half(p, sink, items, count, &present, &tried, err);
    if (present > 0 || (alone && ++p->misses > BISECT_PATIENCE)) {
        p->misses = 0;
        p->bisecting.count = present > 0 ? p->bisecting.count : 0;
    }
    if (rc != STATUS_OK || tried == 0) {
        return rc;
    }
    return wait(p, sink, items, tried, ack_timeout_ms, err);
}

/* The batch is over: records that were published or parked are neither bisected nor poison. */
static void clear_names(struct publisher *p, const struct publish_item *items, size_t count)
{
    if (p->bisecting.count == 0 && p->poison.count == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i].end != PUBLISH_HELD) {
            set_remove(&p->bisecting, items[i].product_id);
            set_remove(&p->poison, items[i].product_id);
        }
    }
}

size_t publisher_count(const struct publisher *publisher)
{
    return publisher->items != NULL ? publisher->count : 0;
}

void publisher_drop(struct publisher *publisher)
{
    publisher->items = NULL;
}

/* Queues the items that are neither bisected nor poison; parks the poison ones. */
static enum status queue_others(struct publisher *p,
                                struct record_sink *sink,
                                struct publish_item *items,
                                size_t count,
                                size_t first,
                                struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const int32_t id = items[i].product_id;
        if (set_has(&p->bisecting, id)) {
            continue;
        }
        if (items[i].unreadable == NULL && set_has(&p->poison, id)) {
            park(p, &items[i], "refused", "the broker refuses this record");
            continue;
        }
        enum status rc = add(p, sink, &items[i], first + i, err);
        p->tried += items[i].end == PUBLISH_DONE ? 1 : 0;
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

enum status publisher_submit(struct publisher *publisher,
                             struct record_sink *sink,
                             struct publish_item *items,
                             size_t count,
                             int ack_timeout_ms,
                             struct err *err)
{
    struct publisher *p = publisher;
    enum status rc = STATUS_OK;
    if (p->items == NULL) {
        drop_reasons(p);
        p->items = items;
        p->count = 0;
    }
    INVARIANT(items == p->items + p->count, "items of two submits in two places");
    if (p->bisecting.count > 0) {
        INVARIANT(p->count == 0, "bisecting while %zu items are in the transaction", p->count);
        rc = try_half(p, sink, items, count, ack_timeout_ms, err);
        if (rc != STATUS_OK) {
            goto failed;
        }
    }
    const size_t first = p->count;
    p->count += count;
    if (first == 0) {
        /* A refused record that shares the transaction with earlier ones is not alone in it. */
        p->tried = record_sink_is_open(sink) ? 1 : 0;
    }
    rc = queue_others(p, sink, items, count, first, err);
    if (rc != STATUS_OK) {
        goto failed;
    }
    return STATUS_OK;
failed:
    publisher_drop(p);
    return rc;
}

enum status publisher_wait(struct publisher *publisher,
                           struct record_sink *sink,
                           int ack_timeout_ms,
                           struct err *err)
{
    struct publisher *p = publisher;
    if (p->items == NULL) {
        return STATUS_OK;
    }
    const struct publish_item *items = p->items;
    p->items = NULL;
    const enum status rc = wait(p, sink, items, p->tried, ack_timeout_ms, err);
    if (rc == STATUS_OK) {
        clear_names(p, items, p->count);
    }
    return rc;
}
