#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/strbuf.h"
#include "consumer/shopify/answer.h"

/* Bodies as Shopify's documentation and recordings show them; the message texts are ours. */
#define COST                                                                                       \
    "\"extensions\":{\"cost\":{\"requestedQueryCost\":10,\"actualQueryCost\":10,"                  \
    "\"throttleStatus\":{\"maximumAvailable\":2000.0,\"currentlyAvailable\":1990,"                 \
    "\"restoreRate\":100.0}}}"
#define SET(group, errors)                                                                         \
    "{\"data\":{\"inventorySetQuantities\":{\"inventoryAdjustmentGroup\":" group                   \
    ",\"userErrors\":[" errors "]}}," COST "}"
#define GROUP "{\"id\":\"gid://shopify/InventoryAdjustmentGroup/5001\"}"
#define AT(index, member, code)                                                                    \
    "{\"field\":[\"input\",\"quantities\",\"" index "\",\"" member "\"],\"code\":\"" code          \
    "\",\"message\":\"text\"}"
#define PATH(parts) "{\"field\":[" parts "],\"code\":\"INVALID_LOCATION\",\"message\":\"text\"}"
#define WHOLE(code) "{\"field\":null,\"code\":\"" code "\",\"message\":\"text\"}"
#define TOP(code)                                                                                  \
    "{\"errors\":[{\"message\":\"text\",\"extensions\":{\"code\":\"" code "\"}}],\"data\":null}"

struct wire_case {
    const char *name;
    enum operation op;
    enum answer_class class;
    const char *body;
    const char *code;
    const char *entries; /* "7:CODE 7:OTHER" */
};

static const struct wire_case BODIES[] = {
    /* inventorySetQuantities */
    {"success", OP_STOCK_SET, ANSWER_DONE, SET(GROUP, ""), "", ""},
    {"success, changes selected", OP_STOCK_SET, ANSWER_DONE,
     SET("{\"id\":\"gid://shopify/InventoryAdjustmentGroup/5001\",\"changes\":[{\"name\":"
         "\"available\",\"delta\":-3,\"quantityAfterChange\":null}]}",
         ""),
     "", ""},
    {"no-op", OP_STOCK_SET, ANSWER_DONE, SET("null", ""), "", ""},
    {"empty list of errors", OP_STOCK_SET, ANSWER_DONE,
     "{\"errors\":[],\"data\":{\"inventorySetQuantities\":{\"inventoryAdjustmentGroup\":null,"
     "\"userErrors\":[]}}}",
     "", ""},
    {"directive missing", OP_STOCK_SET, ANSWER_CONFIG,
     "{\"errors\":[{\"message\":\"idempotency key required\",\"locations\":[{\"line\":2,\"column\":"
     "3}],\"extensions\":{\"code\":\"BAD_REQUEST\"},\"path\":[\"inventorySetQuantities\"]}],"
     "\"data\":{\"inventorySetQuantities\":null}," COST "}",
     "BAD_REQUEST", ""},
    {"changeFromQuantity missing", OP_STOCK_SET, ANSWER_CONFIG,
     "{\"errors\":[{\"message\":\"lacks changeFromQuantity\",\"locations\":[{\"line\":2,\"column\":"
     "3},{\"line\":1,\"column\":19}],\"extensions\":{\"code\":\"INVALID_FIELD_ARGUMENTS\"},"
     "\"path\":[\"inventorySetQuantities\"]}],\"data\":{\"inventorySetQuantities\":null}," COST "}",
     "INVALID_FIELD_ARGUMENTS", ""},
    {"unknown member", OP_STOCK_SET, ANSWER_CONFIG,
     "{\"errors\":[{\"message\":\"variable $input is invalid\",\"extensions\":{\"code\":"
     "\"INVALID_VARIABLE\",\"value\":{\"name\":\"available\"},\"problems\":[{\"path\":[\"x\"],"
     "\"explanation\":\"not a member\"}]}}]}",
     "INVALID_VARIABLE", ""},
    {"unknown item and location", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null",
         AT("7", "inventoryItemId", "INVALID_INVENTORY_ITEM") "," AT(
             "7", "locationId", "INVALID_LOCATION")),
     "INVALID_INVENTORY_ITEM", "7:INVALID_LOCATION 7:INVALID_INVENTORY_ITEM"},
    {"negative on_hand", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("9", "quantity", "INVALID_QUANTITY_NEGATIVE")), "INVALID_QUANTITY_NEGATIVE",
     "9:INVALID_QUANTITY_NEGATIVE"},
    {"wrong name", OP_STOCK_SET, ANSWER_CONFIG,
     SET("null",
         "{\"field\":[\"input\",\"name\"],\"code\":\"INVALID_NAME\",\"message\":\"either\"}"),
     "INVALID_NAME", ""},
    {"stale", OP_STOCK_SET, ANSWER_RETRY_NEW,
     SET("null", AT("0", "changeFromQuantity", "CHANGE_FROM_QUANTITY_STALE")),
     "CHANGE_FROM_QUANTITY_STALE", "0:CHANGE_FROM_QUANTITY_STALE"},
    {"stale, path ends at the entry", OP_STOCK_SET, ANSWER_RETRY_NEW,
     SET("null",
         "{\"field\":[\"input\",\"quantities\",\"3\"],\"code\":\"CHANGE_FROM_QUANTITY_STALE\","
         "\"message\":\"text\"}"),
     "CHANGE_FROM_QUANTITY_STALE", "3:CHANGE_FROM_QUANTITY_STALE"},
    {"stale without an index", OP_STOCK_SET, ANSWER_RETRY_NEW,
     SET("null", WHOLE("CHANGE_FROM_QUANTITY_STALE")), "CHANGE_FROM_QUANTITY_STALE", ""},
    {"duplicate level", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null",
         AT("11", "locationId", "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR") "," AT(
             "3", "locationId", "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR")),
     "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",
     "3:NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR "
     "11:NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"},
    {"key mismatch", OP_STOCK_SET, ANSWER_CONFIG,
     SET("null", WHOLE("IDEMPOTENCY_KEY_PARAMETER_MISMATCH")), "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
     ""},
    {"251 entries", OP_STOCK_SET, ANSWER_CONFIG,
     "{\"errors\":[{\"message\":\"251 entries, at most 250\",\"locations\":[{\"line\":2,\"column\":"
     "3}],\"path\":[\"inventorySetQuantities\",\"input\",\"quantities\"],\"extensions\":{\"code\":"
     "\"MAX_INPUT_SIZE_EXCEEDED\"}}]}",
     "MAX_INPUT_SIZE_EXCEEDED", ""},
    {"max cost", OP_VARIANTS_PAGE, ANSWER_CONFIG,
     "{\"errors\":[{\"message\":\"too expensive\",\"extensions\":{\"code\":\"MAX_COST_EXCEEDED\","
     "\"cost\":1204,\"maxCost\":1000}}]}",
     "MAX_COST_EXCEEDED", ""},
    {"scope missing", OP_STOCK_SET, ANSWER_CONFIG,
     "{\"errors\":[{\"message\":\"access denied\",\"path\":[\"inventorySetQuantities\"],"
     "\"extensions\":{\"code\":\"ACCESS_DENIED\",\"requiredAccess\":\"`write_inventory` access "
     "scope.\"}}],\"data\":{\"inventorySetQuantities\":null}," COST "}",
     "ACCESS_DENIED", ""},
    {"internal error", OP_STOCK_SET, ANSWER_RETRY_SAME,
     "{\"errors\":[{\"message\":\"internal error\",\"extensions\":{\"code\":"
     "\"INTERNAL_SERVER_ERROR\"}}]}",
     "INTERNAL_SERVER_ERROR", ""},
    /* the other codes of a set */
    {"compare required", OP_STOCK_SET, ANSWER_RETRY_NEW,
     SET("null", AT("1", "x", "COMPARE_QUANTITY_REQUIRED")), "COMPARE_QUANTITY_REQUIRED",
     "1:COMPARE_QUANTITY_REQUIRED"},
    {"compare stale", OP_STOCK_SET, ANSWER_RETRY_NEW,
     SET("null", AT("1", "x", "COMPARE_QUANTITY_STALE")), "COMPARE_QUANTITY_STALE",
     "1:COMPARE_QUANTITY_STALE"},
    {"concurrent", OP_STOCK_SET, ANSWER_RETRY_SAME,
     SET("null", WHOLE("IDEMPOTENCY_CONCURRENT_REQUEST")), "IDEMPOTENCY_CONCURRENT_REQUEST", ""},
    {"failed before", OP_STOCK_SET, ANSWER_RETRY_NEW,
     SET("null", WHOLE("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")),
     "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", ""},
    {"failed before, with a path", OP_STOCK_SET, ANSWER_RETRY_NEW,
     SET("null", AT("0", "x", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")),
     "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", ""},
    {"unknown item", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("0", "x", "INVALID_INVENTORY_ITEM")), "INVALID_INVENTORY_ITEM",
     "0:INVALID_INVENTORY_ITEM"},
    {"unknown location", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("0", "x", "INVALID_LOCATION")), "INVALID_LOCATION", "0:INVALID_LOCATION"},
    {"wrong reason", OP_STOCK_SET, ANSWER_CONFIG, SET("null", WHOLE("INVALID_REASON")),
     "INVALID_REASON", ""},
    {"wrong reference", OP_STOCK_SET, ANSWER_CONFIG,
     SET("null", WHOLE("INVALID_REFERENCE_DOCUMENT")), "INVALID_REFERENCE_DOCUMENT", ""},
    {"too high", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("249", "x", "INVALID_QUANTITY_TOO_HIGH")), "INVALID_QUANTITY_TOO_HIGH",
     "249:INVALID_QUANTITY_TOO_HIGH"},
    {"too low", OP_STOCK_SET, ANSWER_ENTRIES, SET("null", AT("2", "x", "INVALID_QUANTITY_TOO_LOW")),
     "INVALID_QUANTITY_TOO_LOW", "2:INVALID_QUANTITY_TOO_LOW"},
    {"bundle", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("2", "x", "NON_MUTABLE_INVENTORY_ITEM")), "NON_MUTABLE_INVENTORY_ITEM",
     "2:NON_MUTABLE_INVENTORY_ITEM"},
    {"code of a later schema", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("2", "x", "INVALID_MOON_PHASE")), "INVALID_MOON_PHASE", "2:INVALID_MOON_PHASE"},
    {"code null", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", "{\"field\":[\"input\",\"quantities\",\"2\"],\"code\":null,\"message\":\"text\"}"),
     "", "2:"},
    {"not stocked, of older versions", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("2", "x", "ITEM_NOT_STOCKED_AT_LOCATION")), "ITEM_NOT_STOCKED_AT_LOCATION",
     "2:ITEM_NOT_STOCKED_AT_LOCATION"},
    {"index as a number", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", PATH("\"input\",\"quantities\",7,\"quantity\"")), "INVALID_LOCATION",
     "7:INVALID_LOCATION"},
    {"index as a number, and nothing behind it", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", PATH("\"input\",\"quantities\",0")), "INVALID_LOCATION", "0:INVALID_LOCATION"},
    {"index with zeros before it", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("007", "x", "INVALID_LOCATION")), "INVALID_LOCATION", "7:INVALID_LOCATION"},
    /* entries that are not named, or not one of ours */
    {"number beyond a request", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", PATH("\"input\",\"quantities\",250")), "INVALID_LOCATION", ""},
    {"number below 0", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", PATH("\"input\",\"quantities\",-1")), "INVALID_LOCATION", ""},
    {"giant number", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", PATH("\"input\",\"quantities\",9223372036854775807")), "INVALID_LOCATION", ""},
    {"number with a fraction", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", PATH("\"input\",\"quantities\",1.0")), "INVALID_LOCATION", ""},
    {"index null", OP_STOCK_SET, ANSWER_ENTRIES, SET("null", PATH("\"input\",\"quantities\",null")),
     "INVALID_LOCATION", ""},
    {"no index behind the list", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", PATH("\"input\",\"quantities\"")), "INVALID_LOCATION", ""},
    {"empty path", OP_STOCK_SET, ANSWER_ENTRIES, SET("null", PATH("")), "INVALID_LOCATION", ""},
    {"another list", OP_STOCK_SET, ANSWER_ENTRIES, SET("null", PATH("\"input\",\"changes\",\"1\"")),
     "INVALID_LOCATION", ""},
    {"field as a text", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", "{\"field\":\"input.quantities.1\",\"code\":\"INVALID_LOCATION\"}"),
     "INVALID_LOCATION", ""},
    {"no field", OP_STOCK_SET, ANSWER_ENTRIES, SET("null", "{\"code\":\"INVALID_LOCATION\"}"),
     "INVALID_LOCATION", ""},
    {"user errors of no shape", OP_STOCK_SET, ANSWER_ENTRIES, SET("null", "null,7,\"text\",[]"), "",
     ""},
    {"unknown item without an index", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", WHOLE("INVALID_INVENTORY_ITEM")), "INVALID_INVENTORY_ITEM", ""},
    {"index beyond a request", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("250", "x", "INVALID_LOCATION")), "INVALID_LOCATION", ""},
    {"index that is no number", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("1x", "x", "INVALID_LOCATION")), "INVALID_LOCATION", ""},
    {"negative index", OP_STOCK_SET, ANSWER_ENTRIES, SET("null", AT("-1", "x", "INVALID_LOCATION")),
     "INVALID_LOCATION", ""},
    {"giant index", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("18446744073709551616", "x", "INVALID_LOCATION")), "INVALID_LOCATION", ""},
    /* mixed */
    {"stale and refused entries", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("5", "x", "INVALID_LOCATION") "," AT("2", "x", "CHANGE_FROM_QUANTITY_STALE")),
     "INVALID_LOCATION", "2:CHANGE_FROM_QUANTITY_STALE 5:INVALID_LOCATION"},
    {"one entry stale and refused: the refusal decides", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null",
         AT("5", "x", "NON_MUTABLE_INVENTORY_ITEM") "," AT("5", "x", "CHANGE_FROM_QUANTITY_STALE")),
     "NON_MUTABLE_INVENTORY_ITEM", "5:CHANGE_FROM_QUANTITY_STALE 5:NON_MUTABLE_INVENTORY_ITEM"},
    {"one entry stale and refused by a code that sorts before", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("5", "x", "ARCHIVED") "," AT("5", "x", "CHANGE_FROM_QUANTITY_STALE")),
     "ARCHIVED", "5:CHANGE_FROM_QUANTITY_STALE 5:ARCHIVED"},
    {"stale entries and one nobody names", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null", AT("4", "x", "CHANGE_FROM_QUANTITY_STALE") "," WHOLE("INVALID_INVENTORY_ITEM")),
     "INVALID_INVENTORY_ITEM", "4:CHANGE_FROM_QUANTITY_STALE"},
    {"several stale, in order of the entries", OP_STOCK_SET, ANSWER_RETRY_NEW,
     SET("null",
         AT("30", "x", "CHANGE_FROM_QUANTITY_STALE") "," AT(
             "4", "x", "CHANGE_FROM_QUANTITY_STALE") "," AT("100",
                                                            "x",
                                                            "CHANGE_FROM_QUANTITY_STALE")),
     "CHANGE_FROM_QUANTITY_STALE",
     "4:CHANGE_FROM_QUANTITY_STALE 30:CHANGE_FROM_QUANTITY_STALE 100:CHANGE_FROM_QUANTITY_STALE"},
    {"an unknown item is more than a stale one", OP_STOCK_SET, ANSWER_ENTRIES,
     SET("null",
         AT("5", "x", "CHANGE_FROM_QUANTITY_STALE") "," AT("5", "x", "INVALID_INVENTORY_ITEM")),
     "INVALID_INVENTORY_ITEM", "5:CHANGE_FROM_QUANTITY_STALE 5:INVALID_INVENTORY_ITEM"},
    {"a mistake of the whole request wins", OP_STOCK_SET, ANSWER_CONFIG,
     SET("null", AT("4", "x", "INVALID_LOCATION") "," WHOLE("INVALID_REASON")), "INVALID_REASON",
     ""},
    /* top-level codes */
    {"shop inactive", OP_STOCK_SET, ANSWER_CLOSED, TOP("SHOP_INACTIVE"), "SHOP_INACTIVE", ""},
    {"document and schema differ", OP_LOCATIONS, ANSWER_CONFIG, TOP("undefinedField"),
     "undefinedField", ""},
    {"unknown code", OP_STOCK_SET, ANSWER_RETRY_SAME, TOP("MOON_PHASE"), "MOON_PHASE", ""},
    {"no code", OP_STOCK_SET, ANSWER_RETRY_SAME, "{\"errors\":[{\"message\":\"text\"}]}", "", ""},
    {"errors of nothing", OP_STOCK_SET, ANSWER_RETRY_SAME, "{\"errors\":[null]}", "", ""},
    {"the gravest of several", OP_STOCK_SET, ANSWER_CONFIG,
     "{\"errors\":[{\"message\":\"a\",\"extensions\":{\"code\":\"THROTTLED\"}},{\"message\":\"b\","
     "\"extensions\":{\"code\":\"ACCESS_DENIED\"}},{\"message\":\"c\",\"extensions\":{\"code\":"
     "\"INTERNAL_SERVER_ERROR\"}}]}",
     "ACCESS_DENIED", ""},
    {"errors and data", OP_LOCATIONS, ANSWER_RETRY_SAME,
     "{\"errors\":[{\"message\":\"a\",\"extensions\":{\"code\":\"INTERNAL_SERVER_ERROR\"}}],"
     "\"data\":{\"locations\":{\"nodes\":[]}}}",
     "INTERNAL_SERVER_ERROR", ""},
    /* bodies that are no answer */
    {"empty", OP_STOCK_SET, ANSWER_RETRY_SAME, "", "", ""},
    {"HTML", OP_STOCK_SET, ANSWER_RETRY_SAME, "<html>busy</html>", "", ""},
    {"cut", OP_STOCK_SET, ANSWER_RETRY_SAME, "{\"data\":{\"inventorySetQuantities\":{\"inven", "",
     ""},
    {"an array", OP_STOCK_SET, ANSWER_RETRY_SAME, "[]", "", ""},
    {"a text", OP_STOCK_SET, ANSWER_RETRY_SAME, "\"data\"", "", ""},
    {"nothing inside", OP_STOCK_SET, ANSWER_RETRY_SAME, "{}", "", ""},
    {"data null", OP_STOCK_SET, ANSWER_RETRY_SAME, "{\"data\":null}", "", ""},
    {"another field", OP_STOCK_SET, ANSWER_RETRY_SAME, "{\"data\":{\"locations\":{\"nodes\":[]}}}",
     "", ""},
    {"field null without an error", OP_STOCK_SET, ANSWER_RETRY_SAME,
     "{\"data\":{\"inventorySetQuantities\":null}}", "", ""},
    {"no user errors", OP_STOCK_SET, ANSWER_RETRY_SAME,
     "{\"data\":{\"inventorySetQuantities\":{\"inventoryAdjustmentGroup\":null}}}", "", ""},
    {"user errors null", OP_STOCK_SET, ANSWER_RETRY_SAME,
     "{\"data\":{\"inventorySetQuantities\":{\"inventoryAdjustmentGroup\":null,\"userErrors\":"
     "null}}}",
     "", ""},
    {"errors as a text", OP_STOCK_SET, ANSWER_RETRY_SAME, "{\"errors\":\"busy\"}", "", ""},
    /* reads */
    {"search with a warning", OP_VARIANTS_PAGE, ANSWER_CONFIG,
     "{\"data\":{\"productVariants\":{\"nodes\":[],\"pageInfo\":{\"hasNextPage\":true,"
     "\"endCursor\":\"b3BhcXVl\"}}},\"extensions\":{\"search\":[{\"path\":[\"productVariants\"],"
     "\"query\":\"skuu:'ABC-1'\",\"warnings\":[{\"field\":\"skuu\",\"message\":\"unknown filter\","
     "\"code\":\"invalid_field\"}]}]}}",
     "", ""},
    {"search without warnings", OP_VARIANTS_PAGE, ANSWER_DONE,
     "{\"data\":{\"productVariants\":{\"nodes\":[],\"pageInfo\":{\"hasNextPage\":false,"
     "\"endCursor\":null}}},\"extensions\":{\"search\":[{\"path\":[\"productVariants\"],"
     "\"query\":\"sku:'ABC-1'\",\"warnings\":[]},{\"path\":[]}]}}",
     "", ""},
    {"locations", OP_LOCATIONS, ANSWER_DONE,
     "{\"data\":{\"locations\":{\"nodes\":[{\"id\":\"gid://shopify/Location/7001\",\"name\":\"Shop "
     "location\",\"isActive\":true,\"isFulfillmentService\":false}],\"pageInfo\":{\"hasNextPage\":"
     "false,\"endCursor\":\"b3BhcXVl\"}}}," COST "}",
     "", ""},
    {"levels", OP_LEVELS_READ, ANSWER_DONE, "{\"data\":{\"nodes\":[null]}}", "", ""},
    {"start check", OP_START_CHECK, ANSWER_DONE,
     "{\"data\":{\"shop\":{\"myshopifyDomain\":\"a\"}}}", "", ""},
};

static void classify_as(enum operation op, const char *body, struct answer *a)
{
    const struct http_answer http = {.outcome = HTTP_ANSWERED,
                                     .status = 200,
                                     .body = bytes_text(body),
                                     .retry_after_s = -1,
                                     .request_id = "4711",
                                     .api_version = "2026-10",
                                     .elapsed_us = 5};
    answer_classify(op, &http, a);
    assert_string_equal(a->request_id, "4711");
    assert_string_equal(a->api_version, "2026-10");
    assert_int_equal(a->elapsed_us, 5);
}

static void list_entries(const struct answer *a, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < a->entry_count; i++) {
        int n = snprintf(out + used, size - used, "%s%zu:%s", i > 0 ? " " : "", a->entries[i].index,
                         a->entries[i].code);
        used += (size_t)n;
    }
}

static void every_body_of_an_answered_request_has_its_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof BODIES / sizeof BODIES[0]; i++) {
        const struct wire_case *c = &BODIES[i];
        char entries[512];
        struct answer a;
        struct err err = {0};
        classify_as(c->op, c->body, &a);
        list_entries(&a, entries, sizeof entries);
        if (a.class != c->class || strcmp(a.code, c->code) != 0 ||
            strcmp(entries, c->entries) != 0) {
            fail_msg("%s: class %d code '%s' entries '%s'", c->name, (int)a.class, a.code, entries);
        }
        assert_int_equal(a.json != NULL, a.class == ANSWER_DONE);
        assert_int_equal(a.noop, strstr(c->body, "\"inventoryAdjustmentGroup\":null") != NULL &&
                                     a.class == ANSWER_DONE);
        assert_int_equal(answer_status(&a, &err) == STATUS_OK, a.class == ANSWER_DONE);
        assert_int_equal(a.may_have_executed, a.class == ANSWER_RETRY_SAME);
        assert_false(a.throttled);
        if (a.class != ANSWER_DONE) {
            assert_true(strlen(err.msg) > 0 && strlen(err.msg) < 200);
            assert_true(a.class == ANSWER_ENTRIES || a.class == ANSWER_RETRY_NEW || a.wait_ms > 0);
        }
        answer_release(&a);
    }
}

static void missing_scope_is_named(void **state)
{
    (void)state;
    struct answer a;
    classify_as(OP_STOCK_SET,
                "{\"errors\":[{\"message\":\"access denied\",\"extensions\":{\"code\":"
                "\"ACCESS_DENIED\",\"requiredAccess\":\"`write_inventory` access scope.\"}}],"
                "\"data\":{\"inventorySetQuantities\":null}}",
                &a);
    assert_non_null(strstr(a.err.msg, "write_inventory"));
    answer_release(&a);
}

static void throttled_waits_until_the_request_fits(void **state)
{
    (void)state;
    static const struct {
        const char *cost;
        int64_t wait_ms;
    } cases[] = {
        {"\"requestedQueryCost\":10,\"actualQueryCost\":null,\"throttleStatus\":{"
         "\"maximumAvailable\":2000.0,\"currentlyAvailable\":4,\"restoreRate\":100.0}",
         1000},
        {"\"requestedQueryCost\":500,\"actualQueryCost\":null,\"throttleStatus\":{"
         "\"maximumAvailable\":2000,\"currentlyAvailable\":4,\"restoreRate\":100}",
         4960},
        {"\"requestedQueryCost\":500,\"throttleStatus\":{\"maximumAvailable\":2000,"
         "\"currentlyAvailable\":-1e300,\"restoreRate\":0.0001}",
         300000},
        {"\"requestedQueryCost\":500,\"throttleStatus\":{\"maximumAvailable\":2000,"
         "\"currentlyAvailable\":0,\"restoreRate\":0}",
         1000},
        {"\"requestedQueryCost\":\"10\",\"throttleStatus\":null", 1000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[512];
        struct answer a;
        struct err err = {0};
        (void)snprintf(body, sizeof body,
                       "{\"errors\":[{\"message\":\"Throttled\",\"extensions\":{\"code\":"
                       "\"THROTTLED\"}}],\"extensions\":{\"cost\":{%s}}}",
                       cases[i].cost);
        classify_as(OP_STOCK_SET, body, &a);
        assert_int_equal(a.class, ANSWER_RETRY_SAME);
        assert_true(a.throttled);
        assert_false(a.may_have_executed);
        assert_string_equal(a.code, "THROTTLED");
        assert_int_equal(a.wait_ms, cases[i].wait_ms);
        assert_int_equal(answer_status(&a, &err), STATUS_THROTTLED);
        assert_true(a.cost_actual <= 0); /* null: nothing was charged */
        answer_release(&a);
    }
}

static void cost_is_read_from_whole_and_decimal_numbers_and_may_be_missing(void **state)
{
    (void)state;
    struct answer a;
    classify_as(OP_STOCK_SET, SET(GROUP, ""), &a);
    assert_float_equal(a.cost_requested, 10, 0);
    assert_float_equal(a.maximum, 2000, 0);
    assert_float_equal(a.available, 1990, 0);
    assert_float_equal(a.restore_rate, 100, 0);
    assert_float_equal(a.cost_actual, 10, 0);
    answer_release(&a);
    classify_as(OP_LEVELS_READ,
                "{\"data\":{\"nodes\":[]},\"extensions\":{\"cost\":{\"requestedQueryCost\":7,"
                "\"throttleStatus\":{\"maximumAvailable\":100,\"currentlyAvailable\":0,"
                "\"restoreRate\":5}}}}",
                &a);
    assert_float_equal(a.maximum, 100, 0);
    assert_float_equal(a.available, 0, 0);
    assert_true(a.cost_actual < 0); /* not said */
    answer_release(&a);
    classify_as(OP_LEVELS_READ, "{\"data\":{\"nodes\":[]}}", &a);
    assert_int_equal(a.class, ANSWER_DONE);
    assert_float_equal(a.maximum, 0, 0);
    assert_true(a.cost_actual < 0);
    answer_release(&a);
}

struct status_case {
    long status;
    double retry_after_s;
    const char *body;
    enum answer_class class;
    bool throttled;
    bool unknown;
    int64_t wait_ms;
    enum status rc;
};

static void every_http_status_has_its_class(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"errors\":\"a reason\"}";
    static const struct status_case cases[] = {
        {401, -1, TEXT, ANSWER_AUTH, false, false, 5000, STATUS_AUTH},
        {402, -1, TEXT, ANSWER_CLOSED, false, false, 60000, STATUS_STORE_CLOSED},
        {403, -1, TEXT, ANSWER_CLOSED, false, false, 60000, STATUS_STORE_CLOSED},
        {423, -1, TEXT, ANSWER_CLOSED, false, false, 60000, STATUS_STORE_CLOSED},
        {430, -1, TEXT, ANSWER_CLOSED, false, false, 300000, STATUS_STORE_CLOSED},
        {404, -1, "not found", ANSWER_CONFIG, false, false, 5000, STATUS_STORE_MISCONFIGURED},
        {400, -1, TEXT, ANSWER_CONFIG, false, false, 5000, STATUS_STORE_MISCONFIGURED},
        {415, -1, TEXT, ANSWER_CONFIG, false, false, 5000, STATUS_STORE_MISCONFIGURED},
        {301, -1, "", ANSWER_CONFIG, false, false, 5000, STATUS_STORE_MISCONFIGURED},
        {307, -1, "", ANSWER_CONFIG, false, false, 5000, STATUS_STORE_MISCONFIGURED},
        {408, -1, "", ANSWER_RETRY_SAME, false, true, 500, STATUS_OUTCOME_UNKNOWN},
        {429, 4.0, TEXT, ANSWER_RETRY_SAME, true, false, 4000, STATUS_THROTTLED},
        {429, 0.25, TEXT, ANSWER_RETRY_SAME, true, false, 250, STATUS_THROTTLED},
        {429, 0, TEXT, ANSWER_RETRY_SAME, true, false, 0, STATUS_THROTTLED},
        {429, -1, TEXT, ANSWER_RETRY_SAME, true, false, 1000, STATUS_THROTTLED},
        {429, 1e11, TEXT, ANSWER_RETRY_SAME, true, false, 300000, STATUS_THROTTLED},
        {500, -1, "<html>", ANSWER_RETRY_SAME, false, true, 500, STATUS_OUTCOME_UNKNOWN},
        {502, -1, "", ANSWER_RETRY_SAME, false, true, 500, STATUS_OUTCOME_UNKNOWN},
        {503, 7.5, TEXT, ANSWER_RETRY_SAME, false, true, 7500, STATUS_OUTCOME_UNKNOWN},
        {503, 0.1, TEXT, ANSWER_RETRY_SAME, false, true, 500, STATUS_OUTCOME_UNKNOWN},
        {504, -1, "", ANSWER_RETRY_SAME, false, true, 500, STATUS_OUTCOME_UNKNOWN},
        {599, -1, "", ANSWER_RETRY_SAME, false, true, 500, STATUS_OUTCOME_UNKNOWN},
        {204, -1, "", ANSWER_RETRY_SAME, false, true, 500, STATUS_OUTCOME_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct status_case *c = &cases[i];
        const struct http_answer http = {.outcome = HTTP_ANSWERED,
                                         .status = c->status,
                                         .body = bytes_text(c->body),
                                         .retry_after_s = c->retry_after_s};
        char code[32];
        struct answer a;
        struct err err = {0};
        answer_classify(OP_STOCK_SET, &http, &a);
        (void)snprintf(code, sizeof code, "HTTP_%ld", c->status);
        if (a.class != c->class || a.throttled != c->throttled ||
            a.may_have_executed != c->unknown || a.wait_ms != c->wait_ms) {
            fail_msg("%ld: class %d throttled %d unknown %d wait %lld", c->status, (int)a.class,
                     a.throttled, a.may_have_executed, (long long)a.wait_ms);
        }
        assert_string_equal(a.code, code);
        assert_int_equal(answer_status(&a, &err), c->rc);
        assert_string_equal(err.origin, code);
        assert_int_equal(strstr(err.msg, "a reason") != NULL, c->body == TEXT);
        answer_release(&a);
    }
}

static void lost_request_says_whether_it_may_have_been_executed(void **state)
{
    (void)state;
    static const struct {
        enum http_outcome outcome;
        bool unknown;
        enum status rc;
    } cases[] = {{HTTP_NOT_SENT, false, STATUS_STORE_LOST},
                 {HTTP_UNKNOWN, true, STATUS_OUTCOME_UNKNOWN}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_answer http = {.outcome = cases[i].outcome, .retry_after_s = -1};
        struct answer a;
        struct err err = {0};
        (void)err_set_origin(&http.err, STATUS_STORE_LOST, "CURLE_7", "no way");
        answer_classify(OP_STOCK_SET, &http, &a);
        assert_int_equal(a.class, ANSWER_RETRY_SAME);
        assert_int_equal(a.may_have_executed, cases[i].unknown);
        assert_false(a.throttled);
        assert_int_equal(a.wait_ms, 500);
        assert_string_equal(a.code, "CURLE_7");
        assert_int_equal(answer_status(&a, &err), cases[i].rc);
        assert_string_equal(err.msg, "no way");
        answer_release(&a);
    }
}

static void certificate_that_nobody_vouches_for_waits_for_a_person(void **state)
{
    (void)state;
    struct http_answer http = {.outcome = HTTP_NOT_SENT, .retry_after_s = -1};
    struct answer a;
    struct err err = {0};
    (void)err_set_origin(&http.err, STATUS_STORE_MISCONFIGURED, "CURLE_60", "no authority");
    answer_classify(OP_STOCK_SET, &http, &a);
    assert_int_equal(a.class, ANSWER_CONFIG);
    assert_false(a.may_have_executed);
    assert_int_equal(a.wait_ms, 5000);
    assert_int_equal(answer_status(&a, &err), STATUS_STORE_MISCONFIGURED);
    assert_string_equal(err.msg, "no authority");
    answer_release(&a);
}

static void foreign_texts_are_cut_between_characters(void **state)
{
    (void)state;
    char code[200] = "X";
    char msg[800] = "";
    char body[2000];
    struct answer a;
    struct err err = {0};
    for (size_t i = 1; i + 2 < sizeof code; i += 2) {
        (void)memcpy(code + i, "\xc3\xa4", 3);
    }
    for (size_t i = 0; i + 3 < sizeof msg; i += 3) {
        (void)memcpy(msg + i, "\xe2\x82\xac", 4);
    }
    (void)snprintf(body, sizeof body,
                   "{\"data\":{\"inventorySetQuantities\":{\"inventoryAdjustmentGroup\":null,"
                   "\"userErrors\":[{\"field\":[\"input\",\"quantities\",\"0\"],\"code\":\"%s\","
                   "\"message\":\"%s\"}]}}}",
                   code, msg);
    classify_as(OP_STOCK_SET, body, &a);
    assert_int_equal(a.class, ANSWER_ENTRIES);
    assert_int_equal(strlen(a.code), 63);
    assert_int_equal(strlen(a.entries[0].code), 63);
    assert_int_equal(strlen(a.entries[0].msg), 159);
    assert_int_equal(answer_status(&a, &err), STATUS_ENTRY_REFUSED);
    assert_int_equal(strlen(err.origin), 23);
    assert_true(strlen(err.msg) < 200);
    assert_memory_equal(err.msg + strlen(err.msg) - 3, "\xe2\x82\xac", 3);
    answer_release(&a);
}

static void more_errors_than_a_request_can_have_are_not_kept(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    struct strbuf body;
    struct answer a;
    strbuf_init(&body, (size_t)1024 * 1024);
    strbuf_append_text(&body, "{\"data\":{\"inventorySetQuantities\":{\"userErrors\":[");
    for (int i = 0; i < COUNT; i++) {
        strbuf_appendf(&body, "%s" AT("1", "x", "INVALID_LOCATION"), i > 0 ? "," : "");
    }
    strbuf_append_text(&body, "]}}}");
    assert_false(body.overflow);
    classify_as(OP_STOCK_SET, body.ptr, &a);
    assert_int_equal(a.class, ANSWER_ENTRIES);
    assert_int_equal(a.entry_count, ANSWER_MAX_ENTRY_ERRORS);
    answer_release(&a);
    strbuf_release(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_body_of_an_answered_request_has_its_class),
        cmocka_unit_test(missing_scope_is_named),
        cmocka_unit_test(throttled_waits_until_the_request_fits),
        cmocka_unit_test(cost_is_read_from_whole_and_decimal_numbers_and_may_be_missing),
        cmocka_unit_test(every_http_status_has_its_class),
        cmocka_unit_test(lost_request_says_whether_it_may_have_been_executed),
        cmocka_unit_test(certificate_that_nobody_vouches_for_waits_for_a_person),
        cmocka_unit_test(foreign_texts_are_cut_between_characters),
        cmocka_unit_test(more_errors_than_a_request_can_have_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
