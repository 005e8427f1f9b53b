#include "consumer/shopify/levels.h"

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "consumer/shopify/gid.h"
#include "consumer/shopify/inventory.h"

void levels_activate_variables(const char *quantity_name,
                               const char *key,
                               struct level_key level,
                               int32_t quantity,
                               struct strbuf *out)
{
    char item[GID_TEXT_SIZE];
    char location[GID_TEXT_SIZE];
    bool on_hand = strcmp(quantity_name, "on_hand") == 0;
    strbuf_appendf(out, "{\"key\":\"%s\",\"item\":\"%s\",\"location\":\"%s\",\"%s\":%" PRId32 "}",
                   key, gid_format("InventoryItem", level.item, item),
                   gid_format("Location", level.location, location),
                   on_hand ? "onHand" : "available", quantity);
}

enum status levels_activate_answer(const struct answer *answer,
                                   const char *quantity_name,
                                   int32_t *quantity,
                                   struct err *err)
{
    const json_t *root =
        json_object_get(json_object_get(answer->json, "data"), "inventoryActivate");
    const json_t *level = json_object_get(root, "inventoryLevel");
    if (!json_is_true(json_object_get(level, "isActive")) ||
        !inventory_read_quantity(level, quantity_name, quantity)) {
        return err_set(err, STATUS_OUTCOME_UNKNOWN, "an activation's answer has another shape");
    }
    return STATUS_OK;
}

void levels_track_variables(int64_t item, struct strbuf *out)
{
    char gid[GID_TEXT_SIZE];
    strbuf_appendf(out, "{\"id\":\"%s\"}", gid_format("InventoryItem", item, gid));
}

enum status levels_track_answer(const struct answer *answer, struct err *err)
{
    const json_t *root =
        json_object_get(json_object_get(answer->json, "data"), "inventoryItemUpdate");
    const json_t *item = json_object_get(root, "inventoryItem");
    const json_t *tracked = json_object_get(item, "tracked");
    const json_t *editable = json_object_get(item, "trackedEditable");
    const char *reason = json_string_value(json_object_get(editable, "reason"));
    if (!json_is_boolean(tracked)) {
        return err_set(err, STATUS_OUTCOME_UNKNOWN, "an item's answer has another shape");
    }
    if (json_is_true(tracked)) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_ENTRY_REFUSED, "%.180s",
                   reason != NULL ? reason : "the store does not say why");
}
