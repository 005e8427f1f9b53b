/* Parked rows: stored, tried again, taken off. Which wait follows which reason: plan/parked_pace.
 */
#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/lane_internal.h"
#include "consumer/plan/parked_pace.h"

#define MOD "lane"

#define LOOK_EVERY_US INT64_C(5000000)
/* What others noted is asked for some seconds further back than the last look: what was being
 * written then became visible later. Twice a statement's timeout. */
#define LEARN_OVERLAP_S 20
#define MAX_PARTITIONS  1024
/* Cured rows of one look that are named one by one. */
#define NAMED_MAX 10

static const char *const SHARED[] = {LANE_SHARED_IN_ODOO, NULL};

/* --- storing --- */

static void report(const struct lane *l, const struct state_parked *row)
{
    if (row->key.item != 0) {
        log_warn(MOD, "parked", LF_TEXT("store", l->store.name), LF_INT("product", row->product_id),
                 LF_INT("item", row->key.item), LF_INT("location", row->key.location),
                 LF_TEXT("reason", row->reason), LF_TEXT("origin", row->code), LF_MSG(row->detail));
    } else {
        log_warn(MOD, "parked", LF_TEXT("store", l->store.name), LF_INT("product", row->product_id),
                 LF_INT("partition", row->partition), LF_INT("offset", row->offset),
                 LF_TEXT("reason", row->reason), LF_MSG(row->detail));
    }
}

enum status lane_park(struct lane *l, struct state_parked *rows, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        rows[i].wait_s = parked_pace_s(rows[i].reason);
    }
    enum status rc = state_park(l->state, rows, count, err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        if (rows[i].first) {
            report(l, &rows[i]);
        }
        metric_add(rows[i].first ? l->m.parked : l->m.parked_again, 1);
    }
    return rc;
}

void lane_report_cured(const struct lane *l, const char *const *subjects, size_t count)
{
    static const char SAYS[] = "not parked any more: applied, or decided by a later record";
    metric_add(l->m.cured, count);
    for (size_t i = 0; i < count && i < NAMED_MAX; i++) {
        log_info(MOD, "cured", LF_TEXT("store", l->store.name), LF_TEXT("parked", subjects[i]),
                 LF_MSG(SAYS));
    }
    if (count > NAMED_MAX) {
        log_info(MOD, "cured", LF_TEXT("store", l->store.name), LF_INT("count", count - NAMED_MAX),
                 LF_MSG("further rows at the same time"));
    }
}

/* Which of the rows under way a position stands for, NULL: none. */
static const struct retry *find_retry(const struct lane *l, struct record_position at)
{
    for (size_t i = 0; at.partition == OFFSET_LEDGER_RETRY && i < l->retries.count; i++) {
        if (l->retries.list[i].at.offset == at.offset) {
            return &l->retries.list[i];
        }
    }
    return NULL;
}

void lane_describe_level(const struct lane *l, const struct level *p, struct state_parked *row)
{
    const struct retry *retry = find_retry(l, p->desired.at);
    bool from_topic = p->desired.at.partition >= 0;
    *row = (struct state_parked){.product_id = p->desired.product_id,
                                 .key = p->key,
                                 .topic = l->options.shared.topic,
                                 .partition = p->desired.at.partition,
                                 .offset = from_topic ? p->desired.at.offset : -1,
                                 .revision = p->desired.revision,
                                 .quantity = p->desired.quantity};
    if (!from_topic) {
        row->partition = retry != NULL ? retry->partition : -1;
    }
    state_subject_level(row->subject, p->key);
}

/* Pairs that must not be written now end as parked levels. */
static enum status park_levels(struct lane *l,
                               struct level **levels,
                               size_t count,
                               const char *reason,
                               const char *detail,
                               struct err *err)
{
    if (count == 0) {
        return STATUS_OK;
    }
    struct state_parked *rows = mem_calloc(count, sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        lane_describe_level(l, levels[i], &rows[i]);
        rows[i].reason = reason;
        rows[i].detail = detail;
    }
    enum status rc = lane_park(l, rows, count, err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        coalescer_finish(l->coalescer, levels[i], NULL);
    }
    mem_free(rows);
    return rc;
}

enum status lane_stop_shared(struct lane *l, struct level **levels, size_t *count, struct err *err)
{
    size_t kept = 0;
    size_t stopped = 0;
    struct level *list[LANE_RESOLVE_PAIRS];
    for (size_t i = 0; i < *count; i++) {
        if (sku_claims_shares(l->identity, levels[i]->desired.product_id)) {
            list[stopped++] = levels[i];
        } else {
            levels[kept++] = levels[i];
        }
    }
    *count = kept;
    return park_levels(l, list, stopped, LANE_SHARED_IN_ODOO,
                       "its product shares its SKU with another in Odoo: written when it is unique",
                       err);
}

bool lane_is_outdone(const struct lane *l, const struct level *p, const struct level_known *known)
{
    struct mapped_item item;
    char detail[240];
    int32_t product_id = p->desired.product_id;
    if (known->product_id == product_id || known->revision <= p->desired.revision ||
        known->desired == p->desired.quantity) {
        return false;
    }
    const char *text = sku_claims_owned_text(l->identity, product_id);
    return text != NULL && sku_claims_revision(l->identity, product_id) == p->desired.revision &&
           lane_find_item(l, text, &item, detail, sizeof detail) == NULL &&
           item.item == p->key.item;
}

enum status lane_park_outdone(struct lane *l, struct level **levels, size_t count, struct err *err)
{
    return park_levels(
        l, levels, count, "written_by_another",
        "another product that had this SKU wrote a newer number: 'stocksync-producer "
        "backfill --product ID' brings this one's",
        err);
}

/* --- what is asked for --- */

/* That over all rows is the one of a start: what was parked since then needs none. */
static void begin_next_sweep(struct retries *r)
{
    int64_t since_us = r->next_all ? clock_monotonic_us() - r->opened_us : 0;
    r->sweeping = r->next_all || r->next[0] != NULL;
    memcpy(r->reasons, r->next, sizeof r->reasons);
    r->sweep = (struct state_sweep){.reasons = r->next_all ? NULL : r->reasons,
                                    .rested_ms = since_us / 1000};
    memset(r->next, 0, sizeof r->next);
    r->next_all = false;
}

static void ask(struct retries *r, const char *const *reasons)
{
    r->next_all = r->next_all || reasons == NULL;
    for (size_t i = 0; reasons != NULL && reasons[i] != NULL; i++) {
        size_t at = 0;
        while (at < LANE_REASONS && r->next[at] != NULL && strcmp(r->next[at], reasons[i]) != 0) {
            at++;
        }
        INVARIANT(at < LANE_REASONS, "more than %d reasons", LANE_REASONS);
        r->next[at] = reasons[i];
    }
    if (!r->sweeping) {
        begin_next_sweep(r);
    }
}

/* --- one look --- */

/* What a look does with the rows that it was given. */
struct look {
    struct lane *lane;
    enum status rc;
    struct err *err;
    struct state_parked *again; /* levels that stay parked */
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

/* The row's place among those under way, with one hold that the turn ends. */
static struct record_position begin_retry(struct lane *l, const struct state_parked *row)
{
    struct retries *r = &l->retries;
    struct retry *e = &r->list[r->count++];
    *e = (struct retry){.row = {.revision = row->revision, .attempts = row->attempts},
                        .product_id = row->key.item == 0 ? row->product_id : 0,
                        .partition = row->partition};
    memcpy(e->row.subject, row->subject, sizeof e->row.subject);
    enum status rc = offset_ledger_add(l->ledger, OFFSET_LEDGER_RETRY, ++r->number, &e->at);
    INVARIANT(rc == STATUS_OK, "retry %lld: %s", (long long)r->number, status_name(rc));
    l->turn.positions[l->turn.position_count++] = e->at;
    return e->at;
}

static bool is_location_of(const struct store_rules *rules, int64_t location)
{
    size_t i = 0;
    while (i < rules->location_count && rules->locations[i].location != location) {
        i++;
    }
    return i < rules->location_count;
}

/*
 * A level is offered with what it desired then: its revision keeps it from undoing anything newer.
 * It is of no use any more when a later record of its product was planned, when the product is not
 * sold in the store, or its location not used.
 */
static void
retry_level(struct look *look, const struct state_parked *row, struct record_position at)
{
    struct lane *l = look->lane;
    struct mapped_item item = {0};
    const char *text = sku_claims_text(l->identity, row->product_id);
    bool claims = sku_claims_owned_text(l->identity, row->product_id) != NULL ||
                  sku_claims_shares(l->identity, row->product_id);
    if (!claims || !is_location_of(&l->rules, row->key.location) ||
        sku_claims_revision(l->identity, row->product_id) > row->revision) {
        return;
    }
    char *detail = look->details[look->again_count];
    const char *reason = lane_find_item(l, text, &item, detail, sizeof look->details[0]);
    if (reason != NULL) {
        if (strcmp(reason, LANE_UNMAPPED) == 0) {
            lane_search_want(l, text);
        }
        struct state_parked *again = &look->again[look->again_count++];
        *again = *row;
        again->reason = reason;
        again->detail = detail;
        again->code = again->request_id = again->topic = NULL;
        again->record_key = again->record_value = (struct bytes){0};
        again->partition = -1; /* stays as it is */
        return;
    }
    struct desired desired = {.product_id = row->product_id,
                              .quantity = row->quantity,
                              .revision = row->revision,
                              .changed_at_us = clock_wall_us(),
                              .at = at};
    struct level_key key = {.item = item.item, .location = row->key.location};
    if (coalescer_offer(l->coalescer, key, &desired) != OFFER_NEW) {
        metric_add(l->m.superseded, 1);
        l->replaced = true;
    }
}

/* Parked because another product came with its SKU; no record was at hand, see park_claimant.
 */
static void retry_without_record(struct look *look, const struct state_parked *row)
{
    struct lane *l = look->lane;
    if (!sku_claims_shares(l->identity, row->product_id)) {
        return;
    }
    struct state_parked *again = &look->again[look->again_count];
    char *detail = look->details[look->again_count++];
    *again = *row;
    (void)snprintf(detail, sizeof look->details[0], "%s", row->detail);
    again->reason = LANE_SHARED_IN_ODOO;
    again->detail = detail;
    again->code = again->request_id = again->topic = NULL;
    again->partition = -1;
}

static void retry_row(void *arg, const struct state_parked *row)
{
    struct look *look = arg;
    struct lane *l = look->lane;
    if (look->rc != STATUS_OK || is_under_way(&l->retries, row->subject)) {
        return;
    }
    struct record_position at = begin_retry(l, row);
    if (row->key.item != 0) {
        retry_level(look, row, at);
    } else if (row->record_value.ptr == NULL && row->record_key.ptr == NULL) {
        retry_without_record(look, row);
    } else {
        struct source_event event = {.type = SOURCE_RECORD,
                                     .partition = row->partition,
                                     .offset = row->offset,
                                     .key = row->record_key,
                                     .value = row->record_value};
        look->rc = lane_plan_record(l, &event, at, look->err);
    }
}

static void learn_product(void *arg, const struct state_product *product)
{
    lane_note_product(arg, product, true);
}

/* Other processes read other partitions: which products are there, and who shares a SKU, all must
 * know. */
static enum status learn(struct lane *l, int64_t now_us, struct err *err)
{
    int64_t seconds = (now_us - l->retries.learned_at_us) / 1000000 + LEARN_OVERLAP_S;
    seconds = seconds < INT32_MAX ? seconds : INT32_MAX;
    enum status rc = state_products_noted(l->state, (int32_t)seconds, learn_product, l, err);
    if (rc == STATUS_OK) {
        l->retries.learned_at_us = now_us;
    }
    return rc;
}

static size_t room(const struct retries *r)
{
    size_t left = LANE_RETRIES_MAX - r->count;
    return left < STATE_RETRY_MAX ? left : STATE_RETRY_MAX;
}

/* Rows that are due, then a page of the sweep. @param more [out] another look may find some at once
 */
static enum status take_rows(struct lane *l, struct look *look, bool *more, struct err *err)
{
    struct retries *r = &l->retries;
    int32_t partitions[MAX_PARTITIONS];
    struct state_share share = {.partitions = partitions,
                                .partition_count =
                                    offset_ledger_partitions(l->ledger, partitions, MAX_PARTITIONS),
                                .max = room(r)};
    size_t count = 0;
    enum status rc = STATUS_OK;
    *more = false;
    if (share.max == 0) {
        return rc;
    }
    if (r->sweeping) {
        rc = state_parked_sweep(l->state, &share, &r->sweep, retry_row, look, &count, err);
        if (rc == STATUS_OK && count < share.max) {
            begin_next_sweep(r);
        }
    } else {
        rc = state_parked_due(l->state, &share, retry_row, look, &count, err);
    }
    *more = r->sweeping || count == share.max;
    return rc == STATUS_OK ? look->rc : rc;
}

static enum status look_at_rows(struct lane *l, struct err *err)
{
    struct look look = {.lane = l, .rc = STATUS_OK, .err = err};
    int64_t now = clock_monotonic_us();
    bool more = false;
    look.again = mem_calloc(STATE_RETRY_MAX, sizeof *look.again);
    look.details = mem_calloc(STATE_RETRY_MAX, sizeof *look.details);
    lane_turn_begin(l);
    enum status rc =
        now >= l->retries.learned_at_us + LOOK_EVERY_US ? learn(l, now, err) : STATUS_OK;
    if (rc == STATUS_OK) {
        rc = take_rows(l, &look, &more, err);
    }
    if (rc == STATUS_OK) {
        rc = lane_park(l, look.again, look.again_count, err);
    }
    if (rc == STATUS_OK) {
        rc = lane_turn_store(l, err);
    }
    l->retries.look_at_us = more ? now : now + LOOK_EVERY_US;
    mem_free(look.again);
    mem_free(look.details);
    return rc;
}

enum status lane_tend_parked(struct lane *l, struct err *err)
{
    struct retries *r = &l->retries;
    if (l->dry) {
        bool news = sku_claims_settled(l->identity) != r->settled;
        r->settled = sku_claims_settled(l->identity);
        return news ? lane_dry_run_retry(l, err) : STATUS_OK;
    }
    enum status rc = lane_settle_retries(l, err);
    if (!l->swept_at_start &&
        lane_is_at_end(l)) { /* before: a record yet to be read may be newer */
        l->swept_at_start = true;
        ask(r, NULL);
        r->look_at_us = 0;
    }
    if (sku_claims_settled(l->identity) != r->settled) {
        r->settled = sku_claims_settled(l->identity);
        ask(r, SHARED);
        r->look_at_us = 0;
    }
    if (rc != STATUS_OK || clock_monotonic_us() < lane_retries_due_us(l)) {
        return rc;
    }
    return look_at_rows(l, err);
}

enum status lane_retry_parked(struct lane *l, const char *const *reasons, struct err *err)
{
    if (!l->dry) { /* its rows are the real run's */
        ask(&l->retries, reasons);
        l->retries.look_at_us = 0;
    }
    return lane_tend_parked(l, err);
}

int64_t lane_retries_due_us(const struct lane *l)
{
    return l->dry ? INT64_MAX : l->retries.look_at_us;
}

bool lane_retries_done(const struct lane *l)
{
    return !l->retries.sweeping && l->retries.count == 0;
}

/* --- taking off --- */

enum status lane_settle_retries(struct lane *l, struct err *err)
{
    struct retries *r = &l->retries;
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++) {
        count += offset_ledger_is_finished(l->ledger, r->list[i].at);
    }
    if (count == 0) {
        return STATUS_OK;
    }
    struct state_tried *tried = mem_calloc(count, sizeof *tried);
    const char **cured = mem_calloc(count, sizeof *cured);
    int32_t *products = mem_calloc(count, sizeof *products);
    size_t n = 0;
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (offset_ledger_is_finished(l->ledger, r->list[i].at)) {
            products[n] = r->list[i].product_id;
            tried[n++] = r->list[i].row;
        } else {
            r->list[kept++] = r->list[i];
        }
    }
    r->count = kept;
    r->look_at_us = r->sweeping ? 0 : r->look_at_us; /* there is room again */
    enum status rc = state_parked_settle(l->state, tried, count, err);
    n = 0;
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        /* a product's row may have been taken off, and reported, with a later record */
        if (tried[i].cured && (products[i] == 0 || parked_set_remove(l->parked, products[i]))) {
            cured[n++] = tried[i].subject;
        }
    }
    lane_report_cured(l, cured, n);
    mem_free(products);
    mem_free(cured);
    mem_free(tried);
    return rc;
}

void lane_drop_retries(struct lane *l)
{
    coalescer_drop_partition(l->coalescer, OFFSET_LEDGER_RETRY);
    offset_ledger_drop_retries(l->ledger);
    l->retries.count = 0;
}
