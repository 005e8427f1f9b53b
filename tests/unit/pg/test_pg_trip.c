/* Statements that travel together. Needs a database in STOCKSYNC_TEST_DSN; leaves nothing there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/pg/pg_query.h"

static const char BEGIN[] = "BEGIN ISOLATION LEVEL REPEATABLE READ";
static const char ONE[] = "SELECT 1";
static const char TEXT[] = "SELECT 'two'::text";
static const char ECHO[] = "SELECT $1::integer";
static const char MANY[] = "SELECT i, repeat('x', 1000) FROM generate_series(1, $1::integer) i";
static const char DIVIDE[] = "SELECT 1 / $1::integer";
static const char ISOLATION[] = "SELECT current_setting('transaction_isolation')";
static const char IN_BLOCK[] = "SELECT now() = statement_timestamp()";
static const char END_ME[] = "SELECT pg_terminate_backend(pg_backend_pid())";

static struct pg_conn *conn;

static int connect_once(void **state)
{
    (void)state;
    struct err err = {0};
    struct pg_conn_options options = {.dsn = getenv("STOCKSYNC_TEST_DSN"),
                                      .application_name = "test_pg_trip"};
    if (options.dsn == NULL) {
        print_message("skipped: STOCKSYNC_TEST_DSN names no database\n");
        return 0;
    }
    conn = pg_conn_new(&options);
    return pg_conn_open(conn, &err) == STATUS_OK ? 0 : -1;
}

static int disconnect(void **state)
{
    (void)state;
    pg_conn_free(conn);
    return 0;
}

/* Before each test: connected, outside a transaction. */
static int open_again(void **state)
{
    (void)state;
    struct err err = {0};
    if (conn == NULL) {
        return 0;
    }
    pg_rollback(conn);
    return pg_conn_open(conn, &err) == STATUS_OK ? 0 : -1;
}

#define NEEDS_SERVER()                                                                             \
    do {                                                                                           \
        if (conn == NULL) {                                                                        \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static void expect_text(const char *sql, const char *wanted)
{
    struct err err = {0};
    struct pg_rows rows = {0};
    assert_int_equal(pg_query(conn, sql, NULL, "t", &rows, &err), STATUS_OK);
    assert_string_equal(pg_text(&rows, 0, 0), wanted);
    pg_rows_release(&rows);
}

static void pg_query_all_gives_each_statement_its_rows(void **state)
{
    (void)state;
    NEEDS_SERVER();
    for (int again = 0; again < 3; again++) { /* prepared in the first trip, used in the others */
        struct err err = {0};
        struct pg_rows rows[3] = {0};
        struct pg_args args;
        pg_args_init(&args, 64);
        pg_args_i32(&args, 41 + again);
        struct pg_call calls[] = {
            {ONE, NULL, "i", &rows[0]}, {TEXT, NULL, "t", &rows[1]}, {ECHO, &args, "i", &rows[2]}};
        assert_int_equal(pg_query_all(conn, calls, 3, &err), STATUS_OK);
        assert_int_equal(pg_i32(&rows[0], 0, 0), 1);
        assert_string_equal(pg_text(&rows[1], 0, 0), "two");
        assert_int_equal(pg_i32(&rows[2], 0, 0), 41 + again);
        for (size_t i = 0; i < 3; i++) {
            pg_rows_release(&rows[i]);
        }
        pg_args_release(&args);
    }
}

static void pg_query_all_survives_large_arguments_and_large_answers(void **state)
{
    (void)state;
    NEEDS_SERVER();
    static const char SUM[] = "SELECT sum(i)::bigint FROM unnest($1::integer[]) i";
    enum { COUNT = 1000000, LINES = 20000 };
    struct err err = {0};
    struct pg_rows rows[2] = {0};
    struct pg_args few;
    struct pg_args many;
    int32_t *list = test_malloc(COUNT * sizeof *list);
    for (int i = 0; i < COUNT; i++) {
        list[i] = i;
    }
    pg_args_init(&few, 64);
    pg_args_i32(&few, LINES);
    pg_args_init(&many, (size_t)16 * 1024 * 1024);
    pg_args_i32_array(&many, list, COUNT);
    struct pg_call calls[] = {{MANY, &few, "it", &rows[0]}, {SUM, &many, "l", &rows[1]}};
    assert_int_equal(pg_query_all(conn, calls, 2, &err), STATUS_OK);
    assert_int_equal(rows[0].count, LINES);
    assert_int_equal(pg_i64(&rows[1], 0, 0), (int64_t)COUNT * (COUNT - 1) / 2);
    pg_rows_release(&rows[0]);
    pg_rows_release(&rows[1]);
    pg_args_release(&few);
    pg_args_release(&many);
    test_free(list);
}

static void pg_query_all_stops_at_the_first_failure_and_the_connection_stays_good(void **state)
{
    (void)state;
    NEEDS_SERVER();
    struct err err = {0};
    struct pg_rows rows[3] = {0};
    struct pg_args zero;
    pg_args_init(&zero, 64);
    pg_args_i32(&zero, 0);
    struct pg_call calls[] = {
        {ONE, NULL, "i", &rows[0]}, {DIVIDE, &zero, "i", &rows[1]}, {TEXT, NULL, "t", &rows[2]}};
    assert_int_equal(pg_query_all(conn, calls, 3, &err), STATUS_INTERNAL);
    assert_string_equal(err.origin, "22012");
    for (size_t i = 0; i < 3; i++) {
        assert_null(rows[i].result);
    }
    assert_true(pg_conn_is_open(conn));
    expect_text(TEXT, "two");
    pg_args_release(&zero);
}

static void pg_query_all_refuses_an_answer_of_another_shape(void **state)
{
    (void)state;
    NEEDS_SERVER();
    struct err err = {0};
    struct pg_rows rows[2] = {0};
    struct pg_call calls[] = {{ONE, NULL, "l", &rows[0]}, {TEXT, NULL, "t", &rows[1]}};
    assert_int_equal(pg_query_all(conn, calls, 2, &err), STATUS_INTERNAL);
    assert_null(rows[1].result);
    expect_text(TEXT, "two");
}

static void pg_query_all_tells_a_connection_that_ends(void **state)
{
    (void)state;
    NEEDS_SERVER();
    struct err err = {0};
    struct pg_rows rows[3] = {0};
    struct pg_call calls[] = {
        {ONE, NULL, "i", &rows[0]}, {END_ME, NULL, "b", &rows[1]}, {TEXT, NULL, "t", &rows[2]}};
    assert_int_equal(pg_query_all(conn, calls, 3, &err), STATUS_SOURCE_LOST);
    assert_false(pg_conn_is_open(conn));
    assert_int_equal(pg_query_all(conn, calls, 3, &err), STATUS_SOURCE_LOST);
}

static void pg_begin_travels_with_the_next_statement(void **state)
{
    (void)state;
    NEEDS_SERVER();
    struct err err = {0};
    struct pg_rows rows = {0};
    assert_int_equal(pg_begin(conn, BEGIN, &err), STATUS_OK);
    expect_text(ISOLATION, "repeatable read");
    /* the clock of the transaction stands still: it is one block */
    assert_int_equal(pg_query(conn, IN_BLOCK, NULL, "b", &rows, &err), STATUS_OK);
    assert_false(pg_bool(&rows, 0, 0));
    pg_rows_release(&rows);
    assert_int_equal(pg_exec(conn, "COMMIT", &err), STATUS_OK);
    expect_text(ISOLATION, "read committed");
}

static void pg_begin_goes_before_pg_exec_too(void **state)
{
    (void)state;
    NEEDS_SERVER();
    struct err err = {0};
    assert_int_equal(pg_begin(conn, BEGIN, &err), STATUS_OK);
    assert_int_equal(pg_exec(conn, "SET LOCAL work_mem = '3MB'", &err), STATUS_OK);
    expect_text("SELECT current_setting('work_mem')", "3MB");
    expect_text(ISOLATION, "repeatable read");
    assert_int_equal(pg_exec(conn, "COMMIT", &err), STATUS_OK);
}

static void pg_rollback_takes_a_begin_back(void **state)
{
    (void)state;
    NEEDS_SERVER();
    struct err err = {0};
    assert_int_equal(pg_begin(conn, BEGIN, &err), STATUS_OK);
    pg_rollback(conn);
    expect_text(ISOLATION, "read committed");
}

static void pg_begin_with_a_statement_that_fails_leaves_a_block_to_roll_back(void **state)
{
    (void)state;
    NEEDS_SERVER();
    struct err err = {0};
    struct pg_rows rows = {0};
    struct pg_args zero;
    pg_args_init(&zero, 64);
    pg_args_i32(&zero, 0);
    assert_int_equal(pg_begin(conn, BEGIN, &err), STATUS_OK);
    assert_int_equal(pg_query(conn, DIVIDE, &zero, "i", &rows, &err), STATUS_INTERNAL);
    assert_int_equal(pg_query(conn, ONE, NULL, "i", &rows, &err), STATUS_INTERNAL);
    assert_string_equal(err.origin, "25P02");
    pg_rollback(conn);
    expect_text(ISOLATION, "read committed");
    pg_args_release(&zero);
}

static void pg_savepoint_keeps_the_block_after_a_statement_that_fails(void **state)
{
    (void)state;
    NEEDS_SERVER();
    static const char POINT[] = "SAVEPOINT here";
    struct err err = {0};
    struct pg_rows rows = {0};
    struct pg_args zero;
    pg_args_init(&zero, 64);
    pg_args_i32(&zero, 0);
    for (int read_before = 0; read_before < 2; read_before++) {
        assert_int_equal(pg_begin(conn, BEGIN, &err), STATUS_OK);
        if (read_before == 1) {
            expect_text(ISOLATION, "repeatable read");
        }
        assert_int_equal(pg_savepoint(conn, POINT, &err), STATUS_OK);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(pg_query(conn, DIVIDE, &zero, "i", &rows, &err), STATUS_INTERNAL);
            assert_string_equal(err.origin, "22012");
            assert_int_equal(pg_exec(conn, "ROLLBACK TO SAVEPOINT here", &err), STATUS_OK);
        }
        expect_text(ISOLATION, "repeatable read");
        assert_int_equal(pg_exec(conn, "COMMIT", &err), STATUS_OK);
    }
    pg_args_release(&zero);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pg_query_all_gives_each_statement_its_rows, open_again),
        cmocka_unit_test_setup(pg_query_all_survives_large_arguments_and_large_answers, open_again),
        cmocka_unit_test_setup(
            pg_query_all_stops_at_the_first_failure_and_the_connection_stays_good, open_again),
        cmocka_unit_test_setup(pg_query_all_refuses_an_answer_of_another_shape, open_again),
        cmocka_unit_test_setup(pg_query_all_tells_a_connection_that_ends, open_again),
        cmocka_unit_test_setup(pg_begin_travels_with_the_next_statement, open_again),
        cmocka_unit_test_setup(pg_begin_goes_before_pg_exec_too, open_again),
        cmocka_unit_test_setup(pg_rollback_takes_a_begin_back, open_again),
        cmocka_unit_test_setup(pg_begin_with_a_statement_that_fails_leaves_a_block_to_roll_back,
                               open_again),
        cmocka_unit_test_setup(pg_savepoint_keeps_the_block_after_a_statement_that_fails,
                               open_again),
    };
    return cmocka_run_group_tests(tests, connect_once, disconnect);
}
