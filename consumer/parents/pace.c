#include "consumer/parents/pace.h"

void pace_note(struct pace *pace, size_t marks, bool any_kits, int64_t now_us)
{
    const size_t most = (size_t)(PACE_MAX_US * PACE_MARKS_PER_S / 1000000);
    int64_t wait = PACE_MAX_US;
    if (marks < most) {
        wait = PACE_STATEMENT_US + (int64_t)marks * 1000000 / PACE_MARKS_PER_S;
    }
    if (!any_kits) {
        wait = PACE_NO_KITS_US;
    }
    pace->ready_us = now_us + (wait < PACE_MAX_US ? wait : PACE_MAX_US);
}

int64_t pace_left_us(const struct pace *pace, int64_t now_us)
{
    return pace->ready_us > now_us ? pace->ready_us - now_us : 0;
}
