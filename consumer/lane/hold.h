/**
 * hold: why a store is held, with figures and examples. Pure.
 */
#ifndef STOCKSYNC_LANE_HOLD_H
#define STOCKSYNC_LANE_HOLD_H

#include <stdbool.h>

#include "common/core/strbuf.h"
#include "consumer/plan/brake.h"

#define HOLD_EXAMPLES 10

struct hold_example {
    int32_t product_id;
    char sku[48];
    struct level_key key;
    int32_t from, to;
};

struct lane_hold {
    bool on;
    bool ours; /* false: another process of this store holds it */
    char reason[32];
    char detail[320];
    struct brake_figures figures;
    size_t risen; /* of a first load */
    struct hold_example examples[HOLD_EXAMPLES];
    size_t example_count;
    int64_t stored_us;       /* monotonic: when the state was written */
    int64_t stored_revision; /* that was written then */
    int64_t calm_us;         /* monotonic: the cause is gone since then; 0: it is not */
};

/** Adds an example while there is room. @param sku  NULL: none */
void hold_take_example(struct lane_hold *hold,
                       int32_t product_id,
                       const char *sku,
                       const struct brake_change *change);
/** Logs the hold and its examples. */
void hold_log(const struct lane_hold *hold, const char *store);
/** One line an example; whole lines only. */
void hold_write_examples(const struct lane_hold *hold, char *out, size_t size);
/** Appends `,"held":{…}`; nothing when there is no hold. */
void hold_append_json(const struct lane_hold *hold, struct strbuf *out);

#endif
