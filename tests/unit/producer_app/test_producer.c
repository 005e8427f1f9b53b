/*
 * The whole loop: leadership, recovery, stop. The mock cluster is shared by the tests, because it
 * takes longer to start than a test may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producer/app/producer.h"
#include "tests/unit/producer_app/fake_odoo.h"
#include "tests/unit/producer_app/topic.h"

#define MAX_RECORDS 16

static struct mock_kafka mock;
static struct producer_conf conf;
static struct producer_ports ports;
static struct producer *producer;
static struct mock_record found[MAX_RECORDS];
static struct err err;
static char topic_name[] = MOCK_TOPIC;
static int stop_at; /* sleeps until the process is asked to stop */

static int start_cluster(void **state)
{
    (void)state;
    topic_open(&mock, "0");
    return 0;
}

static int stop_cluster(void **state)
{
    (void)state;
    topic_close(&mock);
    return 0;
}

static void count_down(void)
{
    fake_process.stop = --stop_at <= 0;
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    fake_ports(&ports);
    fake_stream.end_offsets[0] = INT32_MAX; /* the mock cluster's offsets are not counted here */
    fake_stream.end_offsets[1] = INT32_MAX;
    conf = (struct producer_conf){
        .shared = {.kafka = mock.conf, .topic = {.name = topic_name, .max_message_bytes = 2000}},
        .producer = {
            .batch_marks = 10000, .idle_poll_ms = 100, .settle_ms = 1000, .full_pass_ms = -1}};
    producer = producer_new(&conf, &ports);
    fake_process.on_sleep = count_down;
    stop_at = 3;
    topic_skip();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    producer_free(producer);
    return 0;
}

static void run(enum status expected)
{
    assert_int_equal(producer_run(producer, &err), expected);
}

static void assert_shows(const char *expected)
{
    struct strbuf text;
    strbuf_init(&text, 100000);
    producer_append_status(producer, &text);
    if (strstr(text.ptr, expected) == NULL) {
        fail_msg("no %s in %s", expected, text.ptr);
    }
    strbuf_release(&text);
}

static void lose_lock_at_once(void)
{
    fake_leader.held = false;
}

static bool shows_reason;

static void stop_at_the_first_sleep(void)
{
    struct strbuf text;
    strbuf_init(&text, 100000);
    producer_append_status(producer, &text);
    shows_reason = strstr(text.ptr, "\"reason\":\"PERMISSION\"") != NULL;
    strbuf_release(&text);
    fake_process.stop = true;
}

static double failures(void)
{
    return metric_value(fake_metrics()->failures);
}

static void producer_publishes_as_the_leader_and_settles_when_it_stops(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_STOCK);
    stop_at = 1;
    assert_false(producer_is_ready(producer));
    run(STATUS_OK);
    assert_int_equal(topic_read(found, MAX_RECORDS), 1);
    assert_string_equal(found[0].epoch, "7");
    assert_int_equal(fake.mark_count, 0);
    assert_shows("\"state\":\"stopping\"");
    assert_shows("\"epoch\":7");
}

static bool ready_in_between;

static void note_ready(void)
{
    ready_in_between = producer_is_ready(producer);
    count_down();
}

static void producer_is_ready_while_it_publishes(void **state)
{
    (void)state;
    fake_process.on_sleep = note_ready;
    run(STATUS_OK);
    assert_true(ready_in_between);
    assert_false(producer_is_ready(producer));
}

static void producer_waits_as_a_standby_until_the_lock_is_free(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_STOCK);
    fake.fail[FAKE_TAKE] = STATUS_STANDBY;
    run(STATUS_OK);
    assert_int_equal(fake.calls[FAKE_TAKE], 2);
    assert_int_equal(fake.mark_count, 0);
    assert_true(fake_process.slept_ms >= 1000);
}

static void producer_recovers_from_a_failure_and_publishes_again(void **state)
{
    (void)state;
    const double before = failures();
    (void)fake_mark(1, CAUSE_STOCK);
    fake.fail[FAKE_UNPARK] = STATUS_SOURCE_LOST; /* acknowledged, not covered */
    run(STATUS_OK);
    assert_true(failures() == before + 1);
    assert_int_equal(fake.calls[FAKE_OPEN], 2);
    assert_int_equal(fake.mark_count, 0);
    assert_int_equal(topic_read(found, MAX_RECORDS), 2);
    assert_true(strtoll(found[0].revision, NULL, 10) < strtoll(found[1].revision, NULL, 10));
}

static void producer_tries_again_what_it_could_not_open(void **state)
{
    (void)state;
    static const enum fake_call places[] = {FAKE_TAKE, FAKE_TOPIC, FAKE_OPEN, FAKE_FORGET};
    const double before = failures();
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        fake.fail[places[i]] = STATUS_SOURCE_LOST;
    }
    stop_at = 6;
    run(STATUS_OK);
    assert_true(failures() == before + 4);
    assert_int_equal(fake.calls[FAKE_TOPIC], 2);
    assert_int_equal(fake.calls[FAKE_OPEN], 3);
}

static void producer_that_loses_its_lock_takes_it_again_with_a_new_epoch(void **state)
{
    (void)state;
    run(STATUS_OK);
    assert_int_equal(fake_leader.epoch, 7);
    fake_process.stop = false;
    stop_at = 4;
    (void)fake_mark(2, CAUSE_STOCK);
    fake_leader.held = false;
    run(STATUS_OK);
    assert_int_equal(fake_leader.epoch, 8);
}

/* Upkeep's check and the one after its failure. */
static void lose_lock(void)
{
    if (fake.calls[FAKE_CHECK] <= 2) {
        fake.fail[FAKE_CHECK] = STATUS_SOURCE_LOST;
    }
}

static void producer_that_fails_drops_a_lock_that_is_gone(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_STOCK);
    fake.before[FAKE_CHECK] = lose_lock;
    stop_at = 4;
    run(STATUS_OK);
    assert_int_equal(fake_leader.drops, 1);
    assert_int_equal(fake_leader.epoch, 8);
    assert_int_equal(fake.mark_count, 0);
}

static void producer_that_a_successor_fenced_ends(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_STOCK);
    fake.fail[FAKE_REVISION] = STATUS_FENCED;
    fake.fail[FAKE_CONFIRM] = STATUS_FENCED;
    run(STATUS_FENCED);
    assert_int_equal(err.status, STATUS_FENCED);
    assert_int_equal(fake.mark_count, 1);
}

static void producer_that_a_successor_fenced_while_it_recovers_ends(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_STOCK);
    fake.fail[FAKE_UNPARK] = STATUS_SOURCE_LOST;
    fake.fail[FAKE_CONFIRM] = STATUS_FENCED;
    rd_kafka_mock_push_request_errors(mock.cluster, API_END_TXN, 1,
                                      RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    run(STATUS_FENCED);
    assert_int_equal(err.status, STATUS_FENCED);
    assert_int_equal(fake.mark_count, 1);
}

/* As the broker does with a transaction that lasted longer than transaction.timeout.ms. */
static void producer_that_the_broker_fenced_goes_on_with_a_new_client(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_STOCK);
    rd_kafka_mock_push_request_errors(mock.cluster, API_END_TXN, 1,
                                      RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    stop_at = 12;
    run(STATUS_OK);
    assert_int_equal(fake.calls[FAKE_CONFIRM], 1);
    assert_int_equal(fake.calls[FAKE_TAKE], 1);
    assert_int_equal(fake.mark_count, 0);
    assert_int_equal(topic_read(found, MAX_RECORDS), 2);
}

static void producer_that_is_fenced_and_lost_its_lock_takes_it_again(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_STOCK);
    fake.fail[FAKE_REVISION] = STATUS_FENCED;
    fake.fail[FAKE_CONFIRM] = STATUS_SOURCE_LOST;
    fake.before[FAKE_CONFIRM] = lose_lock_at_once;
    run(STATUS_OK);
    assert_int_equal(fake.calls[FAKE_TAKE], 2);
    assert_int_equal(fake.mark_count, 0);
}

static bool waited;    /* in any sleep */
static bool waits_now; /* in the last one */

static void note_waiting(void)
{
    struct strbuf text;
    strbuf_init(&text, 100000);
    producer_append_status(producer, &text);
    waits_now = strstr(text.ptr, "\"state\":\"waiting\"") != NULL &&
                strstr(text.ptr, "\"publishing\":false") != NULL &&
                strstr(text.ptr, "\"why\":\"call ") != NULL;
    waited = waited || waits_now;
    strbuf_release(&text);
    count_down();
}

/* Whatever can pass: each ends the wait when it is gone. */
static void producer_waits_for_every_condition_that_can_pass(void **state)
{
    (void)state;
    static const struct {
        enum fake_call call;
        enum status status;
    } table[] = {
        {FAKE_TAKE, STATUS_DATABASE_UNFIT}, {FAKE_TAKE, STATUS_PERMISSION},
        {FAKE_TOPIC, STATUS_TOPIC_UNFIT},   {FAKE_TOPIC, STATUS_PERMISSION},
        {FAKE_OPEN, STATUS_DATABASE_UNFIT}, {FAKE_OPEN, STATUS_PERMISSION},
        {FAKE_READ_MARKS, STATUS_INTERNAL}, {FAKE_READ, STATUS_DATABASE_UNFIT},
        {FAKE_READ, STATUS_PERMISSION},     {FAKE_REVISION, STATUS_PERMISSION},
        {FAKE_DELETE, STATUS_PERMISSION},
    };
    fake_process.on_sleep = note_waiting;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        (void)fake_mark(1, CAUSE_STOCK);
        fake.fail[table[i].call] = table[i].status;
        fake_leader.held = table[i].call != FAKE_TAKE && fake_leader.held;
        fake_process.stop = false;
        waited = false;
        stop_at = 12;
        if (producer_run(producer, &err) != STATUS_OK) {
            fail_msg("case %zu ends: %s", i, err.msg);
        }
        if (!waited || waits_now) {
            fail_msg("case %zu: waited %d, waits at its end %d", i, waited, waits_now);
        }
        assert_int_equal(fake.mark_count, 0);
        producer_free(producer);
        producer = producer_new(&conf, &ports);
        fake_leader.held = false;
    }
}

static void producer_shows_the_reason_while_it_waits(void **state)
{
    (void)state;
    fake.fail[FAKE_OPEN] = STATUS_PERMISSION;
    fake_process.on_sleep = stop_at_the_first_sleep;
    run(STATUS_OK);
    assert_true(shows_reason);
    assert_true(fake_process.slept_ms >= 1000 && fake_process.slept_ms <= 5000);
}

static void producer_ends_for_options_that_waiting_cannot_mend(void **state)
{
    (void)state;
    fake.fail[FAKE_TAKE] = STATUS_CONFIG;
    run(STATUS_CONFIG);
}

static void producer_asks_for_a_topic_that_was_deleted_again(void **state)
{
    (void)state;
    fake.fail[FAKE_UNPARK] = STATUS_TOPIC_UNFIT;
    (void)fake_mark(1, CAUSE_STOCK);
    run(STATUS_OK);
    assert_int_equal(fake.calls[FAKE_TOPIC], 1);
    fake_process.stop = false;
    stop_at = 3;
    fake.fail[FAKE_UNPARK] = STATUS_CLIENT_BROKEN;
    (void)fake_mark(1, CAUSE_STOCK);
    fake.fail[FAKE_TOPIC] = STATUS_OK;
    run(STATUS_OK);
    assert_int_equal(fake.mark_count, 0);
}

static void producer_makes_a_new_client_when_the_old_one_is_broken(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_STOCK);
    fake.fail[FAKE_UNPARK] = STATUS_CLIENT_BROKEN;
    run(STATUS_OK);
    assert_int_equal(fake.mark_count, 0);
    assert_int_equal(fake.calls[FAKE_TOPIC], 1);
}

static void stop_now(void)
{
    fake_process.stop = true;
}

static void producer_that_fails_while_it_stops_leaves_the_marks(void **state)
{
    (void)state;
    const double before = failures();
    (void)fake_mark(1, CAUSE_STOCK);
    fake.fail[FAKE_UNPARK] = STATUS_SOURCE_LOST;
    fake.before[FAKE_UNPARK] = stop_now;
    run(STATUS_OK);
    assert_true(failures() == before);
    assert_int_equal(fake.mark_count, 1);
}

static void producer_that_cannot_settle_when_it_stops_leaves_the_marks(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_STOCK);
    fake.fail[FAKE_DELETE] = STATUS_SOURCE_LOST;
    stop_at = 1;
    run(STATUS_OK);
    assert_int_equal(fake.mark_count, 1);
}

static void producer_publishes_everything_when_kafka_may_be_ahead(void **state)
{
    (void)state;
    fake.product_count = 3;
    fake_leader.identity.timeline = 2;
    run(STATUS_OK);
    assert_int_equal(topic_read(found, MAX_RECORDS), 3);
    assert_int_equal(fake.calls[FAKE_STREAM_MARKED], 1);
    assert_true(fake_stream.known.marked);
}

static void producer_leaves_the_first_load_to_the_operator(void **state)
{
    (void)state;
    fake.product_count = 3;
    fake_stream.known.exists = false;
    memset(fake_stream.end_offsets, 0, sizeof fake_stream.end_offsets);
    run(STATUS_OK);
    assert_string_equal(fake_stream.known.why, "first");
    assert_int_equal(fake.calls[FAKE_MARK_MORE], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(producer_publishes_as_the_leader_and_settles_when_it_stops),
        TEST(producer_is_ready_while_it_publishes),
        TEST(producer_waits_as_a_standby_until_the_lock_is_free),
        TEST(producer_recovers_from_a_failure_and_publishes_again),
        TEST(producer_tries_again_what_it_could_not_open),
        TEST(producer_that_loses_its_lock_takes_it_again_with_a_new_epoch),
        TEST(producer_that_fails_drops_a_lock_that_is_gone),
        TEST(producer_that_a_successor_fenced_ends),
        TEST(producer_that_a_successor_fenced_while_it_recovers_ends),
        TEST(producer_that_the_broker_fenced_goes_on_with_a_new_client),
        TEST(producer_that_is_fenced_and_lost_its_lock_takes_it_again),
        TEST(producer_waits_for_every_condition_that_can_pass),
        TEST(producer_shows_the_reason_while_it_waits),
        TEST(producer_ends_for_options_that_waiting_cannot_mend),
        TEST(producer_asks_for_a_topic_that_was_deleted_again),
        TEST(producer_makes_a_new_client_when_the_old_one_is_broken),
        TEST(producer_that_fails_while_it_stops_leaves_the_marks),
        TEST(producer_that_cannot_settle_when_it_stops_leaves_the_marks),
        TEST(producer_publishes_everything_when_kafka_may_be_ahead),
        TEST(producer_leaves_the_first_load_to_the_operator),
#undef TEST
    };
    return cmocka_run_group_tests(tests, start_cluster, stop_cluster);
}
