#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "consumer/plan/mapping.h"

static struct mapped_item item_of(int64_t item)
{
    return (struct mapped_item){.item = item, .tracked = true};
}

static void mapping_compares_byte_by_byte(void **state)
{
    (void)state;
    static const char *const texts[] = {"AB-1",       "ab-1",        "AB-1 ", " AB-1",
                                        "AB\xC3\x84", "ABA\xCC\x88", "001",   "1"};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    struct mapping *m = mapping_new();
    struct mapped_item found;
    for (size_t i = 0; i < COUNT; i++) {
        struct mapped_item item = item_of((int64_t)i + 100);
        mapping_add(m, texts[i], &item);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(mapping_find(m, texts[i], &found), MAPPING_FOUND);
        assert_int_equal(found.item, (int64_t)i + 100);
    }
    assert_int_equal(mapping_find(m, "Ab-1", &found), MAPPING_MISSING);
    assert_int_equal(mapping_find(m, "", &found), MAPPING_MISSING);
    assert_int_equal(mapping_count(m), COUNT);
    assert_int_equal(mapping_ambiguous_count(m), 0);
    mapping_free(m);
}

static void mapping_lets_variants_share_an_item_but_refuses_a_text_on_several_items(void **state)
{
    (void)state;
    struct mapping *m = mapping_new();
    struct mapped_item a = item_of(1);
    struct mapped_item b = item_of(2);
    struct mapped_item found;
    const char *examples[4];
    mapping_add(m, "one", &a);
    mapping_add(m, "one", &a);
    mapping_add(m, "same item", &a);
    mapping_add(m, "two", &a);
    mapping_add(m, "two", &b);
    mapping_add(m, "two", &b);
    mapping_add(m, "two", &a);
    mapping_add(m, "three", &b);
    mapping_add(m, "three", &a);
    assert_int_equal(mapping_find(m, "one", &found), MAPPING_FOUND);
    assert_int_equal(mapping_find(m, "same item", &found), MAPPING_FOUND);
    assert_int_equal(mapping_find(m, "two", &found), MAPPING_AMBIGUOUS);
    assert_int_equal(mapping_find(m, "three", &found), MAPPING_AMBIGUOUS);
    assert_int_equal(mapping_count(m), 4);
    assert_int_equal(mapping_ambiguous_count(m), 2);
    assert_int_equal(mapping_ambiguous_examples(m, examples, 4), 2);
    assert_string_equal(examples[0], "two");
    assert_string_equal(examples[1], "three");
    assert_int_equal(mapping_ambiguous_examples(m, examples, 1), 1);
    mapping_free(m);
}

static void mapping_knows_bundles_and_untracked_items(void **state)
{
    (void)state;
    struct mapping *m = mapping_new();
    struct mapped_item plain = item_of(1);
    struct mapped_item bundle = {.item = 1, .tracked = true, .bundle = true};
    struct mapped_item untracked = {.item = 3};
    struct mapped_item found;
    mapping_add(m, "shared", &plain);
    mapping_add(m, "shared", &bundle);
    mapping_add(m, "untracked", &untracked);
    mapping_add(m, "ambiguous", &untracked);
    mapping_add(m, "ambiguous", &plain);
    assert_int_equal(mapping_find(m, "shared", &found), MAPPING_FOUND);
    assert_true(found.bundle);
    assert_int_equal(mapping_find(m, "untracked", &found), MAPPING_FOUND);
    assert_false(found.tracked);
    assert_false(found.bundle);
    assert_int_equal(mapping_untracked_count(m), 1);
    mapping_free(m);
}

static void mapping_ignores_variants_without_a_text(void **state)
{
    (void)state;
    struct mapping *m = mapping_new();
    struct mapped_item a = item_of(1);
    struct mapped_item b = item_of(2);
    mapping_add(m, NULL, &a);
    mapping_add(m, "", &a);
    mapping_add(m, "", &b);
    assert_int_equal(mapping_count(m), 0);
    assert_int_equal(mapping_ambiguous_count(m), 0);
    mapping_free(m);
}

static void mapping_holds_a_large_catalogue(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct mapping *m = mapping_new();
    struct mapped_item found;
    char text[32];
    for (int i = 0; i < COUNT; i++) {
        struct mapped_item item = item_of(i);
        (void)snprintf(text, sizeof text, "SKU-%d", i);
        mapping_add(m, text, &item);
    }
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(text, sizeof text, "SKU-%d", i);
        assert_int_equal(mapping_find(m, text, &found), MAPPING_FOUND);
        assert_int_equal(found.item, i);
    }
    assert_int_equal(mapping_count(m), COUNT);
    mapping_free(m);
}

static void count_items(void *arg, const char *text, const struct mapped_item *item)
{
    int64_t *sum = arg;
    assert_non_null(text);
    *sum += item->item;
}

static void mapping_drops_a_text_with_all_its_items(void **state)
{
    (void)state;
    struct mapping *m = mapping_new();
    struct mapped_item a = item_of(1);
    struct mapped_item b = item_of(2);
    struct mapped_item c = item_of(4);
    struct mapped_item found;
    int64_t sum = 0;
    mapping_add(m, "shared", &a);
    mapping_add(m, "shared", &b);
    mapping_add(m, "other", &c);
    mapping_drop(m, "shared");
    mapping_drop(m, "shared");
    mapping_drop(m, "never there");
    assert_int_equal(mapping_find(m, "shared", &found), MAPPING_MISSING);
    assert_int_equal(mapping_count(m), 1);
    assert_int_equal(mapping_ambiguous_count(m), 0);
    mapping_add(m, "shared", &b);
    assert_int_equal(mapping_find(m, "shared", &found), MAPPING_FOUND);
    assert_int_equal(found.item, 2);
    assert_int_equal(mapping_find(m, "other", &found), MAPPING_FOUND);
    mapping_each(m, count_items, &sum);
    assert_int_equal(sum, 2 + 4);
    mapping_free(m);
}

static void mapping_has_tells_rows_that_differ(void **state)
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
    struct mapping *m = mapping_new();
    struct mapped_item plain = item_of(1);
    struct mapped_item bundle = {.item = 2, .tracked = true, .bundle = true};
    struct mapped_item untracked = {.item = 5, .locked = true};
    struct mapped_item tracked = item_of(5);
    struct mapped_item found;
    const char *examples[2];
    int64_t sum = 0;
    mapping_add(m, "two", &plain);
    mapping_add(m, "two", &bundle);
    mapping_add(m, "tracked since", &untracked);
    assert_int_equal(mapping_untracked_examples(m, examples, 2), 1);
    assert_string_equal(examples[0], "tracked since");
    assert_int_equal(mapping_find(m, "tracked since", &found), MAPPING_FOUND);
    assert_true(found.locked);
    mapping_add(m, "tracked since", &tracked);
    assert_int_equal(mapping_untracked_examples(m, examples, 2), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (mapping_has(m, cases[i].text, &cases[i].item) != cases[i].has) {
            fail_msg("case %zu", i);
        }
    }
    mapping_each_of(m, "two", count_items, &sum);
    mapping_each_of(m, "three", count_items, &sum);
    assert_int_equal(sum, 1 + 2);
    mapping_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapping_compares_byte_by_byte),
        cmocka_unit_test(mapping_lets_variants_share_an_item_but_refuses_a_text_on_several_items),
        cmocka_unit_test(mapping_knows_bundles_and_untracked_items),
        cmocka_unit_test(mapping_ignores_variants_without_a_text),
        cmocka_unit_test(mapping_drops_a_text_with_all_its_items),
        cmocka_unit_test(mapping_has_tells_rows_that_differ),
        cmocka_unit_test(mapping_holds_a_large_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
