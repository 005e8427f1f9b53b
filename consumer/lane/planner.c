#include <stdio.h>
#include <string.h>

#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/lane_internal.h"

#define MOD "lane"

/* --- what a turn notes --- */

static void turn_reset(struct turn *t)
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
}

void lane_turn_release(struct turn *t)
{
    turn_reset(t);
    mem_free(t->products);
    mem_free(t->texts);
    mem_free(t->parks);
    mem_free(t->unparks);
    *t = (struct turn){0};
}

void lane_turn_begin(struct lane *l)
{
    struct turn *t = &l->turn;
    if (t->products == NULL) {
        t->products = mem_calloc(LANE_TURN_RECORDS, sizeof *t->products);
        t->texts = mem_calloc(LANE_TURN_RECORDS, sizeof *t->texts);
        t->unparks = mem_calloc(LANE_TURN_RECORDS, sizeof *t->unparks);
    }
    turn_reset(t);
}

static unsigned char *copy_bytes(struct bytes b, size_t *len)
{
    *len = b.ptr != NULL ? b.len : 0;
    return b.ptr != NULL ? (unsigned char *)mem_strndup((const char *)b.ptr, b.len) : NULL;
}

static struct parked_note *new_park(struct turn *t, const char *reason)
{
    if (t->park_count == t->park_capacity) {
        t->park_capacity = mem_grow_capacity(t->park_capacity, t->park_count + 1);
        t->parks = mem_realloc(t->parks, t->park_capacity, sizeof *t->parks);
    }
    struct parked_note *n = &t->parks[t->park_count++];
    *n = (struct parked_note){.partition = -1, .offset = -1};
    (void)snprintf(n->reason, sizeof n->reason, "%s", reason);
    return n;
}

static struct parked_note *
note_park(struct turn *t, const char *reason, const struct source_event *event)
{
    struct parked_note *n = new_park(t, reason);
    n->partition = event->partition;
    n->offset = event->offset;
    n->key = copy_bytes(event->key, &n->key_len);
    n->value = copy_bytes(event->value, &n->value_len);
    return n;
}

/* What this turn has noted to park of a product, NULL: nothing. */
static struct parked_note *find_park(struct turn *t, int32_t product_id)
{
    for (size_t i = t->park_count; i > 0; i--) {
        if (t->parks[i - 1].product_id == product_id) {
            return &t->parks[i - 1];
        }
    }
    return NULL;
}

static void describe_claimants(const struct lane *l, const char *text, char *detail, size_t size)
{
    int32_t ids[8];
    size_t count = sku_claims_claimants(l->identity, text, ids, 8);
    int used = snprintf(detail, size, "'%s' belongs to several products in Odoo:", text);
    for (size_t i = 0; i < count && used > 0 && (size_t)used < size; i++) {
        int more = snprintf(detail + used, size - (size_t)used, "%s %d", i > 0 ? "," : "", ids[i]);
        used = more < 0 ? (int)size : used + more;
    }
}

/*
 * No record is at hand, and none is needed: what the product wanted is written, or is pending and
 * will be stopped and parked as a level.
 */
static void park_claimant(struct lane *l, int32_t product_id, const char *text)
{
    struct parked_note *n = find_park(&l->turn, product_id);
    if (n == NULL) {
        n = new_park(&l->turn, "");
        n->product_id = product_id;
        n->revision = sku_claims_revision(l->identity, product_id);
        state_subject_product(n->subject, product_id);
    }
    (void)snprintf(n->reason, sizeof n->reason, "%s", LANE_SHARED_IN_ODOO);
    describe_claimants(l, text, n->detail, sizeof n->detail);
}

/* Until now one of two wrote the item. A third comes to a text whose claimants are parked. */
static void park_if_shared(struct lane *l, const struct state_product *product, bool stored)
{
    int32_t ids[2] = {0, 0};
    if (!product->sellable || product->text == NULL ||
        sku_claims_count_of(l->identity, product->text) != 2) {
        return;
    }
    (void)sku_claims_claimants(l->identity, product->text, ids, 2);
    for (size_t i = 0; i < 2; i++) {
        if (stored || ids[i] != product->product_id) { /* else with its record, by the planning */
            park_claimant(l, ids[i], product->text);
        }
    }
}

void lane_note_product(struct lane *l, const struct state_product *product, bool stored)
{
    if (!sku_claims_note(l->identity, product->product_id, product->text, product->sellable,
                         product->revision)) {
        return;
    }
    if (!stored) {
        size_t at = l->turn.product_count++;
        l->turn.texts[at] = mem_strdup(product->text);
        l->turn.products[at] = *product;
        l->turn.products[at].text = l->turn.texts[at];
    }
    park_if_shared(l, product, stored);
}

/* Whatever was parked for this product is settled by what the record says now. */
static void note_unpark(struct lane *l, int32_t product_id)
{
    struct turn *t = &l->turn;
    for (struct parked_note *n = find_park(t, product_id); n != NULL;
         n = find_park(t, product_id)) {
        mem_free(n->key);
        mem_free(n->value);
        *n = t->parks[--t->park_count];
    }
    if (parked_set_has(l->parked, product_id)) {
        t->unparks[t->unpark_count++] = product_id;
    }
}

/* --- one record --- */

static void park_product(struct lane *l,
                         const struct product_stock *stock,
                         const char *reason,
                         const struct source_event *event,
                         const char *detail)
{
    struct parked_note *n = note_park(&l->turn, reason, event);
    n->product_id = stock->product_id;
    n->revision = stock->revision;
    state_subject_product(n->subject, stock->product_id);
    (void)snprintf(n->detail, sizeof n->detail, "%.239s", detail);
}

const char *lane_find_item(
    const struct lane *l, const char *text, struct mapped_item *item, char *detail, size_t size)
{
    const char *what = l->rules.match == MATCH_SKU ? "SKU" : "barcode";
    if (text == NULL) {
        (void)snprintf(detail, size, "the product has no %s in Odoo", what);
        return l->rules.match == MATCH_SKU ? "no_sku" : "no_barcode";
    }
    if (sku_claims_count_of(l->identity, text) > 1) {
        describe_claimants(l, text, detail, size);
        return LANE_SHARED_IN_ODOO;
    }
    switch (sku_index_find(l->mapping, text, item)) {
    case SKU_INDEX_FOUND:
        break;
    case SKU_INDEX_MISSING:
        (void)snprintf(detail, size, "no variant in the store has the %s '%s'", what, text);
        return LANE_UNMAPPED;
    case SKU_INDEX_AMBIGUOUS:
        (void)snprintf(detail, size, "several inventory items in the store have the %s '%s'", what,
                       text);
        return "sku_shared_in_shopify";
    }
    if (item->bundle) {
        (void)snprintf(detail, size, "'%s' is a bundle in the store: its stock cannot be set",
                       text);
        return "bundle";
    }
    if (l->sc->track_items && item->locked) {
        (void)snprintf(detail, size, "'%s' is not tracked by the store, which refuses to", text);
        return "tracking_locked";
    }
    return NULL;
}

static enum status offer(struct lane *l,
                         const struct product_stock *stock,
                         int64_t item,
                         struct record_position at,
                         struct err *err)
{
    for (size_t i = 0; i < l->rules.location_count; i++) {
        const struct location_rule *rule = &l->rules.locations[i];
        struct desired desired = {.product_id = stock->product_id,
                                  .revision = stock->revision,
                                  .changed_at_us = stock->changed_at_us,
                                  .cause = stock->cause,
                                  .at = at};
        enum status rc = rules_quantity(&l->rules, rule, stock, &desired.quantity, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        struct level_key key = {.item = item, .location = rule->location};
        if (coalescer_offer(l->coalescer, key, &desired) != OFFER_NEW) {
            metric_add(l->m.superseded, 1);
            l->replaced = true;
        }
    }
    return STATUS_OK;
}

static enum status plan_stock(struct lane *l,
                              const struct product_stock *stock,
                              const struct source_event *event,
                              struct record_position at,
                              struct err *err)
{
    char detail[240];
    struct mapped_item item;
    const char *text = rules_match_text(&l->rules, stock);
    enum exclusion exclusion = rules_exclusion(stock);
    if (at.partition == OFFSET_LEDGER_RETRY &&
        sku_claims_revision(l->identity, stock->product_id) > stock->revision) {
        metric_add(l->m.superseded, 1);
        return STATUS_OK; /* a later record has decided, or is about to */
    }
    lane_note_product(l,
                      &(struct state_product){.product_id = stock->product_id,
                                              .text = text,
                                              .sellable = stock->active && stock->shopify_enabled,
                                              .revision = stock->revision},
                      false);
    lane_guard_note_revision(l, stock->revision);
    if (exclusion != EXCLUDED_NOT) {
        metric_add(l->m.excluded[exclusion], 1);
        note_unpark(l, stock->product_id);
        return STATUS_OK;
    }
    if (!rules_has_number(stock)) {
        park_product(
            l, stock, "kit_without_number", event,
            "its bill of materials is broken in Odoo (see 'stocksync-producer stock'): the "
            "store keeps its number");
        return STATUS_OK;
    }
    const char *reason = lane_find_item(l, text, &item, detail, sizeof detail);
    if (reason != NULL) {
        park_product(l, stock, reason, event, detail);
        if (strcmp(reason, LANE_UNMAPPED) == 0) {
            lane_search_want(l, text);
        }
        return STATUS_OK;
    }
    if (at.partition >= 0) {
        note_unpark(l, stock->product_id); /* the record's own hold sees it through */
    }
    return offer(l, stock, item.item, at, err);
}

enum status lane_plan_record(struct lane *l,
                             const struct source_event *event,
                             struct record_position at,
                             struct err *err)
{
    struct product_stock stock = {0};
    struct err why = {0};
    bool tombstone = false;
    int32_t product_id = 0;
    enum status rc =
        decode_record(l->decoder, event->key, event->value, &product_id, &tombstone, &stock, &why);
    if (rc == STATUS_OK && tombstone) {
        lane_note_product(
            l,
            &(struct state_product){.product_id = product_id, .revision = event->header_revision},
            false);
        metric_add(l->m.excluded[EXCLUDED_GONE], 1);
        note_unpark(l, product_id);
    } else if (rc == STATUS_OK) {
        rc = plan_stock(l, &stock, event, at, err);
    } else if (status_class(rc) == CLASS_RECORD) {
        struct parked_note *n = note_park(&l->turn, "undecodable", event);
        state_subject_record(n->subject, l->options.shared.topic, event->partition, event->offset);
        (void)snprintf(n->detail, sizeof n->detail, "%.239s", why.msg);
        rc = STATUS_OK;
    } else {
        *err = why;
    }
    product_stock_release(&stock);
    return rc;
}

/* --- the end of a turn: notes are durable before holds are let go --- */

static enum status store_parks(struct lane *l, struct err *err)
{
    struct turn *t = &l->turn;
    if (t->park_count == 0) {
        return STATUS_OK;
    }
    struct state_parked *rows = mem_calloc(t->park_count, sizeof *rows);
    for (size_t i = 0; i < t->park_count; i++) {
        const struct parked_note *n = &t->parks[i];
        rows[i] = (struct state_parked){.product_id = n->product_id,
                                        .topic = l->options.shared.topic,
                                        .partition = n->partition,
                                        .offset = n->offset,
                                        .revision = n->revision,
                                        .reason = n->reason,
                                        .detail = n->detail,
                                        .record_key = bytes_of(n->key, n->key_len),
                                        .record_value = bytes_of(n->value, n->value_len)};
        memcpy(rows[i].subject, n->subject, sizeof rows[i].subject);
    }
    enum status rc = lane_park(l, rows, t->park_count, err);
    mem_free(rows);
    for (size_t i = 0; i < t->park_count && rc == STATUS_OK; i++) {
        const struct parked_note *n = &t->parks[i];
        lane_dry_run_note_parked(l, n);
        if (n->product_id != 0) {
            parked_set_add(l->parked, n->product_id);
        }
    }
    return rc;
}

static enum status
unpark_products(struct lane *l, const int32_t *ids, size_t count, struct err *err)
{
    if (count == 0) {
        return STATUS_OK;
    }
    char(*subjects)[160] = mem_calloc(count, sizeof *subjects);
    const char **list = mem_calloc(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        state_subject_product(subjects[i], ids[i]);
        list[i] = subjects[i];
    }
    enum status rc = state_unpark(l->state, list, count, err);
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        (void)parked_set_remove(l->parked, ids[i]);
        lane_dry_run_forget(l, ids[i]);
    }
    if (rc == STATUS_OK) {
        lane_report_cured(l, list, count);
    }
    mem_free(list);
    mem_free(subjects);
    return rc;
}

enum status lane_turn_store(struct lane *l, struct err *err)
{
    struct turn *t = &l->turn;
    enum status rc = unpark_products(l, t->unparks, t->unpark_count, err);
    if (rc == STATUS_OK) {
        rc = store_parks(l, err);
    }
    if (rc == STATUS_OK && t->product_count > 0) {
        /* last: whom a note made share its SKU must be parked again when all this is repeated */
        rc = state_products_note(l->state, t->products, t->product_count, err);
    }
    for (size_t i = 0; i < t->position_count && rc == STATUS_OK; i++) {
        offset_ledger_finish(l->ledger, t->positions[i]);
    }
    turn_reset(t);
    return rc;
}

/* --- the turn --- */

static void note_end(struct lane *l, int32_t partition, bool at_end)
{
    size_t index = (size_t)partition;
    if (index >= l->at_end_size) {
        size_t size = mem_grow_capacity(l->at_end_size, index + 1);
        l->at_end = mem_realloc(l->at_end, size, sizeof *l->at_end);
        memset(l->at_end + l->at_end_size, 0, size - l->at_end_size);
        l->at_end_size = size;
    }
    l->at_end[index] = at_end;
}

static enum status take_record(struct lane *l, const struct source_event *event, struct err *err)
{
    struct record_position at;
    enum status rc = offset_ledger_add(l->ledger, event->partition, event->offset, &at);
    if (rc != STATUS_OK) {
        return STATUS_OK; /* of a partition that left, or delivered twice */
    }
    l->turn.positions[l->turn.position_count++] = at;
    metric_add(l->m.records, 1);
    note_end(l, event->partition, false);
    return lane_guard_admits(l, event, at) ? lane_plan_record(l, event, at, err) : STATUS_OK;
}

enum status lane_take_records(struct lane *l, bool *busy, struct err *err)
{
    struct source_event event = {0};
    enum status rc = STATUS_OK;
    lane_turn_begin(l);
    *busy = true;
    while (rc == STATUS_OK && l->turn.position_count < LANE_TURN_RECORDS) {
        rc = record_source_poll(l->source, &event, err);
        if (rc == STATUS_BROKER_LOST) {
            log_failure(LOG_WARN, MOD, "kafka_lost", err,
                        LOG_FIELDS(LF_TEXT("store", l->store.name)));
            rc = STATUS_OK; /* the client reconnects by itself; polling must go on */
            *busy = false;
            break;
        }
        if (rc != STATUS_OK) {
            break;
        }
        if (event.type == SOURCE_NOTHING) {
            *busy = false;
            break;
        }
        if (event.type == SOURCE_RECORD) {
            rc = take_record(l, &event, err);
        } else if (event.type == SOURCE_AT_END) {
            note_end(l, event.partition, true);
        } else {
            break; /* an assignment changes: store the turn first */
        }
    }
    if (rc == STATUS_OK) {
        rc = lane_turn_store(l, err);
    }
    if (rc == STATUS_OK && (event.type == SOURCE_ASSIGNED || event.type == SOURCE_REVOKED ||
                            event.type == SOURCE_LOST)) {
        rc = lane_handle_assignment(l, &event, err);
    }
    return rc;
}
