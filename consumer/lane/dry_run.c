/* A dry run: everything is read and planned, nothing is written; what would be is said. */
#include <stdio.h>
#include <string.h>

#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/lane_internal.h"

#define MOD "dry_run"

#define LINE_MAX_BYTES ((size_t)16 * 1024)

/* What must happen first; NULL: nothing. */
static const char *cure_of(enum level_stage stage)
{
    if (stage == LEVEL_MISSING) {
        return "activate";
    }
    return stage == LEVEL_UNTRACKED ? "track" : NULL;
}

static void
say_write(const struct lane *l, const struct level *p, enum level_stage stage, struct strbuf *line)
{
    const char *sku = sku_claims_text(l->identity, p->desired.product_id);
    const char *first = cure_of(stage);
    int32_t to = unimported_target(&p->memory, p->desired.quantity);
    char from[16] = "unknown"; /* a level that must be cured first was not read, or is none */
    if (first == NULL) {
        (void)snprintf(from, sizeof from, "%d", (int)p->change_from);
    }
    if (l->options.print == NULL) {
        log_info(MOD, "would_write", LF_TEXT("store", l->store.name),
                 LF_INT("product", p->desired.product_id), LF_TEXT("sku", sku),
                 LF_INT("item", p->key.item), LF_INT("location", p->key.location),
                 LF_TEXT("from", from), LF_INT("to", to),
                 LF_TEXT("cause", cause_name(p->desired.cause)), LF_TEXT("first", first));
        return;
    }
    strbuf_reset(line);
    strbuf_appendf(line, "store=%s product=%d sku=", l->store.name, (int)p->desired.product_id);
    strbuf_append_json(line, sku != NULL ? sku : "");
    strbuf_appendf(line, " item=%lld location=%lld from=%s to=%d cause=%s%s%s",
                   (long long)p->key.item, (long long)p->key.location, from, (int)to,
                   cause_name(p->desired.cause), first != NULL ? " first=" : "",
                   first != NULL ? first : "");
    l->options.print(line->ptr);
}

static void say_stage(struct lane *l, enum level_stage stage, struct strbuf *line)
{
    struct level *levels[LANE_RESOLVE_PAIRS];
    size_t count = 0;
    while ((count = coalescer_take(l->coalescer, stage, levels, LANE_RESOLVE_PAIRS)) > 0) {
        for (size_t i = 0; i < count; i++) {
            if (!sku_claims_shares(l->identity, levels[i]->desired.product_id)) {
                l->dry_figures.would_write++;
                say_write(l, levels[i], stage, line);
            }
            coalescer_finish(l->coalescer, levels[i], NULL);
        }
    }
}

enum status lane_dry_run_turn(struct lane *l, struct err *err)
{
    static const enum level_stage STAGES[] = {LEVEL_READY, LEVEL_MISSING, LEVEL_UNTRACKED};
    struct lane_hold hold;
    enum brake_verdict verdict = BRAKE_OFF;
    struct strbuf line;
    size_t count = 0;
    for (size_t i = 0; i < sizeof STAGES / sizeof STAGES[0]; i++) {
        count += coalescer_count(l->coalescer, STAGES[i]);
    }
    if (count == 0 || count < coalescer_total(l->coalescer) || !lane_is_at_end(l)) {
        return STATUS_OK; /* a later record may say something else */
    }
    enum status rc = lane_brake_count(l, &verdict, &hold, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (verdict != BRAKE_OFF) {
        (void)snprintf(l->dry_figures.brake, sizeof l->dry_figures.brake, "%s", hold.detail);
    }
    strbuf_init(&line, LINE_MAX_BYTES);
    for (size_t i = 0; i < sizeof STAGES / sizeof STAGES[0]; i++) {
        say_stage(l, STAGES[i], &line);
    }
    strbuf_release(&line);
    return STATUS_OK;
}

void lane_dry_run_count_parked(struct lane *l, const char *reason)
{
    struct dry_run_figures *f = &l->dry_figures;
    size_t i = 0;
    if (!l->dry) {
        return;
    }
    while (i < f->parked_count && strcmp(f->parked[i].reason, reason) != 0) {
        i++;
    }
    if (i == f->parked_count) {
        if (i == sizeof f->parked / sizeof f->parked[0]) {
            return;
        }
        (void)snprintf(f->parked[i].reason, sizeof f->parked[i].reason, "%s", reason);
        f->parked[i].count = 0;
        f->parked_count++;
    }
    f->parked[i].count++;
}

/* --- what a later record may cure --- */

void lane_dry_run_forget(struct lane *l, int32_t product_id)
{
    for (size_t i = 0; i < l->dry_record_count; i++) {
        if (l->dry_records[i].product_id == product_id) {
            mem_free(l->dry_records[i].key);
            mem_free(l->dry_records[i].value);
            l->dry_records[i] = l->dry_records[--l->dry_record_count];
            return;
        }
    }
}

static unsigned char *copy_of(const unsigned char *bytes, size_t len)
{
    unsigned char *copy = mem_calloc(len + 1, 1);
    memcpy(copy, bytes, len);
    return copy;
}

static bool is_kept(const struct lane *l, int32_t product_id)
{
    for (size_t i = 0; i < l->dry_record_count; i++) {
        if (l->dry_records[i].product_id == product_id) {
            return true;
        }
    }
    return false;
}

/* An earlier claimant is parked without its record: what it wanted is among the pending levels. */
static void keep(struct lane *l, const struct parked_note *note)
{
    bool bare = note->key == NULL;
    if (strcmp(note->reason, LANE_SHARED_IN_ODOO) != 0 || (bare && is_kept(l, note->product_id))) {
        return;
    }
    lane_dry_run_forget(l, note->product_id);
    l->dry_records = mem_realloc(l->dry_records, l->dry_record_count + 1, sizeof *l->dry_records);
    l->dry_records[l->dry_record_count++] =
        (struct dry_run_record){.product_id = note->product_id,
                                .partition = note->partition,
                                .offset = note->offset,
                                .key = bare ? NULL : copy_of(note->key, note->key_len),
                                .key_len = note->key_len,
                                .value = bare ? NULL : copy_of(note->value, note->value_len),
                                .value_len = note->value_len};
}

void lane_dry_run_note_parked(struct lane *l, const struct parked_note *note)
{
    if (!l->dry) {
        return;
    }
    keep(l, note);
    if (note->product_id == 0 || !parked_set_has(l->parked, note->product_id)) {
        lane_dry_run_count_parked(l, note->reason);
    }
}

enum status lane_dry_run_retry(struct lane *l, struct err *err)
{
    struct record_position nowhere = {.partition = -1};
    enum status rc = STATUS_OK;
    lane_turn_begin(l);
    for (size_t i = l->dry_record_count; i > 0 && rc == STATUS_OK; i--) {
        const struct dry_run_record *r = &l->dry_records[i - 1];
        if (sku_claims_shares(l->identity, r->product_id)) {
            continue;
        }
        if (r->key != NULL) {
            struct source_event event = {.type = SOURCE_RECORD,
                                         .partition = r->partition,
                                         .offset = r->offset,
                                         .key = bytes_of(r->key, r->key_len),
                                         .value = bytes_of(r->value, r->value_len)};
            rc = lane_plan_record(l, &event, nowhere, err);
        }
        (void)parked_set_remove(l->parked, r->product_id);
        lane_dry_run_forget(l, r->product_id);
    }
    return rc == STATUS_OK ? lane_turn_store(l, err) : rc;
}

void lane_dry_run_close(struct lane *l)
{
    while (l->dry_record_count > 0) {
        lane_dry_run_forget(l, l->dry_records[0].product_id);
    }
    mem_free(l->dry_records);
    l->dry_records = NULL;
}

void lane_dry_run_end(struct lane *l)
{
    const struct dry_run_figures *f = &l->dry_figures;
    struct strbuf line;
    strbuf_init(&line, LINE_MAX_BYTES);
    strbuf_appendf(&line,
                   "store=%s would write %zu of %zu levels; %zu hold the number already, %zu were "
                   "written from this record or a newer one",
                   l->store.name, f->would_write, f->would_write + f->equal + f->settled, f->equal,
                   f->settled);
    for (size_t i = 0; i < f->parked_count; i++) {
        bool curable = strcmp(f->parked[i].reason, LANE_SHARED_IN_ODOO) == 0;
        strbuf_appendf(&line, "; %s %zu", f->parked[i].reason,
                       curable ? l->dry_record_count : f->parked[i].count);
    }
    if (f->foreign > 0) {
        strbuf_appendf(&line, "; %zu records of another database left out", f->foreign);
    }
    if (f->brake[0] != '\0') {
        strbuf_appendf(&line, "; the brake would hold: %s", f->brake);
    }
    if (l->options.print != NULL) {
        l->options.print(line.ptr);
    } else {
        log_info(MOD, "summary", LF_MSG(line.ptr));
    }
    strbuf_release(&line);
}
