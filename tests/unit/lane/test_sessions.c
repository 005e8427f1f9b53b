/* Sessions: what they leave behind, take over, and how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/lane/fake_lane.h"

static bool is_set_sent(void)
{
    return fake_store_sent(OP_STOCK_SET) == 1;
}

/* A set of A from 3 to 9, that a process left behind. */
static void leave_attempt(int64_t instance)
{
    const struct level_write write = {.key = {.item = 4000, .location = FAKE_LOCATION},
                                      .product_id = 1,
                                      .quantity = 9,
                                      .desired = 9,
                                      .change_from = 3,
                                      .revision = 900};
    fake_state_leave_attempt(instance, &write, 1);
}

/* --- attempts of dead processes --- */

static void an_adopted_attempt_goes_out_as_it_was_before_anything_else(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    leave_attempt(FAKE_DEAD_PROCESS);
    fake_lane_run_ok(fake_lane_is_quiet);
    const struct fake_request *first = fake_store_request(OP_STOCK_SET, 0);
    const struct fake_request *second = fake_store_request(OP_STOCK_SET, 1);
    assert_string_equal(first->variables, fake_state.attempts.list[0].variables);
    assert_true(second->sent_us >= first->sent_us + fake_store.latency_us);
    assert_string_equal(fake_state.attempts.list[0].outcome, "applied");
    assert_int_equal(fake_store_sent(OP_LEVELS_READ), 0); /* its number is known then */
    assert_int_equal(fake_shop_available("A"), 5);
}

static void the_attempt_of_a_living_process_is_left_alone(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_shop_add("B", 3);
    (void)fake_lane_publish(2, "B", 5);
    leave_attempt(FAKE_OTHER_PROCESS);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop_available("A"), 3);
    assert_int_equal(fake_state_open_attempts(), 1);
}

static void an_adopted_attempt_is_given_up_when_its_bytes_are_refused(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    leave_attempt(FAKE_DEAD_PROCESS);
    fake_store_fault(
        &(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .code = "INVALID_VARIABLE"});
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_false(fake_lane_was("misconfigured"));
    assert_string_equal(fake_state.attempts.list[0].outcome, "refused");
    assert_int_equal(fake_shop_available("A"), 5);
}

/* Nothing else waits for the store, so only the lane itself can end its trouble. */
static void assert_goes_on_after(const struct fake_fault *trouble, const char *state)
{
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    leave_attempt(FAKE_DEAD_PROCESS);
    fake_store_fault(trouble);
    fake_store_fault(
        &(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .code = "INVALID_VARIABLE"});
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_true(fake_lane_was(state));
    assert_string_equal(fake_state.attempts.list[0].outcome, "refused");
    assert_int_equal(fake_shop_available("A"), 5);
}

static void a_lane_goes_on_when_its_last_request_in_trouble_is_given_up(void **state)
{
    (void)state;
    assert_goes_on_after(&(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .status = 403},
                         "closed");
    fake_lane_close();
    fake_lane_open();
    assert_goes_on_after(&(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .status = 401},
                         "unauthorised");
    fake_lane_close();
    fake_lane_open();
    assert_goes_on_after(&(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .status = 404},
                         "misconfigured");
    fake_lane_close();
    fake_lane_open();
    assert_goes_on_after(&(struct fake_fault){.op = OP_STOCK_SET, .times = 9, .status = 502},
                         "broken");
}

static int64_t began_us;

static bool ten_seconds_passed(void)
{
    return clock_monotonic_us() - began_us > 10 * FAKE_SECOND;
}

/* Executed, its process dead before it was recorded, and its key forgotten by the store. */
static void the_number_of_an_adopted_attempt_is_no_sale(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 9);
    fake_state_know(level->item, 1, 12, 500);
    leave_attempt(FAKE_DEAD_PROCESS);
    fake_shop.forgets_keys = true;
    (void)fake_lane_publish(1, "A", 11);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_string_equal(fake_state.attempts.list[0].outcome, "stale");
    assert_int_equal(fake_state.unimported.count, 0);
    assert_int_equal(level->available, 11);
}

static void a_held_store_does_not_send_an_adopted_attempt(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    leave_attempt(FAKE_DEAD_PROCESS);
    fake_state.guard.row.held_at_us = 1;
    fake_state.guard.holder = FAKE_OTHER_PROCESS;
    began_us = clock_monotonic_us();
    fake_lane_run_ok(ten_seconds_passed);
    assert_true(fake_lane_was("held"));
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 0);
    fake_state.guard.row.held_at_us = 0;
    fake_lane_run_ok(is_set_sent);
    assert_int_equal(fake_shop_available("A"), 9);
}

/* --- rebalances --- */

static void answers_within_the_limit_are_committed_before_partitions_leave(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 3);
    fake_source.partitions = 2;
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(&(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .delay_us = FAKE_SECOND});
    fake_source_rebalance(SOURCE_REVOKED, 0, FAKE_SECOND / 2);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_source.releases, 1);
    assert_int_equal(fake_source.waited_commits, 1);
    assert_false(fake_source.partition[0].assigned);
    assert_int_equal(fake_state_level(level->item)->quantity, 5);
}

static void partitions_that_leave_without_an_answer_end_the_session(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    fake_source.partitions = 2;
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(
        &(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .silent = true, .executed = true});
    fake_source_rebalance(SOURCE_REVOKED, 0, FAKE_SECOND / 2);
    assert_int_equal(fake_lane_run(NULL), STATUS_TIMED_OUT);
    assert_int_equal(fake_source.releases, 1);
    assert_int_equal(fake_source.partition[0].committed, 0);
    assert_int_equal(fake_state_open_attempts(), 1);
    fake_lane_failed(STATUS_TIMED_OUT);
    assert_string_equal(fake_lane.state, "broken");
    fake_lane_run_ok(fake_lane_is_quiet); /* the attempt is adopted and finished first */
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 3); /* and the record's number is confirmed */
    assert_int_equal(fake_shop_find("A")->sets, 2);
    assert_int_equal(fake_state_open_attempts(), 0);
}

static void lost_partitions_are_forgotten_and_read_again(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    fake_source.partitions = 2;
    (void)fake_lane_publish(1, "missing", 5);
    (void)fake_lane_publish(2, "A", 5);
    fake_source.commit_rc = STATUS_BROKER_LOST;
    fake_source_rebalance(SOURCE_LOST, 0, FAKE_SECOND / 100);
    fake_source_rebalance(SOURCE_ASSIGNED, 0, FAKE_SECOND);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_source.releases, 0);
    assert_int_equal(fake_shop_find("A")->available, 5);
}

static void a_commit_that_fails_does_not_keep_partitions(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    fake_source.partitions = 2;
    (void)fake_lane_publish(1, "A", 5);
    fake_source.commit_rc = STATUS_BROKER_LOST;
    fake_source_rebalance(SOURCE_REVOKED, 0, FAKE_SECOND / 2);
    fake_source_rebalance(SOURCE_ASSIGNED, 0, 2 * FAKE_SECOND);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_source.releases, 1);
    assert_int_equal(fake_shop_find("A")->sets, 1);
}

/* --- the drain --- */

static void answers_in_flight_are_recorded_and_committed_at_the_end(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(
        &(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .delay_us = 3 * FAKE_SECOND});
    fake_lane_run_ok(is_set_sent);
    assert_int_equal(fake_state_level(level->item)->quantity, 5);
    assert_int_equal(fake_source.partition[0].committed, 1);
    assert_int_equal(fake_source.waited_commits, 1);
}

static void the_drain_has_a_limit(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(&(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .silent = true});
    began_us = clock_monotonic_us();
    fake_lane_run_ok(is_set_sent);
    assert_in_range(clock_monotonic_us() - began_us, 20 * FAKE_SECOND, 22 * FAKE_SECOND);
    assert_int_equal(fake_source.partition[0].committed, 0);
    assert_int_equal(fake_state_open_attempts(), 1);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop_available("A"), 5);
}

static void a_drain_that_cannot_commit_is_no_failure(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_source.commit_rc = STATUS_BROKER_LOST;
    fake_lane_run_ok(is_set_sent);
    assert_int_equal(fake_source.partition[0].committed, 0);
    lane_stopped(fake_lane.lane);
    assert_string_equal(fake_lane.state, "stopped");
}

/* --- failures --- */

/* Wherever the state may be lost: begun again, the lane brings the work to its end. */
static void a_lost_state_ends_the_session_and_the_lane_resumes(void **state)
{
    (void)state;
    static const char *const CALLS[] = {
        "warehouses",     "products_load",  "parked_products", "guard_read",
        "guard_journal",  "catalogue_look", "catalogue_lock",  "items_clear",
        "items_store",    "catalogue_read", "attempts_adopt",  "levels_read",
        "attempts_begin", "guard_pin",      "attempts_settle", "products_note",
        "sales_due",      "sales_next",     "guard_levels",    "park",
        "parked_due",     "parked_rescan",  "unpark",          "catalogue_unlock",
        "planned_read",   "planned_store",  "leftovers",
    };
    for (size_t i = 0; i < sizeof CALLS / sizeof CALLS[0]; i++) {
        fake_lane_close();
        fake_lane_open();
        (void)fake_shop_add("A", 3);
        (void)fake_lane_publish(2, "missing", 5); /* parked, and fixed by the next record */
        fake_state.failing = CALLS[i];
        if (strcmp(CALLS[i], "unpark") == 0) {
            fake_lane_run_ok(fake_lane_is_quiet);
        }
        if (strcmp(CALLS[i], "park") != 0) {
            (void)fake_source_append_tombstone(0, 2, ++fake_lane.revision);
        }
        (void)fake_lane_publish(1, "A", 5);
        began_us = clock_monotonic_us();
        enum status rc = fake_lane_run(ten_seconds_passed);
        if (rc != STATUS_SOURCE_LOST || fake_state.failing != NULL) {
            fail_msg("%s: %s", CALLS[i], status_name(rc));
        }
        fake_lane_failed(rc);
        assert_string_equal(fake_lane.state, "broken");
        fake_lane_run_ok(fake_lane_is_quiet);
        assert_int_equal(fake_shop_available("A"), 5);
        assert_in_range(fake_shop_find("A")->sets, 1, 2); /* written, or written and confirmed */
        assert_int_equal(fake_state_open_attempts(), 0);
    }
}

static void a_session_that_cannot_open_shows_why(void **state)
{
    (void)state;
    static const struct {
        enum status *rc;
        const char *state;
        enum status failure;
        bool ready;
    } CASES[] = {
        {&fake_state.open_rc, "broken", STATUS_SOURCE_LOST, false},
        {&fake_state.open_rc, "misconfigured", STATUS_DATABASE_UNFIT, false},
        {&fake_store.open_rc, "misconfigured", STATUS_STORE_MISCONFIGURED, true},
        {&fake_store.access_rc, "unauthorised", STATUS_AUTH, true},
        {&fake_store.access_rc, "closed", STATUS_STORE_CLOSED, true},
        {&fake_store.locations_rc, "broken", STATUS_THROTTLED, false},
        {&fake_store.load_rc, "broken", STATUS_STORE_LOST, false},
        {&fake_source.open_rc, "misconfigured", STATUS_CONFIG, false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        fake_lane_close();
        fake_lane_open();
        *CASES[i].rc = CASES[i].failure;
        assert_int_equal(fake_lane_run(NULL), CASES[i].failure);
        fake_lane_failed(CASES[i].failure);
        assert_string_equal(fake_lane.state, CASES[i].state);
        assert_int_equal(fake_lane.ready, CASES[i].ready);
        *CASES[i].rc = STATUS_OK;
        lane_reloaded(fake_lane.lane);
        fake_lane_run_ok(fake_lane_is_running);
    }
}

static void a_deactivated_location_is_a_misconfiguration(void **state)
{
    (void)state;
    fake_store.location_inactive = true;
    assert_int_equal(fake_lane_run(NULL), STATUS_STORE_MISCONFIGURED);
    fake_store.location_inactive = false;
    fake_state.no_warehouses = true;
    assert_int_equal(fake_lane_run(NULL), STATUS_SOURCE_BUSY);
}

static void the_topic_ends_a_session_unless_only_the_brokers_are_away(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_source.poll_rc = STATUS_TOPIC_UNFIT;
    assert_int_equal(fake_lane_run(NULL), STATUS_TOPIC_UNFIT);
    fake_source.poll_rc = STATUS_BROKER_LOST;
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop_available("A"), 5);
}

static void a_set_under_another_version_is_recorded_and_ends_the_session(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(&(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .version = "2027-01"});
    assert_int_equal(fake_lane_run(NULL), STATUS_STORE_MISCONFIGURED);
    assert_int_equal(fake_state_level(level->item)->quantity, 5);
    assert_int_equal(fake_state_open_attempts(), 0);
}

static void a_read_under_another_version_is_not_used(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(&(struct fake_fault){.op = OP_LEVELS_READ, .times = 1, .version = "2027-01"});
    assert_int_equal(fake_lane_run(NULL), STATUS_STORE_MISCONFIGURED);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 0);
}

/* --- people --- */

static bool reload_when_closed(void)
{
    if (strcmp(fake_lane.state, "closed") == 0 && ten_seconds_passed()) {
        thread_ask_reload(&fake_lane.thread);
    }
    return fake_lane_is_quiet();
}

static void a_reload_probes_at_once(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(&(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .status = 402});
    began_us = clock_monotonic_us();
    fake_lane_run_ok(reload_when_closed);
    assert_in_range(fake_store_request(OP_STOCK_SET, 1)->sent_us - began_us, 10 * FAKE_SECOND,
                    12 * FAKE_SECOND);
}

/* --- a run with --once --- */

static void a_run_with_once_ends_at_the_end_of_the_topic(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    fake_lane.options.once = true;
    (void)fake_lane_publish(1, "A", 5);
    (void)fake_lane_publish(2, "missing", 5);
    fake_lane_run_ok(NULL);
    assert_int_equal(fake_shop_available("A"), 5);
    assert_int_equal(fake_source.partition[0].committed, 2);
}

static void a_run_with_once_does_not_wait_for_a_person(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_lane.options.once = true;
    fake_state.guard.row.held_at_us = 1;
    fake_state.guard.holder = FAKE_OTHER_PROCESS;
    assert_int_equal(fake_lane_run(NULL), STATUS_STORE_MISCONFIGURED);
}

/* What it could not write stays to be read. */
static void a_run_with_once_gives_up_a_store_that_refuses(void **state)
{
    (void)state;
    static const long STATUSES[] = {401, 502};
    for (size_t i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++) {
        char code[16];
        fake_lane_close();
        fake_lane_open();
        (void)fake_shop_add("A", 3);
        fake_lane.options.once = true;
        (void)fake_lane_publish(1, "A", 5);
        fake_store_fault(
            &(struct fake_fault){.op = OP_STOCK_SET, .times = 99, .status = STATUSES[i]});
        began_us = clock_monotonic_us();
        assert_int_equal(fake_lane_run(NULL), STATUS_STORE_LOST);
        assert_in_range(clock_monotonic_us() - began_us, 30 * FAKE_SECOND, 60 * FAKE_SECOND);
        (void)snprintf(code, sizeof code, "HTTP_%ld", STATUSES[i]);
        assert_non_null(strstr(fake_lane.err.msg, code));
        assert_int_equal(fake_source.partition[0].committed, 0);
        fake_store_clear_faults();
        fake_lane_failed(STATUS_STORE_LOST);
        fake_lane_run_ok(NULL);
        assert_int_equal(fake_shop_available("A"), 5);
        assert_int_equal(fake_source.partition[0].committed, 1);
    }
}

/* --- a dry run --- */

static void a_dry_run_prints_and_writes_nothing(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_shop_add("same", 5);
    fake_lane.options.dry_run = true;
    fake_lane.options.once = true;
    (void)fake_lane_publish(1, "A", 5);
    (void)fake_lane_publish(2, "missing", 5);
    (void)fake_lane_publish(3, "same", 5);
    fake_lane_run_ok(NULL);
    assert_string_equal(fake_lane.lines.ptr,
                        "store=shop product=1 sku=\"A\" item=4000 location=7001 from=3 to=5 "
                        "cause=stock\n"
                        "store=shop would write 1 of 2 levels; 1 hold the number already, 0 were "
                        "written from this record or a newer one; 1 would rise, 0 fall, 0 of them "
                        "to zero; unmapped 1\n");
    assert_int_equal(fake_shop.sets, 0);
    assert_int_equal(fake_source.commits + fake_source.waited_commits, 0);
    assert_int_equal(fake_state.levels.count + fake_state.products.count, 0);
    assert_string_equal(fake_state.guard.row.database, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(an_adopted_attempt_goes_out_as_it_was_before_anything_else),
        LANE_TEST(the_attempt_of_a_living_process_is_left_alone),
        LANE_TEST(an_adopted_attempt_is_given_up_when_its_bytes_are_refused),
        LANE_TEST(the_number_of_an_adopted_attempt_is_no_sale),
        LANE_TEST(a_lane_goes_on_when_its_last_request_in_trouble_is_given_up),
        LANE_TEST(a_held_store_does_not_send_an_adopted_attempt),
        LANE_TEST(answers_within_the_limit_are_committed_before_partitions_leave),
        LANE_TEST(partitions_that_leave_without_an_answer_end_the_session),
        LANE_TEST(lost_partitions_are_forgotten_and_read_again),
        LANE_TEST(a_commit_that_fails_does_not_keep_partitions),
        LANE_TEST(answers_in_flight_are_recorded_and_committed_at_the_end),
        LANE_TEST(the_drain_has_a_limit),
        LANE_TEST(a_drain_that_cannot_commit_is_no_failure),
        LANE_TEST(a_lost_state_ends_the_session_and_the_lane_resumes),
        LANE_TEST(a_session_that_cannot_open_shows_why),
        LANE_TEST(a_deactivated_location_is_a_misconfiguration),
        LANE_TEST(the_topic_ends_a_session_unless_only_the_brokers_are_away),
        LANE_TEST(a_set_under_another_version_is_recorded_and_ends_the_session),
        LANE_TEST(a_read_under_another_version_is_not_used),
        LANE_TEST(a_reload_probes_at_once),
        LANE_TEST(a_run_with_once_ends_at_the_end_of_the_topic),
        LANE_TEST(a_run_with_once_does_not_wait_for_a_person),
        LANE_TEST(a_run_with_once_gives_up_a_store_that_refuses),
        LANE_TEST(a_dry_run_prints_and_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
