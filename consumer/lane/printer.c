#include "consumer/lane/printer.h"

#include <stdio.h>
#include <string.h>

#include "common/core/logger.h"
#include "consumer/lane/brake_control.h"
#include "consumer/lane/outcomes.h"
#include "consumer/lane/parking.h"

#define MOD "dry_run"

#define LINE_MAX_BYTES ((size_t)16 * 1024)
#define REASONS_MAX    16

static const enum level_stage STAGES[] = {LEVEL_READY, LEVEL_MISSING, LEVEL_UNTRACKED};
#define STAGE_COUNT (sizeof STAGES / sizeof STAGES[0])

static void begin(void *arg, const struct lane_context *context, struct brake_control *brake)
{
    struct printer *p = arg;
    *p = (struct printer){
        .c = context,
        .brake = brake,
        .foreign_before = metric_value(context->metrics->record.foreign),
    };
}

static void completed(void *arg, const struct outcome *outcome)
{
    struct printer *p = arg;
    p->confirmed += outcome->end == END_CONFIRMED;
    p->superseded += outcome->end == END_SUPERSEDED;
}

/* --- the planned writes --- */

/* The set-up that must happen first; NULL: none. */
static const char *setup_of(enum level_stage stage)
{
    if (stage == LEVEL_MISSING) {
        return "activate";
    }
    return stage == LEVEL_UNTRACKED ? "track" : NULL;
}

static void print_write(const struct printer *p,
                        const struct level *level,
                        enum level_stage stage,
                        struct strbuf *line)
{
    const struct desired *desired = &level->desired;
    const char *sku = sku_claims_text(p->c->claims, desired->product_id);
    const char *first = setup_of(stage);
    int32_t to = outcomes_target(p->c, level);
    char from[16] = "unknown"; /* a level that must be set up first was not read, or is none */
    if (first == NULL) {
        (void)snprintf(from, sizeof from, "%d", (int)level->change_from);
    }
    if (p->c->options->print == NULL) {
        log_info(MOD, "would_write", LF_TEXT("store", p->c->store->name),
                 LF_INT("product", desired->product_id), LF_TEXT("sku", sku),
                 LF_INT("item", level->key.item), LF_INT("location", level->key.location),
                 LF_TEXT("from", from), LF_INT("to", to),
                 LF_TEXT("cause", cause_name(desired->cause)), LF_TEXT("first", first));
        return;
    }
    strbuf_reset(line);
    strbuf_appendf(line, "store=%s product=%d sku=", p->c->store->name, (int)desired->product_id);
    strbuf_append_json(line, sku != NULL ? sku : "");
    strbuf_appendf(line, " item=%lld location=%lld from=%s to=%d cause=%s%s%s",
                   (long long)level->key.item, (long long)level->key.location, from, (int)to,
                   cause_name(desired->cause), first != NULL ? " first=" : "",
                   first != NULL ? first : "");
    p->c->options->print(line->ptr);
}

/* A level that must be set up first has no number to compare with. */
static void count_write(struct printer *p, const struct level *level, enum level_stage stage)
{
    int32_t to = outcomes_target(p->c, level);
    p->would_write++;
    if (setup_of(stage) != NULL) {
        return;
    }
    p->rise += to > level->change_from;
    p->fall += to < level->change_from;
    p->to_zero += to < level->change_from && to == 0;
}

static void print_stage(struct printer *p, enum level_stage stage, struct strbuf *line)
{
    struct coalescer *coalescer = p->c->coalescer;
    struct level *levels[LANE_RESOLVE_LEVELS];
    size_t count = 0;
    while ((count = coalescer_take(coalescer, stage, levels, LANE_RESOLVE_LEVELS)) > 0) {
        for (size_t i = 0; i < count; i++) {
            if (!sku_claims_shares(p->c->claims, levels[i]->desired.product_id)) {
                count_write(p, levels[i], stage);
                print_write(p, levels[i], stage, line);
            }
            coalescer_finish(coalescer, levels[i], NULL);
        }
    }
}

static enum status turn(void *arg, bool at_end, struct err *err)
{
    struct printer *p = arg;
    struct lane_hold hold;
    enum brake_verdict verdict = BRAKE_OFF;
    struct strbuf line;
    size_t count = 0;
    for (size_t i = 0; i < STAGE_COUNT; i++) {
        count += coalescer_count(p->c->coalescer, STAGES[i]);
    }
    if (count == 0 || count < coalescer_total(p->c->coalescer) || !at_end) {
        return STATUS_OK; /* a later record may change the picture */
    }
    enum status rc = brake_control_count(p->brake, &verdict, &hold, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (verdict != BRAKE_OFF) {
        memcpy(p->would_hold, hold.detail, sizeof p->would_hold);
    }
    strbuf_init(&line, LINE_MAX_BYTES);
    for (size_t i = 0; i < STAGE_COUNT; i++) {
        print_stage(p, STAGES[i], &line);
    }
    strbuf_release(&line);
    return STATUS_OK;
}

/* --- the summary --- */

struct tally {
    struct {
        char reason[32];
        size_t count;
    } list[REASONS_MAX];
    size_t count;
};

static void count_parked(void *arg, const char *reason)
{
    struct tally *t = arg;
    size_t i = 0;
    while (i < t->count && strcmp(t->list[i].reason, reason) != 0) {
        i++;
    }
    if (i == REASONS_MAX) {
        return;
    }
    if (i == t->count) {
        (void)snprintf(t->list[i].reason, sizeof t->list[i].reason, "%s", reason);
        t->count++;
    }
    t->list[i].count++;
}

static void end(void *arg)
{
    const struct printer *p = arg;
    const struct lane_context *c = p->c;
    struct tally tally = {0};
    struct strbuf line;
    double foreign = metric_value(c->metrics->record.foreign) - p->foreign_before;
    c->ports->state->parked.each_in_memory(c->state, count_parked, &tally);
    strbuf_init(&line, LINE_MAX_BYTES);
    strbuf_appendf(&line,
                   "store=%s would write %zu of %zu levels; %zu hold the number already, %zu were "
                   "written from this record or a newer one",
                   c->store->name, p->would_write, p->would_write + p->confirmed + p->superseded,
                   p->confirmed, p->superseded);
    if (p->would_write > 0) {
        strbuf_appendf(&line, "; %zu would rise, %zu fall, %zu of them to zero", p->rise, p->fall,
                       p->to_zero);
    }
    for (size_t i = 0; i < tally.count; i++) {
        strbuf_appendf(&line, "; %s %zu", tally.list[i].reason, tally.list[i].count);
    }
    if (foreign > 0) {
        strbuf_appendf(&line, "; %.0f records of another database left out", foreign);
    }
    if (p->would_hold[0] != '\0') {
        strbuf_appendf(&line, "; the brake would hold: %s", p->would_hold);
    }
    if (c->options->print != NULL) {
        c->options->print(line.ptr);
    } else {
        log_info(MOD, "summary", LF_MSG(line.ptr));
    }
    strbuf_release(&line);
}

struct sink printer_sink(struct printer *printer)
{
    return (struct sink){.writes = false,
                         .begin = begin,
                         .completed = completed,
                         .turn = turn,
                         .end = end,
                         .arg = printer};
}
