#include "consumer/lane/resolve.h"

#include <math.h>
#include <stdio.h>

#include "common/core/clock.h"
#include "consumer/lane/parking.h"

void resolve_describe_claimants(const struct lane_context *c,
                                const char *text,
                                char *detail,
                                size_t size)
{
    int32_t ids[8];
    size_t count = sku_claims_claimants(c->claims, text, ids, 8);
    int used = snprintf(detail, size, "'%s' belongs to several products in Odoo:", text);
    for (size_t i = 0; i < count && used > 0 && (size_t)used < size; i++) {
        int more = snprintf(detail + used, size - (size_t)used, "%s %d", i > 0 ? "," : "", ids[i]);
        used = more < 0 ? (int)size : used + more;
    }
}

const char *resolve_item(const struct lane_context *c,
                         const char *text,
                         struct mapped_item *item,
                         char *detail,
                         size_t size)
{
    bool by_sku = c->rules.match == MATCH_SKU;
    const char *kind = by_sku ? "SKU" : "barcode";
    if (text == NULL) {
        (void)snprintf(detail, size, "the product has no %s in Odoo", kind);
        return by_sku ? "no_sku" : "no_barcode";
    }
    if (sku_claims_count_of(c->claims, text) > 1) {
        resolve_describe_claimants(c, text, detail, size);
        return PARKED_SHARED_IN_ODOO;
    }
    switch (sku_index_find(c->index, text, item)) {
    case SKU_INDEX_FOUND:
        break;
    case SKU_INDEX_MISSING:
        (void)snprintf(detail, size, "no variant in the store has the %s '%s'", kind, text);
        return PARKED_UNMAPPED;
    case SKU_INDEX_AMBIGUOUS:
        (void)snprintf(detail, size, "several inventory items in the store have the %s '%s'", kind,
                       text);
        return PARKED_SHARED_IN_STORE;
    }
    if (item->bundle) {
        (void)snprintf(detail, size, "'%s' is a bundle in the store: its stock cannot be set",
                       text);
        return "bundle";
    }
    if (c->options->store_conf->track_items && item->locked) {
        (void)snprintf(detail, size, "the store does not track '%s' and refuses to", text);
        return "tracking_locked";
    }
    return NULL;
}

bool resolve_item_of(const struct lane_context *c,
                     const struct level *level,
                     struct mapped_item *item)
{
    const char *text = sku_claims_text(c->claims, level->desired.product_id);
    return text != NULL && sku_index_find(c->index, text, item) == SKU_INDEX_FOUND &&
           item->item == level->key.item;
}

/* The last number of an excluded product, which becomes 0. */
static bool is_last_zero(const struct lane_context *c, const struct desired *desired)
{
    return c->options->store_conf->policy.excluded == LAST_NUMBER_ZERO && desired->quantity == 0 &&
           desired->raw == 0;
}

bool resolve_is_overtaken(const struct lane_context *c, const struct level *level)
{
    struct mapped_item item;
    const struct desired *desired = &level->desired;
    if (sku_claims_revision(c->claims, desired->product_id) <= desired->revision ||
        is_last_zero(c, desired) || sku_claims_shares(c->claims, desired->product_id)) {
        return false;
    }
    const char *text = sku_claims_owned_text(c->claims, desired->product_id);
    if (text == NULL) {
        return true;
    }
    switch (sku_index_find(c->index, text, &item)) {
    case SKU_INDEX_FOUND:
        return item.item != level->key.item;
    case SKU_INDEX_AMBIGUOUS: /* the item may be one of them */
        return false;
    case SKU_INDEX_MISSING:
        break;
    }
    return true;
}

void resolve_drop_unwanted(const struct lane_context *c,
                           struct level **levels,
                           size_t *count,
                           struct outcomes *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (resolve_is_overtaken(c, levels[i])) {
            outcomes_add(out, levels[i], END_EXCLUDED);
            continue;
        }
        if (!sku_claims_shares(c->claims, levels[i]->desired.product_id)) {
            levels[kept++] = levels[i];
            continue;
        }
        outcomes_park(out, levels[i], PARKED_SHARED_IN_ODOO,
                      "its product shares its SKU with another in Odoo: written when it is unique");
    }
    *count = kept;
}

bool resolve_uses_location(const struct lane_context *c, int64_t location)
{
    for (size_t i = 0; i < c->rules.location_count; i++) {
        if (c->rules.locations[i].location == location) {
            return true;
        }
    }
    return false;
}

struct desired resolve_desired_of_row(const struct lane_context *c,
                                      int32_t product_id,
                                      double raw,
                                      int32_t quantity,
                                      int64_t revision)
{
    return (struct desired){.product_id = product_id,
                            .quantity = isnan(raw) ? quantity : rules_offer(&c->rules, raw, 0),
                            .raw = raw,
                            .revision = revision,
                            .changed_at_us = clock_wall_us(),
                            .at = {.partition = -1},
                            .row_partition = c->ports->source->partition_of(c->source, product_id)};
}

bool resolve_is_ours(const struct lane_context *c, int32_t product_id)
{
    return offset_ledger_is_open(c->ledger, c->ports->source->partition_of(c->source, product_id));
}

/*
 * Another product's newer number stands in the store, although the item belongs to this product by
 * now and no newer record of it will come. That must not end in silence.
 */
static bool
is_outdone(const struct lane_context *c, const struct level *level, const struct level_known *known)
{
    struct mapped_item item;
    char detail[240];
    const struct desired *desired = &level->desired;
    if (known->product_id == desired->product_id || known->revision <= desired->revision ||
        known->desired == desired->quantity) {
        return false;
    }
    const char *text = sku_claims_owned_text(c->claims, desired->product_id);
    return text != NULL &&
           sku_claims_revision(c->claims, desired->product_id) == desired->revision &&
           resolve_item(c, text, &item, detail, sizeof detail) == NULL &&
           item.item == level->key.item;
}

bool resolve_before_write(const struct lane_context *c,
                          struct level *level,
                          const struct level_known *known,
                          struct outcomes *out)
{
    struct mapped_item item;
    const struct desired *desired = &level->desired;
    if (c->options->store_conf->track_items && resolve_item_of(c, level, &item) && !item.tracked) {
        outcomes_retry(out, level, LEVEL_UNTRACKED);
        return true;
    }
    if (known->found && is_outdone(c, level, known)) {
        outcomes_park(out, level, "written_by_another",
                      "another product that had this SKU wrote a newer number: "
                      "'stocksync-producer backfill --product ID' publishes this one again");
        return true;
    }
    /* the same revision is no end: the rules may have changed, or the store */
    if (desired->revision <= c->first_revision ||
        (known->found && known->revision > desired->revision) ||
        known->open_revision > desired->revision) {
        outcomes_add(out, level, END_SUPERSEDED);
        return true;
    }
    if (known->open_revision != 0) {
        level->is_read = false; /* what it writes comes after */
        outcomes_retry(out, level, LEVEL_BLOCKED);
        return true;
    }
    /* not read: its number came along from another item, or is of an earlier stream */
    if ((!known->found || known->quantity == LEVEL_NOT_READ) && !level->is_read) {
        outcomes_retry(out, level, LEVEL_UNREAD);
        return true;
    }
    return false;
}
