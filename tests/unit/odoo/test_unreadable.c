/*
 * Which errors are about a row, and the search for the rows: over a port that fails for some ids.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "producer/odoo/unreadable.h"

#define PRODUCTS 5000

struct table {
    const int32_t *broken; /* ends with 0 */
    bool all_broken;       /* also when nothing is read */
    enum status fails;     /* every read, with this status */
    int reads, backs;
    bool aborted; /* a read failed and nothing went back since */
    size_t last;  /* products of the last read */
};

static struct err err;
static struct id_list good;
static struct unreadable_list found;
static int32_t ids[PRODUCTS];

static bool has(const int32_t *list, size_t count, int32_t id)
{
    return id_list_index(list, count, id) < count;
}

static enum status read_table(void *arg, const int32_t *products, size_t count, struct err *failure)
{
    struct table *t = arg;
    t->reads++;
    t->last = count;
    assert_false(t->aborted);
    if (t->fails != STATUS_OK) {
        return err_set_origin(failure, t->fails, "57014", "canceled");
    }
    bool broken = t->all_broken;
    for (size_t i = 0; t->broken[i] != 0; i++) {
        broken = broken || has(products, count, t->broken[i]);
    }
    t->aborted = broken;
    return broken ? err_set_origin(failure, STATUS_INTERNAL, "22003", "out of range") : STATUS_OK;
}

static enum status go_back(void *arg, struct err *failure)
{
    struct table *t = arg;
    (void)failure;
    t->backs++;
    t->aborted = false;
    return STATUS_OK;
}

static enum status search(struct table *t, size_t count)
{
    const struct unreadable_port port = {.arg = t, .read = read_table, .back = go_back};
    return unreadable_search(&port, ids, count, &good, &found, &err);
}

static int start(void **state)
{
    (void)state;
    for (size_t i = 0; i < PRODUCTS; i++) {
        ids[i] = (int32_t)i + 1;
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    id_list_release(&good);
    unreadable_release(&found);
    return 0;
}

static void unreadable_is_about_rows_and_never_about_the_server(void **state)
{
    (void)state;
    static const struct {
        const char *origin;
        const char *msg;
        enum status status;
        bool expected;
    } table[] = {
        {"22003", "value out of range", STATUS_INTERNAL, true},
        {"22P02", "invalid input syntax", STATUS_INTERNAL, true},
        {"22P05", "untranslatable character", STATUS_INTERNAL, true},
        {"22012", "division by zero", STATUS_INTERNAL, true},
        {"54000", "limit exceeded", STATUS_INTERNAL, true},
        {"XX001", "data corrupted", STATUS_INTERNAL, true},
        {"XX002", "index corrupted", STATUS_INTERNAL, true},
        {"XX000", "missing chunk number 0 for toast value 7", STATUS_INTERNAL, true},
        {"XX000", "invalid memory alloc request size 18446744073709551613", STATUS_INTERNAL, true},
        {"XX000", "cache lookup failed for type 7", STATUS_INTERNAL, false},
        {"22023", "invalid value for parameter", STATUS_INTERNAL, false},
        {"", "statement gave 2 columns", STATUS_INTERNAL, false},
        {"58030", "could not read block", STATUS_INTERNAL, false},
        {"0A000", "cached plan must not change result type", STATUS_INTERNAL, false},
        {"57014", "canceling statement due to statement timeout", STATUS_SOURCE_BUSY, false},
        {"53200", "out of memory", STATUS_SOURCE_BUSY, false},
        {"40001", "could not serialize access", STATUS_SOURCE_BUSY, false},
        {"57P01", "terminating connection", STATUS_SOURCE_LOST, false},
        {"42501", "permission denied", STATUS_PERMISSION, false},
        {"42P01", "relation does not exist", STATUS_DATABASE_UNFIT, false},
        {"", "arguments of a statement", STATUS_TOO_LARGE, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        (void)err_set_origin(&err, table[i].status, table[i].origin, "%s", table[i].msg);
        if (unreadable_is(&err) != table[i].expected) {
            fail_msg("%s %s", table[i].origin, table[i].msg);
        }
    }
}

static void search_costs_one_read_when_all_can_be_read(void **state)
{
    (void)state;
    static const int32_t none[] = {0};
    struct table t = {.broken = none};
    assert_int_equal(search(&t, PRODUCTS), STATUS_OK);
    assert_int_equal(t.reads, 1);
    assert_int_equal(t.backs, 0);
    assert_int_equal(found.count, 0);
}

static void search_finds_exactly_the_broken_ones_and_reads_the_others(void **state)
{
    (void)state;
    static const int32_t broken[] = {1, 2, 777, 4096, 5000, 0};
    struct table t = {.broken = broken};
    assert_int_equal(search(&t, PRODUCTS), STATUS_OK);
    assert_int_equal(found.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(found.list[i].product_id, broken[i]);
        assert_string_equal(found.list[i].why, "out of range (22003)");
        assert_ptr_equal(unreadable_find(&found, broken[i]), &found.list[i]);
    }
    assert_null(unreadable_find(&found, 3));
    assert_int_equal(good.count, PRODUCTS - 5);
    assert_int_equal(t.last, PRODUCTS - 5); /* the last read is of these */
    assert_true(t.reads < 5 * 2 * 13 + 3);
}

static void search_ends_with_a_single_product_and_with_all(void **state)
{
    (void)state;
    static const int32_t broken[] = {1, 2, 3, 0};
    struct table t = {.broken = broken};
    assert_int_equal(search(&t, 1), STATUS_OK);
    assert_int_equal(found.count, 1);
    assert_int_equal(search(&t, 3), STATUS_OK);
    assert_int_equal(found.count, 3);
    assert_int_equal(good.count, 0);
}

static void search_parks_nothing_when_reading_no_product_fails_too(void **state)
{
    (void)state;
    static const int32_t none[] = {0};
    struct table t = {.broken = none, .all_broken = true};
    assert_int_equal(search(&t, PRODUCTS), STATUS_DATABASE_UNFIT);
    assert_int_equal(found.count, 0);
    assert_int_equal(t.reads, 2);
}

static void search_gives_up_when_too_many_are_broken(void **state)
{
    (void)state;
    static int32_t broken[UNREADABLE_MAX + 2];
    for (size_t i = 0; i <= UNREADABLE_MAX; i++) {
        broken[i] = (int32_t)i * 2 + 1;
    }
    struct table t = {.broken = broken};
    assert_int_equal(search(&t, PRODUCTS), STATUS_DATABASE_UNFIT);
    assert_false(unreadable_is(&err)); /* nobody bisects further */
}

static void search_passes_on_what_is_no_matter_of_a_row(void **state)
{
    (void)state;
    static const int32_t none[] = {0};
    struct table t = {.broken = none, .fails = STATUS_SOURCE_BUSY};
    assert_int_equal(search(&t, PRODUCTS), STATUS_SOURCE_BUSY);
    assert_int_equal(t.reads, 1);
    assert_int_equal(found.count, 0);
}

static void list_has_each_product_once(void **state)
{
    (void)state;
    struct unreadable_list list = {0};
    unreadable_add(&list, 7, 7, "second");
    unreadable_add(&list, 3, 7, "first");
    unreadable_add(&list, 7, 7, "second");
    unreadable_sort(&list);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.list[0].product_id, 3);
    assert_int_equal(list.list[1].product_id, 7);
    unreadable_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(unreadable_is_about_rows_and_never_about_the_server),
        TEST(search_costs_one_read_when_all_can_be_read),
        TEST(search_finds_exactly_the_broken_ones_and_reads_the_others),
        TEST(search_ends_with_a_single_product_and_with_all),
        TEST(search_parks_nothing_when_reading_no_product_fails_too),
        TEST(search_gives_up_when_too_many_are_broken),
        TEST(search_passes_on_what_is_no_matter_of_a_row),
        TEST(list_has_each_product_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
