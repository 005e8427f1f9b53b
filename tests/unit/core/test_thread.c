#include <poll.h>
#include <sched.h>
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

static bool is_readable(int descriptor)
{
    struct pollfd fd = {.fd = descriptor, .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static bool is_awake(const struct thread *self)
{
    return is_readable(self->wake_fd);
}

struct reloads {
    bool none_before, woke, taken, taken_twice, awake_after, awake_when_stopping, taken_last;
    bool stop_after_reload, stop_when_stopping;
};

static void take_reloads(struct thread *self, void *arg)
{
    struct reloads *seen = arg;
    seen->none_before = !thread_take_reload(self);
    thread_ask_reload(self);
    thread_ask_reload(self);
    seen->woke = is_awake(self);
    seen->stop_after_reload = is_readable(self->stop_fd);
    seen->taken = thread_take_reload(self);
    seen->taken_twice = thread_take_reload(self);
    seen->awake_after = is_awake(self);
    thread_ask_reload(self);
    thread_ask_stop(self);
    seen->taken_last = thread_take_reload(self);
    seen->awake_when_stopping = is_awake(self);
    seen->stop_when_stopping = is_readable(self->stop_fd);
}

static void thread_takes_a_reload_once_and_keeps_the_wake_up_of_a_stop(void **state)
{
    (void)state;
    struct thread t;
    struct err err = {0};
    struct reloads seen = {0};
    assert_int_equal(thread_start(&t, "x", take_reloads, &seen, &err), STATUS_OK);
    thread_join(&t);
    assert_true(seen.none_before);
    assert_true(seen.woke);
    assert_true(seen.taken);
    assert_false(seen.taken_twice);
    assert_false(seen.awake_after);
    assert_false(seen.stop_after_reload);
    assert_true(seen.stop_when_stopping);
    assert_true(seen.taken_last);
    assert_true(seen.awake_when_stopping);
}

static void count_reloads(struct thread *self, void *arg)
{
    struct pollfd fd = {.fd = self->wake_fd, .events = POLLIN};
    atomic_int *reloads = arg;
    while (!thread_is_stopping(self) && poll(&fd, 1, 60000) == 1) {
        atomic_fetch_add(reloads, thread_take_reload(self) ? 1 : 0);
    }
}

static void thread_is_woken_for_each_reload_that_follows_another(void **state)
{
    (void)state;
    struct thread t;
    struct err err = {0};
    atomic_int reloads = 0;
    assert_int_equal(thread_start(&t, "x", count_reloads, &reloads, &err), STATUS_OK);
    for (int i = 1; i <= 200; i++) {
        thread_ask_reload(&t);
        while (atomic_load(&reloads) < i) {
            (void)sched_yield();
        }
    }
    thread_ask_stop(&t);
    thread_join(&t);
    assert_int_equal(reloads, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_runs_named_and_stops_when_asked),
        cmocka_unit_test(thread_never_started_can_be_joined_and_asked),
        cmocka_unit_test(thread_may_ask_itself),
        cmocka_unit_test(thread_takes_a_reload_once_and_keeps_the_wake_up_of_a_stop),
        cmocka_unit_test(thread_is_woken_for_each_reload_that_follows_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
