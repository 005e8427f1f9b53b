#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/publish/settlement.h"

#define SECOND INT64_C(1000000)

static void settlement_of_nothing_is_never_due(void **state)
{
    (void)state;
    struct settlement s;
    settlement_init(&s, 10, SECOND);
    assert_false(settlement_is_due(&s, 100 * SECOND, true));
    assert_false(settlement_covers(&s, 1));
    assert_true(settlement_deadline_us(&s) == INT64_MAX);
    settlement_clear(&s);
    settlement_release(&s);
}

static const struct {
    const char *name;
    size_t marks;
    int64_t age_us;
    bool idle, due;
} DUE[] = {
    {"young, busy, few", 3, SECOND - 1, false, false},
    {"a second old", 3, SECOND, false, true},
    {"idle", 1, 0, true, true},
    {"one below the limit", 9, 0, false, false},
    {"at the limit", 10, 0, false, true},
    {"the clock stands", 3, 0, false, false},
};

static void settlement_is_due_when_idle_old_or_full(void **state)
{
    (void)state;
    static const int64_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    for (size_t i = 0; i < sizeof DUE / sizeof *DUE; i++) {
        struct settlement s;
        settlement_init(&s, 10, SECOND);
        settlement_add(&s, ids, DUE[i].marks, 5 * SECOND);
        if (settlement_is_due(&s, 5 * SECOND + DUE[i].age_us, DUE[i].idle) != DUE[i].due) {
            fail_msg("%s", DUE[i].name);
        }
        settlement_release(&s);
    }
}

static void settlement_ages_from_its_first_mark(void **state)
{
    (void)state;
    struct settlement s;
    settlement_init(&s, 10, SECOND);
    settlement_add(&s, (const int64_t[]){7}, 1, 100);
    settlement_add(&s, (const int64_t[]){8}, 1, SECOND);
    assert_true(settlement_deadline_us(&s) == SECOND + 100);
    settlement_clear(&s);
    settlement_add(&s, (const int64_t[]){9}, 1, 2 * SECOND);
    assert_true(settlement_deadline_us(&s) == 3 * SECOND);
    settlement_release(&s);
}

static void settlement_covers_exactly_what_was_added(void **state)
{
    (void)state;
    enum { COUNT = 60000 };
    struct settlement s;
    settlement_init(&s, SETTLEMENT_MAX_MARKS, SETTLEMENT_EVERY_US);
    for (int64_t i = 1; i <= COUNT; i++) {
        const int64_t id = i * 3; /* gaps, as sequences have */
        settlement_add(&s, &id, 1, 0);
    }
    for (int64_t id = 0; id <= COUNT * 3 + 3; id++) {
        const bool expected = id > 0 && id % 3 == 0 && id <= (int64_t)COUNT * 3;
        if (settlement_covers(&s, id) != expected) {
            fail_msg("id %lld", (long long)id);
        }
    }
    assert_false(settlement_covers(&s, -3));
    size_t count = 0;
    const int64_t *ids = settlement_ids(&s, &count);
    assert_int_equal(count, COUNT);
    assert_int_equal(ids[0], 3);
    assert_int_equal(ids[COUNT - 1], COUNT * 3);
    settlement_release(&s);
}

static void settlement_takes_an_id_once(void **state)
{
    (void)state;
    static const int64_t ids[] = {5, 6, 5, 7, 6};
    struct settlement s;
    size_t count = 0;
    settlement_init(&s, 10, SECOND);
    settlement_add(&s, ids, 5, 0);
    (void)settlement_ids(&s, &count);
    assert_int_equal(count, 3);
    settlement_release(&s);
}

static void settlement_clear_forgets_after_small_and_large(void **state)
{
    (void)state;
    struct settlement s;
    settlement_init(&s, SETTLEMENT_MAX_MARKS, SETTLEMENT_EVERY_US);
    for (int64_t id = 1; id <= 20000; id++) {
        settlement_add(&s, &id, 1, 0);
    }
    settlement_clear(&s);
    assert_false(settlement_covers(&s, 1));
    for (int round = 0; round < 3; round++) {
        const int64_t id = 100 + round;
        settlement_add(&s, &id, 1, 0);
        assert_true(settlement_covers(&s, id));
        assert_false(settlement_covers(&s, id - 1));
        settlement_clear(&s);
        assert_false(settlement_covers(&s, id));
    }
    settlement_release(&s);
    settlement_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settlement_of_nothing_is_never_due),
        cmocka_unit_test(settlement_is_due_when_idle_old_or_full),
        cmocka_unit_test(settlement_ages_from_its_first_mark),
        cmocka_unit_test(settlement_covers_exactly_what_was_added),
        cmocka_unit_test(settlement_takes_an_id_once),
        cmocka_unit_test(settlement_clear_forgets_after_small_and_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
