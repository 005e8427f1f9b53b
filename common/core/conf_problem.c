#include <stdarg.h>

#include "common/core/conf_internal.h"
#include "common/core/mem.h"

void conf_problem_add(struct conf_problems *problems, int line, const char *fmt, ...)
{
    /* Few and rare: no capacity is kept. */
    problems->list = mem_realloc(problems->list, problems->count + 1, sizeof *problems->list);
    struct conf_problem *problem = &problems->list[problems->count++];
    problem->line = line;
    va_list args;
    va_start(args, fmt);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): false alarm of version 14
    (void)vsnprintf(problem->text, sizeof problem->text, fmt, args);
    va_end(args);
}

void conf_problems_release(struct conf_problems *problems)
{
    mem_free(problems->list);
    *problems = (struct conf_problems){0};
}

void conf_problems_sort(struct conf_problems *problems)
{
    /* Insertion keeps the order of equals. */
    for (size_t i = 1; i < problems->count; i++) {
        struct conf_problem moving = problems->list[i];
        size_t at = i;
        while (at > 0 && moving.line > 0 &&
               (problems->list[at - 1].line == 0 || problems->list[at - 1].line > moving.line)) {
            problems->list[at] = problems->list[at - 1];
            at--;
        }
        problems->list[at] = moving;
    }
}
