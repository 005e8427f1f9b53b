#include "tests/unit/lane/fake_clock.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#define START_US        INT64_C(1000000000)
#define WALL_MINUS_MONO INT64_C(1795000000000000)

static int64_t now_us = START_US;

void fake_clock_reset(void)
{
    now_us = START_US;
}

void fake_clock_pass_us(int64_t us)
{
    now_us += us;
}

void fake_clock_pass_until_us(int64_t monotonic_us)
{
    now_us = monotonic_us > now_us ? monotonic_us : now_us;
}

int64_t clock_monotonic_us(void)
{
    return now_us;
}

int64_t clock_wall_us(void)
{
    return WALL_MINUS_MONO + now_us;
}

int clock_left_ms(int64_t deadline_us)
{
    int64_t left_us = deadline_us > now_us ? deadline_us - now_us : 0;
    int64_t left_ms = (left_us + 999) / 1000;
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

/* No test reads a date: the number is enough. */
char *clock_format_utc(int64_t wall_us, char text[CLOCK_TEXT_SIZE])
{
    (void)snprintf(text, CLOCK_TEXT_SIZE, "%" PRId64, wall_us);
    return text;
}
