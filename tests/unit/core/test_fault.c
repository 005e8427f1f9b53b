#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "common/core/fault.h"

#ifdef STOCKSYNC_FAULTS

/* A child that passes "a" three times and "b" once, and exits with the passages it survived. */
static pid_t start_child(const char *fault)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        (void)close(STDERR_FILENO);
        (void)setenv("STOCKSYNC_FAULT", fault, 1);
        for (int i = 0; i < 3; i++) {
            FAULT_POINT("a");
        }
        FAULT_POINT("b");
        _exit(7);
    }
    return pid;
}

static void fault_kills_at_the_nth_passage_of_its_point(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        int signal; /* 0: survives */
    } CASES[] = {
        {"", 0},
        {"a:kill", SIGKILL},
        {"a:kill:3", SIGKILL},
        {"a:kill:4", 0},
        {"b:kill:1", SIGKILL},
        {"b:kill:2", 0},
        {"c:kill", 0},
        {"c:kill,b:kill", SIGKILL},
        {"a:delay=1,a:delay=1:2", 0},
        {"a", SIGABRT},
        {"a:explode", SIGABRT},
        {"a:kill:x", SIGABRT},
        {"a:delay=", SIGABRT},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        int status = 0;
        pid_t pid = start_child(CASES[i].fault);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (CASES[i].signal == 0) {
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        } else {
            assert_true(WIFSIGNALED(status));
            assert_int_equal(WTERMSIG(status), CASES[i].signal);
        }
    }
}

static void fault_stops_until_continued(void **state)
{
    (void)state;
    int status = 0;
    pid_t pid = start_child("a:stop:2");
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void fault_delays_every_passage_when_no_number_is_given(void **state)
{
    (void)state;
    int status = 0;
    int64_t before = clock_monotonic_us();
    pid_t pid = start_child("a:delay=20");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    assert_true(clock_monotonic_us() - before >= 60000);
}

#endif

static void fault_point_without_a_fault_does_nothing(void **state)
{
    (void)state;
    FAULT_POINT("a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef STOCKSYNC_FAULTS
        cmocka_unit_test(fault_kills_at_the_nth_passage_of_its_point),
        cmocka_unit_test(fault_stops_until_continued),
        cmocka_unit_test(fault_delays_every_passage_when_no_number_is_given),
#endif
        /* last: the children of the others must be the first to read the environment */
        cmocka_unit_test(fault_point_without_a_fault_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
