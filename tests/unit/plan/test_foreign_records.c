#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/plan/foreign_records.h"

/* A record is polled, found foreign, and its turn ends. */
static void poll_foreign(struct offset_ledger *ol,
                         struct foreign_records *f,
                         int32_t product,
                         int32_t partition,
                         int64_t offset)
{
    struct record_position at;
    assert_int_equal(offset_ledger_add(ol, partition, offset, &at), STATUS_OK);
    foreign_records_add(f, product, at);
    offset_ledger_finish(ol, at);
}

static int64_t committable(const struct offset_ledger *ol)
{
    int32_t partition = -1;
    int64_t next = -1;
    return offset_ledger_committable(ol, &partition, &next, 1) == 1 ? next : -1;
}

static void offsets_stay_until_the_right_database_publishes(void **state)
{
    (void)state;
    struct offset_ledger *ol = offset_ledger_new();
    struct foreign_records *f = foreign_records_new(ol);
    offset_ledger_open(ol, 0);
    poll_foreign(ol, f, 1, 0, 10);
    poll_foreign(ol, f, 2, 0, 11);
    poll_foreign(ol, f, 1, 0, 12); /* newer: 10 has had its time */
    assert_int_equal(foreign_records_count(f), 2);
    assert_int_equal(committable(ol), 11);
    foreign_records_settle(f, 3);
    assert_int_equal(committable(ol), 11);
    foreign_records_settle(f, 2);
    assert_int_equal(committable(ol), 12);
    foreign_records_settle(f, 1);
    assert_int_equal(committable(ol), 13);
    assert_int_equal(foreign_records_count(f), 0);
    foreign_records_free(f);
    offset_ledger_free(ol);
}

static void a_partition_that_leaves_takes_its_records_with_it(void **state)
{
    (void)state;
    struct offset_ledger *ol = offset_ledger_new();
    struct foreign_records *f = foreign_records_new(ol);
    offset_ledger_open(ol, 0);
    offset_ledger_open(ol, 1);
    for (int32_t product = 1; product <= 1000; product++) {
        poll_foreign(ol, f, product, product % 2, product);
    }
    foreign_records_drop_partition(f, 1);
    offset_ledger_close(ol, 1);
    assert_int_equal(foreign_records_count(f), 500);
    assert_int_equal(offset_ledger_unfinished(ol), 500);
    for (int32_t product = 1; product <= 1000; product++) {
        foreign_records_settle(f, product);
    }
    assert_int_equal(foreign_records_count(f), 0);
    assert_int_equal(offset_ledger_unfinished(ol), 0);
    foreign_records_free(f);
    offset_ledger_free(ol);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_stay_until_the_right_database_publishes),
        cmocka_unit_test(a_partition_that_leaves_takes_its_records_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
