#include "tests/unit/lane/fake_shop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/core/mem.h"
#include "consumer/shopify/gid.h"

#define PAGE 250

struct fake_shop fake_shop;

/* What was executed under a key: the same variables get the same answer again. */
struct memory {
    char *key, *variables, *data; /* owned */
};

static struct {
    struct memory *list;
    size_t count, room;
} memories;

void fake_shop_release(void)
{
    for (size_t i = 0; i < memories.count; i++) {
        mem_free(memories.list[i].key);
        mem_free(memories.list[i].variables);
        mem_free(memories.list[i].data);
    }
    mem_free(memories.list);
    memset(&memories, 0, sizeof memories);
}

void fake_shop_reset(void)
{
    fake_shop_release();
    memset(&fake_shop, 0, sizeof fake_shop);
}

struct fake_level *fake_shop_add(const char *sku, int32_t available)
{
    assert_true(fake_shop.count < FAKE_SHOP_LEVELS);
    struct fake_level *l = &fake_shop.list[fake_shop.count];
    *l = (struct fake_level){.item = 4000 + (int64_t)fake_shop.count,
                             .location = FAKE_LOCATION,
                             .available = available,
                             .connected = true,
                             .active = true,
                             .tracked = true};
    (void)snprintf(l->sku, sizeof l->sku, "%s", sku);
    fake_shop.count++;
    return l;
}

struct fake_level *fake_shop_place(const struct fake_level *level, int64_t location)
{
    struct fake_level *other = fake_shop_add(level->sku, level->available);
    int64_t item = level->item;
    other->item = item;
    other->location = location;
    other->tracked = level->tracked;
    return other;
}

struct fake_level *fake_shop_find(const char *sku)
{
    for (size_t i = 0; i < fake_shop.count; i++) {
        if (strcmp(fake_shop.list[i].sku, sku) == 0) {
            return &fake_shop.list[i];
        }
    }
    return NULL;
}

int32_t fake_shop_available(const char *sku)
{
    const struct fake_level *l = fake_shop_find(sku);
    assert_non_null(l);
    return l->available;
}

static struct fake_level *level_of(const json_t *item_gid, const json_t *location_gid)
{
    int64_t item = 0;
    int64_t location = 0;
    struct err err = {0};
    assert_int_equal(gid_parse(json_string_value(item_gid), "InventoryItem", &item, &err),
                     STATUS_OK);
    if (location_gid != NULL) {
        assert_int_equal(gid_parse(json_string_value(location_gid), "Location", &location, &err),
                         STATUS_OK);
    }
    for (size_t i = 0; i < fake_shop.count; i++) {
        struct fake_level *l = &fake_shop.list[i];
        if (l->item == item && !l->gone && (location_gid == NULL || l->location == location)) {
            return l;
        }
    }
    return NULL;
}

/* --- the set --- */

static const char *refusal_of(const struct fake_level *l, const json_t *entry)
{
    if (l == NULL) {
        return "INVALID_INVENTORY_ITEM";
    }
    if (l->refusal != NULL) {
        return l->refusal;
    }
    if (!l->connected) {
        return "ITEM_NOT_STOCKED_AT_LOCATION";
    }
    json_int_t expected = json_integer_value(json_object_get(entry, "changeFromQuantity"));
    if (expected != l->available) {
        return "CHANGE_FROM_QUANTITY_STALE";
    }
    return l->active ? NULL : "ITEM_NOT_STOCKED_AT_LOCATION";
}

static void append_refusal(struct strbuf *errors, const char *code, size_t index, bool named)
{
    strbuf_appendf(errors,
                   "%s{\"code\":\"%s\",\"message\":\"%s\",\"field\":", errors->len > 0 ? "," : "",
                   code, code);
    if (named) {
        strbuf_appendf(errors, "[\"input\",\"quantities\",\"%zu\"]}", index);
    } else {
        strbuf_append_text(errors, "[\"input\"]}");
    }
}

static struct fake_level *level_of_entry(const json_t *entry)
{
    return level_of(json_object_get(entry, "inventoryItemId"),
                    json_object_get(entry, "locationId"));
}

static bool write_entries(const json_t *entries)
{
    bool changed = false;
    size_t i = 0;
    const json_t *entry = NULL;
    json_array_foreach(entries, i, entry)
    {
        struct fake_level *l = level_of_entry(entry);
        int32_t quantity = (int32_t)json_integer_value(json_object_get(entry, "quantity"));
        changed = changed || l->available != quantity;
        l->available = quantity;
        l->sets++;
    }
    return changed;
}

static void set(const json_t *variables, struct strbuf *data)
{
    const json_t *entries = json_object_get(json_object_get(variables, "input"), "quantities");
    struct strbuf errors;
    size_t i = 0;
    const json_t *entry = NULL;
    strbuf_init(&errors, 1 << 20);
    assert_in_range(json_array_size(entries), 1, INVENTORY_MAX_ENTRIES);
    json_array_foreach(entries, i, entry)
    {
        const struct fake_level *l = level_of_entry(entry);
        const char *code = refusal_of(l, entry);
        if (code != NULL) {
            append_refusal(&errors, code, i, l == NULL || !l->unnamed);
        }
    }
    bool changed = errors.len == 0 && write_entries(entries);
    fake_shop.sets += errors.len == 0;
    strbuf_appendf(data,
                   "{\"inventorySetQuantities\":{\"inventoryAdjustmentGroup\":%s,"
                   "\"userErrors\":[%s]}}",
                   changed ? "{\"id\":\"gid://shopify/InventoryAdjustmentGroup/1\"}" : "null",
                   errors.len > 0 ? errors.ptr : "");
    strbuf_release(&errors);
}

/* All or nothing; the difference counts, whatever a level holds by now. */
static void adjust(const json_t *variables, struct strbuf *data)
{
    const json_t *entries = json_object_get(json_object_get(variables, "input"), "changes");
    size_t i = 0;
    const json_t *entry = NULL;
    assert_in_range(json_array_size(entries), 1, INVENTORY_MAX_ENTRIES);
    json_array_foreach(entries, i, entry)
    {
        struct fake_level *l = level_of_entry(entry);
        assert_non_null(l);
        assert_true(json_is_null(json_object_get(entry, "changeFromQuantity")));
        l->available += (int32_t)json_integer_value(json_object_get(entry, "delta"));
        l->sets++;
    }
    fake_shop.sets++;
    strbuf_append_text(data, "{\"inventoryAdjustQuantities\":{\"inventoryAdjustmentGroup\":{\"id\":"
                             "\"gid://shopify/InventoryAdjustmentGroup/2\"},\"userErrors\":[]}}");
}

/* A refusal is not remembered: nothing was executed under the key. */
static void
write_once(enum operation op, const char *text, const json_t *variables, struct strbuf *data)
{
    const char *key = json_string_value(json_object_get(variables, "key"));
    assert_non_null(key);
    for (size_t i = 0; i < memories.count && !fake_shop.forgets_keys; i++) {
        const struct memory *m = &memories.list[i];
        if (strcmp(m->key, key) != 0) {
            continue;
        }
        assert_string_equal(m->variables, text); /* another request under a used key */
        strbuf_append_text(data, m->data);
        return;
    }
    size_t sets = fake_shop.sets;
    if (op == OP_STOCK_ADJUST) {
        adjust(variables, data);
    } else {
        set(variables, data);
    }
    if (fake_shop.sets > sets) {
        const struct memory m = {
            .key = mem_strdup(key), .variables = mem_strdup(text), .data = mem_strdup(data->ptr)};
        MEM_ADD(&memories, list, count, room, &m);
    }
}

/* --- levels --- */

static void append_level(const struct fake_level *l, struct strbuf *data)
{
    if (!l->connected) {
        strbuf_append_text(data, "null");
        return;
    }
    strbuf_appendf(data,
                   "{\"isActive\":%s,\"location\":{\"id\":\"gid://shopify/Location/%lld\"},"
                   "\"quantities\":[{\"name\":\"available\",\"quantity\":%d},"
                   "{\"name\":\"on_hand\",\"quantity\":%d},"
                   "{\"name\":\"reserved\",\"quantity\":%d}]}",
                   l->active ? "true" : "false", (long long)l->location, (int)l->available,
                   (int)(l->available + l->reserved + l->committed), (int)l->reserved);
}

static void read_levels(const json_t *variables, struct strbuf *data)
{
    size_t i = 0;
    const json_t *gid = NULL;
    strbuf_append_text(data, "{\"nodes\":[");
    json_array_foreach(json_object_get(variables, "ids"), i, gid)
    {
        const struct fake_level *l = level_of(gid, json_object_get(variables, "location"));
        strbuf_append_text(data, i > 0 ? "," : "");
        if (l == NULL) {
            strbuf_append_text(data, "null");
            continue;
        }
        strbuf_appendf(data,
                       "{\"id\":\"%s\",\"tracked\":%s,\"inventoryLevel\":", json_string_value(gid),
                       l->tracked ? "true" : "false");
        append_level(l, data);
        strbuf_append_text(data, "}");
    }
    strbuf_append_text(data, "]}");
}

/* A quantity for an active level is refused. One that was active before keeps its number. */
static void activate(const json_t *variables, struct strbuf *data)
{
    struct fake_level *l =
        level_of(json_object_get(variables, "item"), json_object_get(variables, "location"));
    const json_t *available = json_object_get(variables, "available");
    if (l == NULL || l->refusal != NULL || (l->connected && l->active)) {
        strbuf_append_text(data, "{\"inventoryActivate\":{\"inventoryLevel\":null,\"userErrors\":"
                                 "[{\"field\":null,\"message\":\"Not allowed\"}]}}");
        return;
    }
    l->available = l->connected ? l->available : (int32_t)json_integer_value(available);
    l->connected = l->active = true;
    fake_shop.activations++;
    strbuf_append_text(data, "{\"inventoryActivate\":{\"inventoryLevel\":");
    append_level(l, data);
    strbuf_append_text(data, ",\"userErrors\":[]}}");
}

static void track(const json_t *variables, struct strbuf *data)
{
    const struct fake_level *l = level_of(json_object_get(variables, "id"), NULL);
    if (l == NULL) {
        strbuf_append_text(data, "{\"inventoryItemUpdate\":{\"inventoryItem\":null,\"userErrors\":"
                                 "[{\"field\":[\"id\"],\"message\":\"item not found\"}]}}");
        return;
    }
    for (size_t i = 0; i < fake_shop.count; i++) {
        struct fake_level *other = &fake_shop.list[i];
        other->tracked = other->tracked || (other->item == l->item && !l->locked);
    }
    fake_shop.trackings += l->tracked;
    strbuf_appendf(data,
                   "{\"inventoryItemUpdate\":{\"inventoryItem\":{\"tracked\":%s,"
                   "\"trackedEditable\":{\"locked\":%s,\"reason\":%s}},\"userErrors\":[]}}",
                   l->tracked ? "true" : "false", l->locked ? "true" : "false",
                   l->locked ? "\"an app manages it\"" : "null");
}

/* --- the catalogue --- */

static void append_variant(const struct fake_level *l, struct strbuf *out)
{
    strbuf_appendf(out,
                   "{\"sku\":\"%s\",\"barcode\":null,\"requiresComponents\":%s,\"inventoryItem\":"
                   "{\"id\":\"gid://shopify/InventoryItem/%lld\",\"tracked\":%s}}",
                   l->sku, l->bundle ? "true" : "false", (long long)l->item,
                   l->tracked ? "true" : "false");
}

void fake_shop_append_lines(struct strbuf *out)
{
    for (size_t i = 0; i < fake_shop.count; i++) {
        if (!fake_shop.list[i].gone) {
            append_variant(&fake_shop.list[i], out);
            strbuf_append_text(out, "\n");
        }
    }
}

/* A search finds the texts that it quotes. */
static bool is_searched(const char *query, const struct fake_level *l)
{
    char quoted[64];
    (void)snprintf(quoted, sizeof quoted, "'%s'", l->sku);
    return query == NULL || strstr(query, quoted) != NULL;
}

static void page(const json_t *variables, struct strbuf *data)
{
    const char *query = json_string_value(json_object_get(variables, "q"));
    const char *after = json_string_value(json_object_get(variables, "after"));
    size_t skip = after != NULL ? strtoul(after, NULL, 10) : 0;
    size_t seen = 0;
    size_t given = 0;
    strbuf_append_text(data, "{\"productVariants\":{\"nodes\":[");
    for (size_t i = 0; i < fake_shop.count; i++) {
        const struct fake_level *l = &fake_shop.list[i];
        if (l->gone || !is_searched(query, l)) {
            continue;
        }
        seen++;
        if (seen > skip && given < PAGE) {
            strbuf_append_text(data, given++ > 0 ? "," : "");
            append_variant(l, data);
        }
    }
    bool more = seen > skip + given;
    strbuf_appendf(data, "],\"pageInfo\":{\"hasNextPage\":%s,\"endCursor\":\"%zu\"}}}",
                   more ? "true" : "false", skip + given);
}

static void count_variants(struct strbuf *data)
{
    long long count = fake_shop.variants > 0 ? fake_shop.variants : (long long)fake_shop.count;
    strbuf_appendf(data, "{\"productVariantsCount\":{\"count\":%lld}}", count);
}

static void poll_bulk(struct strbuf *data)
{
    size_t lines = 0;
    for (size_t i = 0; i < fake_shop.count; i++) {
        lines += !fake_shop.list[i].gone;
    }
    strbuf_appendf(data,
                   "{\"bulkOperation\":{\"status\":\"%s\",\"errorCode\":null,\"objectCount\":"
                   "\"%zu\",\"url\":\"https://files.example/bulk\"}}",
                   fake_shop.bulk_says != NULL ? fake_shop.bulk_says : "COMPLETED", lines);
}

void fake_shop_execute(enum operation op, const char *variables, struct strbuf *data)
{
    json_t *json = json_loads(variables, 0, NULL);
    assert_non_null(json);
    switch (op) {
    case OP_STOCK_SET:
    case OP_STOCK_ADJUST:
        write_once(op, variables, json, data);
        break;
    case OP_LEVELS_READ:
        read_levels(json, data);
        break;
    case OP_LEVEL_ACTIVATE:
        activate(json, data);
        break;
    case OP_ITEM_TRACK:
        track(json, data);
        break;
    case OP_VARIANTS_PAGE:
    case OP_VARIANTS_SEARCH:
        page(json, data);
        break;
    case OP_VARIANTS_COUNT:
        count_variants(data);
        break;
    case OP_BULK_START:
        strbuf_append_text(data, "{\"bulkOperationRunQuery\":{\"bulkOperation\":{\"id\":"
                                 "\"gid://shopify/BulkOperation/1\"},\"userErrors\":[]}}");
        break;
    case OP_BULK_POLL:
        poll_bulk(data);
        break;
    case OP_LOCATIONS:
    case OP_START_CHECK:
    case OPERATION_COUNT:
        fail_msg("operation %d is asked for through its own function", (int)op);
    }
    json_decref(json);
}
