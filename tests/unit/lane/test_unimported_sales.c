#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/unimported_sales.h"
#include "tests/unit/lane/bench.h"

static struct unimported_sales sales;
static struct outcomes out;

static int open_sales(void **state)
{
    (void)bench_open(state);
    unimported_sales_open(&sales, &bench.c);
    return 0;
}

static int close_sales(void **state)
{
    unimported_sales_close(&sales);
    outcomes_release(&out);
    return bench_close(state);
}

#define SALES_TEST(function) cmocka_unit_test_setup_teardown(function, open_sales, close_sales)

/* What the state has of a level as bench_ready makes it. */
static struct level_known known_of(const struct level *level)
{
    const struct unimported_memory *m = &level->memory;
    return (struct level_known){.key = level->key,
                                .found = m->written,
                                .product_id = level->desired.product_id,
                                .quantity = m->quantity,
                                .desired = m->quantity,
                                .raw = m->raw,
                                .missing = m->missing,
                                .reserved = m->reserved,
                                .live = m->live,
                                .revision = 5};
}

static const struct outcome *resolve(struct level *level, const struct level_known *known)
{
    outcomes_release(&out);
    unimported_sales_resolve(&sales, level, known, &out);
    assert_int_equal(out.count, 1);
    assert_ptr_equal(out.list[0].level, level);
    return &out.list[0];
}

static const struct outcome *judge(struct level *level, int32_t held)
{
    const struct level_known known = known_of(level);
    level->is_read = true;
    level->read_quantity = held;
    level->read_revision = level->desired.revision;
    return resolve(level, &known);
}

static void a_level_remembers_what_the_state_knows(void **state)
{
    (void)state;
    const struct level_known known = {.found = true,
                                      .product_id = 1,
                                      .quantity = 4,
                                      .raw = 6,
                                      .missing = 2,
                                      .reserved = 1,
                                      .live = 2,
                                      .revision = 5};
    struct level *level = bench_level(41, 1, 6, 10);
    const struct outcome *one = resolve(level, &known);
    assert_true(level->memory.written);
    assert_int_equal(level->memory.quantity, 4);
    assert_true(level->memory.raw > 5.9 && level->memory.raw < 6.1);
    assert_int_equal(level->memory.live, 2);
    assert_int_equal(one->stage, LEVEL_UNREAD);
    assert_int_equal(outcomes_target(&bench.c, level), 3);
    sales.grace_us = 0;
    (void)resolve(level, &known);
    assert_int_equal(level->memory.live, 0);
    assert_int_equal(outcomes_target(&bench.c, level), 5); /* the reserved one stays */
}

/* Only the store's answer completes a level. */
static void a_number_that_equals_our_memory_is_to_be_confirmed(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 9, 9);
    const struct level_known known = known_of(level);
    const struct outcome *one = resolve(level, &known);
    assert_int_equal(one->end, END_RETRY);
    assert_int_equal(one->stage, LEVEL_CONFIRM);
    assert_int_equal(one->change_from, 9);
    one = judge(level, 9);
    assert_int_equal(one->end, END_CONFIRMED);
    assert_int_equal(one->write.quantity, 9);
}

static void the_number_read_decides(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 5, 9); /* 9 was written, 5 is desired */
    const struct outcome *one = judge(level, 5);
    assert_int_equal(one->end, END_CONFIRMED);
    assert_int_equal(one->write.quantity, 5);
    assert_int_equal(one->write.revision, 10);
    one = judge(bench_ready(42, 1, 5, 9), 9);
    assert_int_equal(one->end, END_RETRY);
    assert_int_equal(one->stage, LEVEL_READY);
    assert_int_equal(one->change_from, 9);
    one = judge(bench_ready(43, 1, 5, 9), 12);
    assert_int_equal(one->stage, LEVEL_READY);
    assert_int_equal(one->change_from, 12);
    one = judge(bench_ready(44, 1, 5, 9), 7); /* two are missing, four were imported */
    assert_int_equal(one->stage, LEVEL_READY);
    assert_int_equal(one->change_from, 7);
    one = judge(bench_ready(45, 1, 5, 9), 3); /* six are missing */
    assert_int_equal(one->end, END_SIGHTED);
    assert_int_equal(one->seen.before, 9);
    assert_int_equal(one->seen.now, 3);
    assert_int_equal(one->seen.sold, 6);
    int64_t grace_us = one->seen.until_us - bench.wall_us;
    assert_true(grace_us >= 600000000 && grace_us <= 675000000);
}

static void units_that_the_store_reserves_are_no_sales(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 9, 9);
    level->read_reserved = 2;
    const struct outcome *one = judge(level, 7);
    assert_int_equal(one->end, END_SIGHTED);
    assert_int_equal(one->seen.sold, 0);
    assert_int_equal(one->seen.reserved, 2);
    level->memory = (struct unimported_memory){
        .written = true, .quantity = 7, .raw = 9, .reserved = 2}; /* as stored */
    assert_int_equal(judge(level, 7)->end, END_CONFIRMED);
    level->read_reserved = 0; /* the transfer was shipped: Odoo says what is there */
    one = judge(level, 7);
    assert_int_equal(one->stage, LEVEL_READY);
    assert_int_equal(outcomes_target(&bench.c, level), 9);
}

/* Only a read says that the store has released them: a set is accepted all the same. */
static void a_level_with_reserved_units_is_read_before_it_is_written(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 9, 7);
    level->memory =
        (struct unimported_memory){.written = true, .quantity = 7, .raw = 9, .reserved = 2};
    const struct level_known known = known_of(level);
    assert_int_equal(resolve(level, &known)->stage, LEVEL_UNREAD);
    level->memory.reserved = 0;
    const struct level_known released = known_of(level);
    assert_int_equal(resolve(level, &released)->stage, LEVEL_READY);
}

/* A sale after the read is imported with the newer value: the store must be asked again. */
static void a_read_confirms_no_value_that_is_newer(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 9, 9);
    const struct level_known known = known_of(level);
    (void)judge(level, 9);
    level->desired.revision++;
    level->is_read = true;
    const struct outcome *one = resolve(level, &known);
    assert_int_equal(one->end, END_RETRY);
    assert_int_equal(one->stage, LEVEL_CONFIRM);
    assert_int_equal(one->change_from, 9);
    assert_false(level->is_read);
    level->is_read = true;
    level->read_quantity = 8; /* one that differs is compared when it is set */
    level->memory.quantity = 8;
    const struct level_known other = known_of(level);
    assert_int_equal(resolve(level, &other)->stage, LEVEL_READY);
    assert_true(level->is_read);
}

/* The import that explains the missing units is replaced before it was written. */
static void units_that_are_not_imported_after_all_get_a_grace(void **state)
{
    (void)state;
    struct level *levels[] = {bench_ready(41, 1, 5, 9)};
    struct level *level = levels[0];
    const struct level_known known = known_of(level);
    size_t count = 1;
    assert_int_equal(judge(level, 6)->stage, LEVEL_READY); /* three are missing, four imported */
    unimported_sales_stop_unnoted(levels, &count, &out);
    assert_int_equal(count, 1);
    level->desired.raw = 8; /* only one was */
    outcomes_release(&out);
    unimported_sales_stop_unnoted(levels, &count, &out);
    assert_int_equal(count, 0);
    assert_int_equal(out.list[0].stage, LEVEL_UNRESOLVED);
    assert_true(level->is_read);
    assert_int_equal(resolve(level, &known)->end, END_SIGHTED);
}

static void a_level_that_somebody_wrote_meanwhile_is_read_again(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 5, 9);
    struct level_known known = known_of(level);
    level->is_read = true;
    level->read_quantity = 7;
    known.quantity = 8;
    const struct outcome *one = resolve(level, &known);
    assert_int_equal(one->end, END_RETRY);
    assert_int_equal(one->stage, LEVEL_UNREAD);
    assert_false(level->is_read);
    assert_int_equal(level->memory.quantity, 8);
}

static void a_level_that_sells_fast_is_read_and_adjusted(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 5, 9);
    const struct level_known known = known_of(level);
    assert_int_equal(resolve(level, &known)->stage, LEVEL_READY);
    unimported_sales_note_stale(&sales, level->key);
    assert_int_equal(resolve(level, &known)->stage, LEVEL_UNREAD);
    assert_int_equal(judge(level, 8)->stage, LEVEL_HOT);
    bench_pass_s(61);
    level->is_read = false;
    assert_int_equal(resolve(level, &known)->stage, LEVEL_READY);
}

/* The end of the grace wakes the lane. */
static void missing_units_set_the_time_of_the_next_look(void **state)
{
    (void)state;
    sales.look_at_us = INT64_MAX;
    const struct outcome *one = judge(bench_ready(41, 1, 9, 9), 7);
    assert_true(sales.look_at_us - bench.monotonic_us == one->seen.until_us - bench.wall_us);
    sales.look_at_us = 5;
    (void)judge(bench_ready(42, 1, 9, 9), 7);
    assert_true(sales.look_at_us == 5);
}

static struct level_write write_of(int64_t item, int32_t quantity, int64_t revision)
{
    return (struct level_write){
        .key = {item, BENCH_LOCATION}, .quantity = quantity, .revision = revision};
}

static void an_uncertain_write_is_no_sale_once(void **state)
{
    (void)state;
    const struct level_write writes[] = {write_of(41, 7, 3), write_of(41, 7, 4), write_of(42, 7, 9),
                                         write_of(41, 6, 8)};
    struct level *level = bench_ready(41, 1, 9, 9);
    unimported_sales_note_uncertain(&sales, writes, 4);
    const struct outcome *one = judge(level, 7);
    assert_int_equal(one->end, END_OURS);
    assert_int_equal(one->write.revision, 4);
    one = judge(level, 7); /* a later number of the same size is a sale */
    assert_int_equal(one->end, END_SIGHTED);
    one = judge(level, 6); /* older writes of the level are over too */
    assert_int_equal(one->end, END_SIGHTED);
    one = judge(bench_ready(42, 1, 9, 9), 7);
    assert_int_equal(one->end, END_OURS);
}

static void another_number_than_the_uncertain_one_is_a_sale(void **state)
{
    (void)state;
    const struct level_write write = write_of(41, 8, 3);
    unimported_sales_note_uncertain(&sales, &write, 1);
    assert_int_equal(judge(bench_ready(41, 1, 9, 9), 7)->end, END_SIGHTED);
}

static void the_ring_forgets_the_oldest_write(void **state)
{
    (void)state;
    struct level_write first = write_of(41, 7, 3);
    unimported_sales_note_uncertain(&sales, &first, 1);
    for (int i = 0; i < 4095; i++) {
        struct level_write other = write_of(1000 + i, 7, 3);
        unimported_sales_note_uncertain(&sales, &other, 1);
    }
    assert_int_equal(judge(bench_ready(41, 1, 9, 9), 7)->end, END_OURS);
    unimported_sales_note_uncertain(&sales, &first, 1);
    struct level_write newest = write_of(42, 7, 3);
    for (int i = 0; i < 4096; i++) {
        unimported_sales_note_uncertain(&sales, &newest, 1);
    }
    assert_int_equal(judge(bench_ready(43, 1, 9, 9), 7)->end, END_SIGHTED);
    struct level *level = bench_ready(44, 1, 9, 9);
    level->key.item = 41;
    assert_int_equal(judge(level, 7)->end, END_SIGHTED);
    level->key.item = 44;
}

static void without_a_grace_nothing_is_uncertain(void **state)
{
    (void)state;
    struct level_write first = write_of(41, 7, 3);
    sales.grace_us = 0;
    unimported_sales_note_uncertain(&sales, &first, 1);
    assert_null(sales.uncertain);
    const struct outcome *one = judge(bench_ready(41, 1, 9, 9), 7);
    assert_int_equal(one->end, END_RETRY);
    assert_int_equal(one->stage, LEVEL_READY);
}

/* --- ends of graces --- */

static void end_graces(void)
{
    struct err err = {0};
    assert_int_equal(unimported_sales_end_graces(&sales, &err), STATUS_OK);
}

static void a_level_whose_grace_is_over_is_offered_with_odoos_number(void **state)
{
    (void)state;
    bench.levels.due[0] = (struct state_unimported){
        .key = {41, BENCH_LOCATION}, .product_id = 1, .desired = 7, .raw = 8, .revision = 5};
    bench.levels.due[1] = (struct state_unimported){
        .key = {41, 71}, .product_id = 1, .desired = 8, .raw = 8, .revision = 5};
    bench.levels.due[2] = (struct state_unimported){.key = {42, BENCH_LOCATION},
                                                    .product_id = BENCH_OTHERS,
                                                    .desired = 8,
                                                    .raw = 8,
                                                    .revision = 5};
    bench.levels.due[3] = (struct state_unimported){
        .key = {49, BENCH_LOCATION}, .product_id = 1, .desired = 8, .raw = 8, .revision = 5};
    bench.levels.due_count = 4;
    bench.levels.held_back = 3;
    bench_product(1, "A", 41); /* and not 49 any more: nothing is written there */
    end_graces();
    assert_string_equal(bench.calls, "sales_due sales_next ");
    assert_int_equal(sales.levels, 3);
    /* the other location is not used, and the third belongs to another process */
    assert_int_equal(coalescer_total(bench.c.coalescer), 1);
    struct level *level = NULL;
    assert_int_equal(coalescer_take(bench.c.coalescer, LEVEL_UNRESOLVED, &level, 1), 1);
    assert_int_equal(level->desired.quantity, 8);
    assert_int_equal(level->desired.revision, 5);
    assert_int_equal(level->desired.at.partition, -1);
    assert_int_equal(level->desired.row_partition, 0); /* with which it leaves */
    assert_int_equal(bench_unfinished(), 0);
}

static void the_next_look_follows_the_next_grace(void **state)
{
    (void)state;
    static const struct {
        int64_t wake_in_us, look_in_us;
    } cases[] = {{3000000, 3000000}, {100, 250000}, {-5, 250000}, {60000000, 5000000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sales.look_at_us = 0;
        bench.levels.wake_us = bench.wall_us + cases[i].wake_in_us;
        end_graces();
        assert_true(sales.look_at_us == bench.monotonic_us + cases[i].look_in_us);
    }
    bench.levels.wake_us = INT64_MAX;
    bench_forget();
    end_graces(); /* not yet */
    assert_string_equal(bench.calls, "");
    bench_pass_s(5);
    end_graces();
    assert_true(sales.look_at_us == bench.monotonic_us + 5000000);
}

static void failures_of_the_state_are_returned(void **state)
{
    (void)state;
    static const char *const steps[] = {"sales_due", "sales_next"};
    struct err err;
    bench.levels.due_count = 1;
    for (size_t i = 0; i < 2; i++) {
        bench.fails = steps[i];
        assert_int_equal(unimported_sales_end_graces(&sales, &err), STATUS_SOURCE_LOST);
        assert_int_equal(coalescer_total(bench.c.coalescer), 0);
        assert_int_equal(sales.look_at_us, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SALES_TEST(a_level_remembers_what_the_state_knows),
        SALES_TEST(a_number_that_equals_our_memory_is_to_be_confirmed),
        SALES_TEST(the_number_read_decides),
        SALES_TEST(units_that_the_store_reserves_are_no_sales),
        SALES_TEST(a_level_with_reserved_units_is_read_before_it_is_written),
        SALES_TEST(a_read_confirms_no_value_that_is_newer),
        SALES_TEST(units_that_are_not_imported_after_all_get_a_grace),
        SALES_TEST(a_level_that_somebody_wrote_meanwhile_is_read_again),
        SALES_TEST(a_level_that_sells_fast_is_read_and_adjusted),
        SALES_TEST(missing_units_set_the_time_of_the_next_look),
        SALES_TEST(an_uncertain_write_is_no_sale_once),
        SALES_TEST(another_number_than_the_uncertain_one_is_a_sale),
        SALES_TEST(the_ring_forgets_the_oldest_write),
        SALES_TEST(without_a_grace_nothing_is_uncertain),
        SALES_TEST(a_level_whose_grace_is_over_is_offered_with_odoos_number),
        SALES_TEST(the_next_look_follows_the_next_grace),
        SALES_TEST(failures_of_the_state_are_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
