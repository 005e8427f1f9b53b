#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>

#include <cmocka.h>

#include "common/core/thread.h"

struct seen {
    char name[16];
    bool term_is_blocked;
    bool woke;
};

static void wait_for_stop(struct thread *self, void *arg)
{
    struct seen *seen = arg;
    sigset_t blocked;
    (void)prctl(PR_GET_NAME, seen->name, 0, 0, 0);
    (void)pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    seen->term_is_blocked = sigismember(&blocked, SIGTERM) == 1;
    struct pollfd fd = {.fd = self->wake_fd, .events = POLLIN};
    while (!thread_is_stopping(self)) {
        seen->woke = poll(&fd, 1, 60000) == 1;
    }
}

static void thread_runs_named_and_stops_when_asked(void **state)
{
    (void)state;
    struct thread t;
    struct err err = {0};
    struct seen seen = {0};
    assert_int_equal(thread_start(&t, "lane-with-a-long-name", wait_for_stop, &seen, &err),
                     STATUS_OK);
    assert_false(thread_is_stopping(&t));
    assert_false(thread_is_done(&t));
    thread_ask_stop(&t);
    thread_join(&t);
    assert_true(thread_is_done(&t));
    assert_string_equal(seen.name, "lane-with-a-lon");
    assert_true(seen.term_is_blocked);
    thread_join(&t);
    sigset_t mine;
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mine), 0);
    assert_int_equal(sigismember(&mine, SIGTERM), 0);
}

static void thread_never_started_can_be_joined_and_asked(void **state)
{
    (void)state;
    struct thread t = {0};
    thread_ask_stop(&t);
    thread_join(&t);
    assert_true(thread_is_stopping(&t));
}

static void return_at_once(struct thread *self, void *arg)
{
    thread_ask_stop(self);
    *(int *)arg = 1;
}

static void thread_may_ask_itself(void **state)
{
    (void)state;
    struct thread t;
    struct err err = {0};
    int ran = 0;
    assert_int_equal(thread_start(&t, "x", return_at_once, &ran, &err), STATUS_OK);
    thread_join(&t);
    assert_int_equal(ran, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_runs_named_and_stops_when_asked),
        cmocka_unit_test(thread_never_started_can_be_joined_and_asked),
        cmocka_unit_test(thread_may_ask_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
