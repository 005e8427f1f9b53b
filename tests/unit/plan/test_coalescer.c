#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "consumer/plan/coalescer.h"
#include "tests/unit/plan/random.h"

struct fixture {
    struct offset_ledger *ledger;
    struct coalescer *c;
    int64_t offset;
};

static struct fixture fixture_new(void)
{
    struct fixture f = {.ledger = offset_ledger_new()};
    f.c = coalescer_new(f.ledger);
    offset_ledger_open(f.ledger, 0);
    offset_ledger_open(f.ledger, 1);
    return f;
}

static void fixture_free(struct fixture *f)
{
    coalescer_free(f->c);
    offset_ledger_free(f->ledger);
}

static struct level_key key_of(int64_t item, int64_t location)
{
    return (struct level_key){.item = item, .location = location};
}

/* One record with one value. */
static enum offer_result
offer(struct fixture *f, struct level_key key, int32_t quantity, int64_t revision)
{
    struct desired desired = {
        .quantity = quantity, .revision = revision, .changed_at_us = revision};
    assert_int_equal(offset_ledger_add(f->ledger, 0, f->offset++, &desired.at), STATUS_OK);
    enum offer_result result = coalescer_offer(f->c, key, &desired);
    offset_ledger_finish(f->ledger, desired.at);
    return result;
}

static struct level *take_one(struct fixture *f, enum level_stage stage)
{
    struct level *level = NULL;
    assert_int_equal(coalescer_take(f->c, stage, &level, 1), 1);
    assert_int_equal(level->stage, LEVEL_BUSY);
    return level;
}

static void make_ready(struct fixture *f, int32_t change_from)
{
    struct level *level = take_one(f, LEVEL_UNRESOLVED);
    level->change_from = change_from;
    assert_false(coalescer_put_back(f->c, level, LEVEL_READY));
}

static void coalescer_keeps_the_newest_value_and_its_place(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    struct level *list[4];
    assert_int_equal(offer(&f, key_of(1, 7), 10, 100), OFFER_NEW);
    assert_int_equal(offer(&f, key_of(2, 7), 20, 110), OFFER_NEW);
    assert_int_equal(offer(&f, key_of(1, 7), 11, 120), OFFER_REPLACED);
    assert_int_equal(offer(&f, key_of(1, 7), 12, 120), OFFER_SUPERSEDED);
    assert_int_equal(offer(&f, key_of(1, 7), 13, 90), OFFER_SUPERSEDED);
    assert_int_equal(coalescer_total(f.c), 2);
    assert_int_equal(offset_ledger_unfinished(f.ledger), 2);
    assert_int_equal(coalescer_oldest_changed_at_us(f.c), 120);
    assert_int_equal(coalescer_take(f.c, LEVEL_UNRESOLVED, list, 4), 2);
    assert_int_equal(list[0]->key.item, 1);
    assert_int_equal(list[0]->desired.quantity, 11);
    assert_int_equal(list[1]->key.item, 2);
    assert_int_equal(coalescer_take(f.c, LEVEL_UNRESOLVED, list, 4), 0);
    fixture_free(&f);
}

static void coalescer_keeps_levels_of_one_item_or_one_location_separate(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    for (int64_t item = 1; item <= 50; item++) {
        for (int64_t location = 1; location <= 50; location++) {
            assert_int_equal(offer(&f, key_of(item, location), 1, 1), OFFER_NEW);
        }
    }
    assert_int_equal(coalescer_total(f.c), 2500);
    assert_int_equal(offer(&f, key_of(50, 50), 1, 2), OFFER_REPLACED);
    fixture_free(&f);
}

static void coalescer_newer_value_waits_behind_a_busy_one(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    struct level_key key = key_of(1, 7);
    (void)offer(&f, key, 10, 100);
    make_ready(&f, 3);
    struct level *level = take_one(&f, LEVEL_READY);
    assert_int_equal(level->change_from, 3);
    assert_int_equal(offer(&f, key, 10, 100), OFFER_SUPERSEDED);
    assert_int_equal(offer(&f, key, 11, 110), OFFER_NEW);
    assert_int_equal(offer(&f, key, 12, 105), OFFER_SUPERSEDED);
    assert_int_equal(offer(&f, key, 13, 120), OFFER_REPLACED);
    assert_int_equal(level->desired.quantity, 10);
    assert_int_equal(coalescer_count(f.c, LEVEL_READY), 0); /* never in two requests */
    assert_int_equal(coalescer_count(f.c, LEVEL_UNRESOLVED), 0);
    assert_int_equal(offset_ledger_unfinished(f.ledger), 2);
    const int32_t written = 10;
    coalescer_finish(f.c, level, &written);
    level = take_one(&f, LEVEL_READY);
    assert_int_equal(level->desired.quantity, 13);
    assert_int_equal(level->change_from, 10);
    assert_false(level->has_next);
    coalescer_finish(f.c, level, NULL);
    assert_int_equal(coalescer_total(f.c), 0);
    assert_int_equal(offset_ledger_unfinished(f.ledger), 0);
    assert_int_equal(coalescer_oldest_changed_at_us(f.c), 0);
    fixture_free(&f);
}

static void coalescer_finish_without_a_written_value_reads_the_state_again(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    (void)offer(&f, key_of(1, 7), 10, 100);
    struct level *level = take_one(&f, LEVEL_UNRESOLVED);
    (void)offer(&f, key_of(2, 7), 20, 105);
    (void)offer(&f, key_of(1, 7), 11, 110);
    coalescer_finish(f.c, level, NULL);
    /* it arrives again, behind later arrivals */
    assert_int_equal(take_one(&f, LEVEL_UNRESOLVED)->key.item, 2);
    assert_int_equal(take_one(&f, LEVEL_UNRESOLVED)->key.item, 1);
    fixture_free(&f);
}

static void coalescer_put_back_lets_the_waiting_value_take_over(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    (void)offer(&f, key_of(1, 7), 10, 100);
    struct level *level = take_one(&f, LEVEL_UNRESOLVED);
    level->tries = 3;
    assert_false(coalescer_put_back(f.c, level, LEVEL_UNREAD));
    level = take_one(&f, LEVEL_UNREAD);
    assert_int_equal(level->tries, 3);
    (void)offer(&f, key_of(1, 7), 11, 110);
    level->change_from = 4;
    assert_true(coalescer_put_back(f.c, level, LEVEL_READY));
    assert_int_equal(offset_ledger_unfinished(f.ledger), 1);
    level = take_one(&f, LEVEL_READY);
    assert_int_equal(level->desired.quantity, 11);
    assert_int_equal(level->change_from, 4);
    assert_int_equal(level->tries, 0);
    fixture_free(&f);
}

static void coalescer_level_that_comes_back_keeps_its_place(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    struct level *list[6];
    for (int64_t item = 1; item <= 6; item++) {
        (void)offer(&f, key_of(item, 7), 1, 1);
    }
    assert_int_equal(coalescer_take(f.c, LEVEL_UNRESOLVED, list, 6), 6);
    static const size_t order[] = {4, 0, 5, 2, 1, 3};
    for (size_t i = 0; i < 6; i++) {
        (void)coalescer_put_back(f.c, list[order[i]], LEVEL_READY);
    }
    for (int64_t item = 1; item <= 6; item++) {
        assert_int_equal(take_one(&f, LEVEL_READY)->key.item, item);
    }
    fixture_free(&f);
}

static void coalescer_takes_reads_of_one_location_the_longest_waiting_first(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    struct level *list[16];
    static const int64_t locations[] = {8, 7, 8, 9, 7, 8};
    for (int64_t i = 0; i < 6; i++) {
        (void)offer(&f, key_of(i, locations[i]), 1, 1);
    }
    size_t count = coalescer_take(f.c, LEVEL_UNRESOLVED, list, 16);
    for (size_t i = count; i > 0; i--) {
        (void)coalescer_put_back(f.c, list[i - 1], LEVEL_UNREAD);
    }
    assert_int_equal(coalescer_count(f.c, LEVEL_UNREAD), 6);
    assert_int_equal(coalescer_take(f.c, LEVEL_UNREAD, list, 2), 2); /* location 8, bounded */
    assert_int_equal(list[0]->key.item, 0);
    assert_int_equal(list[1]->key.item, 2);
    assert_int_equal(coalescer_take(f.c, LEVEL_UNREAD, list, 16), 2); /* location 7 */
    assert_int_equal(list[0]->key.item, 1);
    assert_int_equal(list[1]->key.item, 4);
    assert_int_equal(coalescer_take(f.c, LEVEL_UNREAD, list, 16), 1);
    assert_int_equal(list[0]->key.location, 9);
    assert_int_equal(coalescer_take(f.c, LEVEL_UNREAD, list, 16), 1);
    assert_int_equal(list[0]->key.item, 5);
    assert_int_equal(coalescer_take(f.c, LEVEL_UNREAD, list, 16), 0);
    fixture_free(&f);
}

static void coalescer_drop_partition_leaves_the_others(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    static const int32_t partitions[] = {0, 1, -1};
    for (int64_t i = 0; i < 30; i++) {
        struct desired desired = {.revision = 1,
                                  .at = {.partition = partitions[i % 3], .offset = i},
                                  .row_partition = -1};
        if (desired.at.partition >= 0) {
            assert_int_equal(offset_ledger_add(f.ledger, partitions[i % 3], i, &desired.at),
                             STATUS_OK);
        }
        (void)coalescer_offer(f.c, key_of(i, i % 2), &desired);
    }
    for (int i = 0; i < 20; i++) {
        struct level *level = take_one(&f, LEVEL_UNRESOLVED);
        (void)coalescer_put_back(f.c, level, i % 2 == 0 ? LEVEL_UNREAD : LEVEL_READY);
    }
    coalescer_drop_partition(f.c, 1);
    offset_ledger_close(f.ledger, 1);
    assert_int_equal(coalescer_total(f.c), 20);
    size_t seen = 0;
    static const enum level_stage stages[] = {LEVEL_UNRESOLVED, LEVEL_UNREAD, LEVEL_READY};
    for (size_t s = 0; s < 3; s++) {
        int64_t last = -1;
        while (coalescer_count(f.c, stages[s]) > 0) {
            struct level *level = take_one(&f, stages[s]);
            assert_int_not_equal(level->desired.at.partition, 1);
            assert_true(stages[s] == LEVEL_UNREAD || level->key.item > last);
            last = level->key.item;
            coalescer_finish(f.c, level, NULL);
            seen++;
        }
    }
    assert_int_equal(seen, 20);
    assert_int_equal(coalescer_total(f.c), 0);
    /* a dropped level can come again */
    assert_int_equal(coalescer_offer(f.c, key_of(1, 1), &(struct desired){.at = {.partition = -1}}),
                     OFFER_NEW);
    fixture_free(&f);
}

/* Work without a record, such as a grace that is over, goes with the partition of its product. */
static void coalescer_drop_partition_takes_what_no_record_asks_for(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    for (int64_t i = 0; i < 3; i++) {
        const struct desired desired = {
            .revision = 1, .at = {.partition = -1}, .row_partition = (int32_t)i - 1};
        (void)coalescer_offer(f.c, key_of(i, 0), &desired);
    }
    coalescer_drop_partition(f.c, 1);
    assert_int_equal(coalescer_total(f.c), 2);
    coalescer_drop_partition(f.c, 0);
    assert_int_equal(take_one(&f, LEVEL_UNRESOLVED)->key.item, 0);
    assert_int_equal(coalescer_count(f.c, LEVEL_UNRESOLVED), 0);
    fixture_free(&f);
}

/* --- against a naive model --- */

enum { ITEMS = 25, LOCATIONS = 4, LEVELS = ITEMS * LOCATIONS, STEPS = 60000, OFFSETS = 2 * STEPS };

struct model_level {
    bool pending;
    enum level_stage stage;
    struct desired desired;
    bool has_next;
    struct desired next;
    uint64_t arrival;
    struct level *busy;
};

struct model {
    struct model_level levels[LEVELS];
    unsigned char holds[2][OFFSETS]; /* what the ledger must hold */
    bool closed_before[2][OFFSETS];  /* added in an epoch that has ended */
    int64_t next_offset[2];
    uint64_t arrivals;
    int64_t revision;
};

static void model_release(struct model *m, struct record_position at)
{
    if (at.partition >= 0) {
        assert_true(m->holds[at.partition][at.offset] > 0);
        m->holds[at.partition][at.offset]--;
    }
}

static enum offer_result model_offer(struct model *m, size_t index, const struct desired *desired)
{
    struct model_level *p = &m->levels[index];
    if (!p->pending) {
        *p = (struct model_level){.pending = true,
                                  .stage = LEVEL_UNRESOLVED,
                                  .desired = *desired,
                                  .arrival = m->arrivals++};
        return OFFER_NEW;
    }
    if (desired->revision <= (p->has_next ? p->next.revision : p->desired.revision)) {
        return OFFER_SUPERSEDED;
    }
    if (p->stage == LEVEL_BUSY) {
        bool first = !p->has_next;
        if (!first) {
            model_release(m, p->next.at);
        }
        p->next = *desired;
        p->has_next = true;
        return first ? OFFER_NEW : OFFER_REPLACED;
    }
    model_release(m, p->desired.at);
    p->desired = *desired;
    return OFFER_REPLACED;
}

/* A record with values at several locations of one item. */
static void
step_record(struct model *m, struct offset_ledger *ol, struct coalescer *c, uint64_t *seed)
{
    int32_t partition = (int32_t)random_below(seed, 3) - 1;
    size_t item = random_below(seed, ITEMS);
    struct record_position at = {.partition = -1};
    if (partition >= 0) {
        int64_t offset = m->next_offset[partition]++;
        assert_int_equal(offset_ledger_add(ol, partition, offset, &at), STATUS_OK);
    }
    struct desired desired = {.quantity = (int32_t)random_below(seed, 100),
                              .revision = ++m->revision -
                                          (random_below(seed, 4) == 0 ? random_below(seed, 60) : 0),
                              .changed_at_us = m->revision,
                              .at = at,
                              .row_partition = -1};
    for (size_t l = 0; l < 1 + random_below(seed, LOCATIONS); l++) {
        size_t index = item * LOCATIONS + l;
        enum offer_result expected = model_offer(m, index, &desired);
        if (expected != OFFER_SUPERSEDED && partition >= 0) {
            m->holds[partition][at.offset]++;
        }
        assert_int_equal(coalescer_offer(c, key_of((int64_t)item, (int64_t)l), &desired), expected);
    }
    offset_ledger_finish(ol, at);
}

static size_t index_of(const struct level *level)
{
    return (size_t)(level->key.item * LOCATIONS + level->key.location);
}

/* The oldest level of a stage; for reads of one location. */
static size_t model_first(const struct model *m, enum level_stage stage, int64_t location)
{
    size_t first = LEVELS;
    for (size_t i = 0; i < LEVELS; i++) {
        const struct model_level *p = &m->levels[i];
        bool fits = p->pending && p->stage == stage &&
                    (location < 0 || (int64_t)(i % LOCATIONS) == location);
        if (fits && (first == LEVELS || p->arrival < m->levels[first].arrival)) {
            first = i;
        }
    }
    return first;
}

static void step_take(struct model *m, struct coalescer *c, uint64_t *seed)
{
    enum level_stage stage = (enum level_stage)random_below(seed, LEVEL_BUSY);
    struct level *list[8];
    size_t max = 1 + random_below(seed, 8);
    size_t count = coalescer_take(c, stage, list, max);
    int64_t location = -1;
    for (size_t i = 0; i < count; i++) {
        size_t index = index_of(list[i]);
        struct model_level *p = &m->levels[index];
        assert_int_equal(index, model_first(m, stage, location));
        bool by_location = stage == LEVEL_UNREAD || stage == LEVEL_CONFIRM;
        location = by_location ? list[i]->key.location : -1;
        assert_int_equal(list[i]->desired.revision, p->desired.revision);
        assert_int_equal(list[i]->desired.quantity, p->desired.quantity);
        p->stage = LEVEL_BUSY;
        p->busy = list[i];
    }
    if (count < max) {
        assert_int_equal(model_first(m, stage, location), LEVELS);
    }
}

/* An answer arrives for some level that is on its way. */
static void step_answer(struct model *m, struct coalescer *c, uint64_t *seed)
{
    size_t start = random_below(seed, LEVELS);
    size_t index = start;
    while (!m->levels[index].pending || m->levels[index].stage != LEVEL_BUSY) {
        index = (index + 1) % LEVELS;
        if (index == start) {
            return;
        }
    }
    struct model_level *p = &m->levels[index];
    int32_t written = p->desired.quantity;
    bool finish = random_below(seed, 2) == 0;
    bool with_written = random_below(seed, 2) == 0;
    enum level_stage stage = (enum level_stage)random_below(seed, LEVEL_BUSY);
    bool had_next = p->has_next;
    if (finish || had_next) {
        model_release(m, p->desired.at);
    }
    if (finish) {
        coalescer_finish(c, p->busy, with_written ? &written : NULL);
        p->pending = had_next;
        p->arrival = had_next ? m->arrivals++ : p->arrival;
        p->stage = with_written ? LEVEL_READY : LEVEL_UNRESOLVED;
    } else {
        assert_int_equal(coalescer_put_back(c, p->busy, stage), had_next);
        p->stage = stage;
    }
    p->desired = had_next ? p->next : p->desired;
    p->has_next = false;
}

static void
step_revoke(struct model *m, struct offset_ledger *ol, struct coalescer *c, uint64_t *seed)
{
    int32_t partition = (int32_t)random_below(seed, 2);
    while (coalescer_count(c, LEVEL_BUSY) > 0) {
        step_answer(m, c, seed);
    }
    coalescer_drop_partition(c, partition);
    offset_ledger_close(ol, partition);
    offset_ledger_open(ol, partition);
    for (size_t i = 0; i < LEVELS; i++) {
        struct model_level *p = &m->levels[i];
        if (p->pending && p->desired.at.partition == partition) {
            p->pending = false;
        }
    }
    memset(m->holds[partition], 0, sizeof m->holds[partition]);
    for (int64_t i = 0; i < m->next_offset[partition]; i++) {
        m->closed_before[partition][i] = true;
    }
}

static void
compare(const struct model *m, const struct offset_ledger *ol, const struct coalescer *c)
{
    size_t counts[LEVEL_STAGE_COUNT] = {0};
    size_t oldest = LEVELS;
    for (size_t i = 0; i < LEVELS; i++) {
        if (m->levels[i].pending) {
            counts[m->levels[i].stage]++;
            oldest =
                oldest == LEVELS || m->levels[i].arrival < m->levels[oldest].arrival ? i : oldest;
        }
    }
    size_t total = 0;
    for (size_t s = 0; s < LEVEL_STAGE_COUNT; s++) {
        assert_int_equal(coalescer_count(c, (enum level_stage)s), counts[s]);
        total += counts[s];
    }
    assert_int_equal(coalescer_total(c), total);
    assert_int_equal(coalescer_oldest_changed_at_us(c),
                     oldest == LEVELS ? 0 : m->levels[oldest].desired.changed_at_us);
    for (int32_t p = 0; p < 2; p++) {
        size_t unfinished = 0;
        for (int64_t i = 0; i < m->next_offset[p]; i++) {
            unfinished += !m->closed_before[p][i] && m->holds[p][i] > 0;
        }
        assert_int_equal(offset_ledger_unfinished_of(ol, p), unfinished);
    }
}

static void coalescer_agrees_with_a_plain_table_over_random_steps(void **state)
{
    (void)state;
    static struct model m;
    for (uint64_t run = 1; run <= 2; run++) {
        uint64_t seed = run * 987654321;
        struct offset_ledger *ol = offset_ledger_new();
        struct coalescer *c = coalescer_new(ol);
        memset(&m, 0, sizeof m);
        offset_ledger_open(ol, 0);
        offset_ledger_open(ol, 1);
        for (int step = 0; step < STEPS; step++) {
            uint32_t what = random_below(&seed, 1000);
            if (what < 300) {
                step_record(&m, ol, c, &seed);
            } else if (what < 500) {
                step_take(&m, c, &seed);
            } else if (what < 999) {
                step_answer(&m, c, &seed);
            } else {
                step_revoke(&m, ol, c, &seed);
            }
            if (step % 200 == 0) {
                compare(&m, ol, c);
            }
        }
        /* work off what is left: every hold must be released */
        while (coalescer_total(c) > 0) {
            step_take(&m, c, &seed);
            step_answer(&m, c, &seed);
        }
        compare(&m, ol, c);
        assert_int_equal(offset_ledger_unfinished(ol), 0);
        coalescer_free(c);
        offset_ledger_free(ol);
    }
}

static bool is_item(void *arg, const struct level *level)
{
    const int64_t *item = arg;
    return level->key.item == *item;
}

static void coalescer_pull_takes_from_every_stage_but_busy(void **state)
{
    (void)state;
    static const enum level_stage STAGES[] = {LEVEL_READY, LEVEL_UNREAD, LEVEL_UNTRACKED,
                                              LEVEL_MISSING};
    enum { STAGE_COUNT = sizeof STAGES / sizeof STAGES[0] };
    struct fixture f = fixture_new();
    struct level **list = NULL;
    int64_t item = 1;
    for (int i = 0; i < STAGE_COUNT + 2; i++) {
        (void)offer(&f, key_of(1, i), 10, 100);
        (void)offer(&f, key_of(2, i), 10, 100);
    }
    for (int i = 0; i < STAGE_COUNT; i++) {
        coalescer_put_back(f.c, take_one(&f, LEVEL_UNRESOLVED), STAGES[i]);
        coalescer_put_back(f.c, take_one(&f, LEVEL_UNRESOLVED), STAGES[i]);
    }
    struct level *busy = take_one(&f, LEVEL_UNRESOLVED);
    assert_int_equal(busy->key.item, 1);
    size_t count = coalescer_pull(f.c, is_item, &item, &list);
    assert_int_equal(count, STAGE_COUNT + 1);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(list[i]->key.item, 1);
        assert_int_equal(list[i]->stage, LEVEL_BUSY);
        coalescer_finish(f.c, list[i], NULL);
    }
    mem_free(list);
    for (int i = 0; i < STAGE_COUNT; i++) {
        assert_int_equal(coalescer_count(f.c, STAGES[i]), 1);
        struct level *level = take_one(&f, STAGES[i]);
        assert_int_equal(level->key.item, 2);
        coalescer_finish(f.c, level, NULL);
    }
    assert_int_equal(coalescer_pull(f.c, is_item, &item, &list), 0);
    assert_null(list);
    coalescer_finish(f.c, busy, NULL);
    assert_int_equal(coalescer_total(f.c), 2);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coalescer_keeps_the_newest_value_and_its_place),
        cmocka_unit_test(coalescer_keeps_levels_of_one_item_or_one_location_separate),
        cmocka_unit_test(coalescer_newer_value_waits_behind_a_busy_one),
        cmocka_unit_test(coalescer_finish_without_a_written_value_reads_the_state_again),
        cmocka_unit_test(coalescer_put_back_lets_the_waiting_value_take_over),
        cmocka_unit_test(coalescer_level_that_comes_back_keeps_its_place),
        cmocka_unit_test(coalescer_takes_reads_of_one_location_the_longest_waiting_first),
        cmocka_unit_test(coalescer_drop_partition_leaves_the_others),
        cmocka_unit_test(coalescer_drop_partition_takes_what_no_record_asks_for),
        cmocka_unit_test(coalescer_agrees_with_a_plain_table_over_random_steps),
        cmocka_unit_test(coalescer_pull_takes_from_every_stage_but_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
