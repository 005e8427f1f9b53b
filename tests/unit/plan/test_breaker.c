#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/plan/breaker.h"

#define SECOND INT64_C(1000000)

static int request, another;

/* '.': an answer, 'x': an unknown outcome. @return the place at which it opened, -1: it did not */
static int play(struct breaker *b, const char *outcomes)
{
    breaker_init(b, 1);
    for (int i = 0; outcomes[i] != '\0'; i++) {
        if (outcomes[i] == '.') {
            (void)breaker_answered(b, &request, true);
        } else if (breaker_failed(b, &request, true, 0, 0)) {
            return i;
        }
    }
    return -1;
}

static void breaker_opens_at_five_in_a_row_or_half_of_the_last_twenty(void **state)
{
    (void)state;
    static const struct {
        const char *outcomes;
        int opens_at;
    } cases[] = {
        {"", -1},
        {"xxxx", -1},
        {"xxxxx", 4},
        {"xxxx.xxxx.", -1},
        {"....................xxxxx", 24},
        {"x.x.x.x.x.x.x.x.x.x", 18}, /* the tenth */
        {"xx..xx..xx..xx..xx", 17},
        {"x..x..x..x..x..x..x..x..x..x..x..x..x..x..", -1}, /* a third */
        {"xxxx....xxxx....................xxxx", -1},       /* long ago */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct breaker b;
        int at = play(&b, cases[i].outcomes);
        if (at != cases[i].opens_at || b.state != (at < 0 ? BREAKER_CLOSED : BREAKER_OPEN)) {
            fail_msg("%s: %d", cases[i].outcomes, at);
        }
    }
}

static struct breaker opened(int64_t now_us)
{
    struct breaker b;
    breaker_init(&b, 1);
    for (int i = 0; i < 5; i++) {
        (void)breaker_failed(&b, &request, true, 0, now_us);
    }
    return b;
}

static void breaker_lets_one_probe_go_when_its_wait_is_over(void **state)
{
    (void)state;
    struct breaker b = opened(SECOND);
    int64_t due = breaker_next_us(&b);
    assert_in_range(due, SECOND + SECOND / 2, 2 * SECOND);
    assert_false(breaker_wants_probe(&b, due - 1));
    assert_true(breaker_wants_probe(&b, due));
    breaker_probe(&b, &request);
    assert_int_equal(b.state, BREAKER_HALF_OPEN);
    assert_false(breaker_wants_probe(&b, due + 3600 * SECOND));
    assert_true(breaker_next_us(&b) == INT64_MAX);
}

static void breaker_closes_at_any_answer(void **state)
{
    (void)state;
    struct breaker b = opened(0);
    assert_true(breaker_answered(&b, &request, true)); /* of one that was on its way */
    assert_int_equal(b.state, BREAKER_CLOSED);
    assert_false(breaker_answered(&b, &request, true));
    b = opened(0);
    breaker_probe(&b, &request);
    assert_true(breaker_answered(&b, &request, true));
    for (int i = 0; i < 4; i++) {
        assert_false(breaker_failed(&b, &request, true, 0, 0)); /* it counts from 0 again */
    }
    assert_true(breaker_failed(&b, &request, true, 0, 0));
}

static void breaker_waits_longer_after_each_failed_probe(void **state)
{
    (void)state;
    struct breaker b = opened(0);
    int64_t longest = 0;
    int64_t now = 0;
    for (int i = 0; i < 100; i++) {
        int64_t due = breaker_next_us(&b);
        int64_t wait = due - now;
        assert_in_range(wait, SECOND / 2, 60 * SECOND);
        longest = wait > longest ? wait : longest;
        now = due;
        breaker_probe(&b, &request);
        assert_false(
            breaker_failed(&b, &request, true, 0, now)); /* it was open before: not said again */
        assert_int_equal(b.state, BREAKER_OPEN);
    }
    assert_true(longest > 30 * SECOND);
}

static void breaker_waits_as_long_as_the_store_asks(void **state)
{
    (void)state;
    struct breaker b = opened(0);
    breaker_probe(&b, &request);
    (void)breaker_failed(&b, &request, true, 120000, SECOND);
    assert_int_equal(breaker_next_us(&b), 121 * SECOND);
    breaker_probe_now(&b);
    assert_true(breaker_wants_probe(&b, 2 * SECOND));
}

static void breaker_judges_by_the_probe_alone(void **state)
{
    (void)state;
    struct breaker b = opened(0);
    int64_t due = breaker_next_us(&b);
    assert_false(breaker_failed(&b, &another, true, 9000, 0)); /* late, from before */
    assert_int_equal(breaker_next_us(&b), due);
    breaker_probe(&b, &request);
    assert_false(breaker_failed(&b, &another, true, 0, due));
    assert_int_equal(b.state, BREAKER_HALF_OPEN);
    (void)breaker_failed(&b, &request, true, 0, due);
    assert_int_equal(b.state, BREAKER_OPEN);
}

static void reads_do_not_hide_that_writes_fail(void **state)
{
    (void)state;
    struct breaker b;
    static const int read;
    breaker_init(&b, 1);
    assert_false(breaker_answered(&b, &read, false));
    for (int i = 0; i < 4; i++) {
        assert_false(breaker_failed(&b, &request, true, 0, 0));
        assert_false(breaker_answered(&b, &read, false));
    }
    assert_true(breaker_failed(&b, &request, true, 0, 0));
    assert_false(breaker_answered(&b, &read, false));
    assert_int_equal(b.state, BREAKER_OPEN);
    breaker_probe(&b, &read); /* of a store that is held: nothing else may go */
    assert_true(breaker_answered(&b, &read, false));
    for (int i = 0; i < 4; i++) {
        assert_false(breaker_failed(&b, &read, false, 0, 0));
        assert_false(breaker_answered(&b, &read, false)); /* reads count for reads */
    }
    assert_int_equal(b.state, BREAKER_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breaker_opens_at_five_in_a_row_or_half_of_the_last_twenty),
        cmocka_unit_test(reads_do_not_hide_that_writes_fail),
        cmocka_unit_test(breaker_lets_one_probe_go_when_its_wait_is_over),
        cmocka_unit_test(breaker_closes_at_any_answer),
        cmocka_unit_test(breaker_waits_longer_after_each_failed_probe),
        cmocka_unit_test(breaker_waits_as_long_as_the_store_asks),
        cmocka_unit_test(breaker_judges_by_the_probe_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
