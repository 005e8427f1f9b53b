#include "tests/unit/lane/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/core/logger.h"
#include "common/core/mem.h"
#include "tests/unit/lane/model_world.h"

/* Trade and trouble take so long; a world that is not settled by the limit never is. */
#define TRADE_US (400 * FAKE_SECOND)
#define LIMIT_US (7200 * FAKE_SECOND)

uint32_t model_random(struct model_world *w, uint32_t below)
{
    w->random += 0x9e3779b97f4a7c15ULL; /* splitmix64 */
    uint64_t z = w->random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return (uint32_t)(((z ^ (z >> 31)) >> 32) * below >> 32);
}

bool model_chance(struct model_world *w, uint32_t percent)
{
    return percent > 0 && model_random(w, 100) < percent;
}

int64_t model_time(struct model_world *w, int64_t most_us)
{
    return most_us / 1000 * model_random(w, 1001);
}

size_t model_place(const struct model_world *w, struct level_key key)
{
    size_t place = (size_t)(key.item - MODEL_ITEM) * w->options.locations +
                   (size_t)(key.location - MODEL_LOCATION);
    assert_true(place < w->options.levels);
    return place;
}

struct level_key model_key(const struct model_world *w, size_t level)
{
    return (struct level_key){.item = MODEL_ITEM + (int64_t)(level / w->options.locations),
                              .location = MODEL_LOCATION + (int64_t)(level % w->options.locations)};
}

int32_t model_product(const struct model_world *w, size_t level)
{
    return (int32_t)(level / w->options.locations) + 1;
}

const char *model_text(int32_t product_id, char text[MODEL_TEXT])
{
    (void)snprintf(text, MODEL_TEXT, "S%d", (int)product_id);
    return text;
}

void model_trace(const struct model_world *w, size_t level, const char *fmt, ...)
{
    char text[200];
    va_list args;
    if (level != w->traced || level >= MODEL_LEVELS) {
        return;
    }
    va_start(args, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is the line above */
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    print_message("%8.1f s  %s\n", (double)(clock_monotonic_us() - 1000 * FAKE_SECOND) / 1e6, text);
}

void model_complain(const struct model_world *w, const char *fmt, ...)
{
    char text[200];
    va_list args;
    if (w->options.lie != LIE_NONE) {
        return;
    }
    va_start(args, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is the line above */
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    print_message("seed %llu: %s\n", (unsigned long long)w->options.seed, text);
}

/* --- a world --- */

static int64_t one_of(struct model_world *w, int64_t a, int64_t b, int64_t c)
{
    uint32_t which = model_random(w, 3);
    return which == 0 ? a : which == 1 ? b : c;
}

static void begin(struct model_world *w)
{
    w->step_us = one_of(w, 300, 700, 1500) * 1000;
    w->pause_us = one_of(w, 15, 40, 120) * FAKE_SECOND;
    w->latency_us = one_of(w, 1, 3, 12) * FAKE_SECOND;
    w->publish_us = one_of(w, 1, 20, 200) * FAKE_SECOND;
    w->grace_us = one_of(w, 40, 80, 160) * FAKE_SECOND;
    w->lost_percent = (unsigned)one_of(w, 0, 2, 10);
    w->unnamed_percent = (unsigned)one_of(w, 0, 0, 30);
    w->trouble = (unsigned)one_of(w, 0, 300, 2000);
    w->adjusts = !model_chance(w, 30);
    w->fractions = model_chance(w, 20);
    w->exact = !w->options.verifies && model_chance(w, 25);
    if (w->exact) { /* every order is imported within its grace, and no process misses that */
        w->grace_us = 160 * FAKE_SECOND;
        w->publish_us = w->publish_us < w->grace_us / 8 ? w->publish_us : w->grace_us / 8;
        w->latency_us = w->latency_us < w->grace_us / 40 ? w->latency_us : w->grace_us / 40;
        w->trouble = 0;
    }
    w->exact = w->exact && !w->options.restores; /* sales are forgotten */
    w->restore.save_us = w->restore.restore_us = INT64_MAX;
    w->points = MODEL_POINTS;
    for (size_t i = 0; i < 256; i++) {
        w->hashed[i] = SIZE_MAX;
    }
    fake_clock_reset();
    w->end_us = clock_monotonic_us() + TRADE_US;
    if (w->options.restores) {
        model_restore_begin(w, TRADE_US);
    }
    model_processes_begin(w);
    model_trade_begin(w);
}

static bool is_settled(const struct model_world *w)
{
    return w->due.count == 0 && w->graces.count == 0 && !model_restore_waits(w) &&
           model_processes_are_quiet(w);
}

static void live_until_settled(struct model_world *w)
{
    int64_t limit = clock_monotonic_us() + LIMIT_US;
    do {
        fake_clock_pass_us(w->step_us / 2 + model_time(w, w->step_us));
        model_restore_turn(w);
        model_trade_turn(w);
        model_shop_turn(w);
        model_processes_turn(w);
    } while (!is_settled(w) && clock_monotonic_us() < limit);
}

/* --- the end --- */

static int32_t offer_of(const struct model_world *w, size_t level)
{
    const struct store_rules rules = {
        .buffer = w->options.buffer, .percent = w->options.percent, .cap = w->options.cap};
    return rules_offer(&rules, w->levels[level].raw, 0);
}

static void check(const struct model_world *w)
{
    const struct model_options *o = &w->options;
    struct model_result *result = w->result;
    result->episodes += o->levels;
    if (!is_settled(w)) {
        result->unsettled++;
        model_complain(w, "not settled: %zu events, %zu graces, %zu open attempts", w->due.count,
                       w->graces.count, w->open.count);
        model_processes_describe(w);
    }
    for (size_t i = 0; i < o->levels; i++) {
        int32_t holds = model_shop_holds(w, i);
        if (w->levels[i].parked.revision != 0) {
            result->unsettled++;
            model_complain(w, "level %zu is parked", i);
        }
        if (holds != offer_of(w, i)) {
            result->unequal++;
            model_complain(w, "level %zu holds %d instead of %d", i, (int)holds,
                           (int)offer_of(w, i));
        }
    }
}

static void end(struct model_world *w)
{
    model_processes_end(w);
    model_shop_release(w);
    model_state_release(w);
    arrival_heap_release(&w->due);
    mem_free(w->restore.graces);
    mem_free(w->events.list);
    mem_free(w->sales.list);
    mem_free(w);
}

void model_run(const struct model_options *options, size_t traced, struct model_result *result)
{
    struct model_world *w = mem_calloc(1, sizeof *w);
    log_init("model", LOG_ERROR);
    w->options = *options;
    w->random = options->seed;
    w->traced = traced;
    w->result = result;
    begin(w);
    live_until_settled(w);
    if (options->verifies) {
        model_processes_verify(w);
        live_until_settled(w);
    }
    check(w);
    end(w);
}
