#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/plan/hash_index.h"
#include "tests/unit/plan/random.h"

static size_t find(const struct hash_index *s, uint32_t tag, uint32_t number)
{
    for (size_t i = hash_index_home(s, tag); hash_index_taken(s, i); i = hash_index_next(s, i)) {
        if (s->list[i].tag == tag && hash_index_number(s, i) == number) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Tags fall into few homes, some at the end of the array, so that runs are long and wrap around. */
static uint32_t clustered_tag(uint32_t number)
{
    return (number % 7 << 29) + (number % 5) + (number % 3 == 0 ? 0xFFFFFF00U : 0);
}

static void hash_index_agrees_with_a_plain_list_after_any_order_of_adds_and_removes(void **state)
{
    (void)state;
    enum { NUMBERS = 300, STEPS = 20000 };
    bool there[NUMBERS] = {false};
    size_t count = 0;
    uint64_t seed = 42;
    struct hash_index s;
    hash_index_init(&s);
    for (int step = 0; step < STEPS; step++) {
        uint32_t n = random_below(&seed, NUMBERS);
        uint32_t tag = clustered_tag(n);
        if (there[n]) {
            hash_index_remove(&s, find(&s, tag, n));
            count--;
        } else {
            hash_index_add(&s, tag, n);
            count++;
        }
        there[n] = !there[n];
        assert_int_equal(s.count, count);
        assert_true(s.size >= 2 * count);
        for (uint32_t i = 0; step % 50 == 0 && i < NUMBERS; i++) {
            assert_int_equal(find(&s, clustered_tag(i), i) != SIZE_MAX, there[i]);
        }
    }
    hash_index_release(&s);
}

static void hash_index_text_tag_differs_for_texts_that_differ_in_one_byte(void **state)
{
    (void)state;
    static const char *const texts[] = {"",   "A",  "a",        "A ",       " A",
                                        "AB", "BA", "\xC3\xA4", "a\xCC\x88"};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            assert_int_equal(hash_index_text_tag(texts[i]) == hash_index_text_tag(texts[j]),
                             i == j);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_index_agrees_with_a_plain_list_after_any_order_of_adds_and_removes),
        cmocka_unit_test(hash_index_text_tag_differs_for_texts_that_differ_in_one_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
