#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/parents/read_positions.h"

static int set_up(void **fixture)
{
    *fixture = read_positions_new();
    return 0;
}

static int tear_down(void **fixture)
{
    read_positions_free(*fixture);
    read_positions_free(NULL);
    return 0;
}

static void read_positions_commit_what_was_marked_and_only_once(void **fixture)
{
    struct read_positions *p = *fixture;
    const struct partition_offset *list = NULL;
    read_positions_assign(p, 2);
    read_positions_assign(p, 0);
    read_positions_note_read(p, 2, 10);
    assert_false(read_positions_has_uncommitted(p));
    read_positions_note_marked(p);
    read_positions_note_read(p, 2, 11); /* not marked yet */
    assert_true(read_positions_has_uncommitted(p));
    assert_int_equal(read_positions_take_uncommitted(p, &list), 1);
    assert_int_equal(list[0].partition, 2);
    assert_int_equal(list[0].next_offset, 11);
    assert_false(read_positions_has_uncommitted(p));
    assert_int_equal(read_positions_take_uncommitted(p, &list), 0);
}

static void read_positions_forget_a_partition_that_left(void **fixture)
{
    struct read_positions *p = *fixture;
    const struct partition_offset *list = NULL;
    read_positions_assign(p, 0);
    read_positions_assign(p, 1);
    read_positions_note_read(p, 0, 4);
    read_positions_note_read(p, 1, 7);
    read_positions_note_marked(p);
    read_positions_drop(p, 1);
    assert_int_equal(read_positions_take_uncommitted(p, &list), 1);
    assert_int_equal(list[0].partition, 0);
    read_positions_assign(p, 1); /* it came back: what was read before does not count */
    read_positions_note_marked(p);
    assert_false(read_positions_has_uncommitted(p));
}

static void read_positions_are_drained_at_every_end_with_all_marked(void **fixture)
{
    struct read_positions *p = *fixture;
    assert_false(read_positions_are_drained(p)); /* nothing is assigned */
    read_positions_assign(p, 0);
    read_positions_assign(p, 1);
    read_positions_note_end(p, 0);
    assert_false(read_positions_are_drained(p));
    read_positions_note_end(p, 1);
    assert_true(read_positions_are_drained(p)); /* empty partitions */
    read_positions_note_read(p, 1, 7);
    assert_false(read_positions_are_drained(p));
    read_positions_note_end(p, 1);
    assert_false(read_positions_are_drained(p));
    read_positions_note_marked(p);
    assert_true(read_positions_are_drained(p));
}

static void read_positions_take_partitions_far_apart(void **fixture)
{
    struct read_positions *p = *fixture;
    const struct partition_offset *list = NULL;
    read_positions_assign(p, 1000);
    read_positions_assign(p, 1);
    read_positions_note_read(p, 1000, 0);
    read_positions_note_read(p, 1, 5);
    read_positions_note_marked(p);
    assert_int_equal(read_positions_take_uncommitted(p, &list), 2);
    assert_int_equal(list[0].next_offset, 6);
    assert_int_equal(list[1].partition, 1000);
    assert_int_equal(list[1].next_offset, 1);
}

int main(void)
{
#define POSITIONS_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        POSITIONS_TEST(read_positions_commit_what_was_marked_and_only_once),
        POSITIONS_TEST(read_positions_forget_a_partition_that_left),
        POSITIONS_TEST(read_positions_are_drained_at_every_end_with_all_marked),
        POSITIONS_TEST(read_positions_take_partitions_far_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
