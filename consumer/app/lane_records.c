#include <stdio.h>
#include <string.h>

#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/app/lane_internal.h"

#define MOD "lane"

static const char *const AMBIGUOUS[] = {"sku_shared_in_odoo", NULL};

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

static void turn_prepare(struct turn *t)
{
    if (t->products == NULL) {
        t->products = mem_calloc(LANE_TURN_RECORDS, sizeof *t->products);
        t->texts = mem_calloc(LANE_TURN_RECORDS, sizeof *t->texts);
        t->parks = mem_calloc(LANE_TURN_RECORDS, sizeof *t->parks);
        t->unparks = mem_calloc(LANE_TURN_RECORDS, sizeof *t->unparks);
    }
    turn_reset(t);
}

static unsigned char *copy_bytes(struct bytes b, size_t *len)
{
    *len = b.ptr != NULL ? b.len : 0;
    return b.ptr != NULL ? (unsigned char *)mem_strndup((const char *)b.ptr, b.len) : NULL;
}

static struct parked_note *
note_park(struct turn *t, const char *reason, const struct source_event *event)
{
    struct parked_note *n = &t->parks[t->park_count++];
    *n = (struct parked_note){.partition = event->partition, .offset = event->offset};
    (void)snprintf(n->reason, sizeof n->reason, "%s", reason);
    n->key = copy_bytes(event->key, &n->key_len);
    n->value = copy_bytes(event->value, &n->value_len);
    return n;
}

static void
note_product(struct lane *l, int32_t product_id, const char *text, bool sellable, int64_t revision)
{
    if (identity_note(l->identity, product_id, text, sellable, revision)) {
        size_t at = l->turn.product_count++;
        l->turn.texts[at] = mem_strdup(text);
        l->turn.products[at] = (struct state_product){.product_id = product_id,
                                                      .text = l->turn.texts[at],
                                                      .sellable = sellable,
                                                      .revision = revision};
        l->check_ambiguous = l->check_ambiguous || parked_set_count(l->parked) > 0;
    }
}

/* Whatever was parked for this product is settled by what the record says now. */
static void note_unpark(struct lane *l, int32_t product_id)
{
    if (parked_set_has(l->parked, product_id)) {
        l->turn.unparks[l->turn.unpark_count++] = product_id;
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

static void describe_claimants(const struct lane *l, const char *text, char *detail, size_t size)
{
    int32_t ids[8];
    size_t count = identity_claimants(l->identity, text, ids, 8);
    int used = snprintf(detail, size, "'%s' belongs to several products in Odoo:", text);
    for (size_t i = 0; i < count && used > 0 && (size_t)used < size; i++) {
        int more = snprintf(detail + used, size - (size_t)used, "%s %d", i > 0 ? "," : "", ids[i]);
        used = more < 0 ? (int)size : used + more;
    }
}

/* The inventory item of a product, or the reason why there is none. @return NULL when found */
static const char *find_item(
    const struct lane *l, const char *text, struct mapped_item *item, char *detail, size_t size)
{
    const char *what = l->rules.match == MATCH_SKU ? "SKU" : "barcode";
    if (text == NULL) {
        (void)snprintf(detail, size, "the product has no %s in Odoo", what);
        return l->rules.match == MATCH_SKU ? "no_sku" : "no_barcode";
    }
    if (identity_claims(l->identity, text) > 1) {
        describe_claimants(l, text, detail, size);
        return "sku_shared_in_odoo";
    }
    switch (mapping_find(l->mapping, text, item)) {
    case MAPPING_FOUND:
        break;
    case MAPPING_MISSING:
        (void)snprintf(detail, size, "no variant in the store has the %s '%s'", what, text);
        return "unmapped";
    case MAPPING_AMBIGUOUS:
        (void)snprintf(detail, size, "several inventory items in the store have the %s '%s'", what,
                       text);
        return "sku_shared_in_shopify";
    }
    if (item->bundle) {
        (void)snprintf(detail, size, "'%s' is a bundle in the store: its stock cannot be set",
                       text);
        return "bundle";
    }
    if (l->sc->track && item->locked) {
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
        struct want want = {.product_id = stock->product_id,
                            .revision = stock->revision,
                            .changed_at_us = stock->changed_at_us,
                            .at = at};
        enum status rc = rules_quantity(&l->rules, rule, stock, &want.quantity, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        struct level_key key = {.item = item, .location = rule->location};
        if (coalescer_offer(l->coalescer, key, &want) != OFFER_NEW) {
            metric_add(l->m.superseded, 1);
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
    note_product(l, stock->product_id, text, stock->active && stock->shopify_enabled,
                 stock->revision);
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
    const char *reason = find_item(l, text, &item, detail, sizeof detail);
    if (reason != NULL) {
        park_product(l, stock, reason, event, detail);
        if (strcmp(reason, "unmapped") == 0) {
            lane_search_want(l, text);
        }
        return STATUS_OK;
    }
    if (at.partition >= 0) {
        note_unpark(l, stock->product_id); /* the record's own hold sees it through */
    }
    return offer(l, stock, item.item, at, err);
}

/* Decodes and plans one record. at.partition -1: a parked record tried again. */
static enum status plan_record(struct lane *l,
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
        note_product(l, product_id, NULL, false, event->header_revision);
        metric_add(l->m.excluded[EXCLUDED_GONE], 1);
        note_unpark(l, product_id);
    } else if (rc == STATUS_OK) {
        rc = plan_stock(l, &stock, event, at, err);
    } else if (status_class(rc) == CLASS_RECORD) {
        struct parked_note *n = note_park(&l->turn, "undecodable", event);
        state_subject_record(n->subject, l->conf->shared.topic.name, event->partition,
                             event->offset);
        (void)snprintf(n->detail, sizeof n->detail, "%.239s", why.msg);
        rc = STATUS_OK;
    } else {
        *err = why;
    }
    product_stock_release(&stock);
    return rc;
}

/* --- the end of a turn: notes are durable before holds are let go --- */

/* Parked anew since it was tried again: its row must stay. */
static void forget_retry(struct lane *l, int32_t product_id)
{
    for (size_t i = 0; i < l->replanned; i++) {
        if (l->replanned_ids[i] == product_id) {
            l->replanned_ids[i] = l->replanned_ids[--l->replanned];
            return;
        }
    }
}

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
                                        .topic = l->conf->shared.topic.name,
                                        .partition = n->partition,
                                        .offset = n->offset,
                                        .revision = n->revision,
                                        .reason = n->reason,
                                        .detail = n->detail,
                                        .record_key = bytes_of(n->key, n->key_len),
                                        .record_value = bytes_of(n->value, n->value_len)};
        memcpy(rows[i].subject, n->subject, sizeof rows[i].subject);
    }
    enum status rc = state_park(l->state, rows, t->park_count, err);
    mem_free(rows);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < t->park_count; i++) {
        const struct parked_note *n = &t->parks[i];
        bool known = n->product_id != 0 && parked_set_has(l->parked, n->product_id);
        if (n->product_id != 0) {
            parked_set_add(l->parked, n->product_id);
            forget_retry(l, n->product_id);
        }
        if (!known) {
            metric_add(l->m.parked, 1);
            log_warn(MOD, "parked", LF_TEXT("store", l->store.name),
                     LF_INT("product", n->product_id), LF_INT("partition", n->partition),
                     LF_INT("offset", n->offset), LF_TEXT("reason", n->reason), LF_MSG(n->detail));
        }
    }
    return STATUS_OK;
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
    }
    mem_free(list);
    mem_free(subjects);
    return rc;
}

static enum status turn_store(struct lane *l, struct err *err)
{
    struct turn *t = &l->turn;
    enum status rc = t->product_count > 0
                         ? state_products_note(l->state, t->products, t->product_count, err)
                         : STATUS_OK;
    if (rc == STATUS_OK) {
        rc = unpark_products(l, t->unparks, t->unpark_count, err);
    }
    if (rc == STATUS_OK) {
        rc = store_parks(l, err);
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
    return plan_record(l, event, at, err);
}

enum status lane_take_records(struct lane *l, bool *busy, struct err *err)
{
    struct source_event event = {0};
    enum status rc = STATUS_OK;
    turn_prepare(&l->turn);
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
        rc = turn_store(l, err);
    }
    if (rc == STATUS_OK && (event.type == SOURCE_ASSIGNED || event.type == SOURCE_REVOKED ||
                            event.type == SOURCE_LOST)) {
        rc = lane_handle_assignment(l, &event, err);
    }
    if (rc == STATUS_OK && l->check_ambiguous) {
        l->check_ambiguous = false;
        rc = lane_retry_parked(l, AMBIGUOUS, err);
    }
    return rc;
}

/* --- parked products --- */

struct retry {
    struct lane *lane;
    enum status rc;
    struct err *err;
};

static void retry_one(void *arg, const struct state_parked *row)
{
    struct retry *retry = arg;
    struct lane *l = retry->lane;
    if (retry->rc != STATUS_OK || row->record_value.ptr == NULL ||
        l->turn.park_count + 1 >= LANE_TURN_RECORDS ||
        l->turn.product_count + 1 >= LANE_TURN_RECORDS ||
        l->turn.unpark_count + 1 >= LANE_TURN_RECORDS) {
        return; /* more than a turn's worth stays parked until the next retry */
    }
    struct source_event event = {.type = SOURCE_RECORD,
                                 .partition = row->partition,
                                 .offset = row->offset,
                                 .key = row->record_key,
                                 .value = row->record_value};
    struct record_position nowhere = {.partition = -1};
    size_t parks = l->turn.park_count;
    retry->rc = plan_record(l, &event, nowhere, retry->err);
    if (l->turn.park_count > parks) {
        /* still not possible: the row stands as it is */
        l->turn.park_count = parks;
        mem_free(l->turn.parks[parks].key);
        mem_free(l->turn.parks[parks].value);
    } else if (row->product_id != 0) {
        l->replanned_ids =
            mem_realloc(l->replanned_ids, l->replanned + 1, sizeof *l->replanned_ids);
        l->replanned_ids[l->replanned++] = row->product_id;
    }
}

enum status lane_retry_parked(struct lane *l, const char *const *reasons, struct err *err)
{
    struct retry retry = {.lane = l, .rc = STATUS_OK, .err = err};
    turn_prepare(&l->turn);
    enum status rc = state_parked_each(l->state, reasons, retry_one, &retry, err);
    if (rc == STATUS_OK) {
        rc = retry.rc;
    }
    return rc == STATUS_OK ? turn_store(l, err) : rc;
}

enum status lane_settle_retries(struct lane *l, struct err *err)
{
    if (l->replanned == 0 || coalescer_total(l->coalescer) > 0) {
        return STATUS_OK;
    }
    enum status rc = unpark_products(l, l->replanned_ids, l->replanned, err);
    if (rc == STATUS_OK) {
        log_info(MOD, "parked_settled", LF_TEXT("store", l->store.name),
                 LF_INT("count", l->replanned),
                 LF_MSG("parked products found their item: applied, taken off the list"));
        l->replanned = 0;
    }
    return rc;
}
