#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/plan/sku_claims.h"
#include "tests/unit/plan/random.h"

static void sku_claims_note_follows_the_table(void **state)
{
    (void)state;
    /* one product, in order */
    static const struct {
        const char *name;
        const char *text;
        int64_t revision;
        const char *known;
        size_t claims_a, claims_b;
        bool sellable, changed;
    } steps[] = {
        {"first note", "A", 10, "A", 1, 0, true, true},
        {"same again", "A", 10, "A", 1, 0, true, false},
        {"newer, same", "A", 20, "A", 1, 0, true, false},
        {"older than the newest note, though newer than the last change", "B", 15, "A", 1, 0, true,
         false},
        {"other text", "B", 30, "B", 0, 1, true, true},
        {"archived", "B", 40, "B", 0, 0, false, true},
        {"older", "B", 39, "B", 0, 0, true, false},
        {"back", "B", 41, "B", 0, 1, true, true},
        {"SKU removed", NULL, 50, NULL, 0, 0, true, true},
        {"SKU given back", "A", 60, "A", 1, 0, true, true},
        {"gone", NULL, 70, NULL, 0, 0, false, true},
    };
    struct sku_claims *claims = sku_claims_new();
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        bool changed =
            sku_claims_note(claims, 5, steps[i].text, steps[i].sellable, steps[i].revision);
        const char *known = sku_claims_text(claims, 5);
        bool same_text = known == NULL || steps[i].known == NULL
                             ? known == steps[i].known
                             : strcmp(known, steps[i].known) == 0;
        if (changed != steps[i].changed || !same_text ||
            sku_claims_count_of(claims, "A") != steps[i].claims_a ||
            sku_claims_count_of(claims, "B") != steps[i].claims_b) {
            fail_msg("%s: changed %d, known %s", steps[i].name, changed, known);
        }
    }
    assert_int_equal(sku_claims_count(claims), 1);
    sku_claims_free(claims);
}

static void sku_claims_first_note_of_a_product_without_text_is_a_change(void **state)
{
    (void)state;
    struct sku_claims *claims = sku_claims_new();
    assert_true(sku_claims_note(claims, 5, NULL, false, 0));
    assert_false(sku_claims_note(claims, 5, NULL, false, 1));
    assert_null(sku_claims_text(claims, 5));
    assert_null(sku_claims_text(claims, 6));
    assert_int_equal(sku_claims_count_of(claims, "A"), 0);
    sku_claims_free(claims);
}

static void sku_claims_claimants_are_ascending_and_bounded(void **state)
{
    (void)state;
    static const int32_t order[] = {30, 10, 20, 50, 40};
    int32_t ids[8] = {0};
    struct sku_claims *claims = sku_claims_new();
    for (size_t i = 0; i < 5; i++) {
        (void)sku_claims_note(claims, order[i], "A", order[i] != 50, 1);
    }
    assert_int_equal(sku_claims_count_of(claims, "A"), 4);
    assert_int_equal(sku_claims_claimants(claims, "A", ids, 8), 4);
    for (int32_t i = 0; i < 4; i++) {
        assert_int_equal(ids[i], (i + 1) * 10);
    }
    assert_int_equal(sku_claims_claimants(claims, "A", ids, 2), 2);
    assert_int_equal(sku_claims_claimants(claims, "B", ids, 8), 0);
    (void)sku_claims_note(claims, 20, "B", true, 2);
    assert_int_equal(sku_claims_claimants(claims, "A", ids, 8), 3);
    assert_int_equal(ids[1], 30);
    sku_claims_free(claims);
}

/* A text that two claim is nobody's; when it is one's again, that is counted. */
static void sku_claims_shared_text_is_owned_by_nobody_until_it_is_unique(void **state)
{
    (void)state;
    struct sku_claims *claims = sku_claims_new();
    (void)sku_claims_note(claims, 1, "A", true, 10);
    assert_string_equal(sku_claims_owned_text(claims, 1), "A");
    assert_false(sku_claims_shares(claims, 1));
    (void)sku_claims_note(claims, 2, "A", false, 20);
    assert_string_equal(sku_claims_owned_text(claims, 1), "A"); /* not sellable: no claim */
    assert_null(sku_claims_owned_text(claims, 2));
    (void)sku_claims_note(claims, 2, "A", true, 30);
    (void)sku_claims_note(claims, 3, "A", true, 40);
    for (int32_t p = 1; p <= 3; p++) {
        assert_null(sku_claims_owned_text(claims, p));
        assert_true(sku_claims_shares(claims, p));
    }
    assert_int_equal(sku_claims_settled(claims), 0);
    (void)sku_claims_note(claims, 3, NULL, true, 50);
    assert_int_equal(sku_claims_settled(claims), 0); /* two are left */
    (void)sku_claims_note(claims, 1, "B", true, 60);
    assert_int_equal(sku_claims_settled(claims), 1);
    assert_string_equal(sku_claims_owned_text(claims, 1), "B");
    assert_string_equal(sku_claims_owned_text(claims, 2), "A");
    assert_false(sku_claims_shares(claims, 2));
    assert_int_equal(sku_claims_revision(claims, 1), 60);
    assert_int_equal(sku_claims_revision(claims, 9), 0);
    assert_null(sku_claims_owned_text(claims, 9));
    assert_false(sku_claims_shares(claims, 9));
    sku_claims_free(claims);
}

/* One product leaves a shared text for another that becomes shared by it. */
static void sku_claims_settled_counts_also_when_another_text_becomes_shared(void **state)
{
    (void)state;
    struct sku_claims *claims = sku_claims_new();
    (void)sku_claims_note(claims, 1, "A", true, 1);
    (void)sku_claims_note(claims, 2, "A", true, 1);
    (void)sku_claims_note(claims, 3, "B", true, 1);
    (void)sku_claims_note(claims, 2, "B", true, 2);
    assert_int_equal(sku_claims_settled(claims), 1);
    assert_string_equal(sku_claims_owned_text(claims, 1), "A");
    assert_true(sku_claims_shares(claims, 2));
    assert_true(sku_claims_shares(claims, 3));
    sku_claims_free(claims);
}

enum { PRODUCTS = 40, TEXTS = 6 };

struct known {
    bool noted, sellable;
    int text; /* −1: none */
    int64_t revision;
};

static void compare(const struct sku_claims *claims, const struct known *model)
{
    static const char *const texts[TEXTS] = {"a", "b", "c", "d", "e", "f"};
    for (int t = 0; t < TEXTS; t++) {
        int32_t ids[PRODUCTS];
        size_t count = sku_claims_claimants(claims, texts[t], ids, PRODUCTS);
        size_t expected = 0;
        for (int32_t p = 0; p < PRODUCTS; p++) {
            if (model[p].noted && model[p].sellable && model[p].text == t) {
                assert_true(expected < count);
                assert_int_equal(ids[expected], p);
                expected++;
            }
        }
        assert_int_equal(count, expected);
        assert_int_equal(sku_claims_count_of(claims, texts[t]), expected);
    }
}

static void sku_claims_agrees_with_a_plain_table_over_random_notes(void **state)
{
    (void)state;
    static const char *const texts[TEXTS] = {"a", "b", "c", "d", "e", "f"};
    struct known model[PRODUCTS] = {{0}};
    uint64_t seed = 99;
    struct sku_claims *claims = sku_claims_new();
    for (int64_t step = 1; step <= 5000; step++) {
        int32_t p = (int32_t)random_below(&seed, PRODUCTS);
        int text = (int)random_below(&seed, TEXTS + 1) - 1;
        bool sellable = random_below(&seed, 3) > 0;
        int64_t revision = step + (int64_t)random_below(&seed, 40) - 20;
        bool newer = !model[p].noted || revision >= model[p].revision;
        bool differs = !model[p].noted || model[p].text != text || model[p].sellable != sellable;
        bool changed =
            sku_claims_note(claims, p, text < 0 ? NULL : texts[text], sellable, revision);
        assert_int_equal(changed, newer && differs);
        if (newer) {
            model[p] = (struct known){
                .noted = true, .sellable = sellable, .text = text, .revision = revision};
        }
        if (step % 20 == 0) {
            compare(claims, model);
        }
    }
    compare(claims, model);
    sku_claims_free(claims);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sku_claims_note_follows_the_table),
        cmocka_unit_test(sku_claims_first_note_of_a_product_without_text_is_a_change),
        cmocka_unit_test(sku_claims_claimants_are_ascending_and_bounded),
        cmocka_unit_test(sku_claims_shared_text_is_owned_by_nobody_until_it_is_unique),
        cmocka_unit_test(sku_claims_settled_counts_also_when_another_text_becomes_shared),
        cmocka_unit_test(sku_claims_agrees_with_a_plain_table_over_random_notes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
