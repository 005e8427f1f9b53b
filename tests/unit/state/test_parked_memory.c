#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/state/parked_memory.h"

static struct parked_memory *memory;
static char seen[400]; /* "SUBJECT:REASON …" */

static const char *const SHARED[] = {"sku_shared_in_odoo", NULL};

static int open_memory(void **state)
{
    (void)state;
    memory = parked_memory_new();
    seen[0] = 0;
    return 0;
}

static int close_memory(void **state)
{
    (void)state;
    parked_memory_free(memory);
    return 0;
}

#define MEMORY_TEST(function) cmocka_unit_test_setup_teardown(function, open_memory, close_memory)

static struct state_parked row(const char *subject, const char *reason, int64_t revision)
{
    struct state_parked one = {.reason = reason, .detail = "why", .revision = revision};
    (void)snprintf(one.subject, sizeof one.subject, "%s", subject);
    return one;
}

static void park(const char *subject, const char *reason, int64_t revision)
{
    struct state_parked one = row(subject, reason, revision);
    parked_memory_park(memory, &one, 1);
    assert_false(one.first);
}

static struct state_parked last;
static char last_value[32];

static void see(void *arg, const struct state_parked *one)
{
    size_t used = strlen(seen);
    (void)arg;
    (void)snprintf(seen + used, sizeof seen - used, "%s:%s ", one->subject, one->reason);
    last = *one;
    (void)snprintf(last_value, sizeof last_value, "%.*s", (int)one->record_value.len,
                   one->record_value.ptr != NULL ? (const char *)one->record_value.ptr : "");
}

static void see_reason(void *arg, const char *reason)
{
    size_t used = strlen(seen);
    (void)arg;
    (void)snprintf(seen + used, sizeof seen - used, "%s ", reason);
}

static size_t rescan_rows(struct state_rescan *rescan, size_t max)
{
    const struct state_share share = {.max = max};
    size_t count = 0;
    seen[0] = 0;
    parked_memory_rescan(memory, &share, rescan, see, NULL, &count);
    return count;
}

static void rows_are_listed_once_in_order(void **state)
{
    (void)state;
    park("b", "unmapped", 1);
    park("a", "no_sku", 1);
    park("b", "bundle", 2);
    parked_memory_each(memory, see_reason, NULL);
    assert_string_equal(seen, "no_sku bundle ");
}

/* The product is counted, and its level would be counted again. */
static void a_level_that_shares_its_sku_is_not_listed(void **state)
{
    (void)state;
    struct state_rescan rescan = {.reasons = SHARED};
    struct state_parked level = row("level/41/70", "sku_shared_in_odoo", 1);
    level.key.item = 41;
    park("product/1", "sku_shared_in_odoo", 1);
    parked_memory_park(memory, &level, 1);
    parked_memory_each(memory, see_reason, NULL);
    assert_string_equal(seen, "sku_shared_in_odoo ");
    assert_int_equal(rescan_rows(&rescan, 10), 2);
    level.reason = "level_missing";
    level.revision = 2;
    seen[0] = 0;
    parked_memory_park(memory, &level, 1);
    parked_memory_each(memory, see_reason, NULL);
    assert_string_equal(seen, "sku_shared_in_odoo level_missing ");
}

static void an_older_revision_never_replaces_a_newer_one(void **state)
{
    (void)state;
    park("a", "no_sku", 5);
    park("a", "bundle", 4);
    parked_memory_each(memory, see_reason, NULL);
    assert_string_equal(seen, "no_sku ");
}

static void unparked_rows_are_gone(void **state)
{
    (void)state;
    static const char *const subjects[] = {"a", "missing"};
    park("a", "no_sku", 1);
    park("b", "bundle", 1);
    parked_memory_unpark(memory, subjects, 2);
    parked_memory_each(memory, see_reason, NULL);
    assert_string_equal(seen, "bundle ");
}

static void a_rescan_gives_rows_of_its_reasons_page_by_page(void **state)
{
    (void)state;
    struct state_rescan rescan = {.reasons = SHARED};
    park("a", "sku_shared_in_odoo", 1);
    park("b", "unmapped", 1);
    park("c", "sku_shared_in_odoo", 1);
    park("d", "sku_shared_in_odoo", 1);
    assert_int_equal(rescan_rows(&rescan, 2), 2);
    assert_string_equal(seen, "a:sku_shared_in_odoo c:sku_shared_in_odoo ");
    assert_int_equal(rescan_rows(&rescan, 2), 1);
    assert_string_equal(seen, "d:sku_shared_in_odoo ");
    assert_int_equal(rescan_rows(&rescan, 2), 0);
}

/* Everything was judged just now. */
static void a_rescan_of_everything_gives_nothing(void **state)
{
    (void)state;
    struct state_rescan rescan = {0};
    park("a", "sku_shared_in_odoo", 1);
    assert_int_equal(rescan_rows(&rescan, 10), 0);
}

static void records_are_kept_for_the_reason_that_a_record_can_fix(void **state)
{
    (void)state;
    struct state_rescan rescan = {.reasons = SHARED};
    struct state_parked rows[] = {row("a", "sku_shared_in_odoo", 1), row("b", "unmapped", 1)};
    for (size_t i = 0; i < 2; i++) {
        rows[i].record_key = bytes_text("1");
        rows[i].record_value = bytes_text("value");
    }
    parked_memory_park(memory, rows, 2);
    assert_int_equal(rescan_rows(&rescan, 10), 1);
    assert_string_equal(last_value, "value");
    assert_int_equal(last.record_key.len, 1);
}

/* Its record is not kept, so a retry could only take the row off the list. */
static void a_row_that_a_later_record_cannot_fix_stays(void **state)
{
    (void)state;
    static const char *const reasons[] = {"unmapped", "sku_shared_in_odoo", NULL};
    struct state_rescan rescan = {.reasons = reasons};
    park("a", "unmapped", 1);
    park("b", "sku_shared_in_odoo", 1);
    assert_int_equal(rescan_rows(&rescan, 10), 1);
    assert_string_equal(seen, "b:sku_shared_in_odoo ");
}

static void a_row_without_a_record_keeps_that_of_the_row_before(void **state)
{
    (void)state;
    struct state_rescan rescan = {.reasons = SHARED};
    struct state_parked one = row("a", "sku_shared_in_odoo", 1);
    one.record_key = bytes_text("1");
    one.record_value = bytes_text("value");
    parked_memory_park(memory, &one, 1);
    park("a", "sku_shared_in_odoo", 2);
    assert_int_equal(rescan_rows(&rescan, 10), 1);
    assert_string_equal(last_value, "value");
    assert_int_equal(last.revision, 2);
    assert_int_equal(last.attempts, 2);
    one.record_value = bytes_text("newer");
    one.revision = 3;
    parked_memory_park(memory, &one, 1);
    rescan.after[0] = 0;
    assert_int_equal(rescan_rows(&rescan, 10), 1);
    assert_string_equal(last_value, "newer");
}

static void a_row_is_settled_unless_it_was_parked_again(void **state)
{
    (void)state;
    struct state_tried tried[] = {{.subject = "a", .revision = 1, .attempts = 1},
                                  {.subject = "b", .revision = 1, .attempts = 1},
                                  {.subject = "c", .revision = 1, .attempts = 1},
                                  {.subject = "missing", .revision = 1, .attempts = 1}};
    park("a", "unmapped", 1);
    park("b", "unmapped", 1);
    park("b", "unmapped", 1);
    park("c", "unmapped", 2);
    parked_memory_settle(memory, tried, 4);
    assert_true(tried[0].fixed);
    assert_false(tried[1].fixed);
    assert_false(tried[2].fixed);
    assert_false(tried[3].fixed);
    parked_memory_each(memory, see_reason, NULL);
    assert_string_equal(seen, "unmapped unmapped ");
}

static void nothing_can_be_freed(void **state)
{
    (void)state;
    parked_memory_free(NULL);
    assert_string_equal(seen, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEMORY_TEST(rows_are_listed_once_in_order),
        MEMORY_TEST(a_level_that_shares_its_sku_is_not_listed),
        MEMORY_TEST(an_older_revision_never_replaces_a_newer_one),
        MEMORY_TEST(unparked_rows_are_gone),
        MEMORY_TEST(a_rescan_gives_rows_of_its_reasons_page_by_page),
        MEMORY_TEST(a_rescan_of_everything_gives_nothing),
        MEMORY_TEST(records_are_kept_for_the_reason_that_a_record_can_fix),
        MEMORY_TEST(a_row_that_a_later_record_cannot_fix_stays),
        MEMORY_TEST(a_row_without_a_record_keeps_that_of_the_row_before),
        MEMORY_TEST(a_row_is_settled_unless_it_was_parked_again),
        MEMORY_TEST(nothing_can_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
