#include "producer/odoo/read_cursor.h"

void read_cursor_init(struct read_cursor *cursor)
{
    *cursor = (struct read_cursor){.full = true};
}

void read_cursor_fail(struct read_cursor *cursor)
{
    cursor->after = (struct mark_place){0};
    cursor->rescan_due_us = 0;
}

struct mark_place
read_cursor_start(const struct read_cursor *cursor, int64_t now_us, size_t unsettled)
{
    const struct mark_place start = {0};
    bool rescan = now_us >= cursor->rescan_due_us;
    bool cheap = !cursor->full && unsettled <= READ_CURSOR_RESCAN_MARKS;
    return rescan || cheap ? start : cursor->after;
}

static bool is_start(const struct mark_place *place)
{
    return place->id == 0 && place->xid == 0 && place->quant.block == 0 && place->quant.offset == 0;
}

/* Falls at once and rises slowly: one long scan on a busy machine does not mean a slow table. */
static int64_t least_scan(int64_t known_us, int64_t took_us)
{
    int64_t risen_us = known_us + known_us / 8 + READ_CURSOR_SLOW_SCAN_US / 32;
    return took_us < risen_us ? took_us : risen_us;
}

static int64_t rescan_pause_us(int64_t took_us)
{
    int64_t pause_us = took_us * READ_CURSOR_RESCAN_FACTOR;
    if (pause_us < READ_CURSOR_RESCAN_MIN_US) {
        return READ_CURSOR_RESCAN_MIN_US;
    }
    return pause_us < READ_CURSOR_RESCAN_MAX_US ? pause_us : READ_CURSOR_RESCAN_MAX_US;
}

static int64_t next_pace_us(int64_t pace_us, const struct read_cursor_read *read)
{
    if (read->full) {
        return 0;
    }
    if (read->count > 0 || pace_us < READ_CURSOR_PACE_BUSY_US) {
        return READ_CURSOR_PACE_BUSY_US;
    }
    return pace_us * 2 < READ_CURSOR_PACE_IDLE_US ? pace_us * 2 : READ_CURSOR_PACE_IDLE_US;
}

void read_cursor_note(struct read_cursor *cursor,
                      const struct read_cursor_read *read,
                      int64_t now_us)
{
    if (is_start(&read->from)) {
        cursor->rescan_due_us = now_us + rescan_pause_us(read->took_us);
    }
    cursor->after = read->end;
    cursor->full = read->full;
    cursor->scan_us = least_scan(cursor->scan_us, read->look_us);
    cursor->pace_us = next_pace_us(cursor->pace_us, read);
}

void read_cursor_wake(struct read_cursor *cursor)
{
    cursor->pace_us = READ_CURSOR_PACE_BUSY_US;
}

int64_t read_cursor_pace_us(const struct read_cursor *cursor, int64_t idle_us)
{
    int64_t pace_us = cursor->pace_us < idle_us ? cursor->pace_us : idle_us;
    bool slow = cursor->scan_us > READ_CURSOR_SLOW_SCAN_US && !cursor->full;
    int64_t pause_us = slow ? cursor->scan_us * READ_CURSOR_SCAN_PAUSE : 0;
    return pace_us > pause_us ? pace_us : pause_us;
}
