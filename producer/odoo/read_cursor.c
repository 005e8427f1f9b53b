#include "producer/odoo/read_cursor.h"

void read_cursor_init(struct read_cursor *hint)
{
    *hint = (struct read_cursor){.full = true};
}

void read_cursor_fail(struct read_cursor *hint)
{
    hint->after = (struct mark_place){0};
    hint->sweep_due_us = 0;
}

struct mark_place
read_cursor_start(const struct read_cursor *hint, int64_t now_us, size_t unsettled)
{
    const struct mark_place start = {0};
    bool sweep = now_us >= hint->sweep_due_us;
    bool cheap = !hint->full && unsettled <= HINT_RESCAN_MARKS;
    return sweep || cheap ? start : hint->after;
}

static bool is_start(const struct mark_place *place)
{
    return place->id == 0 && place->xid == 0 && place->quant.block == 0 && place->quant.offset == 0;
}

/* Falls at once and rises slowly: a look that took long because the machine was busy is no slow
 * table. */
static int64_t least_look(int64_t known_us, int64_t took_us)
{
    int64_t risen_us = known_us + known_us / 8 + HINT_SLOW_LOOK_US / 32;
    return took_us < risen_us ? took_us : risen_us;
}

void read_cursor_note(struct read_cursor *hint, const struct read_cursor_read *read, int64_t now_us)
{
    if (is_start(&read->from)) {
        int64_t pause_us = read->took_us * HINT_SWEEP_FACTOR;
        if (pause_us < HINT_SWEEP_MIN_US) {
            pause_us = HINT_SWEEP_MIN_US;
        }
        if (pause_us > HINT_SWEEP_MAX_US) {
            pause_us = HINT_SWEEP_MAX_US;
        }
        hint->sweep_due_us = now_us + pause_us;
    }
    hint->after = read->end;
    hint->full = read->full;
    hint->look_us = least_look(hint->look_us, read->look_us);
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

void read_cursor_wake(struct read_cursor *hint)
{
    hint->pace_us = HINT_PACE_BUSY_US;
}

int64_t read_cursor_pace_us(const struct read_cursor *hint, int64_t idle_us)
{
    int64_t pace_us = hint->pace_us < idle_us ? hint->pace_us : idle_us;
    bool slow = hint->look_us > HINT_SLOW_LOOK_US && !hint->full;
    int64_t pause_us = slow ? hint->look_us * HINT_LOOK_PAUSE : 0;
    return pace_us > pause_us ? pace_us : pause_us;
}
