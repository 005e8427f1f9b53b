/**
 * revision: issues rising order numbers under a ceiling that was made durable before.
 *
 *     revision = max(wall clock in µs, last + 1), never above the ceiling
 *
 * The leader stores a ceiling before it issues a revision up to it, and its successor starts above
 * the stored one. So a smaller revision never follows a greater one, even after a crash with the
 * clock set back.
 *
 * A successor skips what was stored and not issued. So the ceiling is at most REVISION_SPAN_US
 * ahead of the clock. Where revisions are ahead of it already, each needs one number, and only
 * REVISION_RESERVE more are stored. Takeovers in any number keep them that close. Pure; one owner.
 */
#ifndef STOCKSYNC_MODEL_REVISION_H
#define STOCKSYNC_MODEL_REVISION_H

#include <stdbool.h>
#include <stdint.h>

/** How far a ceiling is ahead of the clock. */
#define REVISION_SPAN_US INT64_C(1000000)
/** Revisions that are reserved while they are ahead of the clock. */
#define REVISION_RESERVE INT64_C(1000)
/** The end of the year 2200: a greater revision was not made by a clock. */
#define REVISION_MAX INT64_C(7289654400000000)

struct revision_source {
    int64_t last;    /* last one issued */
    int64_t ceiling; /* none above it may be issued */
};

/** Issues greater revisions than any before.
 * @param stored_ceiling  from the state; 0: none */
void revision_source_init(struct revision_source *r, int64_t stored_ceiling);
/** True when the next revision at now_us is above the ceiling: persist revision_source_next_ceiling,
 * then call _raise. */
bool revision_source_wants_ceiling(const struct revision_source *r, int64_t now_us);
int64_t revision_source_next_ceiling(const struct revision_source *r, int64_t now_us);
/** The ceiling is durable now. */
void revision_source_raise(struct revision_source *r, int64_t ceiling);
/** @return true and the next revision, or false when the ceiling is reached */
bool revision_source_next(struct revision_source *r, int64_t now_us, int64_t *out);
/** Every later revision is greater than this one, which somebody else issued. */
void revision_source_pass(struct revision_source *r, int64_t revision);

#endif
