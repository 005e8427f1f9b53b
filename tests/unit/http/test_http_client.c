#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/http/http_client.h"
#include "common/http/http_server.h"
#include "tests/unit/http/canned_server.h"

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/* gzip of 65536 times the digit 0, as Python's gzip module packs it: 97 bytes. */
static const char GZIP_REPLY[] =
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 97\r\n\r\n"
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x81\x00\x00\x00\x00\x80\x20\xa5"
    "\xfd\xe9\x16\xa9\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x6a\x0b\x51\x49\x68\x00\x00\x01\x00";

static const struct http_client_options OPTIONS = {
    .timeout_ms = 5000, .stall_s = 5, .answer_max_bytes = 16384, .max_connections = 4};

static struct http_client *new_client(const struct http_client_options *options)
{
    struct http_client *client = NULL;
    struct err err = {0};
    assert_int_equal(http_client_new(options, &client, &err), STATUS_OK);
    return client;
}

/* Starts one request and waits for its answer, up to ten seconds. */
static void fetch_request(struct http_client *client,
                          const struct http_request *request,
                          struct http_answer *answer)
{
    struct err err = {0};
    int64_t deadline = clock_monotonic_us() + 10000000;
    assert_int_equal(http_client_start(client, request, &err), STATUS_OK);
    while (!http_client_next(client, answer)) {
        assert_true(clock_left_ms(deadline) > 0);
        http_client_wait(client, NULL, 0, clock_left_ms(deadline));
    }
    assert_int_equal(http_client_running(client), 0);
}

static void fetch(struct http_client *client, const char *url, struct http_answer *answer)
{
    const struct http_request request = {.url = url};
    fetch_request(client, &request, answer);
}

static unsigned say_hello(void *context, struct strbuf *body)
{
    (void)context;
    strbuf_append_text(body, "hello");
    return 200;
}

static void get_brings_status_body_and_owner(void **state)
{
    (void)state;
    static const struct http_route routes[] = {{"/hello", "text/plain", say_hello}};
    struct http_server *server = NULL;
    struct err err = {0};
    int owner = 0;
    char url[128];
    assert_int_equal(http_server_start("127.0.0.1:0", routes, 1, NULL, &server, &err), STATUS_OK);
    struct http_client *client = new_client(&OPTIONS);
    (void)snprintf(url, sizeof url, "http://%s/hello", http_server_address(server));
    struct http_answer answer;
    const struct http_request request = {.url = url, .owner = &owner};
    fetch_request(client, &request, &answer);
    assert_int_equal(answer.outcome, HTTP_ANSWERED);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.len, 5);
    assert_memory_equal(answer.body.ptr, "hello", 5);
    assert_ptr_equal(answer.owner, &owner);
    assert_true(answer.elapsed_us > 0);
    assert_true(answer.retry_after_s < 0);
    assert_string_equal(answer.api_version, "");
    http_client_done(client, &answer);
    http_client_free(client);
    http_server_free(server);
}

static void several_run_at_once_and_each_brings_its_own_owner(void **state)
{
    (void)state;
    static const struct http_route routes[] = {{"/hello", "text/plain", say_hello}};
    enum { COUNT = 20 };
    struct http_server *server = NULL;
    struct err err = {0};
    bool seen[COUNT] = {false};
    int owners[COUNT];
    char url[128];
    assert_int_equal(http_server_start("127.0.0.1:0", routes, 1, NULL, &server, &err), STATUS_OK);
    struct http_client *client = new_client(&OPTIONS);
    (void)snprintf(url, sizeof url, "http://%s/hello", http_server_address(server));
    for (int i = 0; i < COUNT; i++) {
        const struct http_request request = {.url = url, .owner = &owners[i]};
        assert_int_equal(http_client_start(client, &request, &err), STATUS_OK);
    }
    assert_int_equal(http_client_running(client), COUNT);
    for (int taken = 0; taken < COUNT;) {
        struct http_answer answer;
        http_client_wait(client, NULL, 0, 5000);
        while (http_client_next(client, &answer)) {
            ptrdiff_t i = (int *)answer.owner - owners;
            assert_int_equal(answer.status, 200);
            assert_false(seen[i]);
            seen[i] = true;
            taken++;
            http_client_done(client, &answer);
        }
    }
    assert_int_equal(http_client_running(client), 0);
    http_client_free(client);
    http_server_free(server);
}

static void post_sends_headers_and_body_as_given(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {{.bytes = OK_EMPTY}};
    struct canned_server *server = canned_server_start(replies, 1);
    struct http_client *client = new_client(&OPTIONS);
    struct secret token = {0};
    struct http_answer answer;
    secret_set(&token, "shpat_secret");
    const struct http_request request = {.url = canned_server_url(server),
                                         .content_type = "application/json",
                                         .accept = "application/json",
                                         .body = bytes_text("{\"a\":1}"),
                                         .secret_header = "X-Shopify-Access-Token",
                                         .secret = &token};
    fetch_request(client, &request, &answer);
    http_client_done(client, &answer);
    const char *got = canned_server_request(server, 0);
    assert_memory_equal(got, "POST / HTTP/1.1\r\n", 17);
    assert_non_null(strstr(got, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(got, "\r\nAccept: application/json\r\n"));
    assert_non_null(strstr(got, "\r\nX-Shopify-Access-Token: shpat_secret\r\n"));
    assert_null(strstr(got, "Expect:"));
    assert_non_null(strstr(got, "\r\n\r\n{\"a\":1}"));
    /* the handle is used again: nothing of the first request may be left */
    const struct http_request bare = {.url = canned_server_url(server)};
    fetch_request(client, &bare, &answer);
    http_client_done(client, &answer);
    got = canned_server_request(server, 1);
    assert_memory_equal(got, "GET / HTTP/1.1\r\n", 16);
    assert_null(strstr(got, "shpat_secret"));
    assert_null(strstr(got, "Content-Type"));
    http_client_free(client);
    canned_server_stop(server);
    secret_release(&token);
}

static void connection_is_kept_for_the_next_request(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {{.bytes = OK_EMPTY}};
    struct canned_server *server = canned_server_start(replies, 1);
    struct http_client *client = new_client(&OPTIONS);
    for (int i = 0; i < 5; i++) {
        struct http_answer answer;
        fetch(client, canned_server_url(server), &answer);
        assert_int_equal(answer.status, 200);
        http_client_done(client, &answer);
    }
    assert_int_equal(canned_server_request_count(server), 5);
    assert_int_equal(canned_server_connection_count(server), 1);
    http_client_free(client);
    canned_server_stop(server);
}

static void headers_are_read_case_insensitively_and_from_the_final_answer(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {
        {.bytes =
             "HTTP/1.1 103 Early Hints\r\nX-Request-Id: interim\r\nRetry-After: 9\r\n\r\n"
             "HTTP/1.1 200 OK\r\nx-request-ID:  4711-abc \r\nx-shopify-api-version: 2026-10\r\n"
             "X-SHOPIFY-API-DEPRECATED-REASON: old \xff field\r\nContent-Length: 0\r\n\r\n"}};
    struct canned_server *server = canned_server_start(replies, 1);
    struct http_client *client = new_client(&OPTIONS);
    struct http_answer answer;
    fetch(client, canned_server_url(server), &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.request_id, "4711-abc");
    assert_string_equal(answer.api_version, "2026-10");
    assert_string_equal(answer.deprecated, "old ? field");
    assert_true(answer.retry_after_s < 0);
    http_client_done(client, &answer);
    http_client_free(client);
    canned_server_stop(server);
}

static void retry_after_is_decimal_seconds_or_unusable(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double seconds; /* negative: unusable */
    } cases[] = {
        {"4", 4},    {"4.0", 4},   {"0.5", 0.5},  {".5", 0.5},
        {"0", 0},    {"", -1},     {"-1", -1},    {"nan", -1},
        {"inf", -1}, {"0x10", -1}, {"1e9", -1},   {"9999999999999", -1},
        {"4 s", -1}, {".", -1},    {"1.2.3", -1}, {"Wed, 21 Oct 2026 07:28:00 GMT", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char reply[256];
        (void)snprintf(
            reply, sizeof reply,
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n",
            cases[i].text);
        const struct canned_reply replies[] = {{.bytes = reply}};
        struct canned_server *server = canned_server_start(replies, 1);
        struct http_client *client = new_client(&OPTIONS);
        struct http_answer answer;
        fetch(client, canned_server_url(server), &answer);
        assert_int_equal(answer.status, 429);
        if (cases[i].seconds < 0) {
            assert_true(answer.retry_after_s < 0);
        } else {
            assert_float_equal(answer.retry_after_s, cases[i].seconds, 0.0001);
        }
        http_client_done(client, &answer);
        http_client_free(client);
        canned_server_stop(server);
    }
}

static void answer_over_the_cap_is_unknown(void **state)
{
    (void)state;
    char big[20000];
    int head = snprintf(big, sizeof big, "HTTP/1.1 200 OK\r\nContent-Length: 16385\r\n\r\n");
    assert_true(head > 0);
    (void)memset(big + head, 'x', 16385);
    const struct canned_reply replies[] = {{.bytes = big, .len = (size_t)head + 16385}};
    struct canned_server *server = canned_server_start(replies, 1);
    struct http_client *client = new_client(&OPTIONS);
    struct http_answer answer;
    fetch(client, canned_server_url(server), &answer);
    assert_int_equal(answer.outcome, HTTP_UNKNOWN);
    assert_int_equal(answer.err.status, STATUS_OUTCOME_UNKNOWN);
    assert_non_null(strstr(answer.err.msg, "larger than 16384 bytes"));
    http_client_done(client, &answer);
    http_client_free(client);
    canned_server_stop(server);
}

static void answer_of_exactly_the_cap_is_taken(void **state)
{
    (void)state;
    char big[20000];
    int head = snprintf(big, sizeof big, "HTTP/1.1 200 OK\r\nContent-Length: 16384\r\n\r\n");
    assert_true(head > 0);
    (void)memset(big + head, 'x', 16384);
    const struct canned_reply replies[] = {{.bytes = big, .len = (size_t)head + 16384}};
    struct canned_server *server = canned_server_start(replies, 1);
    struct http_client *client = new_client(&OPTIONS);
    struct http_answer answer;
    fetch(client, canned_server_url(server), &answer);
    assert_int_equal(answer.outcome, HTTP_ANSWERED);
    assert_int_equal(answer.body.len, 16384);
    http_client_done(client, &answer);
    http_client_free(client);
    canned_server_stop(server);
}

static void gzip_is_unpacked_and_the_cap_counts_after_it(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {
        {.bytes = GZIP_REPLY, .len = sizeof GZIP_REPLY - 1}};
    struct canned_server *server = canned_server_start(replies, 1);
    struct http_client_options wide = OPTIONS;
    wide.answer_max_bytes = 65536;
    struct http_client *client = new_client(&wide);
    struct http_answer answer;
    fetch(client, canned_server_url(server), &answer);
    assert_int_equal(answer.outcome, HTTP_ANSWERED);
    assert_int_equal(answer.body.len, 65536);
    assert_int_equal(answer.body.ptr[65535], '0');
    http_client_done(client, &answer);
    http_client_free(client);
    client = new_client(&OPTIONS);
    fetch(client, canned_server_url(server), &answer);
    assert_int_equal(answer.outcome, HTTP_UNKNOWN);
    http_client_done(client, &answer);
    http_client_free(client);
    canned_server_stop(server);
}

/* {"data":{}}, as Node's zlib packs it. */
static const struct {
    const char *coding;
    const char *bytes;
    size_t len;
} PACKED[] = {
    {"gzip",
     "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x4a\x49\x2c\x49\x54\xb2\xaa\xae\xad\x05\x00"
     "\xd6\x06\x7b\xf3\x0b\x00\x00\x00",
     31},
    {"deflate", "\x78\x9c\xab\x56\x4a\x49\x2c\x49\x54\xb2\xaa\xae\xad\x05\x00\x17\x20\x04\x09", 19},
    {"br", "\x0b\x05\x80\x7b\x22\x64\x61\x74\x61\x22\x3a\x7b\x7d\x7d\x03", 15},
};

static void every_coding_that_is_offered_is_unpacked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof PACKED / sizeof PACKED[0]; i++) {
        char reply[256];
        int head =
            snprintf(reply, sizeof reply,
                     "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
                     PACKED[i].coding, PACKED[i].len);
        (void)memcpy(reply + head, PACKED[i].bytes, PACKED[i].len);
        const struct canned_reply replies[] = {
            {.bytes = reply, .len = (size_t)head + PACKED[i].len}};
        struct canned_server *server = canned_server_start(replies, 1);
        struct http_client *client = new_client(&OPTIONS);
        struct http_answer answer;
        fetch(client, canned_server_url(server), &answer);
        const char *offer = strstr(canned_server_request(server, 0), "\r\nAccept-Encoding: ");
        assert_non_null(offer);
        size_t line = strcspn(offer + 2, "\r");
        const char *named = strstr(offer, PACKED[i].coding);
        bool offered = named != NULL && named < offer + 2 + line;
        assert_true(offered || i > 1); /* gzip and deflate come with every libcurl */
        if (offered) {
            assert_int_equal(answer.outcome, HTTP_ANSWERED);
            assert_int_equal(answer.body.len, 11);
            assert_memory_equal(answer.body.ptr, "{\"data\":{}}", 11);
        }
        http_client_done(client, &answer);
        http_client_free(client);
        canned_server_stop(server);
    }
}

struct eater {
    size_t eaten, limit;
};

static bool eat(void *arg, struct bytes piece)
{
    struct eater *e = arg;
    e->eaten += piece.len;
    return e->eaten <= e->limit;
}

static void large_body_is_handed_on_piece_by_piece(void **state)
{
    (void)state;
    enum { BODY = 3000000 };
    static const struct {
        const char *head;
        size_t limit, eaten;
        enum http_outcome outcome;
        size_t kept;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", BODY, BODY, HTTP_ANSWERED, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3000001\r\n\r\n", BODY, BODY, HTTP_UNKNOWN, 0},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", 100, 0, HTTP_UNKNOWN, 0},
        {"HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\n", BODY, 0, HTTP_ANSWERED, 10},
    };
    char *bytes = mem_calloc(BODY + 200, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t head = strlen(cases[i].head);
        memcpy(bytes, cases[i].head, head);
        memset(bytes + head, 'x', BODY);
        struct canned_reply reply = {.bytes = bytes, .len = head + BODY, .end = CANNED_CLOSE};
        struct canned_server *server = canned_server_start(&reply, 1);
        struct http_client *client = new_client(&OPTIONS);
        struct eater eater = {.limit = cases[i].limit};
        struct http_answer answer;
        const struct http_request request = {
            .url = canned_server_url(server), .take = eat, .take_arg = &eater};
        fetch_request(client, &request, &answer);
        assert_int_equal(answer.outcome, cases[i].outcome);
        if (answer.outcome == HTTP_ANSWERED) {
            assert_int_equal(answer.body.len, cases[i].kept);
        }
        if (cases[i].eaten > 0) {
            assert_int_equal(eater.eaten, cases[i].eaten);
        }
        http_client_done(client, &answer);
        http_client_free(client);
        canned_server_stop(server);
    }
    mem_free(bytes);
}

static void cut_or_missing_answer_is_unknown(void **state)
{
    (void)state;
    static const struct canned_reply cases[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":", .end = CANNED_CLOSE},
        {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"dat",
         .end = CANNED_CLOSE},
        {.bytes = "HTTP/1.1 200", .end = CANNED_CLOSE},
        {.bytes = NULL, .end = CANNED_CLOSE},
        {.bytes = "garbage that is no HTTP\r\n\r\n", .end = CANNED_CLOSE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct canned_server *server = canned_server_start(&cases[i], 1);
        struct http_client *client = new_client(&OPTIONS);
        struct http_answer answer;
        const struct http_request request = {.url = canned_server_url(server),
                                             .content_type = "application/json",
                                             .body = bytes_text("{}")};
        fetch_request(client, &request, &answer);
        assert_int_equal(answer.outcome, HTTP_UNKNOWN);
        assert_true(strncmp(answer.err.origin, "CURLE_", 6) == 0);
        http_client_done(client, &answer);
        http_client_free(client);
        canned_server_stop(server);
    }
}

static void no_answer_in_time_is_unknown(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {{.bytes = NULL, .end = CANNED_HANG}};
    struct canned_server *server = canned_server_start(replies, 1);
    struct http_client_options hasty = OPTIONS;
    hasty.timeout_ms = 100;
    struct http_client *client = new_client(&hasty);
    struct http_answer answer;
    fetch(client, canned_server_url(server), &answer);
    assert_int_equal(answer.outcome, HTTP_UNKNOWN);
    assert_string_equal(answer.err.origin, "CURLE_28");
    assert_true(answer.elapsed_us >= 90000);
    http_client_done(client, &answer);
    http_client_free(client);
    canned_server_stop(server);
}

static void answer_that_stops_coming_is_given_up_before_the_whole_time(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", .end = CANNED_HANG}};
    struct canned_server *server = canned_server_start(replies, 1);
    struct http_client_options options = OPTIONS;
    options.timeout_ms = 60000;
    options.stall_s = 1;
    struct http_client *client = new_client(&options);
    struct http_answer answer;
    fetch(client, canned_server_url(server), &answer);
    assert_int_equal(answer.outcome, HTTP_UNKNOWN);
    assert_string_equal(answer.err.origin, "CURLE_28");
    assert_true(answer.elapsed_us < 9000000);
    http_client_done(client, &answer);
    http_client_free(client);
    canned_server_stop(server);
}

static void client_without_a_usable_ca_file_is_not_made(void **state)
{
    (void)state;
    struct http_client_options options = OPTIONS;
    struct http_client *client = NULL;
    struct err err = {0};
    options.ca_file = "/nowhere/ca.pem";
    assert_int_equal(http_client_new(&options, &client, &err), STATUS_STORE_MISCONFIGURED);
    assert_null(client);
    assert_non_null(strstr(err.msg, "/nowhere/ca.pem"));
}

/* A loopback port on which nobody listens. */
static void unused_url(char url[64])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    (void)close(fd);
    (void)snprintf(url, 64, "http://127.0.0.1:%d/", ntohs(at.sin_port));
}

static void refused_connection_is_not_sent(void **state)
{
    (void)state;
    char url[64];
    unused_url(url);
    struct http_client *client = new_client(&OPTIONS);
    struct http_answer answer;
    fetch(client, url, &answer);
    assert_int_equal(answer.outcome, HTTP_NOT_SENT);
    assert_int_equal(answer.err.status, STATUS_STORE_LOST);
    assert_string_equal(answer.err.origin, "CURLE_7");
    http_client_done(client, &answer);
    http_client_free(client);
}

static void peer_that_took_the_request_and_left_is_unknown(void **state)
{
    (void)state;
    /* The second request goes out on the kept connection; its end makes curl try a new one, which
     * is refused: still, the peer may have executed it. */
    static const struct canned_reply replies[] = {{.bytes = OK_EMPTY},
                                                  {.bytes = NULL, .end = CANNED_LEAVE}};
    struct canned_server *server = canned_server_start(replies, 2);
    struct http_client *client = new_client(&OPTIONS);
    struct http_answer answer;
    fetch(client, canned_server_url(server), &answer);
    assert_int_equal(answer.status, 200);
    http_client_done(client, &answer);
    fetch(client, canned_server_url(server), &answer);
    assert_int_equal(canned_server_request_count(server), 2);
    assert_int_equal(answer.outcome, HTTP_UNKNOWN);
    http_client_done(client, &answer);
    http_client_free(client);
    canned_server_stop(server);
}

static void redirect_is_an_answer_and_not_followed(void **state)
{
    (void)state;
    static const struct canned_reply target_replies[] = {{.bytes = OK_EMPTY}};
    struct canned_server *target = canned_server_start(target_replies, 1);
    char reply[256];
    (void)snprintf(reply, sizeof reply,
                   "HTTP/1.1 307 Temporary Redirect\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n",
                   canned_server_url(target));
    const struct canned_reply replies[] = {{.bytes = reply}};
    struct canned_server *server = canned_server_start(replies, 1);
    struct http_client *client = new_client(&OPTIONS);
    struct secret token = {0};
    struct http_answer answer;
    secret_set(&token, "shpat_secret");
    const struct http_request request = {
        .url = canned_server_url(server), .secret_header = "X-Token", .secret = &token};
    fetch_request(client, &request, &answer);
    assert_int_equal(answer.status, 307);
    assert_int_equal(canned_server_connection_count(target), 0);
    http_client_done(client, &answer);
    http_client_free(client);
    canned_server_stop(server);
    canned_server_stop(target);
    secret_release(&token);
}

static void addresses_that_could_lead_astray_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool allowed;
    } cases[] = {
        {"http://127.0.0.1:1/", true},
        {"http://127.9.8.7:1/", true},
        {"http://localhost:1/", true},
        {"http://[::1]:1/", true},
        {"https://127.0.0.1:1/", true},
        {"http://shop.myshopify.com/", false},
        {"http://127.0.0.1.example.com/", false},
        {"http://localhost.example.com/", false},
        {"http://10.0.0.1/", false},
        {"http://0.0.0.0/", false},
        {"http://[::2]/", false},
        {"http://[::ffff:10.0.0.1]/", false},
        {"https://user@127.0.0.1/", false},
        {"https://user:password@127.0.0.1/", false},
        {"ftp://127.0.0.1/", false},
        {"file:///etc/passwd", false},
        {"127.0.0.1/", false},
        {"https://", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_client *client = new_client(&OPTIONS);
        const struct http_request request = {.url = cases[i].url};
        struct err err = {0};
        enum status rc = http_client_start(client, &request, &err);
        if ((rc == STATUS_OK) != cases[i].allowed) {
            fail_msg("%s gave %s", cases[i].url, status_name(rc));
        }
        if (!cases[i].allowed) {
            assert_int_equal(rc, STATUS_CONFIG);
            assert_null(strstr(err.msg, "password"));
            assert_int_equal(http_client_running(client), 0);
        }
        http_client_free(client);
    }
}

static void credential_cannot_bring_headers_of_its_own(void **state)
{
    (void)state;
    struct http_client *client = new_client(&OPTIONS);
    struct secret token = {0};
    struct err err = {0};
    secret_set(&token, "a\r\nX-Other: b");
    const struct http_request request = {
        .url = "http://127.0.0.1:1/", .secret_header = "X-Token", .secret = &token};
    assert_int_equal(http_client_start(client, &request, &err), STATUS_CONFIG);
    assert_null(strstr(err.msg, "X-Other"));
    http_client_free(client);
    secret_release(&token);
}

static void handshake_that_fails_is_not_sent(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {{.bytes = OK_EMPTY, .end = CANNED_CLOSE}};
    struct canned_server *server = canned_server_start(replies, 1);
    struct http_client_options options = OPTIONS;
    options.timeout_ms = 300; /* the peer never answers the handshake */
    struct http_client *client = new_client(&options);
    struct http_answer answer;
    char url[80];
    (void)snprintf(url, sizeof url, "https%s/", canned_server_url(server) + 4);
    fetch(client, url, &answer);
    assert_int_equal(answer.outcome, HTTP_NOT_SENT);
    http_client_done(client, &answer);
    http_client_free(client);
    canned_server_stop(server);
}

static void wait_ends_when_a_descriptor_becomes_readable(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {{.bytes = NULL, .end = CANNED_HANG}};
    struct canned_server *server = canned_server_start(replies, 1);
    struct http_client *client = new_client(&OPTIONS);
    const struct http_request request = {.url = canned_server_url(server)};
    struct err err = {0};
    struct http_answer answer;
    int fds[] = {eventfd(0, EFD_CLOEXEC), eventfd(1, EFD_CLOEXEC)};
    assert_int_equal(http_client_start(client, &request, &err), STATUS_OK);
    int64_t begun = clock_monotonic_us();
    http_client_wait(client, fds, 2, 4000);
    assert_true(clock_monotonic_us() - begun < 2000000);
    begun = clock_monotonic_us();
    http_client_wait(client, fds, 1, 20);
    assert_true(clock_monotonic_us() - begun >= 19000);
    assert_false(http_client_next(client, &answer));
    assert_int_equal(http_client_running(client), 1);
    (void)close(fds[0]);
    (void)close(fds[1]);
    http_client_free(client); /* cuts the running transfer off */
    canned_server_stop(server);
}

static void cancelled_transfer_brings_no_answer_and_its_neighbour_does(void **state)
{
    (void)state;
    static const struct canned_reply hang[] = {{.bytes = NULL, .end = CANNED_HANG}};
    static const struct canned_reply quick[] = {{.bytes = OK_EMPTY}};
    struct canned_server *slow = canned_server_start(hang, 1);
    struct canned_server *server = canned_server_start(quick, 1);
    struct http_client *client = new_client(&OPTIONS);
    int owners[2];
    const struct http_request first = {.url = canned_server_url(slow), .owner = &owners[0]};
    const struct http_request second = {.url = canned_server_url(server), .owner = &owners[1]};
    struct err err = {0};
    struct http_answer answer;
    assert_int_equal(http_client_start(client, &first, &err), STATUS_OK);
    assert_int_equal(http_client_start(client, &second, &err), STATUS_OK);
    http_client_cancel(client, &owners[0]);
    assert_int_equal(http_client_running(client), 1);
    http_client_wait(client, NULL, 0, 5000);
    assert_true(http_client_next(client, &answer));
    assert_ptr_equal(answer.owner, &owners[1]);
    http_client_done(client, &answer);
    /* an answer that has arrived and was not taken is dropped as well */
    assert_int_equal(http_client_start(client, &second, &err), STATUS_OK);
    http_client_wait(client, NULL, 0, 5000);
    http_client_cancel(client, &owners[1]);
    assert_false(http_client_next(client, &answer));
    assert_int_equal(http_client_running(client), 0);
    http_client_free(client);
    canned_server_stop(server);
    canned_server_stop(slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_brings_status_body_and_owner),
        cmocka_unit_test(several_run_at_once_and_each_brings_its_own_owner),
        cmocka_unit_test(post_sends_headers_and_body_as_given),
        cmocka_unit_test(connection_is_kept_for_the_next_request),
        cmocka_unit_test(headers_are_read_case_insensitively_and_from_the_final_answer),
        cmocka_unit_test(retry_after_is_decimal_seconds_or_unusable),
        cmocka_unit_test(answer_over_the_cap_is_unknown),
        cmocka_unit_test(answer_of_exactly_the_cap_is_taken),
        cmocka_unit_test(gzip_is_unpacked_and_the_cap_counts_after_it),
        cmocka_unit_test(every_coding_that_is_offered_is_unpacked),
        cmocka_unit_test(large_body_is_handed_on_piece_by_piece),
        cmocka_unit_test(cut_or_missing_answer_is_unknown),
        cmocka_unit_test(no_answer_in_time_is_unknown),
        cmocka_unit_test(answer_that_stops_coming_is_given_up_before_the_whole_time),
        cmocka_unit_test(client_without_a_usable_ca_file_is_not_made),
        cmocka_unit_test(refused_connection_is_not_sent),
        cmocka_unit_test(peer_that_took_the_request_and_left_is_unknown),
        cmocka_unit_test(redirect_is_an_answer_and_not_followed),
        cmocka_unit_test(addresses_that_could_lead_astray_are_refused),
        cmocka_unit_test(credential_cannot_bring_headers_of_its_own),
        cmocka_unit_test(handshake_that_fails_is_not_sent),
        cmocka_unit_test(wait_ends_when_a_descriptor_becomes_readable),
        cmocka_unit_test(cancelled_transfer_brings_no_answer_and_its_neighbour_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
