#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "consumer/lane/answers.h"
#include "tests/unit/lane/bench.h"

#define SET(group, errors)                                                                         \
    "{\"data\":{\"inventorySetQuantities\":{\"inventoryAdjustmentGroup\":" group                   \
    ",\"userErrors\":[" errors "]}}}"
#define GROUP "{\"id\":\"gid://shopify/InventoryAdjustmentGroup/5001\"}"
#define AT(index, code)                                                                            \
    "{\"field\":[\"input\",\"quantities\",\"" index "\",\"x\"],\"code\":\"" code                   \
    "\",\"message\":\"text\"}"
#define WHOLE(code) "{\"field\":null,\"code\":\"" code "\",\"message\":\"text\"}"

static struct outcomes out;
static struct unimported_sales sales;
static struct request *r;
static struct answer answer;

static int open_answers(void **state)
{
    (void)bench_open(state);
    unimported_sales_open(&sales, &bench.c);
    r = mem_calloc(1, sizeof *r);
    r->op = OP_STOCK_SET;
    r->sends = 1;
    answer = (struct answer){0};
    return 0;
}

static int close_answers(void **state)
{
    mem_free(r);
    answer_release(&answer);
    outcomes_release(&out);
    unimported_sales_close(&sales);
    return bench_close(state);
}

#define ANSWERS_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, open_answers, close_answers)

/* A request for levels 41, 42 … */
static void request_levels(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        r->levels[i] = bench_ready(41 + (int64_t)i, 1 + (int32_t)i, 5, 3);
        r->list[i] = outcomes_write_of(&bench.c, r->levels[i]);
    }
    r->count = count;
    r->attempt = (struct state_attempt){.key = "K", .list = r->list, .count = count};
}

static void judge(const char *body)
{
    bench_answer(&answer, r->op, body);
    assert_true(answers_judge(&bench.c, &sales, r, &answer, &out));
}

static void assert_settled(const char *outcome, bool applied)
{
    assert_int_equal(out.settled_count, 1);
    assert_ptr_equal(out.settled[0].attempt, &r->attempt);
    assert_string_equal(out.settled[0].outcome, outcome);
    assert_string_equal(out.settled[0].request_id, "r-1");
    assert_int_equal(out.settled[0].applied, applied);
}

/* The one outcome of level i. */
static const struct outcome *outcome_of(size_t i)
{
    const struct outcome *found = NULL;
    for (size_t k = 0; k < out.count; k++) {
        if (out.list[k].level == r->levels[i]) {
            assert_null(found);
            found = &out.list[k];
        }
    }
    assert_non_null(found);
    return found;
}

static void assert_retry(size_t i, enum level_stage stage, bool tried)
{
    const struct outcome *one = outcome_of(i);
    assert_int_equal(one->end, END_RETRY);
    assert_int_equal(one->stage, stage);
    assert_int_equal(one->tried, tried);
    assert_ptr_equal(one->counted, tried ? bench.metrics.level.stale : NULL);
}

static void assert_parked(size_t i, const char *reason, const char *code)
{
    const struct outcome *one = outcome_of(i);
    assert_int_equal(one->end, END_PARKED);
    assert_string_equal(one->reason, reason);
    assert_string_equal(one->code, code);
    assert_string_equal(one->request_id, "r-1");
    assert_ptr_equal(one->counted, bench.metrics.level.refused);
}

static void assert_bisected(size_t i, unsigned parts, bool tried)
{
    const struct outcome *one = outcome_of(i);
    assert_int_equal(one->end, END_BISECT);
    assert_int_equal(one->parts, parts);
    assert_int_equal(one->tried, tried);
    assert_ptr_equal(one->group, r);
}

/* --- sets --- */

static void an_accepted_set_applies_all_its_levels(void **state)
{
    (void)state;
    request_levels(2);
    judge(SET(GROUP, ""));
    assert_settled("applied", true);
    assert_false(out.settled[0].noop);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(outcome_of(i)->end, END_APPLIED);
        assert_int_equal(outcome_of(i)->write.key.item, 41 + i);
        assert_int_equal(outcome_of(i)->write.quantity, 5);
    }
    assert_int_equal(sales.uncertain_count, 0);
}

/* It changes a number that nobody knows. */
static void an_accepted_adjustment_is_read_again(void **state)
{
    (void)state;
    request_levels(1);
    r->op = OP_STOCK_ADJUST;
    judge("{\"data\":{\"inventoryAdjustQuantities\":{\"inventoryAdjustmentGroup\":" GROUP
          ",\"userErrors\":[]}}}");
    assert_settled("applied", true);
    assert_int_equal(outcome_of(0)->end, END_RETRY);
    assert_int_equal(outcome_of(0)->stage, LEVEL_UNREAD);
}

static void a_set_that_changed_nothing_is_applied_all_the_same(void **state)
{
    (void)state;
    request_levels(1);
    judge(SET("null", ""));
    assert_settled("applied", true);
    assert_true(out.settled[0].noop);
    assert_int_equal(outcome_of(0)->end, END_APPLIED);
}

static void a_stale_level_is_read_again_and_its_neighbours_are_ready(void **state)
{
    (void)state;
    request_levels(3);
    judge(SET("null", AT("1", "CHANGE_FROM_QUANTITY_STALE")));
    assert_settled("stale", false);
    assert_int_equal(out.count, 3);
    assert_retry(0, LEVEL_READY, false);
    assert_retry(1, LEVEL_UNREAD, true);
    assert_retry(2, LEVEL_READY, false);
    assert_int_equal(sales.uncertain_count, 0); /* sent once: it was not executed */
}

static void a_level_that_stays_stale_is_parked_at_the_sixth_time(void **state)
{
    (void)state;
    request_levels(2);
    r->levels[0]->tries = 4;
    r->levels[1]->tries = 5;
    judge(SET("null",
              AT("0", "CHANGE_FROM_QUANTITY_STALE") "," AT("1", "CHANGE_FROM_QUANTITY_STALE")));
    assert_retry(0, LEVEL_UNREAD, true);
    assert_parked(1, "stale", "CHANGE_FROM_QUANTITY_STALE");
}

static void refused_levels_are_parked_by_their_own_code(void **state)
{
    (void)state;
    request_levels(4);
    judge(SET("null",
              AT("0", "INVALID_QUANTITY_NEGATIVE") "," AT(
                  "1", "ITEM_NOT_STOCKED_AT_LOCATION") "," AT("2", "INVALID_INVENTORY_ITEM")));
    assert_settled("refused", false);
    assert_parked(0, "refused", "INVALID_QUANTITY_NEGATIVE");
    assert_parked(1, "level_missing", "ITEM_NOT_STOCKED_AT_LOCATION");
    assert_parked(2, "item_missing", "INVALID_INVENTORY_ITEM");
    assert_int_equal(outcome_of(0)->item, ITEM_UNCHANGED);
    assert_int_equal(outcome_of(1)->item, ITEM_UNCHANGED);
    assert_int_equal(outcome_of(2)->item, ITEM_IS_GONE);
    assert_retry(3, LEVEL_READY, false);
}

static void the_rest_of_a_bisected_group_stays_a_group(void **state)
{
    (void)state;
    request_levels(3);
    r->levels[0]->bisecting = true;
    judge(SET("null", AT("0", "INVALID_QUANTITY_NEGATIVE")));
    assert_parked(0, "refused", "INVALID_QUANTITY_NEGATIVE");
    assert_bisected(1, 1, false);
    assert_bisected(2, 1, false);
}

static void a_refusal_that_names_no_level_halves_the_request(void **state)
{
    (void)state;
    request_levels(4);
    judge(SET("null", WHOLE("INVALID_LOCATION")));
    assert_settled("refused", false);
    for (size_t i = 0; i < 4; i++) {
        assert_bisected(i, 2, false);
    }
}

static void a_level_alone_is_parked_by_an_error_that_names_none(void **state)
{
    (void)state;
    request_levels(1);
    judge(SET("null", WHOLE("INVALID_LOCATION")));
    assert_int_equal(out.count, 1);
    assert_parked(0, "refused", "INVALID_LOCATION");
}

static void an_index_beyond_the_request_names_no_level(void **state)
{
    (void)state;
    request_levels(2);
    judge(SET("null", AT("7", "INVALID_QUANTITY_NEGATIVE")));
    assert_bisected(0, 2, false);
    assert_bisected(1, 2, false);
}

static void unnamed_stale_levels_are_read_until_their_tries_are_used(void **state)
{
    (void)state;
    request_levels(3);
    r->levels[1]->tries = 5;
    judge(SET("null", WHOLE("CHANGE_FROM_QUANTITY_STALE")));
    assert_settled("stale", false);
    assert_retry(0, LEVEL_UNREAD, true);
    assert_bisected(1, 2, true);
    assert_retry(2, LEVEL_UNREAD, true);
}

static void a_used_key_reads_everything_again(void **state)
{
    (void)state;
    request_levels(2);
    judge(SET("null", WHOLE("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")));
    assert_settled("stale", false);
    assert_retry(0, LEVEL_UNREAD, true);
    assert_retry(1, LEVEL_UNREAD, true);
}

static void a_set_refused_after_an_unknown_outcome_is_remembered(void **state)
{
    (void)state;
    request_levels(2);
    r->sends = 2;
    judge(SET("null", AT("0", "CHANGE_FROM_QUANTITY_STALE")));
    assert_int_equal(sales.uncertain_count, 2);
    assert_int_equal(sales.uncertain[0].key.item, 41);
    assert_int_equal(sales.uncertain[1].quantity, 5);
}

static void an_adopted_request_is_settled_and_has_no_levels(void **state)
{
    (void)state;
    request_levels(1);
    r->adopted = true;
    judge(SET(GROUP, ""));
    assert_settled("applied", true);
    assert_int_equal(out.count, 0);
    assert_int_equal(sales.uncertain_count, 0);
}

static void an_adopted_request_that_is_refused_leaves_its_writes_uncertain(void **state)
{
    (void)state;
    request_levels(1);
    r->adopted = true;
    judge(SET("null", AT("0", "CHANGE_FROM_QUANTITY_STALE")));
    assert_settled("stale", false);
    assert_int_equal(out.count, 0);
    assert_int_equal(sales.uncertain_count, 1);
}

/* --- reads --- */

#define LEVEL(item, active, quantity)                                                              \
    "{\"id\":\"gid://shopify/InventoryItem/" item "\",\"tracked\":true,\"inventoryLevel\":"        \
    "{\"isActive\":" active ",\"location\":{\"id\":\"gid://shopify/Location/70\"},"                \
    "\"quantities\":[{\"name\":\"available\",\"quantity\":" quantity                               \
    "},{\"name\":\"reserved\",\"quantity\":1}]}}"
#define UNSTOCKED(item)                                                                            \
    "{\"id\":\"gid://shopify/InventoryItem/" item "\",\"tracked\":true,\"inventoryLevel\":null}"
#define NODES(nodes) "{\"data\":{\"nodes\":[" nodes "]}}"

static void a_read_decides_level_by_level(void **state)
{
    (void)state;
    request_levels(6);
    r->op = OP_LEVELS_READ;
    judge(NODES(LEVEL("41", "true", "5") "," LEVEL("42", "true", "4") "," LEVEL(
        "43", "true", "2") ",null," UNSTOCKED("45") "," LEVEL("46", "false", "3")));
    assert_int_equal(out.settled_count, 0);
    assert_int_equal(out.count, 6);
    for (size_t i = 0; i < 3; i++) { /* the state is asked before the numbers are used */
        static const int32_t held[] = {5, 4, 2};
        assert_retry(i, LEVEL_UNRESOLVED, false);
        assert_true(r->levels[i]->is_read);
        assert_int_equal(r->levels[i]->read_quantity, held[i]);
        assert_int_equal(r->levels[i]->read_reserved, 1);
    }
    assert_string_equal(outcome_of(3)->reason, "item_missing");
    assert_int_equal(outcome_of(3)->item, ITEM_IS_GONE);
    assert_string_equal(outcome_of(4)->reason, "level_missing");
    assert_string_equal(outcome_of(5)->reason, "level_inactive");
    assert_string_equal(outcome_of(5)->request_id, "r-1");
}

static void a_missing_level_is_set_up_where_that_is_wanted(void **state)
{
    (void)state;
    request_levels(1);
    r->op = OP_LEVELS_READ;
    bench.conf.activate_levels = true;
    judge(NODES(UNSTOCKED("41")));
    assert_retry(0, LEVEL_MISSING, false);
}

static void a_read_of_another_shape_is_asked_again(void **state)
{
    (void)state;
    request_levels(2);
    r->op = OP_LEVELS_READ;
    bench_answer(&answer, r->op, NODES(LEVEL("41", "true", "5")));
    assert_false(answers_judge(&bench.c, &sales, r, &answer, &out));
    assert_int_equal(out.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANSWERS_TEST(an_accepted_set_applies_all_its_levels),
        ANSWERS_TEST(an_accepted_adjustment_is_read_again),
        ANSWERS_TEST(a_set_that_changed_nothing_is_applied_all_the_same),
        ANSWERS_TEST(a_stale_level_is_read_again_and_its_neighbours_are_ready),
        ANSWERS_TEST(a_level_that_stays_stale_is_parked_at_the_sixth_time),
        ANSWERS_TEST(refused_levels_are_parked_by_their_own_code),
        ANSWERS_TEST(the_rest_of_a_bisected_group_stays_a_group),
        ANSWERS_TEST(a_refusal_that_names_no_level_halves_the_request),
        ANSWERS_TEST(a_level_alone_is_parked_by_an_error_that_names_none),
        ANSWERS_TEST(an_index_beyond_the_request_names_no_level),
        ANSWERS_TEST(unnamed_stale_levels_are_read_until_their_tries_are_used),
        ANSWERS_TEST(a_used_key_reads_everything_again),
        ANSWERS_TEST(a_set_refused_after_an_unknown_outcome_is_remembered),
        ANSWERS_TEST(an_adopted_request_is_settled_and_has_no_levels),
        ANSWERS_TEST(an_adopted_request_that_is_refused_leaves_its_writes_uncertain),
        ANSWERS_TEST(a_read_decides_level_by_level),
        ANSWERS_TEST(a_missing_level_is_set_up_where_that_is_wanted),
        ANSWERS_TEST(a_read_of_another_shape_is_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
