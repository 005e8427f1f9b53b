#include "consumer/shopify/reaction.h"

#include <fnmatch.h>

/* After Shopify's defences refused us. */
#define REJECTED_WAIT_MS 300000

/* The first row that fits decides; each channel ends with a row that fits every code. */
static const struct reaction_rule RULES[] = {
    /* --- HTTP statuses; only the text of the body is used --- */
    {REACTION_HTTP, "HTTP_401", REACTION_CREDENTIALS, false, 0,
     "give the store a valid token, or install the app again"},
    {REACTION_HTTP, "HTTP_402", REACTION_CLOSED, false, 0,
     "the shop's bill is not paid: its owner must act"},
    {REACTION_HTTP, "HTTP_403", REACTION_CLOSED, false, 0,
     "the shop forbids access: ask its owner"},
    {REACTION_HTTP, "HTTP_423", REACTION_CLOSED, false, 0,
     "the shop is locked: ask its owner or Shopify"},
    {REACTION_HTTP, "HTTP_430", REACTION_CLOSED, false, REJECTED_WAIT_MS,
     "Shopify takes us for an attack: nothing is sent for minutes; ask Shopify if it lasts"},
    {REACTION_HTTP, "HTTP_429", REACTION_THROTTLED, false, 0,
     "none: sent again after the time that Shopify names"},
    {REACTION_HTTP, "HTTP_408", REACTION_SAME_KEY, false, 0, "none: sent again"},
    {REACTION_HTTP, "HTTP_404", REACTION_CONFIG, false, 0, "check shop_domain and api_version"},
    {REACTION_HTTP, "HTTP_3??", REACTION_CONFIG, false, 0,
     "check shop_domain: redirects are not followed"},
    {REACTION_HTTP, "HTTP_4??", REACTION_CONFIG, false, 0,
     "check shop_domain, api_version and proxies in between"},
    {REACTION_HTTP, "HTTP_5??", REACTION_SAME_KEY, false, 0,
     "none: sent again; see Shopify's status page if it lasts"},
    {REACTION_HTTP, "HTTP_*", REACTION_SAME_KEY, true, 0,
     "none: sent again; look for a proxy in between"},

    /* --- top-level errors, on HTTP 200 --- */
    {REACTION_TOP_LEVEL, "THROTTLED", REACTION_THROTTLED, false, 0,
     "none: sent again when the bucket allows"},
    {REACTION_TOP_LEVEL, "INTERNAL_SERVER_ERROR", REACTION_SAME_KEY, false, 0,
     "none: sent again; see Shopify's status page if it lasts"},
    {REACTION_TOP_LEVEL, "SHOP_INACTIVE", REACTION_CLOSED, false, 0,
     "the shop is not active: its owner must act"},
    {REACTION_TOP_LEVEL, "ACCESS_DENIED", REACTION_CONFIG, false, 0,
     "grant the app the scope that is named"},
    {REACTION_TOP_LEVEL, "BAD_REQUEST", REACTION_CONFIG, false, 0,
     "a mistake of ours or another api_version: report it"},
    {REACTION_TOP_LEVEL, "INVALID_VARIABLE", REACTION_CONFIG, false, 0,
     "a mistake of ours or another api_version: report it"},
    {REACTION_TOP_LEVEL, "INVALID_FIELD_ARGUMENTS", REACTION_CONFIG, false, 0,
     "a mistake of ours or another api_version: report it"},
    {REACTION_TOP_LEVEL, "MAX_INPUT_SIZE_EXCEEDED", REACTION_CONFIG, false, 0,
     "Shopify's limits have changed: report it"},
    {REACTION_TOP_LEVEL, "MAX_COST_EXCEEDED", REACTION_CONFIG, false, 0,
     "Shopify's limits have changed: report it"},
    /* undefinedField, argumentNotAccepted …: the document does not fit the schema */
    {REACTION_TOP_LEVEL, "[a-z]*", REACTION_CONFIG, false, 0,
     "the document does not fit the schema: check api_version"},
    {REACTION_TOP_LEVEL, "", REACTION_SAME_KEY, false, 0, "none: sent again"},
    {REACTION_TOP_LEVEL, "*", REACTION_SAME_KEY, true, 0,
     "none: sent again; a code that this version does not know: report it"},

    /* --- user errors of inventorySetQuantities: nothing was changed. Those that only
       inventoryAdjustQuantities has fit the last row --- */
    {REACTION_USER_ERRORS, "CHANGE_FROM_QUANTITY_STALE", REACTION_READ, false, 0,
     "somebody else keeps changing this level: find out who"},
    {REACTION_USER_ERRORS, "COMPARE_QUANTITY_STALE", REACTION_READ, true, 0,
     "a code of older API versions: check api_version"},
    {REACTION_USER_ERRORS, "COMPARE_QUANTITY_REQUIRED", REACTION_READ, true, 0,
     "a code of older API versions: check api_version"},
    {REACTION_USER_ERRORS, "IDEMPOTENCY_CONCURRENT_REQUEST", REACTION_SAME_KEY, false, 1000,
     "none: the first sending is still being executed"},
    {REACTION_USER_ERRORS, "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", REACTION_NEW_KEY, false, 0,
     "none: sent again under a new key"},
    {REACTION_USER_ERRORS, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH", REACTION_CONFIG, true, 0,
     "a mistake of ours: report it; restart the consumer to go on"},
    {REACTION_USER_ERRORS, "INVALID_NAME", REACTION_CONFIG, true, 0,
     "check quantity and api_version"},
    {REACTION_USER_ERRORS, "INVALID_REASON", REACTION_CONFIG, true, 0,
     "a mistake of ours or another api_version: report it"},
    {REACTION_USER_ERRORS, "INVALID_REFERENCE_DOCUMENT", REACTION_CONFIG, true, 0,
     "a mistake of ours or another api_version: report it"},
    {REACTION_USER_ERRORS, "INVALID_INVENTORY_ITEM", REACTION_FIND, false, 0,
     "the item is gone: the catalogue is read again; is the variant still there?"},
    {REACTION_USER_ERRORS, "INVALID_LOCATION", REACTION_PARK, true, 0,
     "the location is gone: check location.*"},
    {REACTION_USER_ERRORS, "ITEM_NOT_STOCKED_AT_LOCATION", REACTION_ACTIVATE, false, 0,
     "activate the item at the location"},
    {REACTION_USER_ERRORS, "NON_MUTABLE_INVENTORY_ITEM", REACTION_PARK, false, 0,
     "the item's number follows from others (a bundle of Shopify): do not sync it"},
    {REACTION_USER_ERRORS, "INVALID_QUANTITY_NEGATIVE", REACTION_PARK, true, 0,
     "a mistake of ours: report it"},
    {REACTION_USER_ERRORS, "INVALID_QUANTITY_TOO_HIGH", REACTION_PARK, true, 0,
     "is the number in Odoo right? set cap"},
    {REACTION_USER_ERRORS, "INVALID_QUANTITY_TOO_LOW", REACTION_PARK, true, 0,
     "a mistake of ours: report it"},
    {REACTION_USER_ERRORS, "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", REACTION_PARK, true, 0,
     "a mistake of ours: report it"},
    {REACTION_USER_ERRORS, "*", REACTION_PARK, true, 0,
     "a code that this version does not know: report it"},
};

enum { RULE_COUNT = sizeof RULES / sizeof RULES[0] };

const struct reaction_rule *reaction_find(enum reaction_channel channel, const char *code)
{
    const struct reaction_rule *last = RULES;
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (RULES[i].channel == channel) {
            last = &RULES[i];
            if (fnmatch(RULES[i].code, code, 0) == 0) {
                break;
            }
        }
    }
    return last;
}

const struct reaction_rule *reaction_row(size_t i)
{
    return i < RULE_COUNT ? &RULES[i] : NULL;
}

bool reaction_is_of_entry(enum reaction reaction)
{
    return reaction >= REACTION_READ && reaction <= REACTION_FIND;
}
