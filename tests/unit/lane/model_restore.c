/* model_restore: the state goes back to an earlier moment, as a restored database does, and the
 * producer begins a new stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/lane/model_world.h"

/* What was on its way to the shop arrives before the restored state is in use. */
#define DOWN_US (120 * FAKE_SECOND)

void model_restore_begin(struct model_world *w, int64_t trade_us)
{
    int64_t now = clock_monotonic_us();
    w->restore.save_us = now + model_time(w, trade_us / 2);
    w->restore.restore_us = w->restore.save_us + model_time(w, trade_us / 2);
}

static void save(struct model_world *w)
{
    struct model_saved *saved = &w->restore;
    saved->save_us = INT64_MAX;
    for (size_t i = 0; i < w->options.levels; i++) {
        saved->rows[i] = w->levels[i].row;
        saved->known_us[i] = w->levels[i].known_us;
        saved->parked[i] = w->levels[i].parked;
        saved->retry_us[i] = w->levels[i].retry_us;
    }
    saved->grace_count = w->graces.count;
    saved->graces = mem_calloc(w->graces.count, sizeof *saved->graces);
    for (size_t i = 0; i < w->graces.count; i++) {
        saved->graces[i] = w->graces.list[i];
    }
}

static void restore(struct model_world *w)
{
    struct model_saved *saved = &w->restore;
    saved->restore_us = INT64_MAX;
    model_processes_interrupt(w, DOWN_US);
    model_state_forget_attempts(w);
    for (size_t i = 0; i < w->options.levels; i++) {
        w->levels[i].row = saved->rows[i];
        w->levels[i].known_us = saved->known_us[i];
        w->levels[i].parked = saved->parked[i];
        w->levels[i].retry_us = saved->retry_us[i];
    }
    w->graces.count = 0;
    for (size_t i = 0; i < saved->grace_count; i++) {
        MEM_ADD(&w->graces, list, count, room, &saved->graces[i]);
    }
    w->first_revision = w->revision;
    for (size_t i = 0; i < w->options.levels; i++) {
        model_trace(w, i, "the state goes back, revisions up to %lld are history",
                    (long long)w->first_revision);
        model_trade_publish(w, i);
    }
}

void model_restore_turn(struct model_world *w)
{
    int64_t now = clock_monotonic_us();
    if (now >= w->restore.save_us) {
        save(w);
    }
    if (now >= w->restore.restore_us && w->restore.save_us == INT64_MAX) {
        restore(w);
    }
}

bool model_restore_waits(const struct model_world *w)
{
    return w->restore.restore_us != INT64_MAX;
}
