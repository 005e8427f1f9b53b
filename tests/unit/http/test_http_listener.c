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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "common/http/http_listener.h"

static const struct http_route ROUTES[] = {{"/healthz", "text/plain", http_server_show_health}};

static struct sockaddr_in address;
static char listen_at[32];
static int holder; /* of the address */

static int hold_address(void **state)
{
    (void)state;
    socklen_t size = sizeof address;
    address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    holder = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(holder, (const struct sockaddr *)&address, size) != 0 || listen(holder, 1) != 0 ||
        getsockname(holder, (struct sockaddr *)&address, &size) != 0) {
        return -1;
    }
    (void)snprintf(listen_at, sizeof listen_at, "127.0.0.1:%d", ntohs(address.sin_port));
    return 0;
}

static bool answers(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool connected = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd);
    return connected;
}

static void http_listener_serves_once_its_address_is_free(void **state)
{
    (void)state;
    const struct timespec moment = {.tv_nsec = 10000000};
    struct http_listener *listener = NULL;
    struct err err = {0};
    assert_int_equal(http_listener_start(listen_at, ROUTES, 1, NULL, &listener, &err), STATUS_OK);
    (void)close(holder);
    int64_t deadline = clock_monotonic_us() + 10000000;
    while (!answers() && clock_monotonic_us() < deadline) {
        (void)nanosleep(&moment, NULL);
    }
    assert_true(answers());
    http_listener_free(listener);
    assert_false(answers());
}

static void http_listener_ends_while_its_address_is_taken(void **state)
{
    (void)state;
    struct http_listener *listener = NULL;
    struct err err = {0};
    assert_int_equal(http_listener_start(listen_at, ROUTES, 1, NULL, &listener, &err), STATUS_OK);
    int64_t begun = clock_monotonic_us();
    http_listener_free(listener);
    assert_true(clock_monotonic_us() - begun < 1000000);
    (void)close(holder);
}

static void http_listener_refuses_what_is_no_address(void **state)
{
    (void)state;
    struct http_listener *listener = NULL;
    struct err err = {0};
    assert_int_equal(http_listener_start("somewhere", ROUTES, 1, NULL, &listener, &err),
                     STATUS_CONFIG);
    assert_null(listener);
    http_listener_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(http_listener_serves_once_its_address_is_free, hold_address),
        cmocka_unit_test_setup(http_listener_ends_while_its_address_is_taken, hold_address),
        cmocka_unit_test(http_listener_refuses_what_is_no_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
