/* Every row of shopify/reaction.c, from the request that is sent to the offset that is committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/shopify/reaction.h"
#include "tests/unit/lane/fake_lane.h"

/* A code that the row decides: rows with a pattern need an example. */
static const char *example_of(const struct reaction_rule *rule)
{
    static const struct {
        enum reaction_channel channel;
        const char *pattern, *code;
    } EXAMPLES[] = {
        {REACTION_HTTP, "HTTP_3??", "HTTP_301"},          {REACTION_HTTP, "HTTP_5??", "HTTP_502"},
        {REACTION_HTTP, "HTTP_4??", "HTTP_418"},          {REACTION_HTTP, "HTTP_*", "HTTP_600"},
        {REACTION_TOP_LEVEL, "[a-z]*", "undefinedField"}, {REACTION_TOP_LEVEL, "*", "NEW_CODE"},
        {REACTION_USER_ERRORS, "*", "NEW_CODE"},
    };
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof EXAMPLES[0]; i++) {
        if (EXAMPLES[i].channel == rule->channel && strcmp(EXAMPLES[i].pattern, rule->code) == 0) {
            return EXAMPLES[i].code;
        }
    }
    return rule->code;
}

/* The first set is answered with the row's code and not executed. */
static void refuse_first(const struct reaction_rule *rule, int entry)
{
    const char *code = example_of(rule);
    struct fake_fault fault = {.op = OP_STOCK_SET, .times = 1, .entry = entry};
    assert_ptr_equal(reaction_find(rule->channel, code), rule);
    if (rule->channel == REACTION_HTTP) {
        fault.status = strtol(code + strlen("HTTP_"), NULL, 10);
    } else {
        fault.code = code;
        fault.user_error = rule->channel == REACTION_USER_ERRORS;
    }
    fake_store_fault(&fault);
}

static int64_t pause_us(void)
{
    return fake_store_request(OP_STOCK_SET, 1)->sent_us -
           fake_store_request(OP_STOCK_SET, 0)->sent_us;
}

static void assert_outcome(size_t attempt, const char *outcome)
{
    assert_true(attempt < fake_state.attempts.count);
    assert_string_equal(fake_state.attempts.list[attempt].outcome, outcome);
}

/* The same bytes went out again, not before so many ms, and were applied. */
static void assert_same_bytes(int64_t least_ms)
{
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 2);
    assert_string_equal(fake_store_request(OP_STOCK_SET, 0)->variables,
                        fake_store_request(OP_STOCK_SET, 1)->variables);
    assert_true(pause_us() >= least_ms * 1000);
    assert_int_equal(fake_state.attempts.count, 1);
    assert_outcome(0, "applied");
    assert_int_equal(fake_shop_available("A"), 5);
}

/* The level was read again, and the number sent under another key. */
static void assert_new_key(void)
{
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 2);
    assert_int_equal(fake_store_sent(OP_LEVELS_READ), 2);
    assert_string_not_equal(fake_store_request(OP_STOCK_SET, 0)->key,
                            fake_store_request(OP_STOCK_SET, 1)->key);
    assert_outcome(0, "stale");
    assert_outcome(1, "applied");
    assert_int_equal(fake_shop_available("A"), 5);
}

static void assert_parked(const char *reason, const char *code)
{
    const struct fake_parked *row = fake_state_parked("level/4000/7001");
    assert_non_null(row);
    assert_string_equal(row->reason, reason);
    assert_string_equal(row->code, code);
    assert_int_equal(row->quantity, 5);
    assert_int_equal(row->partition, 0);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 1);
    assert_outcome(0, "refused");
    assert_int_equal(fake_shop_available("A"), 3);
}

/* The item is searched for in the store, found again and written. */
static void assert_found_again(void)
{
    assert_int_equal(fake_store_sent(OP_VARIANTS_SEARCH), 1);
    assert_null(fake_state_parked("level/4000/7001"));
    assert_outcome(0, "refused");
    assert_outcome(1, "applied");
    assert_int_equal(fake_shop_available("A"), 5);
}

static void assert_trouble(const char *state, int64_t least_ms)
{
    assert_true(fake_lane_was(state));
    assert_same_bytes(least_ms);
}

static void assert_reaction(const struct reaction_rule *rule)
{
    const char *code = example_of(rule);
    switch (rule->reaction) {
    case REACTION_THROTTLED:
        assert_non_null(strstr(fake_lane.states.ptr, "throttled running "));
        assert_same_bytes(1000);
        break;
    case REACTION_NEW_KEY:
    case REACTION_READ:
        assert_new_key();
        break;
    case REACTION_PARK:
        assert_parked("refused", code);
        break;
    case REACTION_ACTIVATE:
        assert_parked("level_missing", code);
        break;
    case REACTION_FIND:
        assert_found_again();
        break;
    case REACTION_SAME_KEY:
        assert_false(fake_lane_was("broken")); /* one answer opens no breaker */
        assert_same_bytes(rule->wait_ms);
        break;
    case REACTION_CONFIG:
        assert_trouble("misconfigured", 5000);
        break;
    case REACTION_CREDENTIALS:
        assert_trouble("unauthorised", 5000);
        break;
    case REACTION_CLOSED:
        assert_trouble("closed", rule->wait_ms > 60000 ? rule->wait_ms : 60000);
        break;
    }
    assert_int_equal(fake_source.partition[0].committed, 1);
    assert_int_equal(fake_state_open_attempts(), 0);
}

static bool is_written(void)
{
    return fake_shop_available("A") == 5 && fake_lane_is_quiet();
}

/* @return how many rows the channel has */
static size_t try_channel(enum reaction_channel channel, int entry)
{
    size_t rows = 0;
    const struct reaction_rule *rule = NULL;
    for (size_t i = 0; (rule = reaction_row(i)) != NULL; i++) {
        if (rule->channel != channel) {
            continue;
        }
        fake_lane_open();
        (void)fake_shop_add("A", 3);
        (void)fake_lane_publish(1, "A", 5);
        refuse_first(rule, entry);
        uint64_t odd = fake_lane_counter("odd_codes");
        fake_lane_run_ok(rule->reaction == REACTION_FIND ? is_written : fake_lane_is_quiet);
        assert_reaction(rule);
        assert_int_equal(fake_lane_counter("odd_codes") - odd, rule->alarm ? 1 : 0);
        fake_lane_close();
        rows++;
    }
    return rows;
}

static void http_statuses(void **state)
{
    (void)state;
    assert_in_range(try_channel(REACTION_HTTP, 0), 10, 100);
}

static void top_level_errors(void **state)
{
    (void)state;
    assert_in_range(try_channel(REACTION_TOP_LEVEL, 0), 10, 100);
}

static void user_errors_that_name_the_entry(void **state)
{
    (void)state;
    assert_in_range(try_channel(REACTION_USER_ERRORS, 1), 15, 100);
}

/* The request has one entry, so nothing must be searched. */
static void user_errors_that_name_no_entry(void **state)
{
    (void)state;
    assert_in_range(try_channel(REACTION_USER_ERRORS, 0), 15, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_statuses),
        cmocka_unit_test(top_level_errors),
        cmocka_unit_test(user_errors_that_name_the_entry),
        cmocka_unit_test(user_errors_that_name_no_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
