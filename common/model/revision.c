#include "common/model/revision.h"

static int64_t next_of(const struct revision_source *r, int64_t now_us)
{
    return now_us > r->last ? now_us : r->last + 1;
}

void revision_source_init(struct revision_source *r, int64_t stored_ceiling)
{
    r->last = stored_ceiling;
    r->ceiling = stored_ceiling;
}

bool revision_source_wants_ceiling(const struct revision_source *r, int64_t now_us)
{
    return next_of(r, now_us) > r->ceiling;
}

int64_t revision_source_next_ceiling(const struct revision_source *r, int64_t now_us)
{
    int64_t by_clock = now_us + REVISION_SPAN_US;
    int64_t by_count = r->last + REVISION_RESERVE;
    int64_t next = by_clock > by_count ? by_clock : by_count;
    return next > r->ceiling ? next : r->ceiling;
}

void revision_source_raise(struct revision_source *r, int64_t ceiling)
{
    if (ceiling > r->ceiling) {
        r->ceiling = ceiling;
    }
}

bool revision_source_next(struct revision_source *r, int64_t now_us, int64_t *out)
{
    const int64_t next = next_of(r, now_us);
    if (next > r->ceiling) {
        return false;
    }
    r->last = next;
    *out = next;
    return true;
}

void revision_source_pass(struct revision_source *r, int64_t revision)
{
    if (revision > r->last) {
        r->last = revision;
    }
}
