#include "consumer/lane/planner.h"

#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"
#include "consumer/lane/parking.h"
#include "consumer/lane/resolve.h"

/* --- the notes of a turn --- */

static void reset(struct turn *t)
{
    for (size_t i = 0; i < t->product_count; i++) {
        mem_free(t->texts[i]);
    }
    for (size_t i = 0; i < t->park_count; i++) {
        mem_free(t->parks[i].key);
        mem_free(t->parks[i].value);
    }
    t->product_count = 0;
    t->park_count = 0;
    t->unpark_count = 0;
    t->position_count = 0;
    t->overtakes = false;
}

enum status planner_open(struct planner *p,
                         const struct lane_context *c,
                         struct source_guard *guard,
                         struct brake_control *brake,
                         struct catalogue_search *search,
                         struct err *err)
{
    *p = (struct planner){.c = c, .guard = guard, .brake = brake, .search = search};
    p->turn.products = mem_calloc(LANE_TURN_RECORDS, sizeof *p->turn.products);
    p->turn.texts = mem_calloc(LANE_TURN_RECORDS, sizeof *p->turn.texts);
    p->turn.unparks = mem_calloc(LANE_TURN_RECORDS, sizeof *p->turn.unparks);
    p->raws = mem_calloc(c->rules.location_count, sizeof *p->raws);
    return decoder_new(&p->decoder, err);
}

void planner_close(struct planner *p)
{
    reset(&p->turn);
    mem_free(p->turn.products);
    mem_free(p->turn.texts);
    mem_free(p->turn.parks);
    mem_free(p->turn.unparks);
    mem_free(p->raws);
    outcomes_release(&p->dropped);
    decoder_free(p->decoder);
    *p = (struct planner){0};
}

void planner_begin(struct planner *p)
{
    reset(&p->turn);
}

void planner_hold(struct planner *p, struct record_position at)
{
    p->turn.positions[p->turn.position_count++] = at;
}

size_t planner_held(const struct planner *p)
{
    return p->turn.position_count;
}

void planner_search(struct planner *p, const char *text)
{
    catalogue_search_want(p->search, text);
}

static unsigned char *copy_bytes(struct bytes b, size_t *len)
{
    *len = b.ptr != NULL ? b.len : 0;
    return b.ptr != NULL ? (unsigned char *)mem_strndup((const char *)b.ptr, b.len) : NULL;
}

static struct parked_note *add_park(struct turn *t, const char *reason)
{
    if (t->park_count == t->park_room) {
        t->park_room = mem_grow_capacity(t->park_room, t->park_count + 1);
        t->parks = mem_realloc(t->parks, t->park_room, sizeof *t->parks);
    }
    struct parked_note *n = &t->parks[t->park_count++];
    *n = (struct parked_note){.partition = -1, .offset = -1};
    (void)snprintf(n->reason, sizeof n->reason, "%s", reason);
    return n;
}

static struct parked_note *
park_record(struct turn *t, const char *reason, const struct source_event *event)
{
    struct parked_note *n = add_park(t, reason);
    n->partition = event->partition;
    n->offset = event->offset;
    n->key = copy_bytes(event->key, &n->key_len);
    n->value = copy_bytes(event->value, &n->value_len);
    return n;
}

/* The note that this turn has of a product; NULL: none. */
static struct parked_note *find_park(struct turn *t, int32_t product_id)
{
    for (size_t i = t->park_count; i > 0; i--) {
        if (t->parks[i - 1].product_id == product_id) {
            return &t->parks[i - 1];
        }
    }
    return NULL;
}

/* --- products that share a SKU --- */

/* No record is at hand, and none is needed: its number is written, or is pending and will be
 * stopped and parked as a level. */
static void park_claimant(struct planner *p, int32_t product_id, const char *text)
{
    struct parked_note *n = find_park(&p->turn, product_id);
    if (n == NULL) {
        n = add_park(&p->turn, "");
        n->product_id = product_id;
        n->revision = sku_claims_revision(p->c->claims, product_id);
        state_subject_product(n->subject, product_id);
    }
    (void)snprintf(n->reason, sizeof n->reason, "%s", PARKED_SHARED_IN_ODOO);
    resolve_describe_claimants(p->c, text, n->detail, sizeof n->detail);
}

/* Until now one of two wrote the item. A third comes to a text whose claimants are parked. */
static void park_if_shared(struct planner *p, const struct state_product *product, bool stored)
{
    int32_t ids[2] = {0, 0};
    if (!product->sellable || product->text == NULL ||
        sku_claims_count_of(p->c->claims, product->text) != 2) {
        return;
    }
    (void)sku_claims_claimants(p->c->claims, product->text, ids, 2);
    for (size_t i = 0; i < 2; i++) {
        if (stored || ids[i] != product->product_id) { /* else with its record, by the planning */
            park_claimant(p, ids[i], product->text);
        }
    }
}

void planner_note_product(struct planner *p, const struct state_product *product, bool stored)
{
    struct turn *t = &p->turn;
    bool is_known = sku_claims_revision(p->c->claims, product->product_id) > 0;
    if (!sku_claims_note(p->c->claims, product->product_id, product->text, product->sellable,
                         product->revision)) {
        return;
    }
    t->overtakes = t->overtakes || is_known;
    p->changes += is_known;
    if (!stored) {
        size_t at = t->product_count++;
        t->texts[at] = mem_strdup(product->text);
        t->products[at] = *product;
        t->products[at].text = t->texts[at];
    }
    park_if_shared(p, product, stored);
}

/* The new record settles all parked rows of this product. */
static void note_unpark(struct planner *p, int32_t product_id)
{
    struct turn *t = &p->turn;
    for (struct parked_note *n = find_park(t, product_id); n != NULL;
         n = find_park(t, product_id)) {
        mem_free(n->key);
        mem_free(n->value);
        *n = t->parks[--t->park_count];
    }
    if (parked_set_has(p->c->parked, product_id)) {
        t->unparks[t->unpark_count++] = product_id;
    }
}

/* --- one record --- */

static void park_product(struct planner *p,
                         const struct product_stock *stock,
                         const char *reason,
                         const struct source_event *event,
                         const char *detail)
{
    struct parked_note *n = park_record(&p->turn, reason, event);
    n->product_id = stock->product_id;
    n->revision = stock->revision;
    state_subject_product(n->subject, stock->product_id);
    (void)snprintf(n->detail, sizeof n->detail, "%.239s", detail);
}

void planner_offer(struct planner *p, struct level_key key, const struct desired *desired)
{
    if (coalescer_offer(p->c->coalescer, key, desired) != OFFER_NEW) {
        metric_add(p->c->metrics->record.superseded, 1);
        brake_control_note_replaced(p->brake);
    }
}

/* One number per location, in the order of the rules. */
static enum status
count_levels(struct planner *p, const struct product_stock *stock, struct err *err)
{
    const struct store_rules *rules = &p->c->rules;
    for (size_t i = 0; i < rules->location_count; i++) {
        enum status rc = rules_raw(rules, &rules->locations[i], stock, &p->raws[i], err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

static void offer_levels(struct planner *p,
                         const struct product_stock *stock,
                         int64_t item,
                         const struct source_event *event,
                         struct record_position at)
{
    const struct store_rules *rules = &p->c->rules;
    for (size_t i = 0; i < rules->location_count; i++) {
        const struct desired desired = {.product_id = stock->product_id,
                                        .quantity = rules_offer(rules, p->raws[i], 0),
                                        .raw = p->raws[i],
                                        .revision = stock->revision,
                                        .changed_at_us = stock->changed_at_us,
                                        .cause = stock->cause,
                                        .at = at,
                                        .row_partition = event->partition};
        struct level_key key = {.item = item, .location = rules->locations[i].location};
        planner_offer(p, key, &desired);
    }
}

/* @return true: the record is decided without its numbers */
static bool is_excluded(struct planner *p, const struct product_stock *stock)
{
    enum exclusion exclusion = rules_exclusion(&p->c->rules, stock);
    if (exclusion == EXCLUDED_NOT) {
        return false;
    }
    metric_add(p->c->metrics->record.excluded[exclusion], 1);
    note_unpark(p, stock->product_id);
    return true;
}

static void plan_stock(struct planner *p,
                       const struct product_stock *stock,
                       const struct source_event *event,
                       struct record_position at)
{
    char detail[240];
    struct mapped_item item;
    struct err why = {0};
    const char *text = rules_match_text(&p->c->rules, stock);
    if (sku_claims_revision(p->c->claims, stock->product_id) > stock->revision) {
        metric_add(p->c->metrics->record.superseded, 1);
        return; /* a later record has decided, or is about to */
    }
    const struct state_product product = {.product_id = stock->product_id,
                                          .text = text,
                                          .sellable =
                                              rules_exclusion(&p->c->rules, stock) == EXCLUDED_NOT,
                                          .revision = stock->revision};
    planner_note_product(p, &product, false);
    source_guard_note_revision(p->guard, stock->revision);
    if (is_excluded(p, stock)) {
        return;
    }
    if (!rules_has_number(stock)) {
        park_product(p, stock, "kit_without_number", event,
                     "its bill of materials is broken in Odoo (see 'stocksync-producer stock'): "
                     "the store keeps its number");
        return;
    }
    const char *reason = resolve_item(p->c, text, &item, detail, sizeof detail);
    if (reason != NULL) {
        park_product(p, stock, reason, event, detail);
        if (strcmp(reason, PARKED_UNMAPPED) == 0) {
            planner_search(p, text);
        }
        return;
    }
    if (count_levels(p, stock, &why) != STATUS_OK) {
        park_product(p, stock, "basis_missing", event, why.msg);
        return;
    }
    if (at.partition >= 0) {
        note_unpark(p, stock->product_id); /* the record's own hold sees it through */
    }
    offer_levels(p, stock, item.item, event, at);
}

static void plan_tombstone(struct planner *p, int32_t product_id, const struct source_event *event)
{
    const struct state_product product = {.product_id = product_id,
                                          .revision = event->header_revision};
    planner_note_product(p, &product, false);
    metric_add(p->c->metrics->record.excluded[EXCLUDED_GONE], 1);
    note_unpark(p, product_id);
}

void planner_park_record(struct planner *p,
                         const struct source_event *event,
                         const char *reason,
                         const char *detail)
{
    struct parked_note *n = park_record(&p->turn, reason, event);
    state_subject_record(n->subject, p->c->options->shared.topic, event->partition, event->offset);
    (void)snprintf(n->detail, sizeof n->detail, "%.239s", detail);
}

enum status planner_plan(struct planner *p,
                         const struct source_event *event,
                         struct record_position at,
                         struct err *err)
{
    struct product_stock stock = {0};
    struct err why = {0};
    bool tombstone = false;
    int32_t product_id = 0;
    enum status rc =
        decode_record(p->decoder, event->key, event->value, &product_id, &tombstone, &stock, &why);
    if (rc == STATUS_OK && tombstone) {
        plan_tombstone(p, product_id, event);
    } else if (rc == STATUS_OK) {
        plan_stock(p, &stock, event, at);
    } else if (status_class(rc) == CLASS_RECORD) {
        planner_park_record(p, event, "undecodable", why.msg);
        rc = STATUS_OK;
    } else {
        *err = why;
    }
    product_stock_release(&stock);
    return rc;
}

/* --- the end of a turn: notes are durable before holds end --- */

static struct state_parked row_of(const struct planner *p, const struct parked_note *n)
{
    struct state_parked row = {.product_id = n->product_id,
                               .topic = p->c->options->shared.topic,
                               .partition = n->partition,
                               .offset = n->offset,
                               .revision = n->revision,
                               .reason = n->reason,
                               .detail = n->detail,
                               .record_key = bytes_of(n->key, n->key_len),
                               .record_value = bytes_of(n->value, n->value_len)};
    memcpy(row.subject, n->subject, sizeof row.subject);
    return row;
}

static enum status store_parks(struct planner *p, struct err *err)
{
    const struct turn *t = &p->turn;
    if (t->park_count == 0) {
        return STATUS_OK;
    }
    struct state_parked *rows = mem_calloc(t->park_count, sizeof *rows);
    for (size_t i = 0; i < t->park_count; i++) {
        rows[i] = row_of(p, &t->parks[i]);
    }
    enum status rc = parking_store(p->c, rows, t->park_count, err);
    mem_free(rows);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < t->park_count; i++) {
        if (t->parks[i].product_id != 0) {
            parked_set_add(p->c->parked, t->parks[i].product_id);
        }
    }
    return STATUS_OK;
}

static enum status unpark_products(struct planner *p, struct err *err)
{
    const struct turn *t = &p->turn;
    size_t count = t->unpark_count;
    if (count == 0) {
        return STATUS_OK;
    }
    char(*subjects)[160] = mem_calloc(count, sizeof *subjects);
    const char **list = mem_calloc(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        state_subject_product(subjects[i], t->unparks[i]);
        list[i] = subjects[i];
    }
    enum status rc = p->c->ports->state->parked.unpark(p->c->state, list, count, err);
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        (void)parked_set_remove(p->c->parked, t->unparks[i]);
    }
    if (rc == STATUS_OK) {
        parking_report_fixed(p->c, list, count);
    }
    mem_free(list);
    mem_free(subjects);
    return rc;
}

static bool is_overtaken(void *arg, const struct level *level)
{
    const struct planner *p = arg;
    return resolve_is_overtaken(p->c, level);
}

/* Levels that are pending for a product which is not sold any more, or for its old item. */
static enum status drop_overtaken(struct planner *p, struct err *err)
{
    struct level **levels = NULL;
    if (!p->turn.overtakes) {
        return STATUS_OK;
    }
    size_t count = coalescer_pull(p->c->coalescer, is_overtaken, p, &levels);
    if (count == 0) {
        return STATUS_OK;
    }
    resolve_drop_unwanted(p->c, levels, &count, &p->dropped);
    mem_free(levels);
    brake_control_note_replaced(p->brake);
    return outcomes_apply(p->c, &p->dropped, err);
}

enum status planner_store(struct planner *p, struct err *err)
{
    const struct lane_context *c = p->c;
    struct turn *t = &p->turn;
    enum status rc = unpark_products(p, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = store_parks(p, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (t->product_count > 0) {
        /* last: products that share their SKU since this turn are parked again when it is repeated
         */
        rc = c->ports->state->products.note(c->state, t->products, t->product_count, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    rc = drop_overtaken(p, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < t->position_count; i++) {
        offset_ledger_finish(c->ledger, t->positions[i]);
    }
    reset(t);
    return STATUS_OK;
}
