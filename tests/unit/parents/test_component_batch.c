#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/parents/component_batch.h"

static void component_batch_merges_a_product_to_its_earliest_time(void **state)
{
    (void)state;
    struct component_batch *b = component_batch_new();
    component_batch_add(b, 7, 300);
    component_batch_add(b, 9, 100);
    component_batch_add(b, 7, 200);
    component_batch_add(b, 7, 400);
    assert_int_equal(component_batch_count(b), 2);
    assert_int_equal(component_batch_products(b)[0], 7);
    assert_int_equal(component_batch_times_us(b)[0], 200);
    assert_int_equal(component_batch_products(b)[1], 9);
    assert_int_equal(component_batch_times_us(b)[1], 100);
    component_batch_free(b);
    component_batch_free(NULL);
}

/* Whatever the ids, and again after a reset: each once, in order of arrival. */
static void component_batch_holds_its_maximum(void **state)
{
    (void)state;
    static const int32_t steps[] = {1, 2, 1 << 14, 1 << 18, 400009};
    struct component_batch *b = component_batch_new();
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        component_batch_reset(b);
        assert_int_equal(component_batch_count(b), 0);
        for (int32_t round = 0; round < 2; round++) {
            for (int32_t i = 0; i < COMPONENT_BATCH_MAX; i++) {
                component_batch_add(b, (int32_t)(((int64_t)i * steps[s]) % INT32_MAX),
                                    1000 - round);
            }
        }
        assert_int_equal(component_batch_count(b), COMPONENT_BATCH_MAX);
        for (int32_t i = 0; i < COMPONENT_BATCH_MAX; i++) {
            assert_int_equal(component_batch_products(b)[i], ((int64_t)i * steps[s]) % INT32_MAX);
            assert_int_equal(component_batch_times_us(b)[i], 999);
        }
    }
    component_batch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(component_batch_merges_a_product_to_its_earliest_time),
        cmocka_unit_test(component_batch_holds_its_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
