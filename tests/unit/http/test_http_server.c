#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/http/http_server.h"

struct fixture {
    unsigned status;
    const char *text;
    size_t repeat;
};

static unsigned say(void *context, struct strbuf *body)
{
    const struct fixture *f = context;
    for (size_t i = 0; i < f->repeat; i++) {
        strbuf_append_text(body, f->text);
    }
    return f->status;
}

static const struct http_route ROUTES[] = {{"/metrics", "text/plain; version=0.0.4", say},
                                           {"/", "text/html", say}};

static struct http_server *start(struct fixture *f)
{
    struct http_server *server = NULL;
    struct err err = {0};
    assert_int_equal(http_server_start("127.0.0.1:0", ROUTES, 2, f, &server, &err), STATUS_OK);
    assert_non_null(server);
    return server;
}

/* Sends a request that asks for the connection to be closed and reads all that comes. */
static void talk(const struct http_server *server, const char *request, char *out, size_t size)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const char *port = strrchr(http_server_address(server), ':');
    assert_non_null(port);
    at.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t used = 0;
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    for (ssize_t n = 1; n > 0 && used<size - 1; used += n> 0 ? (size_t)n : 0) {
        n = recv(fd, out + used, size - 1 - used, 0);
    }
    out[used] = '\0';
    (void)close(fd);
}

#define REST " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void routes_answer_with_their_type_and_status(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        const char *status;
        const char *type;
        const char *body;
    } cases[] = {
        {"GET /metrics" REST, "HTTP/1.1 200", "text/plain; version=0.0.4", "\r\n\r\nup 1\n"},
        {"GET /metrics?a=b" REST, "HTTP/1.1 200", "text/plain; version=0.0.4", "\r\n\r\nup 1\n"},
        {"GET /" REST, "HTTP/1.1 200", "text/html", "\r\n\r\nup 1\n"},
        {"HEAD /" REST, "HTTP/1.1 200", "text/html", "\r\n\r\n"},
        {"GET /metricsx" REST, "HTTP/1.1 404", "text/plain", "no such page"},
        {"GET /../etc/passwd" REST, "HTTP/1.1 404", "text/plain", "no such page"},
        {"DELETE /" REST, "HTTP/1.1 405", "text/plain", "only GET and HEAD"},
        {"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
         "HTTP/1.1 405", "text/plain", "only GET and HEAD"},
    };
    struct fixture f = {.status = 200, .text = "up 1\n", .repeat = 1};
    struct http_server *server = start(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char got[4096];
        talk(server, cases[i].request, got, sizeof got);
        assert_memory_equal(got, cases[i].status, strlen(cases[i].status));
        assert_non_null(strstr(got, cases[i].type));
        assert_non_null(strstr(got, cases[i].body));
        assert_non_null(strstr(got, "no-store"));
    }
    http_server_free(server);
}

static void head_brings_no_body(void **state)
{
    (void)state;
    struct fixture f = {.status = 200, .text = "up 1\n", .repeat = 1};
    struct http_server *server = start(&f);
    char got[4096];
    talk(server, "HEAD /" REST, got, sizeof got);
    assert_null(strstr(got, "up 1"));
    assert_non_null(strstr(got, "Content-Length: 5"));
    http_server_free(server);
}

static void handler_decides_about_readiness(void **state)
{
    (void)state;
    struct fixture f = {.status = 503, .text = "not yet\n", .repeat = 1};
    struct http_server *server = start(&f);
    char got[4096];
    talk(server, "GET /" REST, got, sizeof got);
    assert_memory_equal(got, "HTTP/1.1 503", 12);
    assert_non_null(strstr(got, "not yet"));
    http_server_free(server);
}

static void body_over_the_limit_is_an_error_and_not_a_cut_page(void **state)
{
    (void)state;
    struct fixture f = {.status = 200, .text = "0123456789abcdef", .repeat = 600000};
    struct http_server *server = start(&f);
    char got[4096];
    talk(server, "GET /" REST, got, sizeof got);
    assert_memory_equal(got, "HTTP/1.1 500", 12);
    http_server_free(server);
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *listen;
        enum status rc;
        const char *address; /* how the real one begins */
    } cases[] = {
        {"127.0.0.1:0", STATUS_OK, "127.0.0.1:"},
        {"", STATUS_OK, NULL},
        {"127.0.0.1", STATUS_CONFIG, NULL},
        {"127.0.0.1:", STATUS_CONFIG, NULL},
        {"127.0.0.1:http", STATUS_CONFIG, NULL},
        {"127.0.0.1:65536", STATUS_CONFIG, NULL},
        {"127.0.0.1:123456", STATUS_CONFIG, NULL},
        {"127.0.0.1:-1", STATUS_CONFIG, NULL},
        {"::1:9400", STATUS_CONFIG, NULL},
        {"[::1:9400", STATUS_CONFIG, NULL},
        {"somewhere.example:9400", STATUS_CONFIG, NULL},
        {"9400", STATUS_CONFIG, NULL},
        {"203.0.113.1:9400", STATUS_ADDRESS_BUSY, NULL}, /* nobody's address here */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_server *server = NULL;
        struct err err = {0};
        enum status rc = http_server_start(cases[i].listen, ROUTES, 2, NULL, &server, &err);
        if (rc != cases[i].rc) {
            fail_msg("'%s' gave %s %s", cases[i].listen, status_name(rc), err.msg);
        }
        assert_int_equal(server != NULL, cases[i].address != NULL);
        if (rc != STATUS_OK) {
            assert_non_null(strstr(err.msg, cases[i].listen));
        }
        if (cases[i].address != NULL) {
            const char *at = http_server_address(server);
            assert_memory_equal(at, cases[i].address, strlen(cases[i].address));
            const char *port = strrchr(at, ':');
            assert_non_null(port);
            assert_true(strtoul(port + 1, NULL, 10) > 0);
        }
        http_server_free(server);
    }
    assert_string_equal(http_server_address(NULL), "");
}

static void every_address_is_one_without_host(void **state)
{
    (void)state;
    struct fixture f = {.status = 200, .text = "up 1\n", .repeat = 1};
    struct http_server *server = NULL;
    struct err err = {0};
    char got[4096];
    assert_int_equal(http_server_start(":0", ROUTES, 2, &f, &server, &err), STATUS_OK);
    talk(server, "GET /" REST, got, sizeof got); /* over IPv4 */
    assert_memory_equal(got, "HTTP/1.1 200", 12);
    http_server_free(server);
}

static void address_in_use_is_named(void **state)
{
    (void)state;
    struct fixture f = {.status = 200, .text = "", .repeat = 1};
    struct http_server *first = start(&f);
    struct http_server *second = NULL;
    struct err err = {0};
    assert_int_equal(http_server_start(http_server_address(first), ROUTES, 2, &f, &second, &err),
                     STATUS_ADDRESS_BUSY);
    assert_null(second);
    assert_non_null(strstr(err.msg, http_server_address(first)));
    assert_non_null(strstr(err.msg, "in use"));
    http_server_free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_answer_with_their_type_and_status),
        cmocka_unit_test(head_brings_no_body),
        cmocka_unit_test(handler_decides_about_readiness),
        cmocka_unit_test(body_over_the_limit_is_an_error_and_not_a_cut_page),
        cmocka_unit_test(addresses),
        cmocka_unit_test(every_address_is_one_without_host),
        cmocka_unit_test(address_in_use_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
