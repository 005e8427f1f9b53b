#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/model/revision.h"

#define NOW  INT64_C(1700000000000000)
#define SPAN REVISION_SPAN_US

static void revision_needs_a_ceiling_before_the_first(void **state)
{
    (void)state;
    struct revision_source r;
    int64_t revision = 0;
    revision_source_init(&r, 0);
    assert_true(revision_source_wants_ceiling(&r, NOW));
    assert_false(revision_source_next(&r, NOW, &revision));
    revision_source_raise(&r, revision_source_next_ceiling(&r, NOW));
    assert_false(revision_source_wants_ceiling(&r, NOW));
    assert_true(revision_source_next(&r, NOW, &revision));
    assert_int_equal(revision, NOW);
}

static void revision_rises_when_the_clock_stands_or_goes_back(void **state)
{
    (void)state;
    static const int64_t clock_us[] = {NOW, NOW, NOW - 5000000, NOW + 1, NOW + 2, NOW + 100};
    static const int64_t expected[] = {NOW, NOW + 1, NOW + 2, NOW + 3, NOW + 4, NOW + 100};
    struct revision_source r;
    revision_source_init(&r, 0);
    revision_source_raise(&r, NOW + SPAN);
    for (size_t i = 0; i < sizeof clock_us / sizeof *clock_us; i++) {
        int64_t revision = 0;
        assert_true(revision_source_next(&r, clock_us[i], &revision));
        assert_int_equal(revision, expected[i]);
    }
}

static void revision_after_a_restart_passes_the_stored_ceiling(void **state)
{
    (void)state;
    struct revision_source r;
    int64_t revision = 0;
    const int64_t stored = NOW + SPAN;
    revision_source_init(&r, stored);
    /* The clock was set back by an hour; the predecessor issued at most the ceiling. */
    const int64_t now_us = NOW - INT64_C(3600000000);
    assert_true(revision_source_wants_ceiling(&r, now_us));
    assert_false(revision_source_next(&r, now_us, &revision));
    const int64_t next = revision_source_next_ceiling(&r, now_us);
    assert_int_equal(next, stored + REVISION_RESERVE);
    revision_source_raise(&r, next);
    assert_true(revision_source_next(&r, now_us, &revision));
    assert_int_equal(revision, stored + 1);
}

static void revision_never_passes_the_ceiling(void **state)
{
    (void)state;
    struct revision_source r;
    int64_t revision = 0;
    revision_source_init(&r, 0);
    revision_source_raise(&r, NOW + 1);
    assert_true(revision_source_next(&r, NOW, &revision));
    assert_true(revision_source_next(&r, NOW, &revision));
    assert_int_equal(revision, NOW + 1);
    assert_false(revision_source_next(&r, NOW, &revision));
    assert_int_equal(revision, NOW + 1);
    revision_source_raise(&r, NOW); /* an older answer of the database changes nothing */
    assert_false(revision_source_next(&r, NOW, &revision));
}

static void revision_wants_a_ceiling_when_none_is_left(void **state)
{
    (void)state;
    struct revision_source r;
    int64_t revision = 0;
    revision_source_init(&r, 0);
    revision_source_raise(&r, NOW + SPAN);
    assert_false(revision_source_wants_ceiling(&r, NOW + SPAN));
    assert_true(revision_source_wants_ceiling(&r, NOW + SPAN + 1));
    assert_true(revision_source_next(&r, NOW + SPAN, &revision));
    assert_true(
        revision_source_wants_ceiling(&r, NOW)); /* the clock stands: the last one is used */
}

/* Issues one revision, as a leader does. */
static int64_t issue(struct revision_source *r, int64_t *stored, int64_t now_us)
{
    int64_t revision = 0;
    if (revision_source_wants_ceiling(r, now_us)) {
        *stored = revision_source_next_ceiling(r, now_us);
        revision_source_raise(r, *stored);
    }
    assert_true(revision_source_next(r, now_us, &revision));
    return revision;
}

static void revision_stays_close_to_the_clock_over_many_takeovers(void **state)
{
    (void)state;
    int64_t stored = 0;
    int64_t last = 0;
    int64_t now_us = NOW;
    for (int life = 0; life < 300; life++) {
        struct revision_source r;
        revision_source_init(&r, stored);
        for (int i = 0; i < 3; i++) {
            int64_t revision = issue(&r, &stored, now_us);
            assert_true(revision > last);
            assert_true(revision - now_us <= SPAN + SPAN / 2);
            last = revision;
            now_us += 100; /* a crash loop that is faster than any */
        }
    }
    struct revision_source r;
    revision_source_init(&r, stored);
    now_us += 2 * SPAN;
    assert_int_equal(issue(&r, &stored, now_us), now_us); /* the clock has caught up */
}

static void revision_far_ahead_is_reserved_by_number(void **state)
{
    (void)state;
    struct revision_source r;
    int64_t stored = 0;
    revision_source_init(&r, 0);
    revision_source_pass(&r, NOW + 3600 * SPAN);
    revision_source_pass(&r, NOW); /* an older one changes nothing */
    for (int i = 1; i <= 3 * REVISION_RESERVE; i++) {
        assert_int_equal(issue(&r, &stored, NOW), NOW + 3600 * SPAN + i);
    }
    assert_int_equal(stored, NOW + 3600 * SPAN + 3 * REVISION_RESERVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(revision_needs_a_ceiling_before_the_first),
        cmocka_unit_test(revision_rises_when_the_clock_stands_or_goes_back),
        cmocka_unit_test(revision_after_a_restart_passes_the_stored_ceiling),
        cmocka_unit_test(revision_never_passes_the_ceiling),
        cmocka_unit_test(revision_wants_a_ceiling_when_none_is_left),
        cmocka_unit_test(revision_stays_close_to_the_clock_over_many_takeovers),
        cmocka_unit_test(revision_far_ahead_is_reserved_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
