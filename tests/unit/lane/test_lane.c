/* A lane from the first session on: what is read, written, recorded and committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/lane/fake_lane.h"

static void a_record_is_written_recorded_and_committed(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 3);
    int64_t revision = fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(level->available, 5);
    assert_int_equal(fake_store_sent(OP_LEVELS_READ), 1);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 1);
    assert_int_equal(fake_state_level(level->item)->quantity, 5);
    assert_int_equal(fake_state_level(level->item)->revision, revision);
    assert_int_equal(fake_state_open_attempts(), 0);
    assert_int_equal(fake_source.partition[0].committed, 1);
    assert_string_equal(fake_state.guard.row.database, FAKE_DATABASE);
    assert_string_equal(fake_lane.states.ptr, "starting catching_up running draining ");
    assert_true(fake_lane.ready);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(a_record_is_written_recorded_and_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
