#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "consumer/lane/level_setup.h"
#include "tests/unit/lane/bench.h"

static struct outcomes out;
static struct requests requests;
static struct level_setup setup;
static struct answer answer;

static int open_setup(void **state)
{
    (void)bench_open(state);
    requests_open(&requests, &bench.c);
    requests.may_mutate = true;
    setup = (struct level_setup){.c = &bench.c, .requests = &requests};
    answer = (struct answer){0};
    return 0;
}

static int close_setup(void **state)
{
    answer_release(&answer);
    requests_close(&requests);
    outcomes_release(&out);
    return bench_close(state);
}

#define SETUP_TEST(function) cmocka_unit_test_setup_teardown(function, open_setup, close_setup)

/* --- after a read --- */

static const struct {
    const char *name;
    struct level_read read;
    bool track, activate;
    unsigned tries;
    bool needs;
    enum level_stage stage;
} NEEDS[] = {
    {"writable",
     {.item_found = true, .connected = true, .active = true, .tracked = true},
     true,
     true,
     0,
     false,
     0},
    {"untracked",
     {.item_found = true, .connected = true, .active = true},
     true,
     true,
     0,
     true,
     LEVEL_UNTRACKED},
    {"untracked, left so",
     {.item_found = true, .connected = true, .active = true},
     false,
     true,
     0,
     false,
     0},
    {"missing", {.item_found = true, .tracked = true}, true, true, 0, true, LEVEL_MISSING},
    {"missing, left so", {.item_found = true, .tracked = true}, true, false, 0, false, 0},
    {"inactive",
     {.item_found = true, .connected = true, .tracked = true},
     true,
     true,
     0,
     true,
     LEVEL_MISSING},
    {"untracked and missing: tracking first",
     {.item_found = true},
     true,
     true,
     0,
     true,
     LEVEL_UNTRACKED},
    {"no item", {.item_found = false}, true, true, 0, false, 0},
    {"last try", {.item_found = true, .tracked = true}, true, true, 2, true, LEVEL_MISSING},
    {"tried enough", {.item_found = true, .tracked = true}, true, true, 3, false, 0},
};

static void set_up_follows_from_read_and_options(void **state)
{
    (void)state;
    struct level *level = bench_level(41, 1, 5, 10);
    for (size_t i = 0; i < sizeof NEEDS / sizeof NEEDS[0]; i++) {
        bench.conf.track_items = NEEDS[i].track;
        bench.conf.activate_levels = NEEDS[i].activate;
        level->tries = NEEDS[i].tries;
        if (level_setup_needs(&bench.c, level, &NEEDS[i].read, &out) != NEEDS[i].needs ||
            out.count != NEEDS[i].needs) {
            fail_msg("%s", NEEDS[i].name);
        }
        if (NEEDS[i].needs) {
            assert_int_equal(out.list[0].end, END_RETRY);
            assert_int_equal(out.list[0].stage, NEEDS[i].stage);
        }
        outcomes_release(&out);
    }
}

static const struct {
    struct level_read read;
    const char *reason, *detail;
    enum item_fact item;
} UNWRITABLE[] = {
    {{.key = {41, 70}}, "item_missing", "inventory item 41 does not exist any more", ITEM_IS_GONE},
    {{.key = {41, 70}, .item_found = true},
     "level_missing",
     "item 41 is not stocked at location 70: activate it there",
     ITEM_UNCHANGED},
    {{.key = {41, 70}, .item_found = true, .connected = true},
     "level_inactive",
     "item 41 is deactivated at location 70: activate it there",
     ITEM_UNCHANGED},
};

static void a_level_that_cannot_be_written_is_parked_with_the_reason(void **state)
{
    (void)state;
    const struct level_read fine = {.item_found = true, .connected = true, .active = true};
    struct level *level = bench_level(41, 1, 5, 10);
    (void)snprintf(answer.request_id, sizeof answer.request_id, "r-7");
    for (size_t i = 0; i < sizeof UNWRITABLE / sizeof UNWRITABLE[0]; i++) {
        assert_true(level_setup_park_unwritable(level, &UNWRITABLE[i].read, &answer, &out));
        assert_int_equal(out.list[0].end, END_PARKED);
        assert_string_equal(out.list[0].reason, UNWRITABLE[i].reason);
        assert_string_equal(out.list[0].detail, UNWRITABLE[i].detail);
        assert_string_equal(out.list[0].request_id, "r-7");
        assert_int_equal(out.list[0].item, UNWRITABLE[i].item);
        outcomes_release(&out);
    }
    assert_false(level_setup_park_unwritable(level, &fine, &answer, &out));
    assert_int_equal(out.count, 0);
}

/* --- sending --- */

static struct level *waiting(int64_t item, enum level_stage stage)
{
    struct level *level = bench_level(item, (int32_t)item, 5, 10);
    (void)coalescer_put_back(bench.c.coalescer, level, stage);
    return level;
}

static struct request *send_next(void)
{
    struct err err;
    struct request *r = requests_free_slot(&requests);
    assert_int_equal(level_setup_send(&setup, r, &out, &err), STATUS_OK);
    return r;
}

static void tracking_goes_before_activation(void **state)
{
    (void)state;
    (void)waiting(41, LEVEL_MISSING);
    (void)waiting(42, LEVEL_UNTRACKED);
    struct request *track = send_next();
    assert_int_equal(track->phase, REQUEST_SENT);
    assert_int_equal(bench.requests.sent[0].op, OP_ITEM_TRACK);
    assert_string_equal(bench.requests.sent[0].variables,
                        "{\"id\":\"gid://shopify/InventoryItem/42\"}");
    struct request *activate = send_next();
    assert_int_equal(bench.requests.sent[1].op, OP_LEVEL_ACTIVATE);
    assert_ptr_equal(bench.requests.sent[1].owner, activate);
    assert_non_null(strstr(bench.requests.sent[1].variables, "InventoryItem/41"));
    assert_non_null(strstr(bench.requests.sent[1].variables, "\"available\":5"));
    const char *key = strstr(bench.requests.sent[1].variables, "\"key\":\"");
    assert_non_null(key);
    assert_int_equal(strcspn(key + 7, "\""), 36);
    assert_int_equal((int)metric_value(bench.metrics.request.mutations), 2);
    assert_int_equal(setup.sent_us, bench.monotonic_us);
}

static void a_shared_level_is_parked_and_the_slot_stays_free(void **state)
{
    (void)state;
    bench_product(41, "TWO", 41);
    bench_product(99, "TWO", 41);
    (void)waiting(41, LEVEL_MISSING);
    struct request *r = send_next();
    assert_int_equal(r->phase, REQUEST_FREE);
    assert_int_equal(bench.requests.sent_count, 0);
    assert_string_equal(out.list[0].reason, "sku_shared_in_odoo");
}

static void a_mutation_for_one_level_lets_pending_writes_go_first(void **state)
{
    (void)state;
    assert_true(level_setup_deadline_us(&setup) == INT64_MAX);
    (void)waiting(41, LEVEL_MISSING);
    setup.sent_us = bench.monotonic_us - 100000;
    assert_true(level_setup_deadline_us(&setup) == bench.monotonic_us);
    (void)waiting(43, LEVEL_UNTRACKED);
    assert_true(level_setup_deadline_us(&setup) == bench.monotonic_us);
    (void)waiting(42, LEVEL_UNREAD);
    assert_true(level_setup_deadline_us(&setup) == bench.monotonic_us + 400000);
    requests.may_mutate = false;
    assert_true(level_setup_deadline_us(&setup) == INT64_MAX);
}

/* --- answers --- */

#define ACTIVATED(active, quantity)                                                                \
    "{\"data\":{\"inventoryActivate\":{\"inventoryLevel\":{\"isActive\":" active                   \
    ",\"quantities\":[{\"name\":\"available\",\"quantity\":" quantity "}]},\"userErrors\":[]}}}"
#define TRACKED(tracked)                                                                           \
    "{\"data\":{\"inventoryItemUpdate\":{\"inventoryItem\":{\"tracked\":" tracked                  \
    ",\"trackedEditable\":{\"locked\":false,\"reason\":\"by another app\"}},\"userErrors\":[]}}}"
#define REFUSED(root)                                                                              \
    "{\"data\":{\"" root "\":{\"userErrors\":[{\"field\":null,\"message\":\"no room\"}]}}}"

static const struct outcome *judge(struct level *level, enum operation op, const char *body)
{
    struct request *r = &requests.slots[0];
    outcomes_release(&out);
    answer_release(&answer);
    r->op = op;
    r->levels[0] = level;
    r->list[0] = outcomes_write_of(&bench.c, level);
    r->count = 1;
    bench_answer(&answer, op, body);
    level_setup_judge(&bench.c, r, &answer, &out);
    assert_int_equal(out.count, 1);
    return &out.list[0];
}

static void an_activated_level_that_holds_the_number_is_confirmed(void **state)
{
    (void)state;
    const struct outcome *one =
        judge(bench_level(41, 1, 5, 10), OP_LEVEL_ACTIVATE, ACTIVATED("true", "5"));
    assert_int_equal(one->end, END_CONFIRMED);
    assert_int_equal(one->write.quantity, 5);
    assert_ptr_equal(one->counted, bench.metrics.level.activated);
}

static void an_activated_level_with_its_old_number_is_read(void **state)
{
    (void)state;
    const struct outcome *one =
        judge(bench_level(41, 1, 5, 10), OP_LEVEL_ACTIVATE, ACTIVATED("true", "4"));
    assert_int_equal(one->end, END_RETRY);
    assert_int_equal(one->stage, LEVEL_UNREAD);
    assert_true(one->tried);
    assert_ptr_equal(one->counted, bench.metrics.level.activated);
    one = judge(bench_ready(42, 1, 5, 3), OP_LEVEL_ACTIVATE, ACTIVATED("true", "5"));
    assert_int_equal(one->end,
                     END_RETRY); /* written before: the read judges its unimported sales */
}

static void a_refused_activation_is_read_twice_and_then_parked(void **state)
{
    (void)state;
    struct level *level = bench_level(41, 1, 5, 10);
    static const char *const bodies[] = {REFUSED("inventoryActivate"), ACTIVATED("false", "5")};
    for (size_t i = 0; i < 2; i++) {
        level->tries = 1;
        const struct outcome *one = judge(level, OP_LEVEL_ACTIVATE, bodies[i]);
        assert_int_equal(one->end, END_RETRY);
        assert_int_equal(one->stage, LEVEL_UNREAD);
        assert_true(one->tried);
        assert_null(one->counted);
        level->tries = 2;
        one = judge(level, OP_LEVEL_ACTIVATE, bodies[i]);
        assert_int_equal(one->end, END_PARKED);
        assert_string_equal(one->reason, "activate_refused");
        assert_true(one->tried);
        assert_string_equal(one->request_id, "r-1");
    }
}

static void a_tracked_item_is_read_and_the_index_learns_it(void **state)
{
    (void)state;
    double before = metric_value(bench.metrics.level.tracked);
    const struct outcome *one = judge(bench_level(41, 1, 5, 10), OP_ITEM_TRACK, TRACKED("true"));
    assert_int_equal(one->end, END_RETRY);
    assert_int_equal(one->stage, LEVEL_UNREAD);
    assert_int_equal(one->item, ITEM_IS_TRACKED);
    assert_false(one->tried);
    assert_true(metric_value(bench.metrics.level.tracked) > before);
}

static void an_item_that_cannot_be_tracked_is_parked_and_remembered(void **state)
{
    (void)state;
    static const char *const bodies[] = {TRACKED("false"), REFUSED("inventoryItemUpdate")};
    struct level *level = bench_level(41, 1, 5, 10);
    for (size_t i = 0; i < 2; i++) {
        const struct outcome *one = judge(level, OP_ITEM_TRACK, bodies[i]);
        assert_int_equal(one->end, END_PARKED);
        assert_string_equal(one->reason, "tracking_locked");
        assert_int_equal(one->item, ITEM_IS_LOCKED);
        assert_string_equal(one->request_id, "r-1");
        assert_null(one->counted);
    }
    assert_null(strstr(out.list[0].detail, "by another app"));
}

static void an_unreadable_answer_about_tracking_is_read_again(void **state)
{
    (void)state;
    const struct outcome *one =
        judge(bench_level(41, 1, 5, 10), OP_ITEM_TRACK,
              "{\"data\":{\"inventoryItemUpdate\":{\"inventoryItem\":{},\"userErrors\":[]}}}");
    assert_int_equal(one->end, END_RETRY);
    assert_int_equal(one->stage, LEVEL_UNREAD);
    assert_true(one->tried);
    assert_int_equal(one->item, ITEM_UNCHANGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETUP_TEST(set_up_follows_from_read_and_options),
        SETUP_TEST(a_level_that_cannot_be_written_is_parked_with_the_reason),
        SETUP_TEST(tracking_goes_before_activation),
        SETUP_TEST(a_shared_level_is_parked_and_the_slot_stays_free),
        SETUP_TEST(a_mutation_for_one_level_lets_pending_writes_go_first),
        SETUP_TEST(an_activated_level_that_holds_the_number_is_confirmed),
        SETUP_TEST(an_activated_level_with_its_old_number_is_read),
        SETUP_TEST(a_refused_activation_is_read_twice_and_then_parked),
        SETUP_TEST(a_tracked_item_is_read_and_the_index_learns_it),
        SETUP_TEST(an_item_that_cannot_be_tracked_is_parked_and_remembered),
        SETUP_TEST(an_unreadable_answer_about_tracking_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
