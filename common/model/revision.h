/**
 * revision: issues rising order numbers under a ceiling that was made durable before.
 *
 *     revision = max(wall clock in µs, last + 1), never above the ceiling
 *
 * The leader persists a ceiling ahead (for example 60 s) and starts at max(clock, persisted
 * ceiling). So a smaller revision never follows a greater one, even after a crash with the clock
 * set back. Pure; one owner.
 */
#ifndef STOCKSYNC_MODEL_REVISION_H
#define STOCKSYNC_MODEL_REVISION_H

#include <stdbool.h>
#include <stdint.h>

struct revision_source {
    int64_t last;    /* last one issued */
    int64_t ceiling; /* none above it may be issued */
};

/** Issues greater revisions than any before.
 * @param stored_ceiling  from the state; 0: none */
void revision_source_init(struct revision_source *r, int64_t stored_ceiling);
/** True when less than half of span_us is left at now_us: persist revision_source_next_ceiling, then
 * call _raise. */
bool revision_source_wants_ceiling(const struct revision_source *r,
                                   int64_t now_us,
                                   int64_t span_us);
int64_t
revision_source_next_ceiling(const struct revision_source *r, int64_t now_us, int64_t span_us);
/** The ceiling is durable now. */
void revision_source_raise(struct revision_source *r, int64_t ceiling);
/** @return true and the next revision, or false when the ceiling is reached */
bool revision_source_next(struct revision_source *r, int64_t now_us, int64_t *out);

#endif
