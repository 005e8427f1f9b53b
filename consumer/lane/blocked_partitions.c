#include "consumer/lane/blocked_partitions.h"

#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/parking.h"

#define MOD "lane"

#define LOOK_EVERY_US INT64_C(1000000)

void blocked_partitions_open(struct blocked_partitions *b,
                             const struct lane_context *c,
                             struct planner *planner)
{
    *b = (struct blocked_partitions){.c = c, .planner = planner};
}

static void free_record(struct blocked_partition *p)
{
    mem_free(p->key);
    mem_free(p->value);
    p->key = p->value = NULL;
    p->event = (struct source_event){0};
}

void blocked_partitions_close(struct blocked_partitions *b)
{
    for (size_t i = 0; i < b->list_count; i++) {
        free_record(&b->list[i]);
    }
    mem_free(b->list);
    mem_free(b->rows);
    mem_free(b->ended);
    *b = (struct blocked_partitions){0};
}

static struct blocked_partition *find(const struct blocked_partitions *b, int32_t partition)
{
    for (size_t i = 0; i < b->list_count; i++) {
        if (b->list[i].row.partition == partition) {
            return &b->list[i];
        }
    }
    return NULL;
}

bool blocked_partitions_has(const struct blocked_partitions *b, int32_t partition)
{
    const struct blocked_partition *p = find(b, partition);
    return p != NULL && p->is_blocked;
}

void blocked_partitions_note_assigned(struct blocked_partitions *b)
{
    b->must_load = true;
    b->look_at_us = 0;
}

/* --- blocking --- */

static char *copy_bytes(struct bytes b)
{
    return b.ptr != NULL ? mem_strndup((const char *)b.ptr, b.len) : NULL;
}

static struct blocked_partition *find_or_add(struct blocked_partitions *b, int32_t partition)
{
    struct blocked_partition *p = find(b, partition);
    if (p != NULL) {
        return p;
    }
    if (b->list_count == b->list_capacity) {
        b->list_capacity = mem_grow_capacity(b->list_capacity, b->list_count + 1);
        b->list = mem_realloc(b->list, b->list_capacity, sizeof *b->list);
    }
    p = &b->list[b->list_count++];
    *p = (struct blocked_partition){.row = {.partition = partition, .offset = -1}};
    return p;
}

/* An eager group blocks the same record again after each rebalance: named once a session. */
static void report(const struct blocked_partitions *b, const struct blocked_partition *p)
{
    char next_step[400];
    (void)snprintf(next_step, sizeof next_step,
                   "%s; update this program, or pass over the record with 'stocksync-consumer skip "
                   "--store %s --partition %d --offset %lld'",
                   p->row.detail, b->c->store->name, (int)p->row.partition,
                   (long long)p->row.offset);
    log_error(MOD, "partition_blocked", LF_TEXT("store", b->c->store->name),
              LF_TEXT("topic", b->c->options->shared.topic), LF_INT("partition", p->row.partition),
              LF_INT("offset", p->row.offset), LF_TEXT("schema", p->row.schema), LF_MSG(next_step));
}

void blocked_partitions_add(struct blocked_partitions *b,
                            const struct source_event *event,
                            struct record_position at,
                            const struct err *why)
{
    struct blocked_partition *p = find_or_add(b, event->partition);
    bool known = p->row.offset == event->offset;
    INVARIANT(!p->is_blocked, "partition %d is blocked", (int)event->partition);
    p->row.offset = event->offset;
    p->row.blocked_us = clock_wall_us();
    (void)snprintf(p->row.schema, sizeof p->row.schema, "%s", why->origin);
    (void)snprintf(p->row.detail, sizeof p->row.detail, "%.239s", why->msg);
    p->at = at;
    p->is_blocked = true;
    p->is_noted = false;
    p->key = copy_bytes(event->key);
    p->value = copy_bytes(event->value);
    p->event = (struct source_event){.type = SOURCE_RECORD,
                                     .partition = event->partition,
                                     .offset = event->offset,
                                     .timestamp_ms = event->timestamp_ms,
                                     .key = bytes_of(p->key, event->key.len),
                                     .value = bytes_of(p->value, event->value.len),
                                     .header_revision = event->header_revision};
    b->count++;
    b->look_at_us = 0;
    offset_ledger_hold(b->c->ledger, at);
    b->c->ports->source->pause(b->c->source, event->partition, true);
    if (!known) {
        report(b, p);
    }
}

static void unblock(struct blocked_partitions *b, struct blocked_partition *p)
{
    free_record(p);
    p->is_blocked = false;
    b->count--;
}

void blocked_partitions_drop(struct blocked_partitions *b, int32_t partition)
{
    struct blocked_partition *p = find(b, partition);
    if (p != NULL && p->is_blocked) {
        unblock(b, p); /* its hold went with the partition's epoch, its pause with the assignment */
    }
}

/* --- rows of partitions that are read on --- */

static void note_ended(struct blocked_partitions *b, int32_t partition)
{
    if (b->ended_count == b->ended_capacity) {
        b->ended_capacity = mem_grow_capacity(b->ended_capacity, b->ended_count + 1);
        b->ended = mem_realloc(b->ended, b->ended_capacity, sizeof *b->ended);
    }
    b->ended[b->ended_count++] = partition;
}

void blocked_partitions_note_passed(struct blocked_partitions *b, int32_t partition, int64_t offset)
{
    for (size_t i = 0; i < b->row_count; i++) {
        if (b->rows[i].partition == partition && b->rows[i].offset <= offset) {
            note_ended(b, partition);
            b->rows[i] = b->rows[--b->row_count];
            return;
        }
    }
}

static void take_row(void *arg, const struct state_blocked *row)
{
    struct blocked_partitions *b = arg;
    if (blocked_partitions_has(b, row->partition) ||
        !offset_ledger_is_open(b->c->ledger, row->partition)) {
        return;
    }
    if (b->row_count == b->row_capacity) {
        b->row_capacity = mem_grow_capacity(b->row_capacity, b->row_count + 1);
        b->rows = mem_realloc(b->rows, b->row_capacity, sizeof *b->rows);
    }
    b->rows[b->row_count++] = *row;
}

static enum status load_rows(struct blocked_partitions *b, struct err *err)
{
    b->row_count = 0;
    enum status rc = b->c->ports->state->blocked->list(b->c->state, b->c->options->shared.topic,
                                                       take_row, b, err);
    b->must_load = rc != STATUS_OK;
    return rc;
}

enum status blocked_partitions_settle(struct blocked_partitions *b, struct err *err)
{
    if (b->ended_count == 0) {
        return STATUS_OK;
    }
    enum status rc = b->c->ports->state->blocked->end(b->c->state, b->c->options->shared.topic,
                                                      b->ended, b->ended_count, err);
    b->ended_count = rc == STATUS_OK ? 0 : b->ended_count;
    return rc;
}

/* --- looks --- */

/* Asks for decisions about all blocked partitions at once. */
static enum status note_all(struct blocked_partitions *b, struct err *err)
{
    struct state_blocked *rows = mem_calloc(b->count, sizeof *rows);
    size_t count = 0;
    for (size_t i = 0; i < b->list_count; i++) {
        if (b->list[i].is_blocked) {
            rows[count++] = b->list[i].row;
        }
    }
    enum status rc = b->c->ports->state->blocked->note(b->c->state, b->c->options->shared.topic,
                                                       rows, count, err);
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        struct blocked_partition *p = find(b, rows[i].partition);
        p->row.skip = rows[i].skip;
        p->is_noted = true;
    }
    mem_free(rows);
    return rc;
}

static void go_on(struct blocked_partitions *b, struct blocked_partition *p, const char *why)
{
    planner_hold(b->planner, p->at); /* ours ends with the turn */
    note_ended(b, p->row.partition);
    b->c->ports->source->pause(b->c->source, p->row.partition, false);
    log_info(MOD, "partition_unblocked", LF_TEXT("store", b->c->store->name),
             LF_TEXT("topic", b->c->options->shared.topic), LF_INT("partition", p->row.partition),
             LF_INT("offset", p->row.offset), LF_MSG(why));
    unblock(b, p);
}

static enum status
try_again(struct blocked_partitions *b, struct blocked_partition *p, struct err *err)
{
    struct err why = {0};
    if (p->row.skip) {
        planner_park_record(b->planner, &p->event, PARKED_SKIPPED, p->row.detail);
        go_on(b, p, "an operator passed over the record, which is parked");
        return STATUS_OK;
    }
    enum status rc = planner_plan(b->planner, &p->event, p->at, &why);
    if (rc == STATUS_OK) {
        go_on(b, p, "the record's schema is known now");
    } else if (rc != STATUS_SCHEMA_UNKNOWN) {
        *err = why;
        return rc;
    }
    return STATUS_OK;
}

enum status blocked_partitions_turn(struct blocked_partitions *b, struct err *err)
{
    int64_t now = clock_monotonic_us();
    if ((b->count == 0 && !b->must_load) || now < b->look_at_us) {
        return STATUS_OK;
    }
    b->look_at_us = now + LOOK_EVERY_US;
    enum status rc = b->must_load ? load_rows(b, err) : STATUS_OK;
    if (rc != STATUS_OK || b->count == 0) {
        return rc;
    }
    rc = note_all(b, err);
    for (size_t i = 0; i < b->list_count && rc == STATUS_OK; i++) {
        if (b->list[i].is_blocked) {
            rc = try_again(b, &b->list[i], err);
        }
    }
    return rc;
}

/* --- what others see --- */

void blocked_partitions_fill_view(const struct blocked_partitions *b, struct blocked_view *view)
{
    size_t shown = 0;
    for (size_t i = 0; i < b->list_count && shown < BLOCKED_SHOWN; i++) {
        if (b->list[i].is_blocked) {
            view->shown[shown++] = b->list[i].row;
        }
    }
    view->count = b->count;
}

enum status blocked_partitions_check(const struct blocked_partitions *b, struct err *err)
{
    for (size_t i = 0; i < b->list_count; i++) {
        const struct blocked_partition *p = &b->list[i];
        if (p->is_blocked && p->is_noted) {
            return err_set(err, STATUS_SCHEMA_UNKNOWN, "partition %d is blocked at offset %lld: %s",
                           (int)p->row.partition, (long long)p->row.offset, p->row.detail);
        }
    }
    return STATUS_OK;
}
