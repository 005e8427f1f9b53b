#include "consumer/lane/lane_wait.h"

#include "common/core/clock.h"

#define IDLE_WAIT_MS 1000
/* A run with --once gives up when it has not gone on for this long. */
#define ONCE_PATIENCE_US INT64_C(30000000)

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int lane_wait_ms(const struct session *s, bool blocked, bool busy)
{
    int64_t now = clock_monotonic_us();
    int64_t next = dispatch_deadline_us(&s->dispatch, blocked);
    next = earlier(next, session_look_back_us(s));
    next = earlier(next, session_verify_due_us(s, blocked));
    next = earlier(next, catalogue_deadline_us(s->catalogue, blocked));
    if (busy || next <= now) {
        return 0;
    }
    if (offset_ledger_unfinished(s->c.ledger) > 0) {
        next = earlier(next, s->commit_at_us);
    }
    return next - now > IDLE_WAIT_MS * INT64_C(1000) ? IDLE_WAIT_MS : clock_left_ms(next);
}

/* Another run waits for the store or for a person. */
static enum status
check_hope(const struct session *s, const struct lane_view *view, struct err *err)
{
    const struct lane_hold *hold = &s->brake.hold;
    if (hold->on && records_at_end(&s->records) && hold->calm_us == 0) {
        return err_set(err, STATUS_STORE_MISCONFIGURED, "held: %s", hold->detail);
    }
    if (lane_state_is_blocked(view->state) && clock_wall_us() - view->since_us > ONCE_PATIENCE_US) {
        return err_set(err, STATUS_STORE_LOST, "%s: %s", lane_state_name(view->state), view->why);
    }
    return STATUS_OK;
}

enum status
lane_wait_once(const struct session *s, const struct lane_view *view, bool *done, struct err *err)
{
    const struct blocked_partitions *blocked = &s->records.blocked;
    if (!session_is_drained(s)) {
        *done = false;
        return check_hope(s, view, err);
    }
    *done = blocked->count == 0; /* a partition that a record blocks is noted first */
    return blocked_partitions_check(blocked, err);
}
