/*
 * Encoded arguments against bytes that PostgreSQL 15 made itself:
 * SELECT encode(array_send('{1,-2,2147483647}'::int4[]), 'hex') and so on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/pg/pg_query.h"

static void assert_argument(const struct pg_args *args, int index, uint32_t type, const char *hex)
{
    char got[256] = "";
    assert_true(index < args->count);
    assert_int_equal(args->list[index].type, type);
    assert_true((size_t)args->list[index].length * 2 < sizeof got);
    for (int i = 0; i < args->list[index].length; i++) {
        (void)snprintf(got + (size_t)i * 2, 3, "%02x",
                       (unsigned char)args->data.ptr[args->list[index].offset + (size_t)i]);
    }
    assert_string_equal(got, hex);
}

static void pg_args_scalars_are_what_the_server_sends(void **state)
{
    (void)state;
    struct pg_args args;
    pg_args_init(&args, 4096);
    pg_args_bool(&args, true);
    pg_args_i32(&args, -5);
    pg_args_i64(&args, -5);
    pg_args_f64(&args, -0.1);
    pg_args_time_us(&args, INT64_C(1795466647123456)); /* 2026-11-23 20:44:07.123456 UTC */
    pg_args_text(&args, "caf\xc3\xa9");
    pg_args_bytea(&args, bytes_of("\0\xff", 2));
    pg_args_xid(&args, 4000000000);
    pg_args_tid(&args, (struct pg_tid){70000, 258});
    assert_argument(&args, 0, 16, "01");
    assert_argument(&args, 1, 23, "fffffffb");
    assert_argument(&args, 2, 20, "fffffffffffffffb");
    assert_argument(&args, 3, 701, "bfb999999999999a");
    assert_argument(&args, 4, 1184, "000303f66c7d5600");
    assert_argument(&args, 5, 25, "636166c3a9");
    assert_argument(&args, 6, 17, "00ff");
    assert_argument(&args, 7, 28, "ee6b2800");
    assert_argument(&args, 8, 27, "000111700102");
    pg_args_release(&args);
}

static void pg_args_arrays_are_what_the_server_sends(void **state)
{
    (void)state;
    const int32_t few[] = {1, -2, INT32_MAX};
    const int64_t wide[] = {1, -2};
    const int64_t epoch[] = {0};
    const struct pg_tid places[] = {{0, 1}, {UINT32_MAX, 7}};
    const char *texts[] = {"a", NULL, "", "\xc3\xa9"};
    struct pg_args args;
    pg_args_init(&args, 4096);
    pg_args_i32_array(&args, few, 3);
    pg_args_i64_array(&args, wide, 2);
    pg_args_i32_array(&args, few, 0);
    pg_args_text_array(&args, texts, 4);
    pg_args_time_us_array(&args, epoch, 1);
    pg_args_tid_array(&args, places, 2);
    assert_argument(&args, 0, 1007,
                    "0000000100000000000000170000000300000001"
                    "000000040000000100000004fffffffe000000047fffffff");
    assert_argument(&args, 1, 1016,
                    "0000000100000000000000140000000200000001"
                    "00000008000000000000000100000008fffffffffffffffe");
    assert_argument(&args, 2, 1007, "000000000000000000000017");
    assert_argument(&args, 3, 1009,
                    "0000000100000001000000190000000400000001"
                    "0000000161ffffffff0000000000000002c3a9");
    assert_argument(&args, 4, 1185,
                    "0000000100000000000004a0000000010000000100000008fffca2fec4c82000");
    assert_argument(&args, 5, 1010,
                    "00000001000000000000001b0000000200000001"
                    "00000006000000000001"
                    "00000006ffffffff0007");
    pg_args_release(&args);
}

static void pg_args_null_is_not_empty(void **state)
{
    (void)state;
    struct pg_args args;
    pg_args_init(&args, 64);
    pg_args_text(&args, NULL);
    pg_args_text(&args, "");
    pg_args_bytea(&args, bytes_of(NULL, 0));
    pg_args_null_text(&args);
    assert_int_equal(args.list[0].length, -1);
    assert_int_equal(args.list[1].length, 0);
    assert_int_equal(args.list[2].length, -1);
    assert_int_equal(args.list[3].length, -1);
    pg_args_release(&args);
}

static void pg_args_reset_begins_again(void **state)
{
    (void)state;
    struct pg_args args;
    pg_args_init(&args, 64);
    pg_args_i64(&args, 1);
    pg_args_reset(&args);
    pg_args_i32(&args, 7);
    assert_int_equal(args.count, 1);
    assert_argument(&args, 0, 23, "00000007");
    pg_args_release(&args);
}

static void pg_query_refuses_a_closed_connection(void **state)
{
    (void)state;
    struct err err;
    struct pg_conn *conn = pg_conn_new(&(struct pg_conn_options){.dsn = "dbname=none"});
    assert_int_equal(pg_query(conn, "SELECT 1", NULL, "", NULL, &err), STATUS_SOURCE_LOST);
    assert_int_equal(pg_exec(conn, "SELECT 1", &err), STATUS_SOURCE_LOST);
    pg_rollback(conn);
    pg_conn_free(conn);
}

static void pg_conn_open_tells_a_wrong_dsn_from_a_server_that_is_away(void **state)
{
    (void)state;
    static const struct {
        const char *name, *dsn;
        enum status status;
    } table[] = {
        {"unknown option", "hst=x", STATUS_CONFIG},
        {"not closed", "password='open", STATUS_CONFIG},
        {"no such socket", "host=/nonexistent dbname=x", STATUS_SOURCE_LOST},
        {"nobody listens", "host=127.0.0.1 port=1 dbname=x", STATUS_SOURCE_LOST},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct err err = {0};
        struct pg_conn *conn = pg_conn_new(&(struct pg_conn_options){.dsn = table[i].dsn});
        enum status got = pg_conn_open(conn, &err);
        if (got != table[i].status) {
            fail_msg("%s: %s %s", table[i].name, status_name(got), err.msg);
        }
        assert_false(pg_conn_is_open(conn));
        assert_int_equal(pg_conn_epoch(conn), 0);
        pg_conn_free(conn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pg_args_scalars_are_what_the_server_sends),
        cmocka_unit_test(pg_args_arrays_are_what_the_server_sends),
        cmocka_unit_test(pg_args_null_is_not_empty),
        cmocka_unit_test(pg_args_reset_begins_again),
        cmocka_unit_test(pg_query_refuses_a_closed_connection),
        cmocka_unit_test(pg_conn_open_tells_a_wrong_dsn_from_a_server_that_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
