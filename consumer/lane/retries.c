#include "consumer/lane/retries.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "consumer/lane/newcomers.h"
#include "consumer/lane/parking.h"
#include "consumer/lane/resolve.h"

#define LOOK_EVERY_US INT64_C(5000000)
/* Products that others noted are read some seconds further back than the last look: a statement
 * that was running then became visible later. Twice a statement's timeout. */
#define LEARN_OVERLAP_S 20
#define MAX_PARTITIONS  1024

static const char *const SHARED[] = {PARKED_SHARED_IN_ODOO, NULL};

void retries_open(struct retries *r,
                  const struct lane_context *c,
                  struct planner *planner,
                  bool *rescanned_at_start)
{
    int64_t now = clock_monotonic_us();
    *r = (struct retries){.c = c,
                          .planner = planner,
                          .opened_us = now,
                          .learned_at_us = now,
                          .settled = sku_claims_settled(c->claims),
                          .list = mem_calloc(RETRIES_MAX, sizeof(struct retry))};
    r->rescanned_at_start = rescanned_at_start;
}

void retries_close(struct retries *r)
{
    mem_free(r->list);
    *r = (struct retries){0};
}

/* --- requests to rescan --- */

/* A rescan of all rows is the one of a start: rows that were parked since then need none. */
static void begin_next_rescan(struct retries *r)
{
    int64_t since_us = r->next.all ? clock_monotonic_us() - r->opened_us : 0;
    r->is_rescanning = r->next.all || r->next.reasons[0] != NULL;
    r->now = r->next;
    r->next = (struct rescan){0};
    r->page = (struct state_rescan){.reasons = r->now.all ? NULL : r->now.reasons,
                                    .rested_ms = since_us / 1000};
}

void retries_ask(struct retries *r, const char *const *reasons)
{
    r->next.all = r->next.all || reasons == NULL;
    for (size_t i = 0; reasons != NULL && reasons[i] != NULL; i++) {
        size_t at = 0;
        while (at < RETRIES_REASONS && r->next.reasons[at] != NULL &&
               strcmp(r->next.reasons[at], reasons[i]) != 0) {
            at++;
        }
        INVARIANT(at < RETRIES_REASONS, "more than %d reasons", RETRIES_REASONS);
        r->next.reasons[at] = reasons[i];
    }
    if (!r->is_rescanning) {
        begin_next_rescan(r);
    }
    r->look_at_us = 0;
}

/* --- one look --- */

/* What a look does with the rows that it was given. */
struct look {
    struct retries *retries;
    enum status rc;
    struct err *err;
    struct state_parked *again; /* rows that stay parked */
    char (*details)[240];
    size_t again_count;
};

static bool is_under_way(const struct retries *r, const char *subject)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->list[i].row.subject, subject) == 0) {
            return true;
        }
    }
    return false;
}

/* Else of a level or of an item. */
static bool is_of_product(const struct state_parked *row)
{
    return row->key.item == 0 && state_subject_item_of(row->subject) == 0;
}

/* The row's place among those under way, with one hold that the turn ends. */
static struct record_position begin_retry(struct retries *r, const struct state_parked *row)
{
    struct retry *e = &r->list[r->count++];
    *e = (struct retry){.row = {.revision = row->revision, .attempts = row->attempts},
                        .product_id = is_of_product(row) ? row->product_id : 0};
    memcpy(e->row.subject, row->subject, sizeof e->row.subject);
    enum status rc = offset_ledger_add(r->c->ledger, OFFSET_LEDGER_RETRY, ++r->number, &e->at);
    INVARIANT(rc == STATUS_OK, "retry %lld: %s", (long long)r->number, status_name(rc));
    planner_hold(r->planner, e->at);
    return e->at;
}

/* @param detail  one of look->details: the next */
static void park_again(struct look *look, const struct state_parked *row, const char *reason)
{
    struct state_parked *again = &look->again[look->again_count];
    *again = *row;
    again->reason = reason;
    again->detail = look->details[look->again_count++];
    again->code = again->request_id = again->topic = NULL;
    again->record_key = again->record_value = (struct bytes){0};
    again->partition = -1; /* position and record stay as they are */
}

/*
 * A level is offered with the quantity of its row: its revision keeps it from undoing anything
 * newer. It is of no use any more when a later record of its product was planned, when the product
 * is not sold in the store, or when its location is not used.
 */
static void
retry_level(struct look *look, const struct state_parked *row, struct record_position at)
{
    const struct lane_context *c = look->retries->c;
    struct mapped_item item = {0};
    const char *text = sku_claims_text(c->claims, row->product_id);
    bool claims = sku_claims_owned_text(c->claims, row->product_id) != NULL ||
                  sku_claims_shares(c->claims, row->product_id);
    if (!claims || !resolve_uses_location(c, row->key.location) ||
        sku_claims_revision(c->claims, row->product_id) > row->revision) {
        return;
    }
    const char *reason =
        resolve_item(c, text, &item, look->details[look->again_count], sizeof look->details[0]);
    if (reason != NULL) {
        if (strcmp(reason, PARKED_UNMAPPED) == 0) {
            planner_search(look->retries->planner, text);
        }
        park_again(look, row, reason);
        return;
    }
    struct desired desired =
        resolve_desired_of_row(c, row->product_id, (double)NAN, row->quantity, row->revision);
    desired.at = at;
    desired.row_partition = row->partition;
    struct level_key key = {.item = item.item, .location = row->key.location};
    planner_offer(look->retries->planner, key, &desired);
}

/* Parked because another product came with its SKU: no record was at hand. */
static void retry_without_record(struct look *look, const struct state_parked *row)
{
    if (!sku_claims_shares(look->retries->c->claims, row->product_id)) {
        return;
    }
    (void)snprintf(look->details[look->again_count], sizeof look->details[0], "%s", row->detail);
    park_again(look, row, PARKED_SHARED_IN_ODOO);
}

/* An item that shares a SKU with the item that had it before. */
static void retry_newcomer(struct look *look, const struct state_parked *row, int64_t item)
{
    if (newcomers_has(look->retries->c, row->product_id, item, look->details[look->again_count],
                      sizeof look->details[0])) {
        park_again(look, row, PARKED_SHARED_IN_STORE);
    }
}

/* Of an older program than the one that parked it: nothing overtakes a parked row, so it may wait. */
static void retry_unreadable(struct look *look, const struct state_parked *row, const char *why)
{
    bool skipped = strcmp(row->reason, PARKED_SKIPPED) == 0;
    (void)snprintf(look->details[look->again_count], sizeof look->details[0], "%.239s", why);
    park_again(look, row, skipped ? PARKED_SKIPPED : PARKED_SCHEMA_UNKNOWN);
}

static void retry_row(void *arg, const struct state_parked *row)
{
    struct look *look = arg;
    struct retries *r = look->retries;
    if (look->rc != STATUS_OK || is_under_way(r, row->subject)) {
        return;
    }
    struct record_position at = begin_retry(r, row);
    int64_t newcomer = state_subject_item_of(row->subject);
    if (newcomer != 0) {
        retry_newcomer(look, row, newcomer);
        return;
    }
    if (row->key.item != 0) {
        retry_level(look, row, at);
        return;
    }
    if (row->record_value.ptr == NULL && row->record_key.ptr == NULL) {
        retry_without_record(look, row);
        return;
    }
    struct source_event event = {.type = SOURCE_RECORD,
                                 .partition = row->partition,
                                 .offset = row->offset,
                                 .key = row->record_key,
                                 .value = row->record_value};
    struct err why = {0};
    enum status rc = planner_plan(r->planner, &event, at, &why);
    if (rc == STATUS_SCHEMA_UNKNOWN) {
        retry_unreadable(look, row, why.msg);
    } else if (rc != STATUS_OK) {
        *look->err = why;
        look->rc = rc;
    }
}

/* What a look learns from the other processes. */
struct lesson {
    struct retries *retries;
    bool is_news;
};

static void learn_product(void *arg, const struct state_product *product)
{
    struct lesson *lesson = arg;
    const struct sku_claims *claims = lesson->retries->c->claims;
    lesson->is_news =
        lesson->is_news || product->revision > sku_claims_revision(claims, product->product_id);
    planner_note_product(lesson->retries->planner, product, true);
}

/* Other processes read other partitions. All must know which products exist and which of them share
 * a SKU. */
static enum status learn(struct retries *r, int64_t now_us, struct err *err)
{
    int64_t seconds = (now_us - r->learned_at_us) / 1000000 + LEARN_OVERLAP_S;
    if (now_us < r->learned_at_us + LOOK_EVERY_US) {
        return STATUS_OK;
    }
    seconds = seconds < INT32_MAX ? seconds : INT32_MAX;
    struct lesson lesson = {.retries = r};
    enum status rc = r->c->ports->state->products.noted(r->c->state, (int32_t)seconds,
                                                        learn_product, &lesson, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    r->learned_at_us = now_us;
    if (lesson.is_news) { /* a SKU may have been shared, and not be any more, between two looks */
        retries_ask(r, SHARED);
    }
    return STATUS_OK;
}

static size_t room(const struct retries *r)
{
    size_t left = RETRIES_MAX - r->count;
    return left < STATE_RETRY_MAX ? left : STATE_RETRY_MAX;
}

/* Rows of a rescan, else rows that are due. @param more [out] another look may find some at once */
static enum status take_rows(struct retries *r, struct look *look, bool *more, struct err *err)
{
    const struct parked_port *port = &r->c->ports->state->parked;
    int32_t partitions[MAX_PARTITIONS];
    struct state_share share = {
        .partitions = partitions,
        .partition_count = offset_ledger_partitions(r->c->ledger, partitions, MAX_PARTITIONS),
        .max = room(r)};
    size_t count = 0;
    enum status rc = STATUS_OK;
    *more = false;
    if (share.max == 0) {
        return STATUS_OK;
    }
    if (r->is_rescanning) {
        rc = port->rescan(r->c->state, &share, &r->page, retry_row, look, &count, err);
        if (rc == STATUS_OK && count < share.max) {
            begin_next_rescan(r);
        }
    } else {
        rc = port->due(r->c->state, &share, retry_row, look, &count, err);
    }
    *more = r->is_rescanning || count == share.max;
    return rc == STATUS_OK ? look->rc : rc;
}

static int32_t place_of(void *arg, int32_t product_id)
{
    const struct retries *r = arg;
    return r->c->ports->source->partition_of(r->c->source, product_id);
}

static enum status look_and_store(struct retries *r, struct look *look, bool *more, struct err *err)
{
    planner_begin(r->planner);
    enum status rc = learn(r, clock_monotonic_us(), err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = r->c->ports->state->parked.place(r->c->state, place_of, r, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = take_rows(r, look, more, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = parking_store(r->c, look->again, look->again_count, err);
    return rc == STATUS_OK ? planner_store(r->planner, err) : rc;
}

static enum status look_at_rows(struct retries *r, struct err *err)
{
    struct look look = {.retries = r, .rc = STATUS_OK, .err = err};
    int64_t now = clock_monotonic_us();
    bool more = false;
    look.again = mem_calloc(STATE_RETRY_MAX, sizeof *look.again);
    look.details = mem_calloc(STATE_RETRY_MAX + 1, sizeof *look.details);
    enum status rc = look_and_store(r, &look, &more, err);
    r->look_at_us = more ? now : now + LOOK_EVERY_US;
    mem_free(look.again);
    mem_free(look.details);
    return rc;
}

enum status retries_turn(struct retries *r, bool at_end, struct err *err)
{
    enum status rc = retries_settle(r, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (!*r->rescanned_at_start && at_end) { /* before, a record yet to be read may be newer */
        *r->rescanned_at_start = true;
        retries_ask(r, NULL);
    }
    if (sku_claims_settled(r->c->claims) != r->settled) {
        r->settled = sku_claims_settled(r->c->claims);
        retries_ask(r, SHARED);
    }
    return clock_monotonic_us() < r->look_at_us ? STATUS_OK : look_at_rows(r, err);
}

int64_t retries_due_us(const struct retries *r)
{
    return r->look_at_us;
}

bool retries_are_done(const struct retries *r)
{
    return !r->is_rescanning && r->count == 0;
}

/* --- taking off --- */

/* Moves the finished retries out of the list. @return how many */
static size_t take_finished(struct retries *r, struct state_tried *tried, int32_t *products)
{
    size_t n = 0;
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (offset_ledger_is_finished(r->c->ledger, r->list[i].at)) {
            products[n] = r->list[i].product_id;
            tried[n++] = r->list[i].row;
        } else {
            r->list[kept++] = r->list[i];
        }
    }
    r->count = kept;
    return n;
}

static void report_fixed(struct retries *r,
                         const struct state_tried *tried,
                         const int32_t *products,
                         size_t count)
{
    const char **fixed = mem_calloc(count, sizeof *fixed);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        /* a product's row may have been taken off, and reported, with a later record */
        if (tried[i].fixed && (products[i] == 0 || parked_set_remove(r->c->parked, products[i]))) {
            fixed[n++] = tried[i].subject;
        }
    }
    parking_report_fixed(r->c, fixed, n);
    mem_free(fixed);
}

static bool any_finished(const struct retries *r)
{
    for (size_t i = 0; i < r->count; i++) {
        if (offset_ledger_is_finished(r->c->ledger, r->list[i].at)) {
            return true;
        }
    }
    return false;
}

enum status retries_settle(struct retries *r, struct err *err)
{
    if (!any_finished(r)) {
        return STATUS_OK;
    }
    struct state_tried *tried = mem_calloc(r->count, sizeof *tried);
    int32_t *products = mem_calloc(r->count, sizeof *products);
    size_t count = take_finished(r, tried, products);
    r->look_at_us = r->is_rescanning ? 0 : r->look_at_us; /* there is room again */
    enum status rc = r->c->ports->state->parked.settle(r->c->state, tried, count, err);
    if (rc == STATUS_OK) {
        report_fixed(r, tried, products, count);
    }
    mem_free(products);
    mem_free(tried);
    return rc;
}

void retries_drop(struct retries *r)
{
    coalescer_drop_partition(r->c->coalescer, OFFSET_LEDGER_RETRY);
    offset_ledger_drop_retries(r->c->ledger);
    r->count = 0;
}
