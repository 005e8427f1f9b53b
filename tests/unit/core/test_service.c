#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "common/core/service.h"

static int64_t now_us;

int64_t clock_monotonic_us(void)
{
    return now_us;
}

static int listen_at(const char *path, size_t len)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    (void)memcpy(address.sun_path, path, len);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    return fd;
}

/* Text of the next datagram, "" when there is none. */
static const char *received(int fd)
{
    static char text[64];
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void service_is_silent_without_a_socket(void **state)
{
    (void)state;
    (void)unsetenv("NOTIFY_SOCKET");
    service_ready();
    (void)setenv("NOTIFY_SOCKET", "relative", 1);
    service_ready();
    (void)setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
    service_stopping();
}

static void service_speaks_to_a_file_and_to_an_abstract_socket(void **state)
{
    (void)state;
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/stocksync_notify_%ld", (long)getpid());
    int fd = listen_at(path, strlen(path));
    (void)setenv("NOTIFY_SOCKET", path, 1);
    service_ready();
    assert_string_equal(received(fd), "READY=1");
    service_stopping();
    assert_string_equal(received(fd), "STOPPING=1");
    (void)close(fd);
    (void)unlink(path);

    path[0] = '\0';
    fd = listen_at(path, strlen(path + 1) + 1);
    path[0] = '@';
    (void)setenv("NOTIFY_SOCKET", path, 1);
    service_ready();
    assert_string_equal(received(fd), "READY=1");
    (void)close(fd);
}

static void service_alive_at_half_of_the_watchdog_period(void **state)
{
    (void)state;
    char path[64];
    char pid[32];
    (void)snprintf(path, sizeof path, "/tmp/stocksync_watchdog_%ld", (long)getpid());
    (void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
    int fd = listen_at(path, strlen(path));
    (void)setenv("NOTIFY_SOCKET", path, 1);
    (void)setenv("WATCHDOG_USEC", "2000000", 1);
    (void)setenv("WATCHDOG_PID", pid, 1);
    now_us = 5000000;
    service_alive();
    assert_string_equal(received(fd), "WATCHDOG=1");
    now_us += 999999;
    service_alive();
    assert_string_equal(received(fd), "");
    now_us += 1;
    service_alive();
    assert_string_equal(received(fd), "WATCHDOG=1");
    (void)close(fd);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service_is_silent_without_a_socket),
        cmocka_unit_test(service_speaks_to_a_file_and_to_an_abstract_socket),
        cmocka_unit_test(service_alive_at_half_of_the_watchdog_period),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
