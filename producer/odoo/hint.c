#include "producer/odoo/hint.h"

void hint_init(struct hint *hint)
{
    *hint = (struct hint){.full = true};
}

void hint_fail(struct hint *hint)
{
    hint->after_id = 0;
    hint->sweep_due_us = 0;
}

int64_t hint_start(const struct hint *hint, int64_t now_us, size_t unsettled)
{
    if (now_us >= hint->sweep_due_us) {
        return 0;
    }
    if (!hint->full && unsettled <= HINT_RESCAN_MARKS) {
        return 0;
    }
    return hint->after_id;
}

void hint_note(struct hint *hint, const struct hint_read *read, int64_t now_us)
{
    if (read->started_after == 0) {
        int64_t pause_us = read->took_us * HINT_SWEEP_FACTOR;
        if (pause_us < HINT_SWEEP_MIN_US) {
            pause_us = HINT_SWEEP_MIN_US;
        }
        if (pause_us > HINT_SWEEP_MAX_US) {
            pause_us = HINT_SWEEP_MAX_US;
        }
        hint->sweep_due_us = now_us + pause_us;
    }
    hint->after_id = read->last_id;
    hint->full = read->full;
    if (read->full) {
        hint->pace_us = 0;
    } else if (read->count > 0 || hint->pace_us < HINT_PACE_BUSY_US) {
        hint->pace_us = HINT_PACE_BUSY_US;
    } else {
        hint->pace_us *= 2;
        if (hint->pace_us > HINT_PACE_IDLE_US) {
            hint->pace_us = HINT_PACE_IDLE_US;
        }
    }
}

void hint_wake(struct hint *hint)
{
    hint->pace_us = HINT_PACE_BUSY_US;
}

int64_t hint_pace_us(const struct hint *hint)
{
    return hint->pace_us;
}
