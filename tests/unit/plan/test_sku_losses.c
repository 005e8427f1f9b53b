#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "consumer/plan/sku_index.h"
#include "consumer/plan/sku_losses.h"

/* Texts of these numbers, each on the item of its number plus shift. */
static struct sku_index *index_of(int from, int to, int shift)
{
    struct sku_index *index = sku_index_new();
    char text[16];
    for (int i = from; i < to; i++) {
        const struct mapped_item item = {.item = i + 1 + shift, .tracked = true};
        (void)snprintf(text, sizeof text, "S%d", i);
        sku_index_add(index, text, &item);
    }
    return index;
}

static struct sku_losses *losses_of(struct sku_index *old, struct sku_index *next)
{
    struct sku_losses *losses = sku_losses_new(old, next);
    sku_index_free(old);
    sku_index_free(next);
    return losses;
}

static void losses_beyond_a_tenth_are_suspect(void **state)
{
    (void)state;
    /* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the columns of a table */
    static const struct {
        int before, from, to;
        size_t lost;
        bool suspect;
    } cases[] = {
        {0, 0, 0, 0, false},       /* the first reading has nothing to lose */
        {0, 0, 50, 0, false},      /* everything is new */
        {1000, 0, 1000, 0, false}, /* nothing changed */
        {1000, 100, 1000, 100, false},
        {1000, 101, 1000, 101, true},
        {1000, 0, 0, 1000, true},       /* empty */
        {1000, 1000, 2000, 1000, true}, /* another catalogue */
        {40, 9, 40, 9, false},          /* a small shop: a handful */
        {40, 10, 40, 10, true},
        {3, 0, 1, 2, false},
        {3, 0, 0, 3, true}, /* all of a tiny shop */
        {1, 0, 0, 1, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sku_losses *losses =
            losses_of(index_of(0, cases[i].before, 0), index_of(cases[i].from, cases[i].to, 0));
        if (sku_losses_count(losses) != cases[i].lost ||
            sku_losses_mapped(losses) != (size_t)cases[i].before ||
            sku_losses_are_suspect(losses) != cases[i].suspect) {
            fail_msg("case %zu: %zu lost", i, sku_losses_count(losses));
        }
        sku_losses_free(losses);
    }
}

static void texts_on_other_items_are_no_losses(void **state)
{
    (void)state;
    struct sku_losses *losses = losses_of(index_of(0, 100, 0), index_of(0, 100, 500));
    assert_int_equal(sku_losses_count(losses), 0);
    assert_null(sku_losses_example(losses));
    sku_losses_free(losses);
}

/* A shared text counts by whether it stands for an item. */
static void texts_that_become_ambiguous_are_losses(void **state)
{
    (void)state;
    const struct mapped_item a = {.item = 91};
    const struct mapped_item b = {.item = 92};
    struct sku_index *old = index_of(0, 3, 0);
    struct sku_index *next = index_of(0, 2, 0);
    sku_index_add(old, "unclear", &a);
    sku_index_add(old, "unclear", &b);
    sku_index_add(next, "S2", &a);
    sku_index_add(next, "S2", &b);
    struct sku_losses *losses = losses_of(old, next);
    assert_int_equal(sku_losses_mapped(losses), 3);
    assert_int_equal(sku_losses_count(losses), 1);
    assert_string_equal(sku_losses_example(losses), "S2");
    sku_losses_free(losses);
}

static void two_readings_agree_when_they_lose_the_same(void **state)
{
    (void)state;
    static const struct {
        int from, to;
        bool agree;
    } second[] = {{200, 1000, true},  {190, 1000, true}, {180, 1000, true},
                  {179, 1000, false}, {222, 1000, true}, {223, 1000, false},
                  {0, 1000, false},   {0, 800, false},   {1000, 1000, false}};
    struct sku_losses *one = losses_of(index_of(0, 1000, 0), index_of(200, 1000, 0));
    for (size_t i = 0; i < sizeof second / sizeof second[0]; i++) {
        struct sku_losses *losses =
            losses_of(index_of(0, 1000, 0), index_of(second[i].from, second[i].to, 0));
        if (sku_losses_agree(one, losses) != second[i].agree ||
            sku_losses_agree(losses, one) != second[i].agree) {
            fail_msg("case %zu", i);
        }
        sku_losses_free(losses);
    }
    sku_losses_free(one);
    sku_losses_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_beyond_a_tenth_are_suspect),
        cmocka_unit_test(texts_on_other_items_are_no_losses),
        cmocka_unit_test(texts_that_become_ambiguous_are_losses),
        cmocka_unit_test(two_readings_agree_when_they_lose_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
