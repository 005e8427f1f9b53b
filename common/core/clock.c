#include "common/core/clock.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

#define US_PER_S INT64_C(1000000)

static int64_t now_us(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return now_us(CLOCK_REALTIME);
}

int clock_left_ms(int64_t deadline_us)
{
    int64_t now = clock_monotonic_us();
    if (deadline_us <= now) {
        return 0;
    }
    /* Rounded up: a caller that waits this long must not wake before the deadline and spin. */
    int64_t left_ms = (deadline_us - now - 1) / 1000 + 1;
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

char *clock_format_utc(int64_t wall_us, char text[CLOCK_TEXT_SIZE])
{
    int64_t seconds = wall_us / US_PER_S;
    int64_t rest_us = wall_us % US_PER_S;
    if (rest_us < 0) {
        rest_us += US_PER_S;
        seconds--;
    }
    time_t whole = (time_t)seconds;
    struct tm tm = {0};
    (void)gmtime_r(&whole, &tm);
    size_t len = strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + len, CLOCK_TEXT_SIZE - len, ".%03dZ", (int)(rest_us / 1000));
    return text;
}
