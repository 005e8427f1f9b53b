#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/catalogue_reader.h"
#include "tests/unit/lane/bench.h"
#include "tests/unit/lane/bench_catalogue.h"

#define URL "\"https://storage.example.com/x\""

static struct requests requests;
static struct catalogue_reader reader;

static int open_reader(void **state)
{
    (void)bench_open(state);
    requests_open(&requests, &bench.c);
    reader = (struct catalogue_reader){0};
    catalogue_reader_open(&reader, &bench.c, &requests);
    return 0;
}

static int close_reader(void **state)
{
    catalogue_reader_close(&reader);
    catalogue_search_release(&reader.search);
    requests_close(&requests);
    return bench_close(state);
}

#define READER_TEST(function) cmocka_unit_test_setup_teardown(function, open_reader, close_reader)

static void send_next(void)
{
    struct err err = {0};
    assert_int_equal(catalogue_reader_send(&reader, &err), STATUS_OK);
}

static const struct bench_sent *last_sent(void)
{
    return &bench.requests.sent[bench.requests.sent_count - 1];
}

static bool take_http(long status, const char *body)
{
    struct err err = {0};
    struct answer answer;
    bool found = false;
    bench_answer_http(&answer, last_sent()->op, status, body);
    assert_int_equal(catalogue_reader_take_answer(&reader, &answer, &found, &err), STATUS_OK);
    answer_release(&answer);
    return found;
}

static bool take(const char *body)
{
    return take_http(200, body);
}

/* Sends what is due, expects this operation, and answers it. */
static bool step(enum operation op, const char *body)
{
    send_next();
    assert_true(reader.request.is_sent);
    assert_int_equal(last_sent()->op, op);
    assert_ptr_equal(last_sent()->owner, &reader);
    return take(body);
}

/* The answer to a fetched file: DONE without JSON, or cut. */
static void fetched(enum answer_class class)
{
    struct err err = {0};
    bool found = false;
    const struct answer answer = {.class = class, .wait_ms = 500};
    assert_int_equal(catalogue_reader_take_answer(&reader, &answer, &found, &err), STATUS_OK);
}

static void a_small_catalogue_is_read_page_by_page(void **state)
{
    (void)state;
    send_next();
    assert_int_equal(bench.requests.sent_count, 0);
    reader.begun_wall_us = 77;
    catalogue_reader_start(&reader);
    (void)step(OP_VARIANTS_COUNT, COUNT("2"));
    assert_int_equal((int)reader.request.cost, READING_STEP_COST);
    (void)step(OP_VARIANTS_PAGE, PAGE(VARIANT("A", "41"), "true", "\"c1\""));
    assert_int_equal((int)reader.request.cost, 30);
    send_next();
    assert_string_equal(last_sent()->variables, "{\"after\":\"c1\"}");
    (void)take(LAST_PAGE(VARIANT("B", "42")));
    assert_false(reader.is_reading);
    assert_int_equal(sku_index_count(reader.next.index), 2);
    assert_true(reader.next.is_ours);
    assert_true(reader.next.read_wall_us == 77);
    assert_true(reader.rest_until_us >= bench.monotonic_us + 60000000);
}

static void the_rest_after_a_reading_is_a_hundred_times_its_length(void **state)
{
    (void)state;
    catalogue_reader_start(&reader);
    (void)step(OP_VARIANTS_COUNT, COUNT("2"));
    bench_pass_s(3);
    (void)step(OP_VARIANTS_PAGE, LAST_PAGE(""));
    assert_true(reader.rest_until_us == bench.monotonic_us + 300000000);
}

static void pages_leave_half_of_the_points_and_wait_for_pending_levels(void **state)
{
    (void)state;
    catalogue_reader_start(&reader);
    (void)step(OP_VARIANTS_COUNT, COUNT("2"));
    requests.budget.maximum = 2000;
    requests.budget.level = 2000;
    requests.budget.restore_rate = 100;
    requests.budget.at_us = bench.monotonic_us;
    (void)step(OP_VARIANTS_PAGE, PAGE(VARIANT("A", "41"), "true", "\"c1\""));
    assert_true(reader.request.send_at_us == bench.monotonic_us + 600000); /* 30 points of 100/s */
    assert_true(catalogue_reader_deadline_us(&reader) >= reader.request.send_at_us);
    send_next();
    assert_false(reader.request.is_sent);
    bench_pass_s(0.6);
    (void)bench_level(41, 1, 5, 10);
    (void)step(OP_VARIANTS_PAGE, PAGE(VARIANT("B", "42"), "true", "\"c2\""));
    assert_true(reader.request.send_at_us == bench.monotonic_us + 1000000);
}

static void an_answer_shows_the_cost_of_a_page(void **state)
{
    (void)state;
    struct err err;
    bool found = false;
    struct answer answer;
    catalogue_reader_start(&reader);
    (void)step(OP_VARIANTS_COUNT, COUNT("2"));
    send_next();
    bench_answer(&answer, OP_VARIANTS_PAGE, PAGE(VARIANT("A", "41"), "true", "\"c1\""));
    answer.cost_requested = 24;
    answer.maximum = 1000;
    answer.available = 900;
    answer.restore_rate = 50;
    assert_int_equal(catalogue_reader_take_answer(&reader, &answer, &found, &err), STATUS_OK);
    answer_release(&answer);
    assert_int_equal((int)reader.request.page_cost, 24);
    assert_int_equal((int)requests.budget.maximum, 1000);
}

static void start_bulk(const char *polled)
{
    catalogue_reader_start(&reader);
    (void)step(OP_VARIANTS_COUNT, COUNT("10000"));
    (void)step(OP_BULK_START, STARTED);
    send_next();
    assert_false(reader.request.is_sent); /* polls wait a second */
    bench_pass_s(1);
    (void)step(OP_BULK_POLL, polled);
}

static void feed(const char *text)
{
    assert_true(reading_feed(&reader.reading, bytes_text(text)));
}

static void a_large_catalogue_is_fetched_as_a_file(void **state)
{
    (void)state;
    start_bulk(POLLED("COMPLETED", "1", URL));
    assert_true(catalogue_reader_deadline_us(&reader) <= bench.monotonic_us);
    bench_forget();
    send_next();
    assert_string_equal(bench.calls, "fetch ");
    assert_string_equal(bench.requests.url, "https://storage.example.com/x");
    assert_true(reader.request.is_sent);
    feed(VARIANT("A", "41") "\n");
    fetched(ANSWER_DONE);
    assert_int_equal(sku_index_count(reader.next.index), 1);
}

static void a_file_that_breaks_off_is_fetched_from_its_beginning(void **state)
{
    (void)state;
    start_bulk(POLLED("COMPLETED", "1", URL));
    send_next();
    feed(VARIANT("OLD", "40") "\n");
    fetched(ANSWER_RETRY_SAME);
    assert_true(reader.request.send_at_us > bench.monotonic_us);
    bench_pass_s(11);
    send_next();
    feed(VARIANT("A", "41") "\n");
    fetched(ANSWER_DONE);
    assert_int_equal(sku_index_count(reader.next.index), 1);
}

static void a_file_that_is_incomplete_leads_to_pages(void **state)
{
    (void)state;
    start_bulk(POLLED("COMPLETED", "2", URL));
    send_next();
    feed(VARIANT("A", "41") "\n");
    fetched(ANSWER_DONE);
    assert_true(reader.is_reading);
    assert_null(reader.next.index);
    (void)step(OP_VARIANTS_PAGE, LAST_PAGE(VARIANT("A", "41")));
    assert_int_equal(sku_index_count(reader.next.index), 1);
}

static void a_file_without_a_usable_address_leads_to_pages(void **state)
{
    (void)state;
    start_bulk(POLLED("COMPLETED", "2", URL));
    bench.fails = "fetch";
    send_next();
    assert_false(reader.request.is_sent);
    assert_int_equal(reader.reading.phase, READING_PAGES);
}

static void a_failed_bulk_operation_leads_to_pages(void **state)
{
    (void)state;
    start_bulk(POLLED("FAILED", "0", "null"));
    assert_int_equal(reader.reading.phase, READING_PAGES);
    assert_true(reader.is_reading);
}

static void a_page_that_fails_five_times_ends_the_reading(void **state)
{
    (void)state;
    catalogue_reader_start(&reader);
    (void)step(OP_VARIANTS_COUNT, COUNT("2"));
    for (int i = 0; i < 5; i++) {
        assert_true(reader.is_reading);
        bench_pass_s(61);
        send_next();
        assert_true(reader.request.is_sent);
        (void)take_http(500, "");
    }
    assert_false(reader.is_reading);
    assert_null(reader.next.index);
    assert_true(reader.not_before_us > bench.monotonic_us);
    assert_non_null(strstr(bench.calls, "unlock"));
    assert_int_equal(reader.request.failures, 0);
}

static void failures_that_are_not_in_a_row_end_nothing(void **state)
{
    (void)state;
    catalogue_reader_start(&reader);
    (void)step(OP_VARIANTS_COUNT, COUNT("2"));
    for (int i = 0; i < 6; i++) {
        char page[600];
        bench_pass_s(61);
        send_next();
        (void)take_http(500, "");
        bench_pass_s(61);
        send_next();
        (void)snprintf(page, sizeof page, PAGE("", "true", "\"c%d\""), i);
        (void)take(page);
    }
    assert_true(reader.is_reading);
}

static void a_refused_page_ends_the_reading_at_once(void **state)
{
    (void)state;
    struct err err;
    struct answer answer;
    bool found = false;
    catalogue_reader_start(&reader);
    (void)step(OP_VARIANTS_COUNT, COUNT("2"));
    send_next();
    bench_answer_http(&answer, OP_VARIANTS_PAGE, 402, "");
    bench.fails = "unlock";
    assert_int_equal(catalogue_reader_take_answer(&reader, &answer, &found, &err),
                     STATUS_SOURCE_LOST);
    answer_release(&answer);
    assert_false(reader.is_reading);
}

static void a_throttled_page_blocks_the_store_and_is_no_failure(void **state)
{
    (void)state;
    catalogue_reader_start(&reader);
    (void)step(OP_VARIANTS_COUNT, COUNT("2"));
    for (int i = 0; i < 8; i++) {
        bench_pass_s(2);
        send_next();
        assert_true(reader.request.is_sent);
        (void)take_http(429, "");
        assert_true(requests.budget.blocked_until_us == bench.monotonic_us + 1000000);
        send_next();
        assert_false(reader.request.is_sent);
    }
    assert_true(reader.is_reading);
    assert_int_equal((int)metric_value(bench.metrics.request.throttled), 8);
}

/* --- searches --- */

static void want(const char *text)
{
    catalogue_search_want(&reader.search, text);
    catalogue_reader_search(&reader);
}

static void a_search_goes_before_a_page(void **state)
{
    (void)state;
    struct mapped_item item;
    catalogue_reader_start(&reader);
    (void)step(OP_VARIANTS_COUNT, COUNT("2"));
    want("NEW");
    assert_true(step(OP_VARIANTS_SEARCH, LAST_PAGE(VARIANT("NEW", "43"))));
    assert_int_equal(sku_index_find(bench.c.index, "NEW", &item), SKU_INDEX_FOUND);
    assert_int_equal(item.item, 43);
    assert_string_equal(bench.catalogue.stored, "NEW=43+tracked ");
    (void)step(OP_VARIANTS_PAGE, LAST_PAGE(VARIANT("A", "41")));
    assert_int_equal(sku_index_find(reader.next.index, "NEW", &item), SKU_INDEX_FOUND);
}

static void the_next_index_learns_what_a_search_finds(void **state)
{
    (void)state;
    struct mapped_item item;
    reader.next.index = sku_index_new();
    want("NEW");
    assert_true(step(OP_VARIANTS_SEARCH, LAST_PAGE(VARIANT("NEW", "43"))));
    assert_int_equal(sku_index_find(reader.next.index, "NEW", &item), SKU_INDEX_FOUND);
}

static void a_search_without_a_result_is_no_news(void **state)
{
    (void)state;
    want("NEW");
    assert_false(step(OP_VARIANTS_SEARCH, PAGE("", "true", "\"c1\"")));
    assert_false(step(OP_VARIANTS_SEARCH, LAST_PAGE("")));
    assert_false(catalogue_search_is_on(&reader.search));
    assert_true(catalogue_reader_deadline_us(&reader) > bench.monotonic_us);
}

static void a_failed_search_is_due_again_and_the_reading_goes_on(void **state)
{
    (void)state;
    catalogue_reader_start(&reader);
    want("NEW");
    send_next();
    (void)take_http(402, "");
    assert_false(catalogue_search_is_on(&reader.search));
    assert_true(reader.is_reading);
    assert_int_equal(sku_search_count(reader.search.wanted), 1);
    (void)step(OP_VARIANTS_COUNT, COUNT("2"));
}

static void a_search_waits_for_the_request_in_flight(void **state)
{
    (void)state;
    catalogue_reader_start(&reader);
    send_next();
    want("NEW");
    assert_false(catalogue_search_is_on(&reader.search));
    assert_true(catalogue_reader_deadline_us(&reader) == INT64_MAX);
    (void)take(COUNT("2"));
    catalogue_reader_search(&reader);
    assert_true(catalogue_search_is_on(&reader.search));
}

/* --- ends --- */

static void a_cancelled_request_goes_out_again(void **state)
{
    (void)state;
    catalogue_reader_cancel(&reader);
    assert_string_equal(bench.calls, "");
    catalogue_reader_start(&reader);
    send_next();
    catalogue_reader_cancel(&reader);
    assert_string_equal(bench.calls, "send cancel ");
    assert_false(reader.request.is_sent);
    assert_true(requests.budget.in_flight < 1);
    (void)step(OP_VARIANTS_COUNT, COUNT("2"));
}

static void a_cancelled_file_is_fetched_from_its_beginning(void **state)
{
    (void)state;
    start_bulk(POLLED("COMPLETED", "1", URL));
    send_next();
    feed(VARIANT("OLD", "40") "\n");
    catalogue_reader_cancel(&reader);
    send_next();
    feed(VARIANT("A", "41") "\n");
    fetched(ANSWER_DONE);
    assert_int_equal(sku_index_count(reader.next.index), 1);
}

static void a_failing_client_ends_the_turn(void **state)
{
    (void)state;
    struct err err;
    catalogue_reader_start(&reader);
    bench.fails = "send";
    assert_int_equal(catalogue_reader_send(&reader, &err), STATUS_SOURCE_LOST);
    assert_false(reader.request.is_sent);
}

static void a_closed_reader_drops_its_work_and_keeps_what_is_wanted(void **state)
{
    (void)state;
    catalogue_reader_start(&reader);
    want("NEW");
    reader.next.index = sku_index_new();
    catalogue_reader_close(&reader);
    assert_null(reader.next.index);
    assert_null(reader.c);
    assert_false(reader.is_reading);
    catalogue_reader_open(&reader, &bench.c, &requests);
    assert_int_equal(sku_search_count(reader.search.wanted), 1);
    send_next();
    assert_int_equal(bench.requests.sent_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        READER_TEST(a_small_catalogue_is_read_page_by_page),
        READER_TEST(the_rest_after_a_reading_is_a_hundred_times_its_length),
        READER_TEST(pages_leave_half_of_the_points_and_wait_for_pending_levels),
        READER_TEST(an_answer_shows_the_cost_of_a_page),
        READER_TEST(a_large_catalogue_is_fetched_as_a_file),
        READER_TEST(a_file_that_breaks_off_is_fetched_from_its_beginning),
        READER_TEST(a_file_that_is_incomplete_leads_to_pages),
        READER_TEST(a_file_without_a_usable_address_leads_to_pages),
        READER_TEST(a_failed_bulk_operation_leads_to_pages),
        READER_TEST(a_page_that_fails_five_times_ends_the_reading),
        READER_TEST(failures_that_are_not_in_a_row_end_nothing),
        READER_TEST(a_refused_page_ends_the_reading_at_once),
        READER_TEST(a_throttled_page_blocks_the_store_and_is_no_failure),
        READER_TEST(a_search_goes_before_a_page),
        READER_TEST(the_next_index_learns_what_a_search_finds),
        READER_TEST(a_search_without_a_result_is_no_news),
        READER_TEST(a_failed_search_is_due_again_and_the_reading_goes_on),
        READER_TEST(a_search_waits_for_the_request_in_flight),
        READER_TEST(a_cancelled_request_goes_out_again),
        READER_TEST(a_cancelled_file_is_fetched_from_its_beginning),
        READER_TEST(a_failing_client_ends_the_turn),
        READER_TEST(a_closed_reader_drops_its_work_and_keeps_what_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
