#include "consumer/plan/offset_ledger.h"

#include <inttypes.h>

#include "common/core/mem.h"
#include "consumer/plan/hash_index.h"

#define NONE UINT32_MAX

/* An unfinished record. They form a list by offset; free entries form a stack through `newer`. */
struct unfinished {
    int64_t offset;
    uint32_t holds;
    uint32_t older;
    uint32_t newer;
};

struct partition {
    bool open;
    uint32_t epoch;
    int64_t last;      /* greatest offset added in this epoch, -1: none */
    int64_t committed; /* next offset handed to Kafka, or the epoch's first; -1: none */
    struct unfinished *pool;
    size_t pool_capacity;
    uint32_t pool_used;
    uint32_t free;
    uint32_t oldest, newest;
    struct hash_index by_offset;
};

struct offset_ledger {
    struct partition *list; /* by partition number */
    size_t count;
    size_t unfinished;
    struct partition *retries; /* OFFSET_LEDGER_RETRY: never committed */
};

static void partition_clear(struct partition *p)
{
    mem_free(p->pool);
    hash_index_release(&p->by_offset);
    *p = (struct partition){.epoch = p->epoch};
}

static void partition_begin(struct partition *p)
{
    p->open = true;
    p->epoch++;
    p->last = -1;
    p->committed = -1;
    p->free = p->oldest = p->newest = NONE;
    hash_index_init(&p->by_offset);
}

struct offset_ledger *offset_ledger_new(void)
{
    struct offset_ledger *ol = mem_calloc(1, sizeof *ol);
    ol->retries = mem_calloc(1, sizeof *ol->retries);
    partition_begin(ol->retries);
    return ol;
}

void offset_ledger_free(struct offset_ledger *ol)
{
    if (ol == NULL) {
        return;
    }
    partition_clear(ol->retries);
    mem_free(ol->retries);
    for (size_t i = 0; i < ol->count; i++) {
        partition_clear(&ol->list[i]);
    }
    mem_free(ol->list);
    mem_free(ol);
}

static struct partition *find_open(const struct offset_ledger *ol, int32_t partition)
{
    if (partition == OFFSET_LEDGER_RETRY) {
        return ol->retries;
    }
    if (partition < 0 || (size_t)partition >= ol->count || !ol->list[partition].open) {
        return NULL;
    }
    return &ol->list[partition];
}

static struct partition *find_epoch(const struct offset_ledger *ol, struct record_position at)
{
    struct partition *p = find_open(ol, at.partition);
    return p != NULL && p->epoch == at.epoch ? p : NULL;
}

void offset_ledger_close(struct offset_ledger *ol, int32_t partition)
{
    struct partition *p = find_open(ol, partition);
    if (p != NULL) {
        ol->unfinished -= p->by_offset.count;
        partition_clear(p);
    }
}

void offset_ledger_open(struct offset_ledger *ol, int32_t partition)
{
    INVARIANT(partition >= 0, "partition %" PRId32, partition);
    size_t index = (size_t)partition;
    if (index >= ol->count) {
        ol->list = mem_realloc(ol->list, index + 1, sizeof *ol->list);
        for (; ol->count <= index; ol->count++) {
            ol->list[ol->count] = (struct partition){0};
        }
    }
    offset_ledger_close(ol, partition);
    partition_begin(&ol->list[index]);
}

bool offset_ledger_is_open(const struct offset_ledger *ol, int32_t partition)
{
    return find_open(ol, partition) != NULL;
}

size_t offset_ledger_partitions(const struct offset_ledger *ol, int32_t *partitions, size_t max)
{
    size_t filled = 0;
    for (size_t i = 0; i < ol->count && filled < max; i++) {
        if (ol->list[i].open) {
            partitions[filled++] = (int32_t)i;
        }
    }
    return filled;
}

/* Offsets are consecutive: one multiplication spreads them. */
static uint32_t offset_tag(int64_t offset)
{
    return (uint32_t)(((uint64_t)offset * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
}

static uint32_t take_free(struct partition *p)
{
    if (p->free != NONE) {
        uint32_t number = p->free;
        p->free = p->pool[number].newer;
        return number;
    }
    if (p->pool_used == p->pool_capacity) {
        p->pool_capacity = mem_grow_capacity(p->pool_capacity, (size_t)p->pool_used + 1);
        p->pool = mem_realloc(p->pool, p->pool_capacity, sizeof *p->pool);
    }
    return p->pool_used++;
}

enum status offset_ledger_add(struct offset_ledger *ol,
                              int32_t partition,
                              int64_t offset,
                              struct record_position *at)
{
    struct partition *p = find_open(ol, partition);
    if (p == NULL) {
        return STATUS_NOT_FOUND;
    }
    if (offset <= p->last) {
        return STATUS_DUPLICATE;
    }
    if (p->last < 0) {
        p->committed = offset; /* everything before it was finished in an earlier epoch */
    }
    p->last = offset;
    uint32_t number = take_free(p);
    p->pool[number] =
        (struct unfinished){.offset = offset, .holds = 1, .older = p->newest, .newer = NONE};
    if (p->newest != NONE) {
        p->pool[p->newest].newer = number;
    } else {
        p->oldest = number;
    }
    p->newest = number;
    hash_index_add(&p->by_offset, offset_tag(offset), number);
    ol->unfinished += p != ol->retries;
    *at = (struct record_position){.partition = partition, .epoch = p->epoch, .offset = offset};
    return STATUS_OK;
}

/* The place of an unfinished record, or the free place at which the search ended. */
static size_t search(const struct partition *p, int64_t offset)
{
    const struct hash_index *s = &p->by_offset;
    size_t i = hash_index_home(s, offset_tag(offset));
    while (hash_index_taken(s, i) && p->pool[hash_index_number(s, i)].offset != offset) {
        i = hash_index_next(s, i);
    }
    return i;
}

/* A finished record here is our own mistake: the committable offset would pass unfinished work. */
static size_t place_of(const struct partition *p, struct record_position at)
{
    const struct hash_index *s = &p->by_offset;
    size_t i = search(p, at.offset);
    INVARIANT(hash_index_taken(s, i), "partition %" PRId32 " offset %" PRId64 " has no hold",
              at.partition, at.offset);
    return i;
}

void offset_ledger_hold(struct offset_ledger *ol, struct record_position at)
{
    struct partition *p = find_epoch(ol, at);
    if (p != NULL) {
        p->pool[hash_index_number(&p->by_offset, place_of(p, at))].holds++;
    }
}

static void unlink_record(struct partition *p, uint32_t number)
{
    struct unfinished *u = &p->pool[number];
    if (u->older != NONE) {
        p->pool[u->older].newer = u->newer;
    } else {
        p->oldest = u->newer;
    }
    if (u->newer != NONE) {
        p->pool[u->newer].older = u->older;
    } else {
        p->newest = u->older;
    }
    u->newer = p->free;
    p->free = number;
}

void offset_ledger_finish(struct offset_ledger *ol, struct record_position at)
{
    struct partition *p = find_epoch(ol, at);
    if (p == NULL) {
        return;
    }
    size_t place = place_of(p, at);
    uint32_t number = hash_index_number(&p->by_offset, place);
    if (--p->pool[number].holds == 0) {
        hash_index_remove(&p->by_offset, place);
        unlink_record(p, number);
        ol->unfinished -= p != ol->retries;
    }
}

bool offset_ledger_is_finished(const struct offset_ledger *ol, struct record_position at)
{
    const struct partition *p = find_epoch(ol, at);
    return p == NULL || !hash_index_taken(&p->by_offset, search(p, at.offset));
}

void offset_ledger_drop_retries(struct offset_ledger *ol)
{
    partition_clear(ol->retries);
    partition_begin(ol->retries);
}

/* The next offset below which all is finished; -1 before the first record. */
static int64_t next_of(const struct partition *p)
{
    if (p->oldest != NONE) {
        return p->pool[p->oldest].offset;
    }
    return p->last < 0 ? -1 : p->last + 1;
}

size_t offset_ledger_committable(const struct offset_ledger *ol,
                                 int32_t *partitions,
                                 int64_t *next_offsets,
                                 size_t max)
{
    size_t filled = 0;
    for (size_t i = 0; i < ol->count && filled < max; i++) {
        const struct partition *p = &ol->list[i];
        int64_t next = p->open ? next_of(p) : -1;
        if (next > p->committed) {
            partitions[filled] = (int32_t)i;
            next_offsets[filled] = next;
            filled++;
        }
    }
    return filled;
}

void offset_ledger_committed(struct offset_ledger *ol,
                             const int32_t *partitions,
                             const int64_t *next_offsets,
                             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct partition *p = find_open(ol, partitions[i]);
        if (p != NULL && next_offsets[i] > p->committed) {
            p->committed = next_offsets[i];
        }
    }
}

int64_t offset_ledger_last(const struct offset_ledger *ol, int32_t partition)
{
    const struct partition *p = find_open(ol, partition);
    return p != NULL ? p->last : -1;
}

int64_t offset_ledger_next(const struct offset_ledger *ol, int32_t partition)
{
    const struct partition *p = find_open(ol, partition);
    return p != NULL ? next_of(p) : -1;
}

size_t offset_ledger_unfinished(const struct offset_ledger *ol)
{
    return ol->unfinished;
}

size_t offset_ledger_unfinished_of(const struct offset_ledger *ol, int32_t partition)
{
    const struct partition *p = find_open(ol, partition);
    return p != NULL ? p->by_offset.count : 0;
}
