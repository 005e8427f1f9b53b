#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/catalogue.h"
#include "tests/unit/lane/bench.h"
#include "tests/unit/lane/bench_catalogue.h"

#define SERVER_US INT64_C(1795000000000000) /* the bench's clock at the start */

static struct requests requests;
static struct catalogue catalogue;
static struct catalogue_news news;
static struct outcomes out;

static struct sku_index *load_two(void)
{
    struct sku_index *index = sku_index_new();
    const struct mapped_item a = {.item = 41, .tracked = true};
    const struct mapped_item b = {.item = 42};
    const struct mapped_item c = {.item = 43, .tracked = true};
    sku_index_add(index, "A", &a);
    sku_index_add(index, "B", &b);
    sku_index_add(index, "M", &a);
    sku_index_add(index, "M", &c);
    return index;
}

static const struct state_item ITEMS[] = {{.text = "A", .item = 41, .tracked = true},
                                          {.text = "B", .item = 42}};

static int open_bench(void **state)
{
    (void)bench_open(state);
    sku_index_free(bench.c.index);
    bench.c.index = NULL;
    bench.catalogue.now_us = SERVER_US;
    bench.catalogue.items = ITEMS;
    bench.catalogue.item_count = 2;
    requests_open(&requests, &bench.c);
    catalogue = (struct catalogue){0};
    news = (struct catalogue_news){0};
    return 0;
}

static int close_bench(void **state)
{
    catalogue_release(&catalogue);
    requests_close(&requests);
    outcomes_release(&out);
    bench.c.index = NULL;
    return bench_close(state);
}

#define CATALOGUE_TEST(function) cmocka_unit_test_setup_teardown(function, open_bench, close_bench)

static void open_with(int64_t read_us)
{
    struct err err = {0};
    bench.catalogue.read_us = read_us;
    assert_int_equal(catalogue_open(&catalogue, &bench.c, &requests, &err), STATUS_OK);
    assert_ptr_equal(bench.c.index, catalogue.index);
    bench_forget();
}

static void turn(bool blocked)
{
    struct err err = {0};
    assert_int_equal(catalogue_turn(&catalogue, blocked, &news, &err), STATUS_OK);
}

static void take(const char *body)
{
    struct err err = {0};
    struct answer answer;
    bench_answer(&answer, bench.requests.sent[bench.requests.sent_count - 1].op, body);
    assert_int_equal(catalogue_take_answer(&catalogue, &answer, &news, &err), STATUS_OK);
    answer_release(&answer);
}

static bool has(const char *text, int64_t id)
{
    struct mapped_item item;
    return sku_index_find(bench.c.index, text, &item) == SKU_INDEX_FOUND && item.item == id;
}

/* --- the first index --- */

static void the_first_reading_is_waited_for_and_stored(void **state)
{
    (void)state;
    struct err err = {0};
    bench.requests.load = load_two;
    assert_int_equal(catalogue_open(&catalogue, &bench.c, &requests, &err), STATUS_OK);
    assert_string_equal(bench.calls, "look lock items_clear load_catalogue items_remove "
                                     "items_store read unlock ");
    assert_string_equal(bench.catalogue.match, "sku");
    assert_string_equal(bench.catalogue.domain, "alpha.myshopify.com");
    assert_true(bench.catalogue.stored_read_us == SERVER_US);
    assert_true(has("A", 41));
    assert_true(requests.budget.uncertain);
    assert_true(catalogue.reader.rest_until_us > bench.monotonic_us);
}

static void a_reading_beside_another_process_keeps_its_lock(void **state)
{
    (void)state;
    struct err err = {0};
    bench.requests.load = load_two;
    bench.catalogue.locked = true;
    assert_int_equal(catalogue_open(&catalogue, &bench.c, &requests, &err), STATUS_OK);
    assert_null(strstr(bench.calls, "unlock"));
    assert_true(has("B", 42));
}

static void a_failing_first_reading_leaves_no_index(void **state)
{
    static const char *const steps[] = {"look",           "lock",        "items_clear",
                                        "load_catalogue", "items_store", "unlock"};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct err err = {0};
        (void)close_bench(state);
        (void)open_bench(state);
        bench.requests.load = strcmp(steps[i], "load_catalogue") == 0 ? NULL : load_two;
        bench.fails = steps[i];
        assert_int_not_equal(catalogue_open(&catalogue, &bench.c, &requests, &err), STATUS_OK);
        assert_null(catalogue.index);
        assert_null(bench.c.index);
    }
}

static void a_stored_catalogue_is_loaded_and_stays_between_sessions(void **state)
{
    (void)state;
    struct err err = {0};
    bench.catalogue.read_us = SERVER_US - 5;
    assert_int_equal(catalogue_open(&catalogue, &bench.c, &requests, &err), STATUS_OK);
    assert_string_equal(bench.calls, "look items_load ");
    assert_true(has("A", 41));
    assert_true(catalogue.read_wall_us == SERVER_US - 5);
    catalogue.is_pausing = true;
    catalogue_close(&catalogue);
    assert_false(catalogue.is_pausing);
    assert_null(catalogue.reader.c);
    bench_forget();
    bench.c.index = NULL;
    assert_int_equal(catalogue_open(&catalogue, &bench.c, &requests, &err), STATUS_OK);
    assert_string_equal(bench.calls, "");
    assert_true(has("A", 41));
}

/* --- when a reading begins --- */

static void nothing_is_read_before_it_is_due(void **state)
{
    (void)state;
    open_with(SERVER_US);
    turn(false);
    assert_string_equal(bench.calls, "look ");
    assert_true(catalogue_deadline_us(&catalogue, false) == bench.monotonic_us + 5000000);
    bench_forget();
    turn(false);
    assert_string_equal(bench.calls, "");
    bench_pass_s(5);
    turn(false);
    assert_string_equal(bench.calls, "look ");
}

static void a_reading_begins_on_schedule(void **state)
{
    (void)state;
    open_with(SERVER_US);
    bench_pass_s(86400);
    turn(false);
    assert_null(strstr(bench.calls, "lock"));
    bench_pass_s(1);
    bench_forget();
    turn(true);
    assert_null(strstr(bench.calls, "lock")); /* a blocked lane asks for nothing */
    turn(false);
    assert_string_equal(bench.calls, "lock look send ");
    assert_true(catalogue.reader.is_reading);
    assert_int_equal(bench.requests.sent[0].op, OP_VARIANTS_COUNT);
}

static void a_contradiction_waits_for_the_rest_after_the_last_reading(void **state)
{
    (void)state;
    open_with(SERVER_US);
    catalogue.is_contradicted = true;
    catalogue.reader.rest_until_us = bench.monotonic_us + 10000000;
    turn(false);
    assert_false(catalogue.reader.is_reading);
    bench_pass_s(10);
    turn(false);
    assert_true(catalogue.reader.is_reading);
    assert_false(catalogue.is_contradicted);
}

static void too_many_missing_texts_ask_for_a_reading(void **state)
{
    (void)state;
    open_with(SERVER_US);
    catalogue.reader.search.overflowed = true;
    turn(false);
    assert_true(catalogue.reader.is_reading);
    assert_false(catalogue.reader.search.overflowed);
}

static void a_person_who_asks_does_not_wait_for_a_failed_reading(void **state)
{
    (void)state;
    open_with(SERVER_US);
    catalogue.is_contradicted = true;
    catalogue.reader.not_before_us = INT64_MAX; /* the last one failed */
    turn(false);
    assert_false(catalogue.reader.is_reading);
    bench_pass_s(5);
    bench.catalogue.wanted = true;
    turn(false);
    assert_true(catalogue.reader.is_reading);
}

static void one_process_reads_and_the_others_try_again_later(void **state)
{
    (void)state;
    open_with(SERVER_US);
    catalogue.is_contradicted = true;
    bench.catalogue.locked = true;
    turn(false);
    assert_false(catalogue.reader.is_reading);
    assert_true(catalogue.is_contradicted);
    bench_forget();
    bench_pass_s(4);
    turn(false);
    assert_string_equal(bench.calls, "");
    bench.catalogue.locked = false;
    bench_pass_s(1);
    turn(false);
    assert_true(catalogue.reader.is_reading);
}

/* The process that had the lock has just finished. */
static void a_reading_that_another_process_finished_is_not_repeated(void **state)
{
    (void)state;
    open_with(SERVER_US);
    turn(false);
    catalogue.is_contradicted = true;
    bench.catalogue.read_us = SERVER_US + 1;
    bench_forget();
    turn(false);
    assert_string_equal(bench.calls, "lock look items_load unlock ");
    assert_false(catalogue.reader.is_reading);
    assert_non_null(catalogue.reader.next.index);
    assert_false(catalogue.reader.next.is_ours);
}

static void failures_of_the_state_end_the_turn(void **state)
{
    (void)state;
    static const char *const steps[] = {"look", "lock", "send"};
    open_with(SERVER_US);
    for (size_t i = 0; i < 3; i++) {
        struct err err;
        catalogue.is_contradicted = true;
        catalogue.reader.not_before_us = 0;
        bench_pass_s(5);
        bench.fails = steps[i];
        assert_int_equal(catalogue_turn(&catalogue, false, &news, &err), STATUS_SOURCE_LOST);
    }
}

/* --- taking over --- */

static void read_again(const char *page)
{
    catalogue.is_contradicted = true;
    turn(false);
    take(COUNT("2"));
    bench_pass_s(1); /* pages wait for pending levels */
    turn(false);
    take(page);
    assert_non_null(catalogue.reader.next.index);
    bench_forget();
}

static void a_reading_without_moves_takes_over_beside_requests(void **state)
{
    (void)state;
    open_with(SERVER_US);
    requests.slots[0].phase = REQUEST_SENT;
    bench.catalogue.now_us = SERVER_US + 9;
    read_again(LAST_PAGE(VARIANT("A", "41") "," VARIANT("B", "42") "," VARIANT("C", "44")));
    turn(true);
    assert_string_equal(bench.calls, "items_remove items_store read unlock ");
    assert_true(has("C", 44));
    assert_true(news.retry && news.replaced);
    assert_null(catalogue.reader.next.index);
    assert_true(catalogue.read_wall_us == SERVER_US + 9);
    assert_false(catalogue.is_pausing);
    requests.slots[0].phase = REQUEST_FREE;
    catalogue.reader.search.overflowed = true;
    catalogue_settle_news(&catalogue, &(struct catalogue_news){0});
    assert_true(catalogue.reader.search.overflowed);
    catalogue_settle_news(&catalogue, &news);
    assert_false(catalogue.reader.search.overflowed);
}

/* Too many texts were missing while the catalogue was read: the reading may have passed them. */
static void an_overflow_during_a_reading_asks_for_the_next_one(void **state)
{
    (void)state;
    open_with(SERVER_US);
    read_again(LAST_PAGE(VARIANT("A", "41") "," VARIANT("B", "42")));
    catalogue.reader.search.overflowed = true;
    turn(true);
    assert_true(news.replaced);
    catalogue_settle_news(&catalogue, &news);
    assert_true(catalogue.reader.search.overflowed);
}

static void a_moved_sku_waits_until_no_request_is_in_flight(void **state)
{
    (void)state;
    open_with(SERVER_US);
    (void)sku_claims_note(bench.c.claims, 1, "A", true, 10);
    struct level *level = bench_level(41, 1, 5, 10);
    (void)coalescer_put_back(bench.c.coalescer, level, LEVEL_READY);
    requests.slots[0].phase = REQUEST_SENT;
    read_again(LAST_PAGE(VARIANT("A", "51") "," VARIANT("B", "42")));
    turn(false);
    turn(false);
    assert_true(catalogue.is_pausing);
    assert_false(news.replaced);
    assert_true(has("A", 41));
    requests.slots[0].phase = REQUEST_FREE;
    bench_forget();
    turn(true);
    assert_string_equal(bench.calls, "orphan items_remove items_store read unlock park ");
    assert_int_equal(bench.levels.orphans[0].item, 41);
    assert_string_equal(bench.parked.rows[0].reason, "item_changed");
    assert_string_equal(bench.parked.rows[0].row.subject, "level/41/70");
    assert_false(catalogue.is_pausing);
    assert_true(has("A", 51));
    assert_int_equal(bench_unfinished(), 0);
}

static void a_sku_that_became_ambiguous_has_left_its_item(void **state)
{
    (void)state;
    open_with(SERVER_US);
    read_again(LAST_PAGE(VARIANT("A", "61") "," VARIANT("A", "51") "," VARIANT("B", "42")));
    turn(true);
    assert_int_equal(bench.levels.orphan_count, 1);
    assert_int_equal(bench.levels.orphans[0].item, 41);
    assert_int_equal(bench.parked.count, 0); /* none of both had it before */
}

static void a_shared_sku_stays_with_its_item_and_the_newcomer_is_parked(void **state)
{
    (void)state;
    open_with(SERVER_US);
    (void)sku_claims_note(bench.c.claims, 1, "A", true, 10);
    requests.slots[0].phase = REQUEST_SENT;
    read_again(LAST_PAGE(VARIANT("A", "51") "," VARIANT("A", "41") "," VARIANT("B", "42")));
    turn(true);
    assert_string_equal(bench.calls, "park items_remove items_store read unlock ");
    assert_string_equal(bench.catalogue.stored, "A=41+tracked+known A=51+tracked B=42+tracked ");
    assert_string_equal(bench.parked.rows[0].row.subject, "item/51");
    assert_string_equal(bench.parked.rows[0].reason, "sku_shared_in_shopify");
    assert_int_equal(bench.parked.rows[0].row.product_id, 1);
    assert_true(has("A", 41));
    requests.slots[0].phase = REQUEST_FREE;
}

static void newcomers_that_cannot_be_parked_are_not_stored(void **state)
{
    (void)state;
    struct err err;
    open_with(SERVER_US);
    (void)sku_claims_note(bench.c.claims, 1, "A", true, 10);
    read_again(LAST_PAGE(VARIANT("A", "51") "," VARIANT("A", "41") "," VARIANT("B", "42")));
    bench.fails = "park";
    assert_int_equal(catalogue_turn(&catalogue, true, &news, &err), STATUS_SOURCE_LOST);
    assert_string_equal(bench.catalogue.stored, "");
    assert_false(news.replaced);
}

/* --- believing --- */

static void a_reading_that_loses_everything_is_set_aside(void **state)
{
    (void)state;
    struct catalogue_view view;
    open_with(SERVER_US);
    read_again(LAST_PAGE(""));
    turn(true);
    assert_string_equal(bench.calls, "unlock ");
    assert_true(has("A", 41));
    assert_false(news.replaced || news.retry);
    assert_null(catalogue.reader.next.index);
    assert_false(catalogue.is_pausing);
    assert_true(catalogue.read_wall_us == SERVER_US);
    assert_int_equal((int)metric_value(bench.metrics.catalogue.suspect), 1);
    catalogue_fill_view(&catalogue, &view);
    assert_int_equal(view.suspect, 2);
    /* nobody who asks is faster than a minute */
    bench.catalogue.wanted = true;
    catalogue.is_contradicted = true;
    bench_pass_s(59);
    turn(false);
    assert_false(catalogue.reader.is_reading);
    bench_pass_s(1);
    turn(false);
    assert_true(catalogue.reader.is_reading);
}

static void read_after_a_minute(const char *page)
{
    bench_pass_s(60);
    read_again(page);
    turn(true);
}

static void a_second_reading_that_agrees_takes_over(void **state)
{
    (void)state;
    open_with(SERVER_US);
    read_again(LAST_PAGE(""));
    turn(true);
    read_after_a_minute(LAST_PAGE(""));
    assert_string_equal(bench.calls, "orphan items_remove items_store read unlock ");
    assert_false(has("A", 41));
    assert_true(news.replaced);
    assert_null(catalogue.suspect.losses);
}

static void a_second_reading_that_is_whole_ends_the_suspicion(void **state)
{
    (void)state;
    open_with(SERVER_US);
    read_again(LAST_PAGE(""));
    turn(true);
    read_after_a_minute(LAST_PAGE(VARIANT("A", "41") "," VARIANT("C", "44")));
    assert_true(has("A", 41) && has("C", 44));
    assert_false(has("B", 42)); /* one of two is no more than a small shop may lose */
    assert_null(catalogue.suspect.losses);
    assert_int_equal((int)metric_value(bench.metrics.catalogue.suspect), 1);
}

static void the_rows_of_another_process_end_the_suspicion(void **state)
{
    (void)state;
    open_with(SERVER_US);
    read_again(LAST_PAGE(""));
    turn(true);
    bench.catalogue.item_count = 0;
    bench.catalogue.read_us = SERVER_US + 7;
    bench_pass_s(5);
    turn(true);
    assert_null(catalogue.suspect.losses);
    assert_false(has("A", 41));
    assert_true(news.replaced);
}

static void a_suspicion_outlives_a_session(void **state)
{
    (void)state;
    struct err err = {0};
    open_with(SERVER_US);
    read_again(LAST_PAGE(""));
    turn(true);
    catalogue_close(&catalogue);
    assert_int_equal(catalogue_open(&catalogue, &bench.c, &requests, &err), STATUS_OK);
    assert_non_null(catalogue.suspect.losses);
    read_after_a_minute(LAST_PAGE(""));
    assert_true(news.replaced);
}

/* --- taking over, again --- */

static void the_catalogue_of_another_process_is_loaded_and_not_stored(void **state)
{
    (void)state;
    static const struct state_item fresh[] = {{.text = "A", .item = 41, .tracked = true},
                                              {.text = "B", .item = 42},
                                              {.text = "C", .item = 44}};
    open_with(SERVER_US);
    bench.catalogue.items = fresh;
    bench.catalogue.item_count = 3;
    bench.catalogue.read_us = SERVER_US + 7;
    turn(true);
    assert_string_equal(bench.calls, "look items_load ");
    assert_true(has("C", 44));
    assert_true(catalogue.read_wall_us == SERVER_US + 7);
    assert_true(news.replaced);
}

static void a_failed_take_over_leaves_the_index_in_use(void **state)
{
    (void)state;
    static const char *const steps[] = {"orphan", "items_store"};
    struct err err;
    open_with(SERVER_US);
    read_again(LAST_PAGE(VARIANT("A", "51")));
    for (size_t i = 0; i < 2; i++) {
        bench.fails = steps[i];
        assert_int_equal(catalogue_turn(&catalogue, true, &news, &err), STATUS_SOURCE_LOST);
        assert_true(has("A", 41));
        assert_false(news.replaced);
    }
}

/* --- facts from answers --- */

static struct level *level_of(int32_t product_id, const char *sku, int64_t item)
{
    (void)sku_claims_note(bench.c.claims, product_id, sku, true, 10);
    return bench_level(item, product_id, 5, 10);
}

static void learn(struct level *level, enum item_fact fact)
{
    struct err err = {0};
    outcomes_release(&out);
    outcomes_add(&out, level, END_SUPERSEDED)->item = fact;
    assert_int_equal(catalogue_learn(&catalogue, &out, &err), STATUS_OK);
}

static void tracking_is_learned_and_stored_and_a_refusal_only_remembered(void **state)
{
    (void)state;
    struct mapped_item item;
    open_with(SERVER_US);
    struct level *level = level_of(2, "B", 42);
    learn(level, ITEM_IS_LOCKED);
    assert_string_equal(bench.catalogue.stored, "");
    assert_int_equal(sku_index_find(bench.c.index, "B", &item), SKU_INDEX_FOUND);
    assert_true(item.locked && !item.tracked);
    learn(level, ITEM_IS_TRACKED);
    assert_string_equal(bench.catalogue.stored, "B=42+tracked ");
    assert_int_equal(sku_index_find(bench.c.index, "B", &item), SKU_INDEX_FOUND);
    assert_true(item.tracked && !item.locked);
    learn(level_of(3, "A", 99), ITEM_IS_LOCKED); /* its SKU is elsewhere: nothing is known */
    assert_int_equal(sku_index_find(bench.c.index, "A", &item), SKU_INDEX_FOUND);
    assert_false(item.locked);
    bench.fails = "items_store";
    struct err err;
    outcomes_release(&out);
    outcomes_add(&out, level, END_SUPERSEDED)->item = ITEM_IS_TRACKED;
    assert_int_equal(catalogue_learn(&catalogue, &out, &err), STATUS_SOURCE_LOST);
}

static void an_item_that_is_gone_is_searched_once_and_then_asks_for_a_reading(void **state)
{
    (void)state;
    open_with(SERVER_US);
    struct level *level = level_of(1, "A", 41);
    learn(level, ITEM_UNCHANGED);
    assert_true(has("A", 41));
    learn(level, ITEM_IS_GONE);
    assert_false(has("A", 41));
    turn(true);
    assert_string_equal(bench.calls, "items_remove orphan look ");
    assert_string_equal(bench.catalogue.removed, "A=41 ");
    assert_int_equal(sku_search_count(catalogue.reader.search.wanted), 1);
    assert_false(catalogue.is_contradicted);
    /* the search finds it again, and it is gone again */
    const struct mapped_item back = {.item = 41, .tracked = true};
    sku_index_add(catalogue.index, "A", &back);
    bench_pass_s(60);
    learn(level, ITEM_IS_GONE);
    turn(true);
    assert_true(catalogue.is_contradicted);
    /* an hour later it is searched for again */
    catalogue.is_contradicted = false;
    sku_index_add(catalogue.index, "A", &back);
    bench_pass_s(3600);
    learn(level, ITEM_IS_GONE);
    turn(true);
    assert_false(catalogue.is_contradicted);
}

static void another_item_with_the_sku_takes_the_place_of_one_that_is_gone(void **state)
{
    (void)state;
    static const struct state_item items[] = {{.text = "A", .item = 41, .known = true},
                                              {.text = "A", .item = 51}};
    bench.catalogue.items = items;
    open_with(SERVER_US);
    learn(level_of(1, "A", 41), ITEM_IS_GONE);
    turn(true);
    assert_string_equal(bench.catalogue.removed, "A=41 ");
    assert_int_equal(sku_search_count(catalogue.reader.search.wanted), 0);
    assert_true(has("A", 51));
    assert_true(news.retry);
    assert_false(news.replaced);
}

static void pending_levels_of_an_item_that_is_gone_are_parked(void **state)
{
    (void)state;
    open_with(SERVER_US);
    struct level *level = level_of(1, "A", 41);
    learn(level, ITEM_IS_GONE);
    (void)coalescer_put_back(bench.c.coalescer, level, LEVEL_UNREAD);
    turn(true);
    assert_string_equal(bench.parked.rows[0].reason, "item_changed");
    assert_int_equal(bench_unfinished(), 0);
}

static void failures_while_an_item_is_forgotten_end_the_turn(void **state)
{
    (void)state;
    static const char *const steps[] = {"items_remove", "orphan", "park"};
    const struct mapped_item back = {.item = 41, .tracked = true};
    open_with(SERVER_US);
    struct level *level = level_of(1, "A", 41);
    for (size_t i = 0; i < 3; i++) {
        struct err err;
        sku_index_add(catalogue.index, "A", &back);
        learn(level, ITEM_IS_GONE);
        if (i == 2) {
            (void)coalescer_put_back(bench.c.coalescer, level, LEVEL_UNREAD);
        }
        bench.fails = steps[i];
        assert_int_equal(catalogue_turn(&catalogue, true, &news, &err), STATUS_SOURCE_LOST);
    }
}

/* --- the rest --- */

static void searches_of_a_turn_bring_news(void **state)
{
    (void)state;
    open_with(SERVER_US);
    catalogue_search_want(&catalogue.reader.search, "NEW");
    turn(false);
    assert_int_equal(bench.requests.sent[0].op, OP_VARIANTS_SEARCH);
    take(LAST_PAGE(VARIANT("NEW", "45")));
    assert_true(news.retry);
    assert_false(news.replaced);
    assert_true(has("NEW", 45));
}

static void a_cancelled_request_is_not_waited_for(void **state)
{
    (void)state;
    open_with(SERVER_US);
    catalogue_search_want(&catalogue.reader.search, "NEW");
    turn(false);
    catalogue_cancel(&catalogue);
    assert_non_null(strstr(bench.calls, "cancel"));
    assert_false(catalogue.reader.request.is_sent);
}

static void the_deadline_is_that_of_the_look_or_of_the_reader(void **state)
{
    (void)state;
    open_with(SERVER_US);
    turn(false);
    catalogue_search_want(&catalogue.reader.search, "NEW");
    assert_true(catalogue_deadline_us(&catalogue, false) == bench.monotonic_us);
    assert_true(catalogue_deadline_us(&catalogue, true) == bench.monotonic_us + 5000000);
}

static void the_view_shows_figures_and_examples(void **state)
{
    (void)state;
    struct err err = {0};
    struct catalogue_view view = {0};
    bench.requests.load = load_two;
    assert_int_equal(catalogue_open(&catalogue, &bench.c, &requests, &err), STATUS_OK);
    catalogue_search_want(&catalogue.reader.search, "NEW");
    catalogue_fill_view(&catalogue, &view);
    assert_int_equal(view.skus, 3);
    assert_int_equal(view.shared, 1);
    assert_int_equal(view.ambiguous, 1);
    assert_int_equal(view.untracked, 1);
    assert_int_equal(view.searched, 1);
    assert_true(view.read_wall_us == SERVER_US);
    assert_false(view.is_reading);
    assert_string_equal(view.shared_sku[0], "M");
    assert_string_equal(view.ambiguous_sku[0], "M");
    assert_string_equal(view.ambiguous_sku[1], "");
    assert_string_equal(view.untracked_sku[0], "B");
    assert_string_equal(view.searched_sku[0], "NEW");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CATALOGUE_TEST(the_first_reading_is_waited_for_and_stored),
        CATALOGUE_TEST(a_reading_beside_another_process_keeps_its_lock),
        CATALOGUE_TEST(a_failing_first_reading_leaves_no_index),
        CATALOGUE_TEST(a_stored_catalogue_is_loaded_and_stays_between_sessions),
        CATALOGUE_TEST(nothing_is_read_before_it_is_due),
        CATALOGUE_TEST(a_reading_begins_on_schedule),
        CATALOGUE_TEST(a_contradiction_waits_for_the_rest_after_the_last_reading),
        CATALOGUE_TEST(too_many_missing_texts_ask_for_a_reading),
        CATALOGUE_TEST(a_person_who_asks_does_not_wait_for_a_failed_reading),
        CATALOGUE_TEST(one_process_reads_and_the_others_try_again_later),
        CATALOGUE_TEST(a_reading_that_another_process_finished_is_not_repeated),
        CATALOGUE_TEST(failures_of_the_state_end_the_turn),
        CATALOGUE_TEST(a_reading_without_moves_takes_over_beside_requests),
        CATALOGUE_TEST(an_overflow_during_a_reading_asks_for_the_next_one),
        CATALOGUE_TEST(a_moved_sku_waits_until_no_request_is_in_flight),
        CATALOGUE_TEST(a_sku_that_became_ambiguous_has_left_its_item),
        CATALOGUE_TEST(a_shared_sku_stays_with_its_item_and_the_newcomer_is_parked),
        CATALOGUE_TEST(newcomers_that_cannot_be_parked_are_not_stored),
        CATALOGUE_TEST(a_reading_that_loses_everything_is_set_aside),
        CATALOGUE_TEST(a_second_reading_that_agrees_takes_over),
        CATALOGUE_TEST(a_second_reading_that_is_whole_ends_the_suspicion),
        CATALOGUE_TEST(the_rows_of_another_process_end_the_suspicion),
        CATALOGUE_TEST(a_suspicion_outlives_a_session),
        CATALOGUE_TEST(another_item_with_the_sku_takes_the_place_of_one_that_is_gone),
        CATALOGUE_TEST(the_catalogue_of_another_process_is_loaded_and_not_stored),
        CATALOGUE_TEST(a_failed_take_over_leaves_the_index_in_use),
        CATALOGUE_TEST(tracking_is_learned_and_stored_and_a_refusal_only_remembered),
        CATALOGUE_TEST(an_item_that_is_gone_is_searched_once_and_then_asks_for_a_reading),
        CATALOGUE_TEST(pending_levels_of_an_item_that_is_gone_are_parked),
        CATALOGUE_TEST(failures_while_an_item_is_forgotten_end_the_turn),
        CATALOGUE_TEST(searches_of_a_turn_bring_news),
        CATALOGUE_TEST(a_cancelled_request_is_not_waited_for),
        CATALOGUE_TEST(the_deadline_is_that_of_the_look_or_of_the_reader),
        CATALOGUE_TEST(the_view_shows_figures_and_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
