/* Poison levels in a store that refuses whole requests and names none: how many requests until
 * every good level is written and every poison level is alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/plan/coalescer.h"
#include "tests/unit/plan/random.h"

enum { FULL = 250, FRESH = 1000 };

struct store {
    struct offset_ledger *ledger;
    struct coalescer *c;
    int64_t offset;
    bool poison[FULL]; /* by item */
    size_t requests, written, parked, fresh_written;
    bool more; /* a fresh level arrives with each request */
    int64_t next_fresh;
};

static struct store store_new(void)
{
    struct store s = {.ledger = offset_ledger_new(), .next_fresh = FRESH};
    s.c = coalescer_new(s.ledger);
    offset_ledger_open(s.ledger, 0);
    return s;
}

static void store_free(struct store *s)
{
    assert_int_equal(offset_ledger_unfinished(s->ledger), 0);
    assert_int_equal(coalescer_total(s->c), 0);
    coalescer_free(s->c);
    offset_ledger_free(s->ledger);
}

static void offer(struct store *s, int64_t item, int64_t revision)
{
    struct desired desired = {.quantity = (int32_t)revision, .revision = revision};
    assert_int_equal(offset_ledger_add(s->ledger, 0, s->offset++, &desired.at), STATUS_OK);
    (void)coalescer_offer(s->c, (struct level_key){item, 7}, &desired);
    offset_ledger_finish(s->ledger, desired.at);
}

static void make_ready(struct store *s)
{
    struct level *level = NULL;
    while (coalescer_take(s->c, LEVEL_UNRESOLVED, &level, 1) == 1) {
        (void)coalescer_put_back(s->c, level, LEVEL_READY);
    }
}

static void answer(struct store *s, struct level **levels, size_t count)
{
    bool refused = false;
    for (size_t i = 0; i < count; i++) {
        refused = refused || (levels[i]->key.item < FULL && s->poison[levels[i]->key.item]);
    }
    if (refused && count > 1) {
        assert_int_equal(coalescer_bisect(s->c, levels, count, 2), 0);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t *sum = levels[i]->key.item >= FRESH ? &s->fresh_written : &s->written;
        if (refused) {
            sum = &s->parked;
        }
        (*sum)++;
        coalescer_finish(s->c, levels[i], refused ? NULL : &levels[i]->desired.quantity);
    }
}

/* Sends until nothing is left. Bisecting levels never share a request with others. */
static void work_off(struct store *s)
{
    struct level *levels[FULL];
    size_t count = 0;
    while ((count = coalescer_take(s->c, LEVEL_READY, levels, FULL)) > 0) {
        for (size_t i = 1; i < count; i++) {
            assert_int_equal(levels[i]->bisecting, levels[0]->bisecting);
        }
        bool only_fresh = levels[0]->key.item >= FRESH;
        s->requests += !only_fresh;
        answer(s, levels, count);
        if (s->more && s->requests < 1000 && !only_fresh) {
            offer(s, s->next_fresh++, 1);
            make_ready(s);
        }
    }
}

static size_t log2_up(size_t n)
{
    size_t bits = 0;
    while (((size_t)1 << bits) < n) {
        bits++;
    }
    return bits;
}

/* k random poison levels among n. */
static void bisect(size_t n, size_t k, bool more, uint64_t *seed)
{
    struct store s = store_new();
    s.more = more;
    for (size_t left = k; left > 0;) {
        uint32_t i = random_below(seed, (uint32_t)n);
        left -= !s.poison[i];
        s.poison[i] = true;
    }
    for (size_t i = 0; i < n; i++) {
        offer(&s, (int64_t)i, 1);
    }
    make_ready(&s);
    work_off(&s);
    assert_int_equal(s.parked, k);
    assert_int_equal(s.written, n - k);
    assert_int_equal(s.fresh_written, s.next_fresh - FRESH);
    size_t extra = s.requests - 1;
    if (extra > 2 * k * log2_up(n) || extra > 2 * n - 2) {
        fail_msg("%zu poison among %zu: %zu more requests", k, n, extra);
    }
    if (k == n) {
        assert_int_equal(extra, 2 * n - 2);
    }
    store_free(&s);
}

static void bisection_costs_no_more_than_its_bound(void **state)
{
    (void)state;
    uint64_t seed = 4711;
    for (size_t n = 1; n <= FULL; n += n < 20 ? 1 : 23) {
        for (size_t k = 0; k <= n; k += k < 8 ? 1 : 17) {
            bisect(n, k, false, &seed);
            bisect(n, k, true, &seed);
        }
        bisect(n, n, true, &seed);
    }
    bisect(FULL, 1, true, &seed);
    bisect(FULL, 5, true, &seed);
    bisect(FULL, FULL, true, &seed);
}

static void bisecting_levels_are_taken_before_others_in_their_order(void **state)
{
    (void)state;
    struct store s = store_new();
    struct level *levels[FULL];
    for (int64_t i = 0; i < 8; i++) {
        offer(&s, i, 1);
    }
    make_ready(&s);
    assert_int_equal(coalescer_take(s.c, LEVEL_READY, levels, 5), 5);
    assert_int_equal(coalescer_bisect(s.c, levels, 5, 2), 0);
    assert_int_equal(coalescer_count(s.c, LEVEL_READY), 8);
    assert_int_equal(coalescer_take(s.c, LEVEL_READY, levels, FULL), 2); /* 3 and 4 */
    assert_int_equal(levels[0]->key.item, 3);
    assert_int_equal(coalescer_bisect(s.c, levels, 2, 1), 0); /* stay together */
    assert_int_equal(coalescer_take(s.c, LEVEL_READY, levels, 1), 1);
    assert_int_equal(levels[0]->key.item, 3);
    assert_true(levels[0]->bisecting);
    assert_false(coalescer_put_back(s.c, levels[0], LEVEL_READY));
    assert_false(levels[0]->bisecting);
    assert_int_equal(coalescer_take(s.c, LEVEL_READY, levels, FULL), 1); /* 4 alone */
    coalescer_finish(s.c, levels[0], NULL);
    assert_int_equal(coalescer_take(s.c, LEVEL_READY, levels, FULL), 3);
    assert_int_equal(levels[2]->key.item, 2);
    answer(&s, levels, 3);
    assert_int_equal(coalescer_take(s.c, LEVEL_READY, levels, FULL), 4);
    assert_int_equal(levels[0]->key.item, 3); /* no longer bisecting: at its place by arrival */
    assert_int_equal(levels[3]->key.item, 7);
    answer(&s, levels, 4);
    store_free(&s);
}

static void bisecting_level_takes_a_newer_value(void **state)
{
    (void)state;
    struct store s = store_new();
    struct level *levels[2];
    offer(&s, 1, 10);
    offer(&s, 2, 10);
    make_ready(&s);
    assert_int_equal(coalescer_take(s.c, LEVEL_READY, levels, 2), 2);
    offer(&s, 1, 20); /* while BUSY */
    assert_int_equal(coalescer_bisect(s.c, levels, 2, 2), 1);
    offer(&s, 2, 30); /* while it waits in its group */
    assert_int_equal(offset_ledger_unfinished(s.ledger), 2);
    assert_int_equal(coalescer_take(s.c, LEVEL_READY, levels, 2), 1);
    assert_int_equal(levels[0]->desired.quantity, 30);
    answer(&s, levels, 1);
    assert_int_equal(coalescer_take(s.c, LEVEL_READY, levels, 2), 1);
    assert_int_equal(levels[0]->desired.quantity, 20);
    answer(&s, levels, 1);
    store_free(&s);
}

static void bisecting_levels_of_a_revoked_partition_are_dropped(void **state)
{
    (void)state;
    struct store s = store_new();
    struct level *levels[3];
    struct desired other = {.quantity = 1, .revision = 1};
    offset_ledger_open(s.ledger, 1);
    assert_int_equal(offset_ledger_add(s.ledger, 1, 0, &other.at), STATUS_OK);
    (void)coalescer_offer(s.c, (struct level_key){9, 7}, &other);
    offset_ledger_finish(s.ledger, other.at);
    offer(&s, 1, 1);
    offer(&s, 2, 1);
    make_ready(&s);
    assert_int_equal(coalescer_take(s.c, LEVEL_READY, levels, 3), 3);
    assert_int_equal(coalescer_bisect(s.c, levels, 3, 2), 0);
    coalescer_drop_partition(s.c, 0);
    offset_ledger_close(s.ledger, 0);
    assert_int_equal(coalescer_count(s.c, LEVEL_READY), 1);
    assert_int_equal(coalescer_take(s.c, LEVEL_READY, levels, 3), 1);
    assert_int_equal(levels[0]->key.item, 9);
    answer(&s, levels, 1);
    store_free(&s);
}

/* Any order of offers, answers and revokes: counts and holds agree, and all comes to an end. */
static void step(struct store *s, uint64_t *seed, int64_t *revision)
{
    struct level *levels[8];
    uint32_t what = random_below(seed, 100);
    if (what < 40) {
        offer(s, random_below(seed, 30), ++*revision);
        make_ready(s);
        return;
    }
    if (what < 42) {
        coalescer_drop_partition(s->c, 0);
        offset_ledger_close(s->ledger, 0);
        offset_ledger_open(s->ledger, 0);
        assert_int_equal(coalescer_total(s->c), 0);
        return;
    }
    size_t count = coalescer_take(s->c, LEVEL_READY, levels, 1 + random_below(seed, 8));
    if (what < 55) { /* while they are on their way */
        offer(s, random_below(seed, 30), ++*revision);
    }
    if (count > 0 && what < 80) {
        (void)coalescer_bisect(s->c, levels, count, 1 + random_below(seed, 2));
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (random_below(seed, 2) == 0) {
            (void)coalescer_put_back(s->c, levels[i], LEVEL_READY);
        } else {
            coalescer_finish(s->c, levels[i], &levels[i]->desired.quantity);
        }
    }
    make_ready(s);
    assert_int_equal(coalescer_count(s->c, LEVEL_READY), coalescer_total(s->c));
}

static void bisection_keeps_counts_and_holds_over_random_steps(void **state)
{
    (void)state;
    uint64_t seed = 99;
    int64_t revision = 0;
    struct store s = store_new();
    for (int i = 0; i < 20000; i++) {
        step(&s, &seed, &revision);
    }
    work_off(&s);
    store_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bisection_costs_no_more_than_its_bound),
        cmocka_unit_test(bisecting_levels_are_taken_before_others_in_their_order),
        cmocka_unit_test(bisecting_level_takes_a_newer_value),
        cmocka_unit_test(bisecting_levels_of_a_revoked_partition_are_dropped),
        cmocka_unit_test(bisection_keeps_counts_and_holds_over_random_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
