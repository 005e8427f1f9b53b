#include "consumer/plan/bisection.h"

#include <string.h>

#include "common/core/mem.h"
#include "common/core/status.h"

void bisection_release(struct bisection *s)
{
    mem_free(s->numbers);
    mem_free(s->sizes);
    *s = (struct bisection){0};
}

size_t bisection_next_size(const struct bisection *s)
{
    return s->group_count > 0 ? s->sizes[s->group_count - 1] : 0;
}

void bisection_begin(struct bisection *s)
{
    if (s->group_count > 0 && bisection_next_size(s) == 0) {
        return; /* the one before stayed empty */
    }
    if (s->group_count == s->group_capacity) {
        s->group_capacity = s->group_capacity > 0 ? s->group_capacity * 2 : 16;
        s->sizes = mem_realloc(s->sizes, s->group_capacity, sizeof *s->sizes);
    }
    s->sizes[s->group_count++] = 0;
}

void bisection_add(struct bisection *s, uint32_t number)
{
    INVARIANT(s->group_count > 0, "no group was begun");
    if (s->count == s->capacity) {
        s->capacity = s->capacity > 0 ? s->capacity * 2 : 256;
        s->numbers = mem_realloc(s->numbers, s->capacity, sizeof *s->numbers);
    }
    s->numbers[s->count++] = number;
    s->sizes[s->group_count - 1]++;
}

void bisection_take(struct bisection *s, uint32_t *numbers)
{
    size_t size = bisection_next_size(s);
    INVARIANT(size > 0, "there is no group");
    s->group_count--;
    s->count -= size;
    memcpy(numbers, s->numbers + s->count, size * sizeof *numbers);
}

void bisection_drop(struct bisection *s, bool (*drop)(void *arg, uint32_t number), void *arg)
{
    size_t kept = 0;
    size_t groups = 0;
    size_t at = 0;
    for (size_t g = 0; g < s->group_count; g++) {
        size_t size = 0;
        for (size_t end = at + s->sizes[g]; at < end; at++) {
            if (!drop(arg, s->numbers[at])) {
                s->numbers[kept++] = s->numbers[at];
                size++;
            }
        }
        if (size > 0) {
            s->sizes[groups++] = size;
        }
    }
    s->count = kept;
    s->group_count = groups;
}
