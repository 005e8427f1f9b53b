#include "consumer/lane/outcomes.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/parking.h"

#define MOD "lane"

/* --- the list --- */

static void clear(struct outcomes *o)
{
    for (size_t i = 0; i < o->count; i++) {
        mem_free(o->list[i].detail);
    }
    o->count = 0;
    o->settled_count = 0;
}

void outcomes_release(struct outcomes *o)
{
    clear(o);
    mem_free(o->list);
    *o = (struct outcomes){0};
}

struct outcome *outcomes_add(struct outcomes *o, struct level *level, enum level_end end)
{
    const struct outcome one = {.level = level, .end = end};
    MEM_ADD(o, list, count, room, &one);
    return &o->list[o->count - 1];
}

struct outcome *outcomes_retry(struct outcomes *o, struct level *level, enum level_stage stage)
{
    struct outcome *one = outcomes_add(o, level, END_RETRY);
    one->stage = stage;
    return one;
}

void outcomes_ready(struct outcomes *o,
                    struct level *level,
                    enum level_stage stage,
                    int32_t change_from)
{
    struct outcome *one = outcomes_retry(o, level, stage);
    one->has_change_from = true;
    one->change_from = change_from;
}

struct outcome *
outcomes_park(struct outcomes *o, struct level *level, const char *reason, const char *fmt, ...)
{
    char detail[280];
    va_list args;
    va_start(args, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is the line above */
    (void)vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    struct outcome *one = outcomes_add(o, level, END_PARKED);
    one->reason = reason;
    one->detail = mem_strdup(detail);
    return one;
}

void outcomes_settle(struct outcomes *o, const struct settlement *settlement)
{
    INVARIANT(o->settled_count < LANE_GROUP, "more than %d attempts at a time", LANE_GROUP);
    o->settled[o->settled_count++] = *settlement;
}

int32_t outcomes_target(const struct lane_context *c, const struct level *level)
{
    const struct desired *desired = &level->desired;
    double held = unimported_held(&level->memory, desired->raw);
    if (isnan(desired->raw)) { /* a row of an older version: its rules were applied before */
        double left = desired->quantity - ceil(held);
        return left > 0 ? (int32_t)left : 0;
    }
    return rules_offer(&c->rules, desired->raw, held);
}

struct level_write outcomes_write_of(const struct lane_context *c, const struct level *level)
{
    const struct desired *desired = &level->desired;
    struct unimported_memory after = level->memory;
    unimported_written(&after, 0, desired->raw);
    return (struct level_write){.key = level->key,
                                .product_id = desired->product_id,
                                .quantity = outcomes_target(c, level),
                                .desired = desired->quantity,
                                .change_from = level->change_from,
                                .missing = after.missing,
                                .reserved = after.reserved,
                                .raw = desired->raw,
                                .revision = desired->revision,
                                .changed_at_us = desired->changed_at_us};
}

struct brake_change outcomes_change_of(const struct lane_context *c, const struct level *level)
{
    return (struct brake_change){.key = level->key,
                                 .from = level->change_from,
                                 .to = outcomes_target(c, level),
                                 .revision = level->desired.revision,
                                 .at_us = level->desired.number_at_us,
                                 .first = !level->memory.written,
                                 .certain = level->read == level->desired.revision};
}

/* --- storing --- */

static enum status store_settled(const struct lane_context *c,
                                 const struct outcomes *o,
                                 int64_t now_us,
                                 struct err *err)
{
    struct state_outcome list[LANE_GROUP];
    if (o->settled_count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < o->settled_count; i++) {
        const struct settlement *s = &o->settled[i];
        list[i] = (struct state_outcome){
            .attempt = s->attempt, .outcome = s->outcome, .request_id = s->request_id};
    }
    FAULT_POINT("lane.before_settle");
    enum status rc =
        c->ports->state->levels.attempts_settle(c->state, list, o->settled_count, now_us, err);
    FAULT_POINT("lane.after_settle");
    return rc;
}

static bool is_noted(enum level_end end)
{
    return end == END_CONFIRMED || end == END_OURS;
}

static enum status
store_notes(const struct lane_context *c, const struct outcomes *o, struct err *err)
{
    struct level_write *list = mem_calloc(o->count, sizeof *list);
    size_t count = 0;
    for (size_t i = 0; i < o->count; i++) {
        if (is_noted(o->list[i].end)) {
            list[count++] = o->list[i].write;
        }
    }
    enum status rc =
        count > 0 ? c->ports->state->levels.note(c->state, list, count, err) : STATUS_OK;
    mem_free(list);
    return rc;
}

static void report_sighting(const struct lane_context *c, const struct outcome *o)
{
    int32_t units = o->seen.sold;
    metric_add(c->metrics->level.unimported_seen, units > 0);
    metric_add(c->metrics->level.unimported_units, (uint64_t)units);
    if (o->seen.first && units > 0) {
        log_info(MOD, "unimported_sales", LF_TEXT("store", c->store->name),
                 LF_INT("product", o->level->desired.product_id), LF_INT("item", o->seen.key.item),
                 LF_INT("location", o->seen.key.location), LF_INT("count", units),
                 LF_MSG("sold in the store, not imported into Odoo yet: held back until the order "
                        "is imported, at most for unimported_sale_grace"));
    }
}

static enum status
store_sightings(const struct lane_context *c, struct outcomes *o, struct err *err)
{
    struct level_seen *list = mem_calloc(o->count, sizeof *list);
    struct outcome **from = mem_calloc(o->count, sizeof(struct outcome *));
    size_t count = 0;
    for (size_t i = 0; i < o->count; i++) {
        if (o->list[i].end == END_SIGHTED) {
            from[count] = &o->list[i];
            list[count++] = o->list[i].seen;
        }
    }
    enum status rc = STATUS_OK;
    if (count > 0) {
        rc = c->ports->state->levels.sales_see(c->state, list, count, err);
        FAULT_POINT("lane.seen");
    }
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        struct outcome *one = from[i];
        one->seen = list[i];
        if (one->seen.noted) {
            report_sighting(c, one);
        }
    }
    mem_free(from);
    mem_free(list);
    return rc;
}

static enum status
store_parked(const struct lane_context *c, const struct outcomes *o, struct err *err)
{
    struct state_parked *rows = mem_calloc(o->count, sizeof *rows);
    size_t count = 0;
    for (size_t i = 0; i < o->count; i++) {
        const struct outcome *one = &o->list[i];
        if (one->end == END_PARKED) {
            parking_describe_level(c, one->level, &rows[count]);
            rows[count].reason = one->reason;
            rows[count].code = one->code;
            rows[count].detail = one->detail;
            rows[count++].request_id = one->request_id;
        }
    }
    enum status rc = parking_store(c, rows, count, err);
    mem_free(rows);
    return rc;
}

static bool has_end(const struct outcomes *o, enum level_end end)
{
    for (size_t i = 0; i < o->count; i++) {
        if (o->list[i].end == end) {
            return true;
        }
    }
    return false;
}

static enum status
store(const struct lane_context *c, struct outcomes *o, int64_t now_us, struct err *err)
{
    enum status rc = store_settled(c, o, now_us, err);
    if (rc == STATUS_OK && (has_end(o, END_CONFIRMED) || has_end(o, END_OURS))) {
        rc = store_notes(c, o, err);
    }
    if (rc == STATUS_OK && has_end(o, END_SIGHTED)) {
        rc = store_sightings(c, o, err);
    }
    if (rc == STATUS_OK && has_end(o, END_PARKED)) {
        rc = store_parked(c, o, err);
    }
    return rc;
}

/* --- completing --- */

static void put_back(const struct lane_context *c, struct level *level, enum level_stage stage)
{
    if (coalescer_put_back(c->coalescer, level, stage)) {
        metric_add(c->metrics->record.superseded, 1); /* the newer quantity that had waited */
    }
    if (stage == LEVEL_READY || stage == LEVEL_HOT) {
        struct brake_change change = outcomes_change_of(c, level);
        (void)brake_expect(c->brake, &change);
        level->judged = level->desired.revision;
    }
}

static void retry(const struct lane_context *c, const struct outcome *one)
{
    one->level->tries += one->tried;
    if (one->has_change_from) {
        one->level->change_from = one->change_from;
    }
    put_back(c, one->level, one->end == END_RETRY ? one->stage : LEVEL_UNRESOLVED);
}

/* Resolved again with what the state knows now; the read is still good. */
static void remembered(const struct lane_context *c, const struct outcome *one)
{
    struct unimported_memory *m = &one->level->memory;
    if (one->end == END_OURS) {
        unimported_written(m, one->write.quantity, one->write.raw);
    } else if (one->seen.noted) {
        (void)unimported_see(m, one->seen.now, one->level->read_reserved);
    } else {
        one->level->is_read = false; /* the state has moved meanwhile */
    }
    retry(c, one);
}

static void written(const struct lane_context *c, const struct outcome *one)
{
    unimported_written(&one->level->memory, one->write.quantity, one->write.raw);
    one->level->is_read = false;
    coalescer_finish(c->coalescer, one->level, &one->write.quantity);
}

static void complete(const struct lane_context *c, const struct outcome *one)
{
    if (one->counted != NULL) {
        metric_add(one->counted, 1);
    }
    switch (one->end) {
    case END_RETRY:
        retry(c, one);
        return;
    case END_SIGHTED:
    case END_OURS:
        remembered(c, one);
        return;
    case END_BISECT:
        one->level->tries += one->tried;
        return;
    case END_APPLIED:
    case END_CONFIRMED:
    case END_SUPERSEDED:
    case END_EXCLUDED:
    case END_PARKED:
        break;
    }
    if (c->sink->completed != NULL) {
        c->sink->completed(c->sink->arg, one);
    }
    if (one->end == END_APPLIED) {
        written(c, one);
        return;
    }
    if (one->end == END_CONFIRMED) {
        metric_add(c->metrics->level.unchanged, 1);
        written(c, one);
        return;
    }
    metric_add(c->metrics->record.superseded, one->end == END_SUPERSEDED);
    one->level->is_read = false;
    metric_add(c->metrics->level.excluded, one->end == END_EXCLUDED);
    coalescer_finish(c->coalescer, one->level, NULL);
}

/* The levels of one request stand together in the list. */
static size_t bisect_group(const struct lane_context *c, const struct outcomes *o, size_t first)
{
    const struct outcome *one = &o->list[first];
    struct level **levels = mem_calloc(o->count - first, sizeof(struct level *));
    size_t count = 0;
    while (first + count < o->count && o->list[first + count].end == END_BISECT &&
           o->list[first + count].group == one->group) {
        levels[count] = o->list[first + count].level;
        count++;
    }
    metric_add(c->metrics->request.bisected, one->parts > 1);
    metric_add(c->metrics->record.superseded,
               coalescer_bisect(c->coalescer, levels, count, one->parts));
    mem_free(levels);
    return count;
}

static void count_settled(const struct lane_context *c, const struct outcomes *o, int64_t now_us)
{
    for (size_t i = 0; i < o->settled_count; i++) {
        const struct settlement *s = &o->settled[i];
        if (!s->applied) {
            continue;
        }
        metric_add(s->noop ? c->metrics->level.unchanged : c->metrics->level.applied,
                   s->attempt->count);
        if (!s->noop) {
            metric_set(c->metrics->level.last_write, (double)now_us / 1e6);
        }
        for (size_t k = 0; k < s->attempt->count; k++) {
            metric_observe_us(c->metrics->level.commit_to_applied,
                              now_us - s->attempt->list[k].changed_at_us);
        }
    }
}

enum status outcomes_apply(const struct lane_context *c, struct outcomes *o, struct err *err)
{
    int64_t now_us = clock_wall_us();
    enum status rc = store(c, o, now_us, err);
    if (rc != STATUS_OK) {
        clear(o);
        return rc;
    }
    count_settled(c, o, now_us);
    for (size_t i = 0; i < o->count; i++) {
        complete(c, &o->list[i]);
    }
    for (size_t i = 0; i < o->count;) {
        i += o->list[i].end == END_BISECT ? bisect_group(c, o, i) : 1;
    }
    clear(o);
    return STATUS_OK;
}
