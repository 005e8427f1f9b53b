#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/plan/sku_search.h"

#define HOUR_US INT64_C(3600000000)

static size_t due(const struct sku_search *s, int64_t now_us)
{
    const char *texts[SKU_SEARCH_MAX];
    return sku_search_due(s, now_us, texts, SKU_SEARCH_MAX);
}

static void a_text_is_due_at_once_and_then_after_twice_the_time(void **state)
{
    (void)state;
    struct sku_search *s = sku_search_new();
    int64_t now = 100;
    int64_t pause = SKU_SEARCH_FIRST_US;
    assert_true(sku_search_next_us(s) == INT64_MAX);
    assert_true(sku_search_want(s, "A", now));
    for (int i = 1; i < SKU_SEARCH_TRIES; i++) {
        assert_true(sku_search_next_us(s) <= now);
        assert_int_equal(due(s, now), 1);
        sku_search_missed(s, "A", now);
        assert_true(sku_search_want(s, "A", now)); /* keeps its time */
        assert_int_equal(due(s, now + pause - 1), 0);
        assert_true(sku_search_next_us(s) == now + pause);
        now += pause;
        pause *= 2;
    }
    sku_search_missed(s, "A", now);
    assert_int_equal(sku_search_count(s), 0);
    assert_true(now - 100 > HOUR_US && now - 100 < HOUR_US + HOUR_US);
    sku_search_free(s);
}

static void found_texts_are_forgotten_and_others_keep_their_order(void **state)
{
    (void)state;
    struct sku_search *s = sku_search_new();
    const char *texts[3];
    assert_true(sku_search_want(s, "A", 1));
    assert_true(sku_search_want(s, "B", 2));
    assert_true(sku_search_want(s, "C", 3));
    sku_search_found(s, "B");
    sku_search_found(s, "B");
    sku_search_missed(s, "never added", 1);
    assert_int_equal(sku_search_due(s, 3, texts, 3), 2);
    assert_string_equal(texts[0], "A");
    assert_string_equal(texts[1], "C");
    assert_int_equal(sku_search_due(s, 2, texts, 3), 1);
    assert_int_equal(sku_search_due(s, 3, texts, 1), 1);
    sku_search_free(s);
}

static void more_than_a_few_are_not_taken(void **state)
{
    (void)state;
    struct sku_search *s = sku_search_new();
    char text[16];
    for (int i = 0; i < SKU_SEARCH_MAX; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        assert_true(sku_search_want(s, text, 0));
    }
    assert_false(sku_search_want(s, "one more", 0));
    assert_true(sku_search_want(s, "7", 0));
    sku_search_found(s, "0");
    assert_true(sku_search_want(s, "one more", 0));
    assert_int_equal(due(s, 0), SKU_SEARCH_MAX);
    sku_search_free(s);
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
