#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/plan/sku_search.h"

#define HOUR_US INT64_C(3600000000)

static size_t due(const struct sku_search *u, int64_t now_us)
{
    const char *texts[UNMAPPED_MAX];
    return sku_search_due(u, now_us, texts, UNMAPPED_MAX);
}

static void a_text_is_due_at_once_and_then_after_twice_the_time(void **state)
{
    (void)state;
    struct sku_search *u = sku_search_new();
    int64_t now = 100;
    int64_t pause = UNMAPPED_FIRST_US;
    assert_true(sku_search_next_us(u) == INT64_MAX);
    assert_true(sku_search_want(u, "A", now));
    for (int i = 1; i < UNMAPPED_LOOKS; i++) {
        assert_true(sku_search_next_us(u) <= now);
        assert_int_equal(due(u, now), 1);
        sku_search_missed(u, "A", now);
        assert_true(sku_search_want(u, "A", now)); /* keeps its time */
        assert_int_equal(due(u, now + pause - 1), 0);
        assert_true(sku_search_next_us(u) == now + pause);
        now += pause;
        pause *= 2;
    }
    sku_search_missed(u, "A", now);
    assert_int_equal(sku_search_count(u), 0);
    assert_true(now - 100 > HOUR_US && now - 100 < HOUR_US + HOUR_US);
    sku_search_free(u);
}

static void found_texts_are_forgotten_and_others_keep_their_order(void **state)
{
    (void)state;
    struct sku_search *u = sku_search_new();
    const char *texts[3];
    assert_true(sku_search_want(u, "A", 1));
    assert_true(sku_search_want(u, "B", 2));
    assert_true(sku_search_want(u, "C", 3));
    sku_search_found(u, "B");
    sku_search_found(u, "B");
    sku_search_missed(u, "never wanted", 1);
    assert_int_equal(sku_search_due(u, 3, texts, 3), 2);
    assert_string_equal(texts[0], "A");
    assert_string_equal(texts[1], "C");
    assert_int_equal(sku_search_due(u, 2, texts, 3), 1);
    assert_int_equal(sku_search_due(u, 3, texts, 1), 1);
    sku_search_free(u);
}

static void more_than_a_few_are_not_taken(void **state)
{
    (void)state;
    struct sku_search *u = sku_search_new();
    char text[16];
    for (int i = 0; i < UNMAPPED_MAX; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        assert_true(sku_search_want(u, text, 0));
    }
    assert_false(sku_search_want(u, "one more", 0));
    assert_true(sku_search_want(u, "7", 0));
    sku_search_found(u, "0");
    assert_true(sku_search_want(u, "one more", 0));
    assert_int_equal(due(u, 0), UNMAPPED_MAX);
    sku_search_free(u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_due_at_once_and_then_after_twice_the_time),
        cmocka_unit_test(found_texts_are_forgotten_and_others_keep_their_order),
        cmocka_unit_test(more_than_a_few_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
