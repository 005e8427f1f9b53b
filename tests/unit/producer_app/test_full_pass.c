#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "producer/app/full_pass.h"
#include "tests/unit/producer_app/fake_odoo.h"

#define PIECE 200 /* products that one step compares */

static struct producer_ports ports;
static struct producer_status *status;
static struct full_pass *pass;
static struct err err;
static bool moved;

static int start(void **state)
{
    (void)state;
    fake_reset();
    fake_ports(&ports);
    fake.product_count = 20;
    status = producer_status_new(fake_metrics(), true);
    pass = full_pass_new(&ports.pass, 60000, status, fake_metrics());
    fake_process.clock_us += 1000000; /* the first pass is due */
    return 0;
}

static int stop(void **state)
{
    (void)state;
    full_pass_free(pass);
    producer_status_free(status);
    return 0;
}

static void step(void)
{
    assert_int_equal(full_pass_step(pass, &moved, &err), STATUS_OK);
    fake_process.clock_us += 1000000;
}

/* The digests of the products as they are. */
static void learn(void)
{
    for (int32_t id = 1; id <= fake.product_count && id < 64; id++) {
        const struct product_stock stock = {.product_id = id, .active = true, .sku = fake.sku[id]};
        fake.digests[id] = product_stock_digest(&stock);
    }
}

static void full_pass_that_is_off_forgets_the_digests(void **state)
{
    (void)state;
    full_pass_free(pass);
    pass = full_pass_new(&ports.pass, -1, status, fake_metrics());
    assert_int_equal(full_pass_open(pass, &err), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_FORGET], 1);
    step();
    assert_false(moved);
    assert_int_equal(fake.calls[FAKE_BEGIN], 0);
}

static void full_pass_marks_only_products_that_differ(void **state)
{
    (void)state;
    static char renamed[] = "NEW";
    learn();
    fake.sku[3] = renamed;
    assert_int_equal(full_pass_open(pass, &err), STATUS_OK);
    step(); /* begins */
    assert_false(moved);
    assert_int_equal(fake.calls[FAKE_BEGIN], 1);
    step(); /* compares all */
    assert_true(moved);
    assert_int_equal(fake.mark_count, 1);
    assert_int_equal(fake.marks[0].product_id, 3);
    assert_int_equal(fake.marks[0].cause, CAUSE_BACKFILL);
    assert_int_equal(fake.pass.compared, 20);
    assert_int_equal(fake.pass.republished, 1);
    step(); /* finds the end */
    assert_false(full_pass_is_running(&fake.pass));
    step();
    assert_int_equal(fake.calls[FAKE_BEGIN], 1); /* not yet due again */
}

static void full_pass_marks_what_cannot_be_read(void **state)
{
    (void)state;
    learn();
    fake.unreadable[0] = 5;
    assert_int_equal(full_pass_open(pass, &err), STATUS_OK);
    step();
    step();
    assert_int_equal(fake.mark_count, 1);
    assert_int_equal(fake.marks[0].product_id, 5);
}

static void take_10_ms(void)
{
    fake_process.clock_us += 10000;
}

static void full_pass_pauses_four_times_as_long_as_a_piece_takes(void **state)
{
    (void)state;
    fake.product_count = 2 * PIECE;
    assert_int_equal(full_pass_open(pass, &err), STATUS_OK);
    step();
    fake.before[FAKE_SNAPSHOT] = take_10_ms;
    assert_int_equal(full_pass_step(pass, &moved, &err), STATUS_OK);
    assert_true(moved);
    assert_int_equal(full_pass_step(pass, &moved, &err), STATUS_OK);
    assert_false(moved);
    assert_int_equal(fake.pass.last_product, PIECE);
    fake_process.clock_us += 1000000;
    step();
    assert_int_equal(fake.pass.last_product, 2 * PIECE);
}

static void full_pass_resumes_after_a_restart(void **state)
{
    (void)state;
    learn();
    fake.pass = (struct full_pass_state){.started_us = 5, .last_product = 7, .total = 20};
    assert_int_equal(full_pass_open(pass, &err), STATUS_OK);
    step();
    assert_true(moved);
    assert_int_equal(fake.pass.compared, 13);
}

static void full_pass_that_fails_compares_the_same_piece_again(void **state)
{
    (void)state;
    static const enum fake_call places[] = {FAKE_SNAPSHOT, FAKE_NEXT, FAKE_READ_IDS, FAKE_MARK,
                                            FAKE_NOTE};
    assert_int_equal(full_pass_open(pass, &err), STATUS_OK);
    step();
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        fake.fail[places[i]] = STATUS_SOURCE_LOST;
        assert_int_equal(full_pass_step(pass, &moved, &err), STATUS_SOURCE_LOST);
        assert_false(moved);
    }
    step();
    assert_true(moved);
    assert_int_equal(fake.pass.compared, 20);
}

static void full_pass_that_cannot_begin_says_so(void **state)
{
    (void)state;
    fake.fail[FAKE_LOAD] = STATUS_SOURCE_LOST;
    assert_int_equal(full_pass_open(pass, &err), STATUS_SOURCE_LOST);
    fake.fail[FAKE_BEGIN] = STATUS_SOURCE_LOST;
    assert_int_equal(full_pass_step(pass, &moved, &err), STATUS_SOURCE_LOST);
}

static void full_pass_that_is_the_first_waits_for_a_part_of_the_interval(void **state)
{
    (void)state;
    const int64_t minute_us = 60000000;
    full_pass_free(pass);
    pass = full_pass_new(&ports.pass, INT64_C(24) * 3600000, status, fake_metrics());
    assert_int_equal(full_pass_open(pass, &err), STATUS_OK);
    fake_process.clock_us += 2 * minute_us;
    step();
    assert_int_equal(fake.calls[FAKE_BEGIN], 0);
    fake_process.clock_us += 6 * minute_us;
    step();
    assert_int_equal(fake.calls[FAKE_BEGIN], 1);
}

static void full_pass_follows_at_once_when_triggers_are_back(void **state)
{
    (void)state;
    learn();
    fake.pass = (struct full_pass_state){.started_us = clock_wall_us() - 1000,
                                         .finished_us = clock_wall_us()};
    assert_int_equal(full_pass_open(pass, &err), STATUS_OK);
    step();
    assert_int_equal(fake.calls[FAKE_BEGIN], 0);
    fake.fail[FAKE_WANT] = STATUS_SOURCE_LOST;
    assert_int_equal(full_pass_await_triggers(pass, &err), STATUS_SOURCE_LOST);
    assert_int_equal(full_pass_await_triggers(pass, &err), STATUS_OK);
    assert_int_equal(full_pass_await_triggers(pass, &err), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_WANT], 2);
    step();
    assert_int_equal(fake.calls[FAKE_BEGIN], 1);
    step();
    assert_int_equal(fake.pass.compared, 20);
    step();
    assert_false(full_pass_is_wanted(&fake.pass));
    step();
    assert_int_equal(fake.calls[FAKE_BEGIN], 1);
}

static void full_pass_that_is_off_marks_everything_when_triggers_are_back(void **state)
{
    (void)state;
    full_pass_free(pass);
    pass = full_pass_new(&ports.pass, 0, status, fake_metrics());
    assert_int_equal(full_pass_open(pass, &err), STATUS_OK);
    assert_int_equal(full_pass_await_triggers(pass, &err), STATUS_OK);
    step();
    assert_int_equal(fake.calls[FAKE_BEGIN], 1);
    assert_int_equal(full_pass_open(pass, &err), STATUS_OK); /* a restart resumes it */
    step();
    assert_int_equal(fake.mark_count, 20);
    step();
    step();
    assert_int_equal(fake.calls[FAKE_BEGIN], 1);
    assert_false(moved);
}

static void full_pass_begins_again_when_triggers_are_lost_meanwhile(void **state)
{
    (void)state;
    fake.product_count = 2 * PIECE;
    assert_int_equal(full_pass_open(pass, &err), STATUS_OK);
    step();
    step();
    assert_int_equal(fake.pass.last_product, PIECE);
    assert_int_equal(full_pass_await_triggers(pass, &err), STATUS_OK);
    step();
    assert_int_equal(fake.calls[FAKE_BEGIN], 2);
    assert_int_equal(fake.pass.last_product, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(full_pass_that_is_off_forgets_the_digests),
        TEST(full_pass_marks_only_products_that_differ),
        TEST(full_pass_marks_what_cannot_be_read),
        TEST(full_pass_pauses_four_times_as_long_as_a_piece_takes),
        TEST(full_pass_resumes_after_a_restart),
        TEST(full_pass_that_fails_compares_the_same_piece_again),
        TEST(full_pass_that_cannot_begin_says_so),
        TEST(full_pass_that_is_the_first_waits_for_a_part_of_the_interval),
        TEST(full_pass_follows_at_once_when_triggers_are_back),
        TEST(full_pass_that_is_off_marks_everything_when_triggers_are_back),
        TEST(full_pass_begins_again_when_triggers_are_lost_meanwhile),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
