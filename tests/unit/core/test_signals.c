#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/signals.h"

/* Each case runs in a child: handlers are installed once in a process. @return its wait status */
static int run_child(int (*body)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct err err = {0};
        _exit(signals_install(&err) == STATUS_OK ? body() : 99);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool is_readable(void)
{
    struct pollfd fd = {.fd = signals_fd(), .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static int first_term(void)
{
    if (signals_stop_requested() || is_readable()) {
        return 1;
    }
    (void)raise(SIGTERM);
    if (!signals_stop_requested() || !is_readable()) {
        return 2;
    }
    signals_drain();
    return !is_readable() && signals_stop_requested() && !signals_sleep(60000) ? 0 : 3;
}

static int second_term(void)
{
    (void)raise(SIGTERM);
    (void)raise(SIGINT);
    return 0;
}

static int reload(void)
{
    (void)raise(SIGHUP);
    if (signals_stop_requested() || !signals_take_reload() || signals_take_reload()) {
        return 1;
    }
    return signals_sleep(60000) && signals_sleep(1) ? 0 : 2; /* the byte of HUP wakes the first */
}

static int broken_pipe(void)
{
    int fds[2];
    if (pipe(fds) != 0 || close(fds[0]) != 0) {
        return 1;
    }
    return write(fds[1], "x", 1) == -1 ? 0 : 2;
}

static int wake_from_sleep(void)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        _exit(kill(parent, SIGTERM));
    }
    bool go_on = signals_sleep(60000);
    (void)waitpid(pid, NULL, 0);
    return go_on ? 1 : 0;
}

static int blocked(void)
{
    sigset_t pending;
    signals_block_all();
    (void)raise(SIGTERM);
    return !signals_stop_requested() && sigpending(&pending) == 0 &&
                   sigismember(&pending, SIGTERM) == 1
               ? 0
               : 1;
}

static void signals_cases(void **state)
{
    (void)state;
    static const struct {
        int (*body)(void);
        int exit_code;
    } CASES[] = {
        {first_term, 0},  {second_term, 130},   {reload, 0},
        {broken_pipe, 0}, {wake_from_sleep, 0}, {blocked, 0},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        int status = run_child(CASES[i].body);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), CASES[i].exit_code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
