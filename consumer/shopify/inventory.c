#include "consumer/shopify/inventory.h"

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "common/core/mem.h"
#include "common/core/uuid5.h"
#include "consumer/shopify/gid.h"

#define TYPE_ITEM     "InventoryItem"
#define TYPE_LOCATION "Location"

/* An entry takes at most 70 bytes. */
#define KEY_NAME_MAX_BYTES ((size_t)64 * 1024)

/* --- the set --- */

void inventory_key(const char *store,
                   const char *quantity_name,
                   const struct level_write *list,
                   size_t count,
                   unsigned generation,
                   char key[37])
{
    struct strbuf name;
    strbuf_init(&name, KEY_NAME_MAX_BYTES);
    /* Line ends occur in no name, so two different requests never give the same bytes. */
    strbuf_appendf(&name, "%s\n%s\n%u\n", store, quantity_name, generation);
    for (size_t i = 0; i < count; i++) {
        strbuf_appendf(&name, "%" PRId64 " %" PRId64 " %" PRId64 "\n", list[i].key.item,
                       list[i].key.location, list[i].revision);
    }
    INVARIANT(!name.overflow, "%zu entries are too many for one request", count);
    (void)uuid5_text(strbuf_bytes(&name), key);
    strbuf_release(&name);
}

static void append_entry(struct strbuf *out, const struct level_write *w)
{
    char item[GID_TEXT_SIZE];
    char location[GID_TEXT_SIZE];
    strbuf_appendf(out,
                   "{\"inventoryItemId\":\"%s\",\"locationId\":\"%s\",\"quantity\":%" PRId32
                   ",\"changeFromQuantity\":%" PRId32 "}",
                   gid_format(TYPE_ITEM, w->key.item, item),
                   gid_format(TYPE_LOCATION, w->key.location, location), w->quantity,
                   w->change_from);
}

void inventory_set_variables(const char *quantity_name,
                             const char *key,
                             const struct level_write *list,
                             size_t count,
                             struct strbuf *out)
{
    strbuf_append_text(out, "{\"key\":");
    strbuf_append_json(out, key);
    strbuf_append_text(out, ",\"input\":{\"name\":");
    strbuf_append_json(out, quantity_name);
    strbuf_appendf(out,
                   ",\"reason\":\"correction\",\"referenceDocumentUri\":"
                   "\"gid://stocksync/Batch/%s\",\"quantities\":[",
                   key);
    for (size_t i = 0; i < count; i++) {
        strbuf_append_text(out, i > 0 ? "," : "");
        append_entry(out, &list[i]);
    }
    strbuf_append_text(out, "]}}");
}

void inventory_adjust_variables(const char *key,
                                const struct level_write *list,
                                size_t count,
                                struct strbuf *out)
{
    char gid[GID_TEXT_SIZE];
    strbuf_append_text(out, "{\"key\":");
    strbuf_append_json(out, key);
    strbuf_appendf(out,
                   ",\"input\":{\"name\":\"available\",\"reason\":\"correction\","
                   "\"referenceDocumentUri\":\"gid://stocksync/Batch/%s\",\"changes\":[",
                   key);
    for (size_t i = 0; i < count; i++) {
        const struct level_write *w = &list[i];
        int64_t delta = (int64_t)w->quantity - w->change_from;
        strbuf_appendf(out, "%s{\"inventoryItemId\":\"%s\",", i > 0 ? "," : "",
                       gid_format(TYPE_ITEM, w->key.item, gid));
        strbuf_appendf(out,
                       "\"locationId\":\"%s\",\"delta\":%" PRId64 ",\"changeFromQuantity\":null}",
                       gid_format(TYPE_LOCATION, w->key.location, gid), delta);
    }
    strbuf_append_text(out, "]}}");
}

/* --- the read --- */

void inventory_read_variables(int64_t location,
                              const int64_t *items,
                              size_t count,
                              struct strbuf *out)
{
    char gid[GID_TEXT_SIZE];
    strbuf_appendf(out, "{\"location\":\"%s\",\"ids\":[", gid_format(TYPE_LOCATION, location, gid));
    for (size_t i = 0; i < count; i++) {
        strbuf_appendf(out, "%s\"%s\"", i > 0 ? "," : "", gid_format(TYPE_ITEM, items[i], gid));
    }
    strbuf_append_text(out, "]}");
}

/* Shopify keeps the order, so the search begins at the position in the answer. */
static bool find_item(const int64_t *items, size_t count, size_t start, int64_t item, size_t *at)
{
    for (size_t i = 0; i < count; i++) {
        *at = (start + i) % count;
        if (items[*at] == item) {
            return true;
        }
    }
    return false;
}

bool inventory_read_quantity(const void *level, const char *name, int32_t *quantity)
{
    size_t i = 0;
    const json_t *entry = NULL;
    json_array_foreach(json_object_get(level, "quantities"), i, entry)
    {
        const char *found = json_string_value(json_object_get(entry, "name"));
        const json_t *number = json_object_get(entry, "quantity");
        if (found == NULL || strcmp(found, name) != 0) {
            continue;
        }
        json_int_t value = json_integer_value(number);
        if (!json_is_integer(number) || value < INT32_MIN || value > INT32_MAX) {
            return false;
        }
        *quantity = (int32_t)value;
        return true;
    }
    return false;
}

static enum status other_shape(struct err *err)
{
    return err_set(err, STATUS_OUTCOME_UNKNOWN,
                   "a level of the answer has another shape, or was not asked for");
}

/* Of a store that sets `available`; it may not know all names. */
static void read_others(const json_t *level, struct level_read *out)
{
    int32_t on_hand = 0;
    int32_t available = 0;
    (void)inventory_read_quantity(level, "reserved", &out->reserved);
    if (inventory_read_quantity(level, "on_hand", &on_hand) &&
        inventory_read_quantity(level, "available", &available)) {
        int64_t withheld = (int64_t)on_hand - available;
        out->withheld = withheld > 0 && withheld <= INT32_MAX ? (int32_t)withheld : 0;
    }
}

static enum status
read_level(const json_t *node, const char *quantity_name, struct level_read *out, struct err *err)
{
    const json_t *tracked = json_object_get(node, "tracked");
    const json_t *level = json_object_get(node, "inventoryLevel");
    int64_t location = 0;
    if (!json_is_boolean(tracked) || level == NULL) {
        return other_shape(err);
    }
    out->item_found = true;
    out->tracked = json_is_true(tracked);
    if (json_is_null(level)) {
        return STATUS_OK;
    }
    const json_t *active = json_object_get(level, "isActive");
    const char *gid = json_string_value(json_object_get(json_object_get(level, "location"), "id"));
    enum status rc = gid_parse(gid, TYPE_LOCATION, &location, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    out->connected = true;
    out->active = json_is_true(active);
    out->withheld = -1;
    if (strcmp(quantity_name, "available") == 0) {
        read_others(level, out);
    }
    bool fits = json_is_boolean(active) && location == out->key.location &&
                inventory_read_quantity(level, quantity_name, &out->quantity);
    return fits ? STATUS_OK : other_shape(err);
}

static enum status read_node(const json_t *node,
                             size_t position,
                             const char *quantity_name,
                             const int64_t *items,
                             size_t count,
                             struct level_read *out,
                             struct err *err)
{
    int64_t item = 0;
    size_t at = 0;
    const char *gid = json_string_value(json_object_get(node, "id"));
    enum status rc = gid_parse(gid, TYPE_ITEM, &item, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (!find_item(items, count, position, item, &at) || out[at].item_found) {
        return other_shape(err);
    }
    return read_level(node, quantity_name, &out[at], err);
}

enum status inventory_read_answer(const struct answer *answer,
                                  const char *quantity_name,
                                  int64_t location,
                                  const int64_t *items,
                                  size_t count,
                                  struct level_read *out,
                                  struct err *err)
{
    const json_t *nodes = json_object_get(json_object_get(answer->json, "data"), "nodes");
    size_t i = 0;
    const json_t *node = NULL;
    for (size_t k = 0; k < count; k++) {
        out[k] = (struct level_read){.key = {.item = items[k], .location = location}};
    }
    if (json_array_size(nodes) != count) {
        return err_set(err, STATUS_OUTCOME_UNKNOWN, "%zu levels were asked for, %zu came back",
                       count, json_array_size(nodes));
    }
    json_array_foreach(nodes, i, node)
    {
        if (json_is_null(node)) {
            continue; /* the item no longer exists */
        }
        enum status rc = read_node(node, i, quantity_name, items, count, out, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}
