/*
 * A server that answers for a while and then falls silent, as a frozen machine does: its kernel
 * still takes what is sent, until the buffers are full. The linker puts the test's stop where the
 * process's is asked for.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "common/pg/pg_query.h"

/* What pg_conn_open takes: the question for the server process, and two settings. */
#define SETTINGS 3

static struct {
    int listener;
    int peer;
    int answers; /* statements answered before the silence; -1: not even the handshake */
    pthread_t thread;
    char dsn[128];
} server;

static int64_t stop_us;
static struct pg_conn *conn;
static struct err err;

int64_t test_stop_us(void) __asm__("__wrap_signals_stop_us");

int64_t test_stop_us(void)
{
    return stop_us;
}

static bool read_all(void *out, size_t size)
{
    char *at = out;
    while (size > 0) {
        ssize_t got = recv(server.peer, at, size, 0);
        if (got <= 0) {
            return false;
        }
        at += got;
        size -= (size_t)got;
    }
    return true;
}

/* @param type  of the message; NULL: the startup message, which has none */
static bool read_message(char *type)
{
    uint32_t size = 0;
    char body[4096];
    if ((type != NULL && !read_all(type, 1)) || !read_all(&size, sizeof size)) {
        return false;
    }
    size = ntohl(size) - (uint32_t)sizeof size;
    return size <= sizeof body && read_all(body, size);
}

static void send_all(const char *bytes, size_t size)
{
    (void)!send(server.peer, bytes, size, MSG_NOSIGNAL);
}

/* Authentication is not needed; ready for a statement. */
static void *serve(void *arg)
{
    static const char welcome[] = "R\0\0\0\10\0\0\0\0Z\0\0\0\5I";
    static const char done[] = "C\0\0\0\10SET\0Z\0\0\0\5I";
    char type = 0;
    (void)arg;
    server.peer = accept(server.listener, NULL, NULL);
    if (server.answers < 0 || !read_message(NULL)) {
        return NULL;
    }
    send_all(welcome, sizeof welcome - 1);
    for (int i = 0; i < server.answers && read_message(&type); i++) {
        send_all(done, sizeof done - 1);
    }
    return NULL;
}

static int start(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    stop_us = 0;
    server.peer = -1;
    server.listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server.listener, (const struct sockaddr *)&address, size) != 0 ||
        listen(server.listener, 1) != 0 ||
        getsockname(server.listener, (struct sockaddr *)&address, &size) != 0) {
        return -1;
    }
    (void)snprintf(server.dsn, sizeof server.dsn,
                   "host=127.0.0.1 port=%d dbname=x user=x sslmode=disable gssencmode=disable",
                   ntohs(address.sin_port));
    conn = pg_conn_new(&(struct pg_conn_options){.dsn = server.dsn, .statement_timeout_ms = 1});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pg_conn_free(conn);
    (void)pthread_join(server.thread, NULL);
    (void)close(server.peer);
    (void)close(server.listener);
    return 0;
}

static void serve_answers(int answers)
{
    server.answers = answers;
    assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

static void open_then_silence(void)
{
    serve_answers(SETTINGS);
    if (pg_conn_open(conn, &err) != STATUS_OK) {
        fail_msg("%s", err.msg);
    }
}

static void assert_lost_within(enum status rc, int64_t begun_us, int64_t limit_ms)
{
    assert_int_equal(rc, STATUS_SOURCE_LOST);
    assert_true(clock_monotonic_us() - begun_us < limit_ms * 1000);
    assert_false(pg_conn_is_open(conn));
}

static void pg_conn_open_gives_up_on_a_server_that_only_accepts(void **state)
{
    (void)state;
    int64_t begun = clock_monotonic_us();
    serve_answers(-1);
    assert_lost_within(pg_conn_open(conn, &err), begun, 7000);
    assert_non_null(strstr(err.msg, "within 5 s"));
}

static void pg_conn_open_gives_up_on_a_server_that_freezes_during_the_settings(void **state)
{
    (void)state;
    int64_t begun = clock_monotonic_us();
    serve_answers(1);
    stop_us = 1; /* long ago: saves the test two seconds */
    assert_lost_within(pg_conn_open(conn, &err), begun, 4500);
}

static void pg_query_gives_up_on_a_silent_server(void **state)
{
    (void)state;
    open_then_silence();
    int64_t begun = clock_monotonic_us();
    assert_lost_within(pg_query(conn, "SELECT 1", NULL, "i", &(struct pg_rows){0}, &err), begun,
                       4000);
    assert_non_null(strstr(err.msg, "silent"));
}

static void pg_exec_gives_up_on_a_silent_server(void **state)
{
    (void)state;
    open_then_silence();
    int64_t begun = clock_monotonic_us();
    assert_lost_within(pg_exec(conn, "COMMIT", &err), begun, 4000);
}

static void pg_query_all_gives_up_on_a_silent_server(void **state)
{
    (void)state;
    static const char ONE[] = "SELECT 1";
    struct pg_rows rows = {0};
    const struct pg_call call = {ONE, NULL, "i", &rows};
    open_then_silence();
    int64_t begun = clock_monotonic_us();
    assert_int_equal(pg_begin(conn, "BEGIN", &err), STATUS_OK);
    assert_lost_within(pg_query_all(conn, &call, 1, &err), begun, 4000);
}

static void pg_query_gives_up_when_the_server_does_not_read(void **state)
{
    (void)state;
    enum { MEGABYTES_32 = 32 * 1024 * 1024 };
    char *sql = test_malloc(MEGABYTES_32 + 1);
    memset(sql, ' ', MEGABYTES_32);
    sql[MEGABYTES_32] = '\0';
    open_then_silence();
    int64_t begun = clock_monotonic_us();
    assert_lost_within(pg_exec(conn, sql, &err), begun, 4000);
    test_free(sql);
}

static void a_stop_shortens_a_wait(void **state)
{
    (void)state;
    pg_conn_free(conn);
    conn = pg_conn_new(&(struct pg_conn_options){.dsn = server.dsn, .statement_timeout_ms = 60000});
    open_then_silence();
    int64_t begun = clock_monotonic_us();
    stop_us = 1;
    assert_lost_within(pg_exec(conn, "COMMIT", &err), begun, 4500);
    assert_non_null(strstr(err.msg, "asked to stop"));
}

static void pg_rollback_and_pg_conn_close_do_not_wait(void **state)
{
    (void)state;
    open_then_silence();
    int64_t begun = clock_monotonic_us();
    pg_rollback(conn);
    assert_lost_within(STATUS_SOURCE_LOST, begun, 4000);
    begun = clock_monotonic_us();
    pg_conn_close(conn);
    assert_lost_within(STATUS_SOURCE_LOST, begun, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(pg_conn_open_gives_up_on_a_server_that_only_accepts),
        TEST(pg_conn_open_gives_up_on_a_server_that_freezes_during_the_settings),
        TEST(pg_query_gives_up_on_a_silent_server),
        TEST(pg_exec_gives_up_on_a_silent_server),
        TEST(pg_query_all_gives_up_on_a_silent_server),
        TEST(pg_query_gives_up_when_the_server_does_not_read),
        TEST(a_stop_shortens_a_wait),
        TEST(pg_rollback_and_pg_conn_close_do_not_wait),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
