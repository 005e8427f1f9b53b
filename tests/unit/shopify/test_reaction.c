#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/shopify/answer.h"
#include "consumer/shopify/reaction.h"
#include "embedded/test_codes.h"

/* Shopify's documents, in their order, and what is decided for each: written down a second time. */
static const struct {
    enum reaction_channel channel;
    const char *code;
    enum reaction reaction;
    enum answer_class class;
} DECIDED[] = {
    {REACTION_HTTP, "HTTP_204", REACTION_SAME_KEY, ANSWER_RETRY_SAME},
    {REACTION_HTTP, "HTTP_301", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_HTTP, "HTTP_303", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_HTTP, "HTTP_400", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_HTTP, "HTTP_401", REACTION_CREDENTIALS, ANSWER_AUTH},
    {REACTION_HTTP, "HTTP_402", REACTION_CLOSED, ANSWER_CLOSED},
    {REACTION_HTTP, "HTTP_403", REACTION_CLOSED, ANSWER_CLOSED},
    {REACTION_HTTP, "HTTP_404", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_HTTP, "HTTP_405", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_HTTP, "HTTP_406", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_HTTP, "HTTP_408", REACTION_SAME_KEY, ANSWER_RETRY_SAME},
    {REACTION_HTTP, "HTTP_414", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_HTTP, "HTTP_415", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_HTTP, "HTTP_422", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_HTTP, "HTTP_423", REACTION_CLOSED, ANSWER_CLOSED},
    {REACTION_HTTP, "HTTP_429", REACTION_THROTTLED, ANSWER_RETRY_SAME},
    {REACTION_HTTP, "HTTP_430", REACTION_CLOSED, ANSWER_CLOSED},
    {REACTION_HTTP, "HTTP_500", REACTION_SAME_KEY, ANSWER_RETRY_SAME},
    {REACTION_HTTP, "HTTP_501", REACTION_SAME_KEY, ANSWER_RETRY_SAME},
    {REACTION_HTTP, "HTTP_502", REACTION_SAME_KEY, ANSWER_RETRY_SAME},
    {REACTION_HTTP, "HTTP_503", REACTION_SAME_KEY, ANSWER_RETRY_SAME},
    {REACTION_HTTP, "HTTP_504", REACTION_SAME_KEY, ANSWER_RETRY_SAME},
    {REACTION_HTTP, "HTTP_530", REACTION_SAME_KEY, ANSWER_RETRY_SAME},
    {REACTION_HTTP, "HTTP_999", REACTION_SAME_KEY, ANSWER_RETRY_SAME},

    {REACTION_TOP_LEVEL, "THROTTLED", REACTION_THROTTLED, ANSWER_RETRY_SAME},
    {REACTION_TOP_LEVEL, "ACCESS_DENIED", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_TOP_LEVEL, "SHOP_INACTIVE", REACTION_CLOSED, ANSWER_CLOSED},
    {REACTION_TOP_LEVEL, "INTERNAL_SERVER_ERROR", REACTION_SAME_KEY, ANSWER_RETRY_SAME},
    {REACTION_TOP_LEVEL, "MAX_COST_EXCEEDED", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_TOP_LEVEL, "MAX_INPUT_SIZE_EXCEEDED", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_TOP_LEVEL, "BAD_REQUEST", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_TOP_LEVEL, "INVALID_VARIABLE", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_TOP_LEVEL, "INVALID_FIELD_ARGUMENTS", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_TOP_LEVEL, "undefinedField", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_TOP_LEVEL, "argumentNotAccepted", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_TOP_LEVEL, "", REACTION_SAME_KEY, ANSWER_RETRY_SAME},
    {REACTION_TOP_LEVEL, "MOON_PHASE", REACTION_SAME_KEY, ANSWER_RETRY_SAME},

    {REACTION_USER_ERRORS, "CHANGE_FROM_QUANTITY_STALE", REACTION_READ, ANSWER_RETRY_NEW},
    {REACTION_USER_ERRORS, "COMPARE_QUANTITY_REQUIRED", REACTION_READ, ANSWER_RETRY_NEW},
    {REACTION_USER_ERRORS, "COMPARE_QUANTITY_STALE", REACTION_READ, ANSWER_RETRY_NEW},
    {REACTION_USER_ERRORS, "IDEMPOTENCY_CONCURRENT_REQUEST", REACTION_SAME_KEY, ANSWER_RETRY_SAME},
    {REACTION_USER_ERRORS, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_USER_ERRORS, "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", REACTION_NEW_KEY,
     ANSWER_RETRY_NEW},
    {REACTION_USER_ERRORS, "INVALID_INVENTORY_ITEM", REACTION_FIND, ANSWER_ENTRIES},
    {REACTION_USER_ERRORS, "INVALID_LOCATION", REACTION_PARK, ANSWER_ENTRIES},
    {REACTION_USER_ERRORS, "INVALID_NAME", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_USER_ERRORS, "INVALID_QUANTITY_NEGATIVE", REACTION_PARK, ANSWER_ENTRIES},
    {REACTION_USER_ERRORS, "INVALID_QUANTITY_TOO_HIGH", REACTION_PARK, ANSWER_ENTRIES},
    {REACTION_USER_ERRORS, "INVALID_QUANTITY_TOO_LOW", REACTION_PARK, ANSWER_ENTRIES},
    {REACTION_USER_ERRORS, "INVALID_REASON", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_USER_ERRORS, "INVALID_REFERENCE_DOCUMENT", REACTION_CONFIG, ANSWER_CONFIG},
    {REACTION_USER_ERRORS, "ITEM_NOT_STOCKED_AT_LOCATION", REACTION_ACTIVATE, ANSWER_ENTRIES},
    {REACTION_USER_ERRORS, "NON_MUTABLE_INVENTORY_ITEM", REACTION_PARK, ANSWER_ENTRIES},
    {REACTION_USER_ERRORS, "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", REACTION_PARK,
     ANSWER_ENTRIES},
    {REACTION_USER_ERRORS, "MOON_PHASE", REACTION_PARK, ANSWER_ENTRIES},
    {REACTION_USER_ERRORS, "", REACTION_PARK, ANSWER_ENTRIES},
};

enum { DECIDED_COUNT = sizeof DECIDED / sizeof DECIDED[0] };

static bool is_pattern(const char *code)
{
    return strpbrk(code, "*?[") != NULL;
}

/* An answer as it arrives with that code. */
static void answer_with(enum reaction_channel channel, const char *code, struct answer *a)
{
    char body[512];
    struct http_answer http = {.outcome = HTTP_ANSWERED, .status = 200, .retry_after_s = -1};
    switch (channel) {
    case REACTION_HTTP:
        http.status = strtol(code + strlen("HTTP_"), NULL, 10);
        (void)snprintf(body, sizeof body, "{\"errors\":\"text\"}");
        break;
    case REACTION_TOP_LEVEL:
        (void)snprintf(
            body, sizeof body,
            "{\"errors\":[{\"message\":\"text\",\"extensions\":{\"code\":\"%s\"}}],\"data\":null}",
            code);
        break;
    case REACTION_USER_ERRORS:
        (void)snprintf(body, sizeof body,
                       "{\"data\":{\"inventorySetQuantities\":{\"inventoryAdjustmentGroup\":null,"
                       "\"userErrors\":[{\"field\":[\"input\",\"quantities\",\"3\",\"quantity\"],"
                       "\"code\":\"%s\",\"message\":\"text\"}]}}}",
                       code);
        break;
    }
    http.body = bytes_text(body);
    answer_classify(OP_STOCK_SET, &http, a);
}

static void every_code_is_answered_as_decided(void **state)
{
    (void)state;
    for (size_t i = 0; i < DECIDED_COUNT; i++) {
        struct answer a;
        answer_with(DECIDED[i].channel, DECIDED[i].code, &a);
        if (a.class != DECIDED[i].class || a.rule == NULL ||
            a.rule->reaction != DECIDED[i].reaction || strcmp(a.code, DECIDED[i].code) != 0) {
            fail_msg("%s: class %d, code '%s'", DECIDED[i].code, (int)a.class, a.code);
        }
        size_t named =
            DECIDED[i].channel == REACTION_USER_ERRORS && reaction_is_of_entry(DECIDED[i].reaction);
        assert_int_equal(a.entry_count, named);
        if (named > 0) {
            assert_int_equal(a.entries[0].index, 3);
            assert_ptr_equal(a.entries[0].rule, a.rule);
        }
        answer_release(&a);
    }
}

/* A row that is added to the table is decided here too. */
static void every_row_is_decided_above_and_says_what_comes_next(void **state)
{
    (void)state;
    const struct reaction_rule *row = NULL;
    for (size_t i = 0; (row = reaction_row(i)) != NULL; i++) {
        bool found = false;
        for (size_t k = 0; k < DECIDED_COUNT; k++) {
            found = found || reaction_find(DECIDED[k].channel, DECIDED[k].code) == row;
        }
        if (!found) {
            fail_msg("row '%s' is reached by no code", row->code);
        }
        assert_true(strlen(row->next) > 0);
    }
}

static bool is_published(const char *code)
{
    char line[80];
    (void)snprintf(line, sizeof line, "%s\n", code);
    const char *at = strstr(test_codes_user_error_codes, line);
    return at != NULL && (at == test_codes_user_error_codes || at[-1] == '\n');
}

static void every_published_code_has_a_row_of_its_own(void **state)
{
    (void)state;
    size_t count = 0;
    for (const char *at = test_codes_user_error_codes; *at != '\0'; at = strchr(at, '\n') + 1) {
        char code[80];
        (void)snprintf(code, sizeof code, "%.*s", (int)strcspn(at, "\n"), at);
        const struct reaction_rule *rule = reaction_find(REACTION_USER_ERRORS, code);
        if (strcmp(rule->code, code) != 0) {
            fail_msg("%s has no row", code);
        }
        count++;
    }
    assert_true(count >= 17);
}

static void no_row_is_of_a_code_that_is_not_published(void **state)
{
    (void)state;
    const struct reaction_rule *row = NULL;
    for (size_t i = 0; (row = reaction_row(i)) != NULL; i++) {
        if (row->channel == REACTION_USER_ERRORS && !is_pattern(row->code)) {
            assert_true(is_published(row->code));
        }
    }
}

/* Bytes of a peer never lead out of the table. */
static void codes_of_any_bytes_have_the_row_for_the_rest(void **state)
{
    (void)state;
    static const char *const CODES[] = {"*", "[", "\\", "[a-z]*", "\xff\xfe", "THROTTLED ", "."};
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) {
        assert_string_equal(reaction_find(REACTION_USER_ERRORS, CODES[i])->code, "*");
        assert_string_equal(reaction_find(REACTION_TOP_LEVEL, CODES[i])->code, "*");
        assert_string_equal(reaction_find(REACTION_HTTP, CODES[i])->code, "HTTP_*");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_is_answered_as_decided),
        cmocka_unit_test(every_row_is_decided_above_and_says_what_comes_next),
        cmocka_unit_test(every_published_code_has_a_row_of_its_own),
        cmocka_unit_test(no_row_is_of_a_code_that_is_not_published),
        cmocka_unit_test(codes_of_any_bytes_have_the_row_for_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
