#include "common/model/revision.h"

static int64_t newest(const struct revision_source *r, int64_t now_us)
{
    return now_us > r->last ? now_us : r->last;
}

void revision_source_init(struct revision_source *r, int64_t stored_ceiling)
{
    r->last = stored_ceiling;
    r->ceiling = stored_ceiling;
}

bool revision_source_wants_ceiling(const struct revision_source *r, int64_t now_us, int64_t span_us)
{
    return r->ceiling - newest(r, now_us) < span_us / 2;
}

int64_t
revision_source_next_ceiling(const struct revision_source *r, int64_t now_us, int64_t span_us)
{
    const int64_t next = newest(r, now_us) + span_us;
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
    const int64_t next = now_us > r->last ? now_us : r->last + 1;
    if (next > r->ceiling) {
        return false;
    }
    r->last = next;
    *out = next;
    return true;
}
