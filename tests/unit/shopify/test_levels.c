#include "embedded/test_levels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/shopify/answer.h"
#include "consumer/shopify/levels.h"

#define ACTIVATED(level, errors)                                                                   \
    "{\"data\":{\"inventoryActivate\":{\"inventoryLevel\":" level ",\"userErrors\":[" errors "]}}" \
    "}"
#define LEVEL(active, available)                                                                   \
    "{\"isActive\":" active ",\"quantities\":[{\"name\":\"available\",\"quantity\":" available     \
    "},{\"name\":\"on_hand\",\"quantity\":9}]}"
#define UPDATED(item, errors)                                                                      \
    "{\"data\":{\"inventoryItemUpdate\":{\"inventoryItem\":" item ",\"userErrors\":[" errors "]}}" \
    "}"
#define ITEM(tracked, locked, reason)                                                              \
    "{\"tracked\":" tracked ",\"trackedEditable\":{\"locked\":" locked ",\"reason\":" reason "}}"
#define USER_ERROR "{\"field\":[\"available\"],\"message\":\"not for an active level\"}"

static void classify(enum operation op, const char *body, struct answer *answer)
{
    struct http_answer http = {.outcome = HTTP_ANSWERED, .status = 200, .body = bytes_text(body)};
    answer_classify(op, &http, answer);
}

static void variables_are_these_bytes(void **state)
{
    (void)state;
    static const struct level_key KEY = {4403, 7003};
    struct strbuf out;
    strbuf_init(&out, 4096);
    levels_activate_variables("available", "6f1c1f6e-0b57-5c64-9a3e-2f4d1c7b8a10", KEY, 5, &out);
    strbuf_append_char(&out, '\n');
    assert_string_equal(out.ptr, test_levels_level_activate);
    strbuf_reset(&out);
    levels_activate_variables("on_hand", "k", KEY, 0, &out);
    assert_non_null(strstr(out.ptr, "\"onHand\":0}"));
    assert_null(strstr(out.ptr, "available"));
    strbuf_reset(&out);
    levels_track_variables(4403, &out);
    strbuf_append_char(&out, '\n');
    assert_string_equal(out.ptr, test_levels_item_track);
    strbuf_release(&out);
}

static void activation_gives_the_quantity_of_the_level(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum answer_class class;
        const char *name;
        enum status rc;
        int32_t holds;
    } cases[] = {
        {ACTIVATED(LEVEL("true", "5"), ""), ANSWER_DONE, "available", STATUS_OK, 5},
        {ACTIVATED(LEVEL("true", "-3"), ""), ANSWER_DONE, "available", STATUS_OK, -3},
        {ACTIVATED(LEVEL("true", "5"), ""), ANSWER_DONE, "on_hand", STATUS_OK, 9},
        {ACTIVATED(LEVEL("false", "5"), ""), ANSWER_DONE, "available", STATUS_OUTCOME_UNKNOWN, 0},
        {ACTIVATED(LEVEL("true", "\"5\""), ""), ANSWER_DONE, "available", STATUS_OUTCOME_UNKNOWN,
         0},
        {ACTIVATED("null", ""), ANSWER_DONE, "available", STATUS_OUTCOME_UNKNOWN, 0},
        {ACTIVATED(LEVEL("true", "50"), USER_ERROR), ANSWER_ENTRIES, NULL, STATUS_OK, 0},
        {ACTIVATED("null", USER_ERROR), ANSWER_ENTRIES, NULL, STATUS_OK, 0},
        {"{\"data\":{\"inventoryActivate\":null}}", ANSWER_RETRY_SAME, NULL, STATUS_OK, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer answer;
        struct err err = {0};
        int32_t holds = 0;
        classify(OP_LEVEL_ACTIVATE, cases[i].body, &answer);
        assert_int_equal(answer.class, cases[i].class);
        if (cases[i].name != NULL) {
            assert_int_equal(levels_activate_answer(&answer, cases[i].name, &holds, &err),
                             cases[i].rc);
            assert_int_equal(cases[i].rc == STATUS_OK ? holds : 0, cases[i].holds);
        }
        answer_release(&answer);
    }
}

static void tracking_that_stays_off_is_a_refusal_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum answer_class class;
        enum status rc;
        const char *said;
    } cases[] = {
        {UPDATED(ITEM("true", "false", "null"), ""), ANSWER_DONE, STATUS_OK, NULL},
        {UPDATED(ITEM("false", "true", "\"another app\""), ""), ANSWER_DONE, STATUS_ENTRY_REFUSED,
         "another app"},
        {UPDATED(ITEM("false", "false", "null"), ""), ANSWER_DONE, STATUS_ENTRY_REFUSED,
         "does not say"},
        {UPDATED("null", ""), ANSWER_DONE, STATUS_OUTCOME_UNKNOWN, NULL},
        {UPDATED("null", USER_ERROR), ANSWER_ENTRIES, STATUS_OK, "not for an active level"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer answer;
        struct err err = {0};
        classify(OP_ITEM_TRACK, cases[i].body, &answer);
        assert_int_equal(answer.class, cases[i].class);
        if (answer.class == ANSWER_DONE) {
            assert_int_equal(levels_track_answer(&answer, &err), cases[i].rc);
        } else {
            err = answer.err;
        }
        if (cases[i].said != NULL) {
            assert_non_null(strstr(err.msg, cases[i].said));
        }
        answer_release(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_these_bytes),
        cmocka_unit_test(activation_gives_the_quantity_of_the_level),
        cmocka_unit_test(tracking_that_stays_off_is_a_refusal_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
