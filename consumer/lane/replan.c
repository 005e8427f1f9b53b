#include "consumer/lane/replan.h"

#include <string.h>

#include "common/core/logger.h"
#include "common/core/mem.h"

#define MOD "lane"

void replan_open(struct replan *r, const struct lane_context *c, const struct streams *streams)
{
    *r = (struct replan){.c = c, .streams = streams};
    (void)rules_digest(&c->rules, c->store->quantity_name, r->digest);
}

void replan_close(struct replan *r)
{
    mem_free(r->list);
    *r = (struct replan){0};
}

static struct replan_partition *find(const struct replan *r, int32_t partition)
{
    return (size_t)partition < r->size ? &r->list[partition] : NULL;
}

static size_t count_stage(const struct replan *r, enum replan_stage stage)
{
    size_t count = 0;
    for (size_t i = 0; i < r->size; i++) {
        count += r->list[i].stage == stage;
    }
    return count;
}

/* --- assignments --- */

static void begin(struct replan *r, int32_t partition, enum replan_stage stage)
{
    size_t index = (size_t)partition;
    if (index >= r->size) {
        size_t size = mem_grow_capacity(r->size, index + 1);
        r->list = mem_realloc(r->list, size, sizeof *r->list);
        memset(r->list + r->size, 0, (size - r->size) * sizeof *r->list);
        r->size = size;
    }
    r->list[index] = (struct replan_partition){.stage = stage, .last = -1};
    if (stage == REPLAN_AGAIN) {
        r->c->ports->source->read_from(r->c->source, partition,
                                       streams_first_offset(r->streams, partition));
    }
}

static enum replan_stage
stage_of(const struct replan *r, const struct state_planned *planned, bool has_levels)
{
    if (strcmp(planned->digest, r->digest) == 0) {
        return REPLAN_NONE;
    }
    return planned->digest[0] == '\0' && !has_levels ? REPLAN_FRESH : REPLAN_AGAIN;
}

static enum status
compare(struct replan *r, struct state_planned *list, size_t count, struct err *err)
{
    const struct lane_context *c = r->c;
    bool has_levels = false;
    size_t again = 0;
    enum status rc = c->ports->state->planned->read(c->state, list, count, &has_levels, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        enum replan_stage stage = stage_of(r, &list[i], has_levels);
        begin(r, list[i].partition, stage);
        again += stage == REPLAN_AGAIN;
    }
    if (again > 0) {
        log_info(MOD, "planning_again", LF_TEXT("store", c->store->name), LF_INT("count", again),
                 LF_INT("assigned", count),
                 LF_MSG("these partitions were planned with other rules: they are read from "
                        "their beginning"));
    }
    return STATUS_OK;
}

enum status
replan_note_assigned(struct replan *r, const int32_t *partitions, size_t count, struct err *err)
{
    if (count == 0) {
        return STATUS_OK;
    }
    if (!r->c->sink->writes) { /* a dry run has no offsets: it always reads history */
        for (size_t i = 0; i < count; i++) {
            begin(r, partitions[i], REPLAN_FRESH);
        }
        return STATUS_OK;
    }
    struct state_planned *list = mem_calloc(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i].partition = partitions[i];
    }
    enum status rc = compare(r, list, count, err);
    mem_free(list);
    return rc;
}

void replan_drop_partition(struct replan *r, int32_t partition)
{
    struct replan_partition *p = find(r, partition);
    if (p != NULL) {
        p->stage = REPLAN_NONE;
    }
}

/* --- progress --- */

void replan_note_end(struct replan *r, int32_t partition)
{
    struct replan_partition *p = find(r, partition);
    if (p == NULL) {
        return;
    }
    if (p->stage == REPLAN_FRESH) {
        p->stage = r->c->sink->writes ? REPLAN_DONE : REPLAN_NONE;
    } else if (p->stage == REPLAN_AGAIN) {
        p->stage = REPLAN_FINISHING;
        p->last = offset_ledger_last(r->c->ledger, partition);
    }
}

void replan_note_blocked(struct replan *r, int32_t partition)
{
    struct replan_partition *p = find(r, partition);
    if (p != NULL) {
        p->is_blocked = true;
    }
}

bool replan_is_reading(const struct replan *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->size; i++) {
        const struct replan_partition *p = &r->list[i];
        bool reads = p->stage == REPLAN_AGAIN || (p->stage == REPLAN_FRESH && !r->c->sink->writes);
        count += reads && !p->is_blocked;
    }
    return count > 0;
}

size_t replan_count(const struct replan *r)
{
    return count_stage(r, REPLAN_AGAIN) + count_stage(r, REPLAN_FINISHING);
}

bool replan_may_commit(const struct replan *r, int32_t partition)
{
    const struct replan_partition *p = find(r, partition);
    return p == NULL || (p->stage != REPLAN_AGAIN && p->stage != REPLAN_FINISHING);
}

static bool is_finished(const struct replan *r, size_t partition)
{
    const struct replan_partition *p = &r->list[partition];
    return p->stage == REPLAN_FINISHING &&
           (p->last < 0 || offset_ledger_next(r->c->ledger, (int32_t)partition) > p->last);
}

static enum status store_done(struct replan *r, size_t count, struct err *err)
{
    const struct lane_context *c = r->c;
    int32_t *partitions = mem_calloc(count, sizeof *partitions);
    size_t n = 0;
    for (size_t i = 0; i < r->size; i++) {
        if (r->list[i].stage == REPLAN_DONE) {
            partitions[n++] = (int32_t)i;
        }
    }
    enum status rc = c->ports->state->planned->store(c->state, partitions, n, r->digest, err);
    for (size_t i = 0; i < n && rc == STATUS_OK; i++) {
        r->list[partitions[i]].stage = REPLAN_NONE;
    }
    mem_free(partitions);
    return rc;
}

enum status replan_store(struct replan *r, struct err *err)
{
    size_t before = replan_count(r);
    for (size_t i = 0; i < r->size; i++) {
        if (is_finished(r, i)) {
            r->list[i].stage = REPLAN_DONE;
        }
    }
    size_t done = count_stage(r, REPLAN_DONE);
    if (done == 0) {
        return STATUS_OK;
    }
    enum status rc = store_done(r, done, err);
    if (rc == STATUS_OK && before > 0 && replan_count(r) == 0) {
        log_info(MOD, "planned_again", LF_TEXT("store", r->c->store->name), LF_INT("count", before),
                 LF_MSG("every partition is planned with the new rules"));
    }
    return rc;
}
