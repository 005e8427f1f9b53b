#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"

/* Runs f in a child, quietly. @return the signal that ended it, 0: none */
static int signal_of(void (*f)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        (void)close(STDERR_FILENO);
        f();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void mem_nothing_is_a_valid_pointer(void **state)
{
    (void)state;
    void *a = mem_alloc(0);
    void *b = mem_calloc(0, 8);
    a = mem_realloc(a, 0, 8);
    assert_non_null(a);
    assert_non_null(b);
    mem_free(a);
    mem_free(b);
    mem_free(NULL);
}

static void mem_calloc_zeroes_and_realloc_keeps(void **state)
{
    (void)state;
    int *list = mem_calloc(3, sizeof *list);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(list[i], 0);
        list[i] = i + 1;
    }
    list = mem_realloc(list, 1000, sizeof *list);
    assert_int_equal(list[2], 3);
    mem_free(list);
}

static void mem_texts_are_copied(void **state)
{
    (void)state;
    char source[] = "abc";
    char *copy = mem_strdup(source);
    char *part = mem_strndup("a\0bc", 3);
    source[0] = 'x';
    assert_string_equal(copy, "abc");
    assert_memory_equal(part, "a\0b", 4);
    assert_null(mem_strdup(NULL));
    mem_free(copy);
    mem_free(part);
}

static void mem_capacity_doubles_from_sixteen(void **state)
{
    (void)state;
    static const struct {
        size_t capacity, needed, expected;
    } CASES[] = {{0, 1, 16}, {0, 17, 32}, {16, 16, 16}, {16, 17, 32}, {32, 100, 128}, {5, 6, 16}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(mem_grow_capacity(CASES[i].capacity, CASES[i].needed), CASES[i].expected);
    }
}

static void calloc_overflow(void)
{
    mem_free(mem_calloc(SIZE_MAX / 2, 3));
}

static void realloc_overflow(void)
{
    mem_free(mem_realloc(NULL, SIZE_MAX / 2, 3));
}

static void capacity_overflow(void)
{
    (void)mem_grow_capacity(16, SIZE_MAX);
}

static void mem_overflow_aborts(void **state)
{
    (void)state;
    assert_int_equal(signal_of(calloc_overflow), SIGABRT);
    assert_int_equal(signal_of(realloc_overflow), SIGABRT);
    assert_int_equal(signal_of(capacity_overflow), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mem_nothing_is_a_valid_pointer),
        cmocka_unit_test(mem_calloc_zeroes_and_realloc_keeps),
        cmocka_unit_test(mem_texts_are_copied),
        cmocka_unit_test(mem_capacity_doubles_from_sixteen),
        cmocka_unit_test(mem_overflow_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
