#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/plan/offset_ledger.h"
#include "tests/unit/plan/random.h"

static struct record_position add(struct offset_ledger *ol, int32_t partition, int64_t offset)
{
    struct record_position at = {0};
    assert_int_equal(offset_ledger_add(ol, partition, offset, &at), STATUS_OK);
    assert_int_equal(at.partition, partition);
    assert_int_equal(at.offset, offset);
    return at;
}

/* The committable offset of the only partition that moved, −1 when none did. */
static int64_t committable(const struct offset_ledger *ol)
{
    int32_t partition = -1;
    int64_t next = -1;
    return offset_ledger_committable(ol, &partition, &next, 1) == 1 ? next : -1;
}

static void offset_ledger_committable_stops_at_first_unfinished(void **state)
{
    (void)state;
    struct offset_ledger *ol = offset_ledger_new();
    struct record_position at[5];
    offset_ledger_open(ol, 3);
    for (int64_t i = 0; i < 5; i++) {
        at[i] = add(ol, 3, 100 + i * 10); /* offsets have gaps */
    }
    assert_int_equal(committable(ol), -1);
    offset_ledger_finish(ol, at[1]);
    offset_ledger_finish(ol, at[3]);
    assert_int_equal(committable(ol), -1);
    offset_ledger_finish(ol, at[0]);
    assert_int_equal(committable(ol), 120);
    offset_ledger_finish(ol, at[4]);
    assert_int_equal(committable(ol), 120);
    assert_int_equal(offset_ledger_unfinished(ol), 1);
    offset_ledger_finish(ol, at[2]);
    assert_int_equal(committable(ol), 141);
    assert_int_equal(offset_ledger_unfinished_of(ol, 3), 0);
    offset_ledger_free(ol);
}

static void offset_ledger_record_is_finished_with_its_last_hold(void **state)
{
    (void)state;
    struct offset_ledger *ol = offset_ledger_new();
    offset_ledger_open(ol, 0);
    struct record_position at = add(ol, 0, 7);
    offset_ledger_hold(ol, at);
    offset_ledger_hold(ol, at);
    offset_ledger_finish(ol, at);
    offset_ledger_finish(ol, at);
    assert_int_equal(committable(ol), -1);
    offset_ledger_finish(ol, at);
    assert_int_equal(committable(ol), 8);
    offset_ledger_free(ol);
}

static void offset_ledger_lists_only_what_moved_since_the_last_commit(void **state)
{
    (void)state;
    struct offset_ledger *ol = offset_ledger_new();
    int32_t partitions[4];
    int64_t next[4];
    for (int32_t p = 0; p < 3; p++) {
        offset_ledger_open(ol, p);
        offset_ledger_finish(ol, add(ol, p, INT64_C(10) * p));
    }
    assert_int_equal(offset_ledger_committable(ol, partitions, next, 4), 3);
    assert_int_equal(offset_ledger_committable(ol, partitions, next, 2), 2);
    offset_ledger_committed(ol, partitions, next, 2);
    assert_int_equal(offset_ledger_committable(ol, partitions, next, 4), 1);
    assert_int_equal(partitions[0], 2);
    assert_int_equal(next[0], 21);
    offset_ledger_committed(ol, partitions, next, 1);
    assert_int_equal(committable(ol), -1);
    next[0] = 5; /* never back */
    offset_ledger_committed(ol, partitions, next, 1);
    assert_int_equal(committable(ol), -1);
    offset_ledger_finish(ol, add(ol, 1, 11));
    assert_int_equal(committable(ol), 12);
    offset_ledger_free(ol);
}

static void offset_ledger_refuses_unassigned_partitions_and_redelivery(void **state)
{
    (void)state;
    struct offset_ledger *ol = offset_ledger_new();
    struct record_position at;
    assert_int_equal(offset_ledger_add(ol, 2, 0, &at), STATUS_NOT_FOUND);
    offset_ledger_open(ol, 2);
    assert_false(offset_ledger_is_open(ol, 1));
    assert_false(offset_ledger_is_open(ol, -1));
    assert_true(offset_ledger_is_open(ol, 2));
    assert_int_equal(offset_ledger_add(ol, 1, 0, &at), STATUS_NOT_FOUND);
    assert_int_equal(offset_ledger_add(ol, -1, 0, &at), STATUS_NOT_FOUND);
    (void)add(ol, 2, 5);
    assert_int_equal(offset_ledger_add(ol, 2, 5, &at), STATUS_DUPLICATE);
    assert_int_equal(offset_ledger_add(ol, 2, 4, &at), STATUS_DUPLICATE);
    (void)add(ol, 2, 6);
    assert_int_equal(offset_ledger_unfinished(ol), 2);
    offset_ledger_free(ol);
}

static void offset_ledger_ignores_holds_of_older_epochs_and_of_no_partition(void **state)
{
    (void)state;
    struct offset_ledger *ol = offset_ledger_new();
    struct record_position nowhere = {.partition = -1, .offset = 5};
    offset_ledger_hold(ol, nowhere);
    offset_ledger_finish(ol, nowhere);
    offset_ledger_open(ol, 0);
    struct record_position old = add(ol, 0, 5);
    offset_ledger_close(ol, 0);
    assert_int_equal(offset_ledger_unfinished(ol), 0);
    offset_ledger_finish(ol, old);
    assert_int_equal(committable(ol), -1);
    offset_ledger_open(ol, 0);
    struct record_position new = add(ol, 0, 5); /* read again: not committed before */
    assert_int_not_equal(old.epoch, new.epoch);
    offset_ledger_hold(ol, old);
    offset_ledger_finish(ol, old);
    offset_ledger_finish(ol, old);
    assert_int_equal(committable(ol), -1);
    assert_int_equal(offset_ledger_unfinished_of(ol, 0), 1);
    offset_ledger_finish(ol, new);
    assert_int_equal(committable(ol), 6);
    offset_ledger_open(ol, 0); /* assigned again without a revoke seen */
    offset_ledger_finish(ol, new);
    assert_int_equal(committable(ol), -1);
    offset_ledger_free(ol);
}

static void offset_ledger_holds_its_offset_while_millions_pass_a_stuck_head(void **state)
{
    (void)state;
    struct offset_ledger *ol = offset_ledger_new();
    offset_ledger_open(ol, 0);
    struct record_position head = add(ol, 0, 1);
    for (int64_t i = 2; i < 1000000; i++) {
        offset_ledger_finish(ol, add(ol, 0, i));
    }
    assert_int_equal(committable(ol), -1);
    assert_int_equal(offset_ledger_unfinished(ol), 1);
    offset_ledger_finish(ol, head);
    assert_int_equal(committable(ol), 1000000);
    offset_ledger_free(ol);
}

/* --- against a naive model --- */

enum { PARTITIONS = 3, OFFSETS = 8000, STEPS = 30000 };

struct model {
    bool open;
    uint32_t epoch;
    int64_t first, last; /* added in this epoch; −1: none */
    int64_t committed;   /* what Kafka would have, over all epochs */
    bool added[OFFSETS];
    unsigned holds[OFFSETS];
};

static int64_t model_next(const struct model *m)
{
    for (int64_t i = 0; m->last >= 0 && i <= m->last; i++) {
        if (m->added[i] && m->holds[i] > 0) {
            return i;
        }
    }
    return m->last < 0 ? -1 : m->last + 1;
}

static void compare(const struct offset_ledger *ol, const struct model *models)
{
    size_t all = 0;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        size_t unfinished = 0;
        for (int64_t i = 0; models[p].open && i < OFFSETS; i++) {
            unfinished += models[p].added[i] && models[p].holds[i] > 0;
        }
        assert_int_equal(offset_ledger_unfinished_of(ol, p), unfinished);
        assert_int_equal(offset_ledger_is_open(ol, p), models[p].open);
        all += unfinished;
    }
    assert_int_equal(offset_ledger_unfinished(ol), all);
}

static void check_commit(struct offset_ledger *ol, struct model *models)
{
    int32_t partitions[PARTITIONS];
    int64_t next[PARTITIONS];
    bool listed[PARTITIONS] = {false};
    size_t count = offset_ledger_committable(ol, partitions, next, PARTITIONS);
    for (size_t i = 0; i < count; i++) {
        struct model *m = &models[partitions[i]];
        assert_true(m->open);
        assert_int_equal(next[i], model_next(m));
        assert_true(next[i] > m->committed);
        m->committed = next[i];
        listed[partitions[i]] = true;
    }
    for (int32_t p = 0; p < PARTITIONS; p++) {
        const struct model *m = &models[p];
        if (m->open && m->last >= 0 && !listed[p]) {
            int64_t base = m->committed > m->first ? m->committed : m->first;
            assert_int_equal(model_next(m), base); /* nothing new was withheld */
        }
    }
    offset_ledger_committed(ol, partitions, next, count);
}

static void reopen(struct offset_ledger *ol, struct model *m, int32_t p)
{
    if (m->open) {
        offset_ledger_close(ol, p);
        m->open = false;
        return;
    }
    offset_ledger_open(ol, p);
    int64_t committed = m->committed;
    uint32_t epoch = m->epoch + 1;
    *m = (struct model){
        .open = true, .epoch = epoch, .first = -1, .last = -1, .committed = committed};
}

static void model_add(struct offset_ledger *ol, struct model *m, int32_t p, uint64_t *seed)
{
    /* as Kafka does: from the committed offset on, with gaps, now and then delivered twice */
    int64_t from = m->last >= 0 ? m->last + 1 : (m->committed > 0 ? m->committed : 0);
    int64_t offset = from + random_below(seed, 3);
    struct record_position at;
    if (random_below(seed, 20) == 0 && m->last >= 0) {
        offset = random_below(seed, (uint32_t)m->last + 1);
    }
    if (offset >= OFFSETS) {
        return;
    }
    enum status rc = offset_ledger_add(ol, p, offset, &at);
    if (!m->open) {
        assert_int_equal(rc, STATUS_NOT_FOUND);
    } else if (offset <= m->last) {
        assert_int_equal(rc, STATUS_DUPLICATE);
    } else {
        assert_int_equal(rc, STATUS_OK);
        assert_int_equal(at.epoch, m->epoch);
        m->first = m->first < 0 ? offset : m->first;
        m->last = offset;
        m->added[offset] = true;
        m->holds[offset] = 1;
    }
}

static void model_hold(struct offset_ledger *ol, struct model *m, int32_t p, uint64_t *seed)
{
    /* near the head or anywhere; a position of an older epoch changes nothing */
    int64_t at_most = m->last >= 0 ? m->last : 0;
    uint32_t span = random_below(seed, 2) == 0 ? 8 : OFFSETS;
    int64_t start = model_next(m) < 0 ? 0 : model_next(m);
    int64_t offset = start + random_below(seed, span);
    offset = offset > at_most ? at_most : offset;
    bool old = random_below(seed, 10) == 0;
    struct record_position at = {
        .partition = p, .epoch = old ? m->epoch - 1 : m->epoch, .offset = offset};
    if (!old && m->open && (!m->added[offset] || m->holds[offset] == 0)) {
        return; /* no hold to end: the caller's mistake, not a case */
    }
    if (random_below(seed, 3) == 0) {
        offset_ledger_hold(ol, at);
        m->holds[offset] += !old && m->open;
    } else {
        offset_ledger_finish(ol, at);
        m->holds[offset] -= !old && m->open;
    }
}

static void offset_ledger_agrees_with_a_plain_table_over_random_steps(void **state)
{
    (void)state;
    static struct model models[PARTITIONS];
    for (uint64_t run = 1; run <= 4; run++) {
        uint64_t seed = run * 1234567;
        struct offset_ledger *ol = offset_ledger_new();
        memset(models, 0, sizeof models);
        for (int step = 0; step < STEPS; step++) {
            int32_t p = (int32_t)random_below(&seed, PARTITIONS);
            uint32_t what = random_below(&seed, 1000);
            if (what < 4) {
                reopen(ol, &models[p], p);
            } else if (what < 300) {
                model_add(ol, &models[p], p, &seed);
            } else if (what < 980) {
                model_hold(ol, &models[p], p, &seed);
            } else {
                check_commit(ol, models);
            }
            if (step % 50 == 0) {
                compare(ol, models);
            }
        }
        check_commit(ol, models);
        offset_ledger_free(ol);
    }
}

static void offset_ledger_retries_are_counted_and_never_committed(void **state)
{
    (void)state;
    struct offset_ledger *ol = offset_ledger_new();
    struct record_position a = add(ol, OFFSET_LEDGER_RETRY, 1);
    struct record_position b = add(ol, OFFSET_LEDGER_RETRY, 2);
    int32_t partition = 0;
    offset_ledger_hold(ol, a);
    offset_ledger_finish(ol, a);
    offset_ledger_finish(ol, b);
    assert_false(offset_ledger_is_finished(ol, a));
    assert_true(offset_ledger_is_finished(ol, b));
    assert_int_equal(committable(ol), -1);
    assert_int_equal(offset_ledger_unfinished(ol), 0);
    assert_int_equal(offset_ledger_partitions(ol, &partition, 1), 0);
    offset_ledger_drop_retries(ol);
    assert_true(offset_ledger_is_finished(ol, a));
    struct record_position c = add(ol, OFFSET_LEDGER_RETRY, 1); /* numbers begin again */
    offset_ledger_finish(ol, a);                                /* late */
    assert_false(offset_ledger_is_finished(ol, c));
    offset_ledger_finish(ol, c);
    assert_true(offset_ledger_is_finished(ol, c));
    offset_ledger_free(ol);
}

static void offset_ledger_says_how_far_a_partition_was_read_and_finished(void **state)
{
    (void)state;
    struct offset_ledger *ol = offset_ledger_new();
    assert_int_equal(offset_ledger_last(ol, 0), -1);
    assert_int_equal(offset_ledger_next(ol, 0), -1);
    offset_ledger_open(ol, 0);
    assert_int_equal(offset_ledger_last(ol, 0), -1);
    assert_int_equal(offset_ledger_next(ol, 0), -1);
    struct record_position a = add(ol, 0, 10);
    struct record_position b = add(ol, 0, 14);
    offset_ledger_finish(ol, b);
    assert_int_equal(offset_ledger_last(ol, 0), 14);
    assert_int_equal(offset_ledger_next(ol, 0), 10);
    offset_ledger_finish(ol, a);
    assert_int_equal(offset_ledger_next(ol, 0), 15);
    offset_ledger_free(ol);
}

static void offset_ledger_names_its_open_partitions(void **state)
{
    (void)state;
    struct offset_ledger *ol = offset_ledger_new();
    int32_t list[4] = {0};
    offset_ledger_open(ol, 2);
    offset_ledger_open(ol, 5);
    offset_ledger_open(ol, 0);
    offset_ledger_close(ol, 2);
    assert_int_equal(offset_ledger_partitions(ol, list, 4), 2);
    assert_int_equal(list[0], 0);
    assert_int_equal(list[1], 5);
    assert_int_equal(offset_ledger_partitions(ol, list, 1), 1);
    offset_ledger_free(ol);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offset_ledger_committable_stops_at_first_unfinished),
        cmocka_unit_test(offset_ledger_record_is_finished_with_its_last_hold),
        cmocka_unit_test(offset_ledger_lists_only_what_moved_since_the_last_commit),
        cmocka_unit_test(offset_ledger_refuses_unassigned_partitions_and_redelivery),
        cmocka_unit_test(offset_ledger_ignores_holds_of_older_epochs_and_of_no_partition),
        cmocka_unit_test(offset_ledger_holds_its_offset_while_millions_pass_a_stuck_head),
        cmocka_unit_test(offset_ledger_retries_are_counted_and_never_committed),
        cmocka_unit_test(offset_ledger_says_how_far_a_partition_was_read_and_finished),
        cmocka_unit_test(offset_ledger_names_its_open_partitions),
        cmocka_unit_test(offset_ledger_agrees_with_a_plain_table_over_random_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
