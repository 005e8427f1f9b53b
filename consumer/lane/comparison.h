/**
 * comparison: reads levels that nothing waits for, and compares the answers with the state's rows.
 *
 * Answers are taken when they come, and compared in a turn. Reads use points above the reserve, and
 * slots that are free.
 */
#ifndef STOCKSYNC_LANE_COMPARISON_H
#define STOCKSYNC_LANE_COMPARISON_H

#include "consumer/lane/differences.h"

/** An answer that is not compared yet. */
struct compared_read {
    struct compared_read *next;
    enum read_purpose purpose;
    struct level_portion portion;
    struct level_read read[INVENTORY_MAX_ENTRIES];
};

struct comparison {
    const struct lane_context *c;
    struct requests *requests;
    struct differences differences;
    struct compare_task tasks[READ_PURPOSE_COUNT]; /* the present one of each purpose */
    size_t waiting[READ_PURPOSE_COUNT];            /* reads that are not compared yet */
    size_t levels[READ_PURPOSE_COUNT];             /* compared; their owner sets it to 0 */
    struct compared_read *answered;                /* owned list */
};

void comparison_open(struct comparison *x, const struct lane_context *c, struct requests *requests);
/** Zero is fine. */
void comparison_close(struct comparison *x);
/** Partitions have changed hands: forgets what is under way. No read may be in flight. */
void comparison_drop(struct comparison *x);

/** A read may go now. @param max  reads of this purpose at a time */
bool comparison_may_read(const struct comparison *x, enum read_purpose purpose, size_t max);
/** Monotonic time from which points suffice. */
int64_t comparison_points_us(const struct comparison *x);
/** Sends a read; comparison_may_read must hold. */
NODISCARD enum status comparison_read(struct comparison *x,
                                      enum read_purpose purpose,
                                      const struct level_portion *portion,
                                      struct err *err);
/** @return false: the answer has another shape, the request must be sent again */
bool comparison_take_answer(struct comparison *x,
                            const struct request *r,
                            const struct answer *answer);
/** Compares answers, and looks again at differences that are due. @param held  see differences */
NODISCARD enum status
comparison_turn(struct comparison *x, bool may_read, const char *held, struct err *err);
/** Monotonic time at which a turn has something to do. */
int64_t comparison_due_us(const struct comparison *x, bool may_read);

#endif
