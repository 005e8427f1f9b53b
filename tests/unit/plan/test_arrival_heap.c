#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/plan/arrival_heap.h"
#include "tests/unit/plan/random.h"

static void arrival_heap_gives_the_first_arrival_for_any_order_of_pushes(void **state)
{
    (void)state;
    enum { NUMBERS = 400, STEPS = 20000 };
    bool there[NUMBERS] = {false};
    uint32_t count = 0;
    uint64_t seed = 7;
    struct arrival_heap heap = {0};
    for (int step = 0; step < STEPS; step++) {
        uint32_t n = random_below(&seed, NUMBERS);
        if (!there[n] && random_below(&seed, 2) == 0) {
            arrival_heap_push(&heap, n * UINT64_C(1000), n);
            there[n] = true;
            count++;
        } else if (count > 0) {
            uint32_t first = 0;
            while (!there[first]) {
                first++;
            }
            assert_int_equal(arrival_heap_pop(&heap), first);
            there[first] = false;
            count--;
        }
        assert_int_equal(heap.count, count);
    }
    arrival_heap_release(&heap);
    assert_int_equal(heap.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrival_heap_gives_the_first_arrival_for_any_order_of_pushes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
