#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "consumer/plan/sku_index.h"

static struct mapped_item item_of(int64_t item)
{
    return (struct mapped_item){.item = item, .tracked = true};
}

static void sku_index_compares_byte_by_byte(void **state)
{
    (void)state;
    static const char *const texts[] = {"AB-1",       "ab-1",        "AB-1 ", " AB-1",
                                        "AB\xC3\x84", "ABA\xCC\x88", "001",   "1"};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    struct sku_index *index = sku_index_new();
    struct mapped_item found;
    for (size_t i = 0; i < COUNT; i++) {
        struct mapped_item item = item_of((int64_t)i + 100);
        sku_index_add(index, texts[i], &item);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(sku_index_find(index, texts[i], &found), SKU_INDEX_FOUND);
        assert_int_equal(found.item, (int64_t)i + 100);
    }
    assert_int_equal(sku_index_find(index, "Ab-1", &found), SKU_INDEX_MISSING);
    assert_int_equal(sku_index_find(index, "", &found), SKU_INDEX_MISSING);
    assert_int_equal(sku_index_count(index), COUNT);
    assert_int_equal(sku_index_ambiguous_count(index), 0);
    sku_index_free(index);
}

static void sku_index_lets_variants_share_an_item_but_refuses_a_text_on_several_items(void **state)
{
    (void)state;
    struct sku_index *index = sku_index_new();
    struct mapped_item a = item_of(1);
    struct mapped_item b = item_of(2);
    struct mapped_item found;
    const char *examples[4];
    sku_index_add(index, "one", &a);
    sku_index_add(index, "one", &a);
    sku_index_add(index, "same item", &a);
    sku_index_add(index, "two", &a);
    sku_index_add(index, "two", &b);
    sku_index_add(index, "two", &b);
    sku_index_add(index, "two", &a);
    sku_index_add(index, "three", &b);
    sku_index_add(index, "three", &a);
    assert_int_equal(sku_index_find(index, "one", &found), SKU_INDEX_FOUND);
    assert_int_equal(sku_index_find(index, "same item", &found), SKU_INDEX_FOUND);
    assert_int_equal(sku_index_find(index, "two", &found), SKU_INDEX_AMBIGUOUS);
    assert_int_equal(sku_index_find(index, "three", &found), SKU_INDEX_AMBIGUOUS);
    assert_int_equal(sku_index_count(index), 4);
    assert_int_equal(sku_index_shared_count(index), 2);
    assert_int_equal(sku_index_ambiguous_count(index), 2);
    assert_int_equal(sku_index_ambiguous_examples(index, examples, 4), 2);
    assert_string_equal(examples[0], "two");
    assert_string_equal(examples[1], "three");
    assert_int_equal(sku_index_ambiguous_examples(index, examples, 1), 1);
    sku_index_free(index);
}

static void sku_index_knows_bundles_and_untracked_items(void **state)
{
    (void)state;
    struct sku_index *index = sku_index_new();
    struct mapped_item plain = item_of(1);
    struct mapped_item bundle = {.item = 1, .tracked = true, .bundle = true};
    struct mapped_item untracked = {.item = 3};
    struct mapped_item found;
    sku_index_add(index, "shared", &plain);
    sku_index_add(index, "shared", &bundle);
    sku_index_add(index, "untracked", &untracked);
    sku_index_add(index, "ambiguous", &untracked);
    sku_index_add(index, "ambiguous", &plain);
    assert_int_equal(sku_index_find(index, "shared", &found), SKU_INDEX_FOUND);
    assert_true(found.bundle);
    assert_int_equal(sku_index_find(index, "untracked", &found), SKU_INDEX_FOUND);
    assert_false(found.tracked);
    assert_false(found.bundle);
    assert_int_equal(sku_index_untracked_count(index), 1);
    sku_index_free(index);
}

static void sku_index_ignores_variants_without_a_text(void **state)
{
    (void)state;
    struct sku_index *index = sku_index_new();
    struct mapped_item a = item_of(1);
    struct mapped_item b = item_of(2);
    sku_index_add(index, NULL, &a);
    sku_index_add(index, "", &a);
    sku_index_add(index, "", &b);
    assert_int_equal(sku_index_count(index), 0);
    assert_int_equal(sku_index_ambiguous_count(index), 0);
    sku_index_free(index);
}

static void sku_index_holds_a_large_catalogue(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct sku_index *index = sku_index_new();
    struct mapped_item found;
    char text[32];
    for (int i = 0; i < COUNT; i++) {
        struct mapped_item item = item_of(i);
        (void)snprintf(text, sizeof text, "SKU-%d", i);
        sku_index_add(index, text, &item);
    }
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(text, sizeof text, "SKU-%d", i);
        assert_int_equal(sku_index_find(index, text, &found), SKU_INDEX_FOUND);
        assert_int_equal(found.item, i);
    }
    assert_int_equal(sku_index_count(index), COUNT);
    sku_index_free(index);
}

static void count_items(void *arg, const char *text, const struct mapped_item *item)
{
    int64_t *sum = arg;
    assert_non_null(text);
    *sum += item->item;
}

static void sku_index_removes_one_item_of_a_text(void **state)
{
    (void)state;
    struct sku_index *index = sku_index_new();
    struct mapped_item items[] = {item_of(1), item_of(2), item_of(4)};
    struct mapped_item found;
    int64_t sum = 0;
    for (size_t i = 0; i < 3; i++) {
        sku_index_add(index, "three", &items[i]);
    }
    sku_index_add(index, "alone", &items[0]);
    sku_index_remove(index, "three", 9);
    sku_index_remove(index, "never there", 1);
    sku_index_remove(index, "three", 1);
    assert_int_equal(sku_index_find(index, "three", &found), SKU_INDEX_AMBIGUOUS);
    assert_int_equal(sku_index_shared_count(index), 1);
    sku_index_each_of(index, "three", count_items, &sum);
    assert_int_equal(sum, 2 + 4);
    sku_index_remove(index, "three", 4);
    assert_int_equal(sku_index_find(index, "three", &found), SKU_INDEX_FOUND);
    assert_int_equal(found.item, 2);
    assert_int_equal(sku_index_shared_count(index), 0);
    sku_index_remove(index, "three", 2);
    assert_int_equal(sku_index_find(index, "three", &found), SKU_INDEX_MISSING);
    assert_int_equal(sku_index_count(index), 1);
    assert_int_equal(sku_index_find(index, "alone", &found), SKU_INDEX_FOUND);
    sku_index_add(index, "three", &items[1]);
    assert_int_equal(sku_index_find(index, "three", &found), SKU_INDEX_FOUND);
    sum = 0;
    sku_index_each(index, count_items, &sum);
    assert_int_equal(sum, 2 + 1);
    sku_index_free(index);
}

/* --- the known item of a shared text --- */

static struct sku_index *index_of(const int64_t *items, size_t count)
{
    struct sku_index *index = sku_index_new();
    for (size_t i = 0; i < count; i++) {
        struct mapped_item item = item_of(items[i]);
        sku_index_add(index, "A", &item);
    }
    return index;
}

/* @return the item that "A" stands for after a reading that found these; 0: none */
static int64_t after(struct sku_index **index, const int64_t *items, size_t count)
{
    struct mapped_item found = {0};
    struct sku_index *fresh = index_of(items, count);
    sku_index_inherit(fresh, *index);
    sku_index_free(*index);
    *index = fresh;
    return sku_index_find(fresh, "A", &found) == SKU_INDEX_FOUND ? found.item : 0;
}

static void note_newcomer(void *arg, const char *text, int64_t known, int64_t newcomer)
{
    int64_t *sum = arg;
    assert_string_equal(text, "A");
    *sum += known * 100 + newcomer;
}

static void sku_index_keeps_the_item_that_had_the_text_alone(void **state)
{
    (void)state;
    static const int64_t alone[] = {5};
    static const int64_t copied[] = {3, 5};
    static const int64_t thrice[] = {3, 5, 7};
    struct sku_index *index = index_of(alone, 1);
    const char *examples[2];
    int64_t sum = 0;
    assert_int_equal(after(&index, copied, 2), 5);
    assert_int_equal(sku_index_shared_count(index), 1);
    assert_int_equal(sku_index_shared_examples(index, examples, 2), 1);
    assert_string_equal(examples[0], "A");
    assert_int_equal(sku_index_ambiguous_count(index), 0);
    assert_int_equal(sku_index_ambiguous_examples(index, examples, 2), 0);
    sku_index_each_newcomer(index, note_newcomer, &sum);
    assert_int_equal(sum, 503);
    assert_int_equal(after(&index, thrice, 3), 5); /* known, although it shared the text before */
    sum = 0;
    sku_index_each_newcomer(index, note_newcomer, &sum);
    assert_int_equal(sum, 503 + 507);
    assert_int_equal(after(&index, alone, 1), 5);
    assert_int_equal(sku_index_shared_count(index), 0);
    sku_index_free(index);
}

static void sku_index_without_the_known_item_takes_the_one_that_remains(void **state)
{
    (void)state;
    static const int64_t alone[] = {5};
    static const int64_t copied[] = {5, 3};
    static const int64_t others[] = {3, 7};
    static const int64_t last[] = {7};
    struct sku_index *index = index_of(alone, 1);
    int64_t sum = 0;
    assert_int_equal(after(&index, copied, 2), 5);
    assert_int_equal(after(&index, others, 2), 0);
    assert_int_equal(sku_index_ambiguous_count(index), 1);
    sku_index_each_newcomer(index, note_newcomer, &sum);
    assert_int_equal(sum, 0);
    assert_int_equal(after(&index, copied, 2), 0); /* nobody knows any more which it was */
    assert_int_equal(after(&index, last, 1), 7);
    sku_index_free(index);
    index = index_of(alone, 1);
    assert_int_equal(after(&index, copied, 2), 5);
    sku_index_remove(index, "A", 5);
    struct mapped_item found;
    assert_int_equal(sku_index_find(index, "A", &found), SKU_INDEX_FOUND);
    assert_int_equal(found.item, 3);
    sku_index_free(index);
}

static void sku_index_loads_the_known_item_from_rows(void **state)
{
    (void)state;
    struct sku_index *index = sku_index_new();
    struct mapped_item newcomer = item_of(1);
    struct mapped_item known = {.item = 2, .known = true};
    struct mapped_item found;
    sku_index_add(index, "A", &newcomer);
    sku_index_add(index, "A", &known);
    assert_int_equal(sku_index_find(index, "A", &found), SKU_INDEX_FOUND);
    assert_int_equal(found.item, 2);
    assert_int_equal(sku_index_untracked_count(index), 1); /* the newcomer does not matter */
    assert_true(sku_index_has(index, "A", &known));
    known.known = false;
    known.tracked = true; /* a fact from an answer: it stays known */
    sku_index_add(index, "A", &known);
    assert_int_equal(sku_index_find(index, "A", &found), SKU_INDEX_FOUND);
    assert_true(found.known && found.tracked);
    assert_false(sku_index_has(index, "A", &known));
    sku_index_free(index);
}

static void sku_index_has_is_false_for_rows_that_differ(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct mapped_item item;
        bool has;
    } cases[] = {
        {"two", {.item = 1, .tracked = true}, true},
        {"two", {.item = 2, .tracked = true, .bundle = true}, true},
        {"two", {.item = 2, .tracked = true}, false},
        {"two", {.item = 1}, false},
        {"two", {.item = 3, .tracked = true}, false},
        {"Two", {.item = 1, .tracked = true}, false},
        {"tracked since", {.item = 5, .tracked = true}, true},
        {"tracked since", {.item = 5, .tracked = true, .locked = true}, true},
    };
    struct sku_index *index = sku_index_new();
    struct mapped_item plain = item_of(1);
    struct mapped_item bundle = {.item = 2, .tracked = true, .bundle = true};
    struct mapped_item untracked = {.item = 5, .locked = true};
    struct mapped_item tracked = item_of(5);
    struct mapped_item found;
    const char *examples[2];
    int64_t sum = 0;
    sku_index_add(index, "two", &plain);
    sku_index_add(index, "two", &bundle);
    sku_index_add(index, "tracked since", &untracked);
    assert_int_equal(sku_index_untracked_examples(index, examples, 2), 1);
    assert_string_equal(examples[0], "tracked since");
    assert_int_equal(sku_index_find(index, "tracked since", &found), SKU_INDEX_FOUND);
    assert_true(found.locked);
    sku_index_add(index, "tracked since", &tracked);
    assert_int_equal(sku_index_untracked_examples(index, examples, 2), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (sku_index_has(index, cases[i].text, &cases[i].item) != cases[i].has) {
            fail_msg("case %zu", i);
        }
    }
    sku_index_each_of(index, "two", count_items, &sum);
    sku_index_each_of(index, "three", count_items, &sum);
    assert_int_equal(sum, 1 + 2);
    sku_index_free(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sku_index_compares_byte_by_byte),
        cmocka_unit_test(sku_index_lets_variants_share_an_item_but_refuses_a_text_on_several_items),
        cmocka_unit_test(sku_index_knows_bundles_and_untracked_items),
        cmocka_unit_test(sku_index_ignores_variants_without_a_text),
        cmocka_unit_test(sku_index_removes_one_item_of_a_text),
        cmocka_unit_test(sku_index_keeps_the_item_that_had_the_text_alone),
        cmocka_unit_test(sku_index_without_the_known_item_takes_the_one_that_remains),
        cmocka_unit_test(sku_index_loads_the_known_item_from_rows),
        cmocka_unit_test(sku_index_has_is_false_for_rows_that_differ),
        cmocka_unit_test(sku_index_holds_a_large_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
