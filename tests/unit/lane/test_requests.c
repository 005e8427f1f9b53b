#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "consumer/lane/reception.h"
#include "consumer/lane/requests.h"
#include "tests/unit/lane/bench.h"

#define COST                                                                                       \
    "\"extensions\":{\"cost\":{\"requestedQueryCost\":14,\"actualQueryCost\":12,"                  \
    "\"throttleStatus\":{\"maximumAvailable\":2000.0,\"currentlyAvailable\":1900,"                 \
    "\"restoreRate\":100.0}}}"
#define DONE                                                                                       \
    "{\"data\":{\"inventorySetQuantities\":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[]}}" \
    "," COST "}"
#define TOP(code)                                                                                  \
    "{\"errors\":[{\"message\":\"text\",\"extensions\":{\"code\":\"" code "\"}}],\"data\":null}"
#define USER(code)                                                                                 \
    "{\"data\":{\"inventorySetQuantities\":{\"inventoryAdjustmentGroup\":null,\"userErrors\":["    \
    "{\"field\":null,\"code\":\"" code "\",\"message\":\"text\"}]}}}"

static struct requests requests;

static int open_requests(void **state)
{
    (void)bench_open(state);
    requests_open(&requests, &bench.c);
    requests.may_mutate = true;
    return 0;
}

static int close_requests(void **state)
{
    requests_close(&requests);
    return bench_close(state);
}

#define REQUESTS_TEST(function)                                                                    \
    cmocka_unit_test_setup_teardown(function, open_requests, close_requests)

static int value(const struct metric *m)
{
    return (int)metric_value(m);
}

/* A set of one level, built and sent. */
static struct request *send_set(int64_t item)
{
    struct err err = {0};
    struct request *r = requests_free_slot(&requests);
    assert_non_null(r);
    r->levels[0] = bench_ready(item, (int32_t)item, 5, 3);
    r->count = 1;
    requests_build(&requests, r, OP_STOCK_SET);
    assert_int_equal(r->phase, REQUEST_BUILT);
    assert_int_equal(requests_send_stored(&requests, r, &err), STATUS_OK);
    assert_int_equal(r->phase, REQUEST_SENT);
    return r;
}

static struct request *send_read(int64_t item)
{
    struct err err = {0};
    struct request *r = requests_free_slot(&requests);
    assert_non_null(r);
    r->levels[0] = bench_ready(item, (int32_t)item, 5, 3);
    r->count = 1;
    assert_int_equal(requests_send(&requests, r, OP_LEVELS_READ, mem_strdup("{}"), &err),
                     STATUS_OK);
    return r;
}

static bool take_http(struct request *r, long status, const char *body, struct lane_signal *signal)
{
    struct answer answer;
    bench_answer_http(&answer, r->op, status, body);
    answer.owner = r;
    bool ended = reception_take(&requests, &answer, signal);
    answer_release(&answer);
    return ended;
}

static bool take(struct request *r, const char *body, struct lane_signal *signal)
{
    return take_http(r, 200, body, signal);
}

static void send_due(void)
{
    struct err err = {0};
    assert_int_equal(requests_send_due(&requests, &err), STATUS_OK);
}

/* --- slots --- */

static void the_last_slot_is_for_reads_of_a_held_store(void **state)
{
    (void)state;
    (void)send_set(41);
    (void)send_set(42);
    assert_int_equal(requests_in_flight(&requests), 2);
    assert_null(requests_free_slot(&requests));
    requests.is_held = true;
    assert_non_null(requests_free_slot(&requests));
    (void)send_read(43);
    assert_null(requests_free_slot(&requests));
}

static void a_set_is_built_with_key_bytes_and_attempt(void **state)
{
    (void)state;
    struct err err = {0};
    struct request *r = send_set(41);
    struct request *const list[] = {r};
    assert_int_equal(requests_store(&requests, list, 1, &err), STATUS_OK);
    assert_memory_equal(bench.levels.begun, r->attempt.key, 36);
    assert_int_equal((int)r->cost, INVENTORY_SET_COST);
    assert_true(r->begun_us == bench.monotonic_us);
    assert_string_equal(bench.requests.sent[0].variables, r->variables);
    assert_non_null(strstr(r->variables, r->attempt.key));
    assert_int_equal(strlen(r->attempt.key), 36);
    assert_ptr_equal(r->attempt.list, r->list);
    assert_ptr_equal(r->attempt.variables, r->variables);
    assert_int_equal(r->list[0].quantity, 5);
    assert_int_equal(r->list[0].change_from, 3);
    assert_int_equal(r->attempt.generation, (bench.wall_us / 1000) & 0x7fffffff);
    assert_int_equal(value(bench.metrics.request.mutations), 1);
    assert_int_equal(r->sends, 1);
    requests_end(r);
    assert_int_equal(requests_in_flight(&requests), 0);
    assert_null(r->variables);
    assert_int_equal(r->sends, 0);
}

static void a_failing_client_leaves_the_request_built(void **state)
{
    (void)state;
    struct err err = {0};
    struct request *r = requests_free_slot(&requests);
    r->levels[0] = bench_ready(41, 1, 5, 3);
    r->count = 1;
    requests_build(&requests, r, OP_STOCK_SET);
    bench.fails = "send";
    assert_int_equal(requests_send_stored(&requests, r, &err), STATUS_SOURCE_LOST);
    assert_int_equal(r->phase, REQUEST_BUILT);
    assert_int_equal(r->sends, 0);
    assert_int_equal(value(bench.metrics.request.mutations), 0);
}

/* --- answers that end a request --- */

static void an_answer_ends_the_request_and_shows_the_costs(void **state)
{
    (void)state;
    struct lane_signal signal;
    assert_true(requests.budget.reserve_ratio > 0.09 && requests.budget.reserve_ratio < 0.11);
    assert_true(requests_may_afford(&requests, OP_STOCK_SET));
    struct request *r = send_set(41);
    assert_false(requests_may_afford(&requests, OP_STOCK_SET)); /* the first asks alone */
    assert_true(take(r, DONE, &signal));
    assert_int_equal(signal.kind, SIGNAL_ANSWERS);
    assert_int_equal(signal.state, LANE_CATCHING_UP);
    assert_string_equal(signal.why, "the store answers");
    assert_int_equal(value(bench.metrics.request.points), 1900);
    assert_int_equal(value(bench.metrics.request.charged), 12);
    assert_int_equal((int)requests.costs[OP_STOCK_SET], 14);
    assert_true(requests.budget.maximum > 1999);
    assert_true(requests_may_afford(&requests, OP_STOCK_SET));
}

static void refusals_of_entries_end_the_request(void **state)
{
    (void)state;
    static const char *const bodies[] = {USER("INVALID_LOCATION"),
                                         USER("CHANGE_FROM_QUANTITY_STALE")};
    for (size_t i = 0; i < 2; i++) {
        struct lane_signal signal;
        struct request *r = send_set(41 + (int64_t)i);
        bench_pass_s(1);
        assert_true(take(r, bodies[i], &signal));
        assert_int_equal(signal.kind, SIGNAL_ANSWERS);
        requests_end(r);
    }
    assert_int_equal(value(bench.metrics.request.charged), 0); /* no cost was shown */
}

/* --- answers after which the same bytes go out again --- */

static const struct {
    const char *name;
    long status;
    const char *body;
    enum signal_kind signal;
    enum lane_state state;
    int64_t least_s; /* wait */
    bool unknown, throttled;
} WAITS[] = {
    {"throttled", 200, TOP("THROTTLED"), SIGNAL_STATE, LANE_THROTTLED, 1, false, true},
    {"HTTP 429", 429, "", SIGNAL_STATE, LANE_THROTTLED, 1, false, true},
    {"HTTP 500", 500, "", SIGNAL_REASON, LANE_BROKEN, 0, true, false},
    {"no JSON", 200, "<html>", SIGNAL_REASON, LANE_BROKEN, 0, true, false},
    {"the same key is being executed", 200, USER("IDEMPOTENCY_CONCURRENT_REQUEST"), SIGNAL_REASON,
     LANE_BROKEN, 0, true, false},
    {"HTTP 401", 401, "", SIGNAL_STATE, LANE_UNAUTHORISED, 5, false, false},
    {"HTTP 402", 402, "", SIGNAL_STATE, LANE_CLOSED, 60, false, false},
    {"HTTP 430", 430, "", SIGNAL_STATE, LANE_CLOSED, 300, false, false},
    {"bad request", 200, TOP("BAD_REQUEST"), SIGNAL_STATE, LANE_MISCONFIGURED, 5, false, false},
    {"access denied", 200, TOP("ACCESS_DENIED"), SIGNAL_STATE, LANE_MISCONFIGURED, 5, false, false},
};

static void the_same_bytes_wait_and_the_signal_says_why(void **state)
{
    for (size_t i = 0; i < sizeof WAITS / sizeof WAITS[0]; i++) {
        struct lane_signal signal;
        requests_close(&requests);
        (void)bench_close(state);
        (void)open_requests(state);
        bench.store.token.renew_at_us = 99;
        struct request *r = send_set(41);
        char *variables = r->variables;
        bool ended = take_http(r, WAITS[i].status, WAITS[i].body, &signal);
        int64_t wait_us = r->retry_at_us - bench.monotonic_us;
        if (ended || signal.kind != WAITS[i].signal || signal.state != WAITS[i].state ||
            signal.why[0] == 0 || wait_us < WAITS[i].least_s * 1000000) {
            fail_msg("%s: signal %d, state %d, wait %lld, %s", WAITS[i].name, signal.kind,
                     signal.state, (long long)wait_us, signal.why);
        }
        assert_int_equal(r->phase, REQUEST_WAITING);
        assert_ptr_equal(r->variables, variables);
        assert_int_equal(r->count, 1);
        assert_int_equal(value(bench.metrics.request.unknown), WAITS[i].unknown);
        assert_int_equal(value(bench.metrics.request.throttled), WAITS[i].throttled);
        bool denied = strcmp(WAITS[i].name, "access denied") == 0;
        assert_int_equal(bench.store.token.renew_at_us, denied ? 0 : 99);
        assert_true(requests_next_retry_us(&requests) >= r->retry_at_us);
        send_due();
        assert_int_equal(bench.requests.sent_count, 1);
        bench_pass_s(400);
        send_due();
        assert_int_equal(bench.requests.sent_count, 2);
        assert_string_equal(bench.requests.sent[1].variables, bench.requests.sent[0].variables);
        assert_int_equal(r->sends, 2);
    }
}

static void a_person_reads_the_next_step_in_the_signal(void **state)
{
    (void)state;
    struct lane_signal signal;
    (void)take_http(send_set(41), 402, "", &signal);
    assert_non_null(strstr(signal.why, "(the shop's bill is not paid: its owner must act)"));
}

static void a_throttled_store_blocks_all_requests(void **state)
{
    (void)state;
    struct lane_signal signal;
    struct request *first = send_set(41);
    struct request *second = send_set(42);
    (void)take(first, TOP("THROTTLED"), &signal);
    requests.slots[1].backoff.cap_ms = 0;
    requests_ask_again(&requests, second);
    assert_true(second->retry_at_us == bench.monotonic_us + 1000000);
    assert_false(requests_may_afford(&requests, OP_LEVELS_READ));
    assert_true(requests_next_retry_us(&requests) == bench.monotonic_us + 1000000);
    assert_int_equal(value(bench.metrics.request.throttle_wait), 1);
    bench_pass_s(1);
    assert_true(requests_may_afford(&requests, OP_LEVELS_READ));
}

static void an_unreadable_answer_is_asked_for_again(void **state)
{
    (void)state;
    struct request *r = send_read(41);
    requests_ask_again(&requests, r);
    assert_int_equal(r->phase, REQUEST_WAITING);
    assert_true(r->retry_at_us >= bench.monotonic_us + 500000);
    bench_pass_s(60);
    send_due();
    assert_int_equal(r->phase, REQUEST_SENT);
    assert_int_equal(value(bench.metrics.request.reads), 2);
}

static void mutations_wait_while_none_may_go(void **state)
{
    (void)state;
    struct lane_signal signal;
    struct request *r = send_set(41);
    (void)take_http(r, 500, "", &signal);
    requests.may_mutate = false;
    bench_pass_s(60);
    send_due();
    assert_int_equal(r->phase, REQUEST_WAITING);
    assert_true(requests_next_retry_us(&requests) == INT64_MAX);
    requests.may_mutate = true;
    assert_true(requests_next_retry_us(&requests) < INT64_MAX);
    send_due();
    assert_int_equal(r->phase, REQUEST_SENT);
}

static void an_overloaded_store_gets_nothing_for_a_while(void **state)
{
    (void)state;
    struct lane_signal signal;
    (void)take_http(send_set(41), 503, "", &signal);
    assert_true(requests.budget.blocked_until_us > bench.monotonic_us);
}

/* --- the breaker --- */

/* Unknown outcomes of one request until the breaker opens. */
static struct request *break_store(struct lane_signal *signal)
{
    struct request *r = send_set(41);
    for (int i = 0; i < 5; i++) {
        (void)take_http(r, 500, "", signal);
        if (i < 4) {
            bench_pass_s(61);
            send_due();
        }
    }
    return r;
}

static void a_store_that_does_not_answer_gets_one_probe_at_a_time(void **state)
{
    (void)state;
    struct lane_signal signal;
    struct request *younger = send_set(40);
    struct request *first = break_store(&signal);
    assert_int_equal(signal.kind, SIGNAL_STATE);
    assert_int_equal(signal.state, LANE_BROKEN);
    assert_int_equal(requests.breaker.state, BREAKER_OPEN);
    assert_int_equal(value(bench.metrics.request.breaker), BREAKER_OPEN);
    requests_end(younger); /* its slot comes first */
    assert_ptr_equal(send_set(42), younger);
    (void)take_http(younger, 500, "", &signal);
    size_t sent = bench.requests.sent_count;
    assert_true(requests_next_retry_us(&requests) >= requests.breaker.until_us);
    send_due();
    assert_int_equal(bench.requests.sent_count, sent);
    bench_pass_s(61);
    budget_block(&requests.budget, 1000000, bench.monotonic_us);
    send_due();
    assert_int_equal(bench.requests.sent_count, sent);
    bench_pass_s(1);
    send_due();
    assert_int_equal(bench.requests.sent_count, sent + 1);
    assert_ptr_equal(bench.requests.sent[sent].owner, first); /* the older one */
    assert_int_equal(requests.breaker.state, BREAKER_HALF_OPEN);
    send_due();
    assert_int_equal(bench.requests.sent_count, sent + 1);
    assert_true(take(first, DONE, &signal));
    assert_int_equal(signal.kind, SIGNAL_ANSWERS);
    assert_int_equal(requests.breaker.state, BREAKER_CLOSED);
    assert_int_equal(younger->retry_at_us, 0); /* what waited may go at once */
}

static void a_failed_probe_opens_the_breaker_again(void **state)
{
    (void)state;
    struct lane_signal signal;
    struct request *r = break_store(&signal);
    bench_pass_s(61);
    send_due();
    assert_int_equal(requests.breaker.state, BREAKER_HALF_OPEN);
    (void)take_http(r, 500, "", &signal);
    assert_int_equal(requests.breaker.state, BREAKER_OPEN);
    assert_int_equal(signal.kind, SIGNAL_REASON);
}

static void a_refusal_closes_the_breaker_too(void **state)
{
    (void)state;
    struct lane_signal signal;
    struct request *r = break_store(&signal);
    bench_pass_s(61);
    send_due();
    (void)take_http(r, 401, "", &signal);
    assert_int_equal(requests.breaker.state, BREAKER_CLOSED);
    assert_int_equal(signal.state, LANE_UNAUTHORISED);
}

static void a_key_that_is_being_executed_is_an_answer_of_the_store(void **state)
{
    (void)state;
    struct lane_signal signal;
    struct request *r = break_store(&signal);
    bench_pass_s(61);
    send_due();
    assert_false(take(r, USER("IDEMPOTENCY_CONCURRENT_REQUEST"), &signal));
    assert_int_equal(requests.breaker.state, BREAKER_CLOSED);
    assert_int_equal(signal.kind, SIGNAL_ANSWERS);
    assert_int_equal(r->phase, REQUEST_WAITING);
}

static void a_read_probes_a_held_store(void **state)
{
    (void)state;
    struct lane_signal signal;
    struct request *r = break_store(&signal);
    requests.is_held = true;
    requests.may_mutate = false;
    assert_false(requests_wants_read_probe(&requests)); /* the breaker's wait */
    bench_pass_s(61);
    assert_true(requests_wants_read_probe(&requests));
    requests.may_mutate = true;
    assert_false(requests_wants_read_probe(&requests)); /* the mutation that waits is the probe */
    requests.may_mutate = false;
    struct request *read = send_read(43);
    requests_note_read_probe(&requests, read);
    assert_int_equal(requests.breaker.state, BREAKER_HALF_OPEN);
    assert_ptr_equal(requests.breaker.probe, read);
    assert_false(requests_wants_read_probe(&requests)); /* one is on its way */
    requests_note_read_probe(&requests, r);             /* not sent: no probe */
    assert_ptr_equal(requests.breaker.probe, read);
}

static void a_read_that_waits_is_a_probe_already(void **state)
{
    (void)state;
    requests.is_held = true;
    requests.may_mutate = false;
    assert_true(requests_wants_read_probe(&requests));
    struct request *read = send_read(43);
    requests_note_read_probe(&requests, read);
    assert_int_equal(requests.breaker.state, BREAKER_CLOSED);
    requests_ask_again(&requests, read);
    bench_pass_s(60);
    assert_false(requests_wants_read_probe(&requests));
}

static void a_person_who_acted_makes_everything_due(void **state)
{
    (void)state;
    struct lane_signal signal;
    struct request *r = break_store(&signal);
    requests_probe_now(&requests, false);
    assert_true(r->retry_at_us > bench.monotonic_us);
    assert_true(breaker_wants_probe(&requests.breaker, bench.monotonic_us));
    requests_probe_now(&requests, true);
    assert_int_equal(r->retry_at_us, 0);
}

/* --- attempts of dead processes --- */

static struct level_write dead_write = {.key = {41, BENCH_LOCATION}, .quantity = 4};

static void leave_attempts(size_t count)
{
    struct state_attempt *list = mem_calloc(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct state_attempt){.variables = mem_strdup("{\"dead\":1}"), .count = 1};
        (void)snprintf(list[i].key, sizeof list[i].key, "dead-%zu", i);
        list[i].list = mem_calloc(1, sizeof *list[i].list);
        list[i].list[0] = dead_write;
    }
    bench.levels.adoptable = list;
    bench.levels.adoptable_count = count;
}

static void adopt(void)
{
    struct err err = {0};
    assert_int_equal(requests_adopt(&requests, &err), STATUS_OK);
}

static void adopted_attempts_go_out_with_their_own_bytes(void **state)
{
    (void)state;
    struct lane_signal signal;
    requests_end(send_set(40)); /* the slot was used before */
    bench_pass_s(2);
    leave_attempts(3);
    adopt();
    assert_true(requests_adoption_waits(&requests));
    assert_true(requests_has_adopted(&requests));
    const struct request *first = requests_seat_adopted(&requests);
    assert_int_equal(first->phase, REQUEST_WAITING);
    assert_string_equal(first->attempt.key, "dead-0");
    assert_int_equal(first->list[0].quantity, 4);
    assert_null(first->levels[0]);
    assert_int_equal(first->begun_us, 0); /* older than all others */
    assert_ptr_equal(first->attempt.variables, first->variables);
    assert_non_null(requests_seat_adopted(&requests));
    assert_null(requests_seat_adopted(&requests)); /* no slot */
    assert_true(requests_adoption_waits(&requests));
    bench_forget();
    adopt(); /* those first */
    assert_string_equal(bench.calls, "");
    send_due();
    assert_string_equal(bench.requests.sent[1].variables, "{\"dead\":1}");
    struct request *r = bench.requests.sent[1].owner;
    assert_true(take(r, DONE, &signal));
    requests_end(r);
    assert_false(r->adopted);
    assert_non_null(requests_seat_adopted(&requests));
    assert_false(requests_adoption_waits(&requests));
    assert_true(requests_has_adopted(&requests));
    assert_null(requests_seat_adopted(&requests));
    bench_pass_s(2);
    send_due();
    for (size_t i = 0; i < requests.count; i++) {
        requests_end(&requests.slots[i]);
    }
    assert_false(requests_has_adopted(&requests));
    adopt();
    assert_string_equal(
        bench.calls, "attempts_renew send attempts_renew send attempts_renew send attempts_adopt ");
}

/* Refused for what they are, and not executed: the records come from the topic again. */
static void adopted_bytes_that_the_store_cannot_read_are_given_up(void **state)
{
    (void)state;
    struct lane_signal signal;
    leave_attempts(1);
    adopt();
    (void)requests_seat_adopted(&requests);
    send_due();
    struct request *r = bench.requests.sent[0].owner;
    assert_true(take(r, TOP("BAD_REQUEST"), &signal));
    assert_int_equal(signal.kind, SIGNAL_NONE);
    assert_false(take_http(r, 404, "", &signal)); /* says nothing about the bytes */
    assert_int_equal(signal.state, LANE_MISCONFIGURED);
}

static void a_failing_adoption_is_returned(void **state)
{
    (void)state;
    struct err err;
    leave_attempts(1);
    adopt();
    assert_non_null(requests_seat_adopted(&requests));
    requests_end(&requests.slots[0]);
    bench.fails = "attempts_adopt";
    assert_int_equal(requests_adopt(&requests, &err), STATUS_SOURCE_LOST);
    assert_int_equal(requests.adopted_count, 0);
    assert_false(requests_has_adopted(&requests));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REQUESTS_TEST(the_last_slot_is_for_reads_of_a_held_store),
        REQUESTS_TEST(a_set_is_built_with_key_bytes_and_attempt),
        REQUESTS_TEST(a_failing_client_leaves_the_request_built),
        REQUESTS_TEST(an_answer_ends_the_request_and_shows_the_costs),
        REQUESTS_TEST(refusals_of_entries_end_the_request),
        REQUESTS_TEST(the_same_bytes_wait_and_the_signal_says_why),
        REQUESTS_TEST(a_person_reads_the_next_step_in_the_signal),
        REQUESTS_TEST(a_throttled_store_blocks_all_requests),
        REQUESTS_TEST(an_unreadable_answer_is_asked_for_again),
        REQUESTS_TEST(mutations_wait_while_none_may_go),
        REQUESTS_TEST(an_overloaded_store_gets_nothing_for_a_while),
        REQUESTS_TEST(a_store_that_does_not_answer_gets_one_probe_at_a_time),
        REQUESTS_TEST(a_failed_probe_opens_the_breaker_again),
        REQUESTS_TEST(a_refusal_closes_the_breaker_too),
        REQUESTS_TEST(a_key_that_is_being_executed_is_an_answer_of_the_store),
        REQUESTS_TEST(a_read_probes_a_held_store),
        REQUESTS_TEST(a_read_that_waits_is_a_probe_already),
        REQUESTS_TEST(a_person_who_acted_makes_everything_due),
        REQUESTS_TEST(adopted_attempts_go_out_with_their_own_bytes),
        REQUESTS_TEST(adopted_bytes_that_the_store_cannot_read_are_given_up),
        REQUESTS_TEST(a_failing_adoption_is_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
