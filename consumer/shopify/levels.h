/**
 * levels: activates a level and switches tracking on: variables of the two mutations, and their
 * answers. Pure on top of JSON.
 *
 * Neither mutation can overwrite a number, however often and late it is executed. Shopify refuses
 * an activation with a quantity when the level is active already.
 */
#ifndef STOCKSYNC_SHOPIFY_LEVELS_H
#define STOCKSYNC_SHOPIFY_LEVELS_H

#include "common/core/strbuf.h"
#include "consumer/plan/level_write.h"
#include "consumer/shopify/answer.h"

/* Points requested. */
#define LEVELS_ACTIVATE_COST 11
#define LEVELS_TRACK_COST    11

/** @param key  idempotency key: see inventory_key */
void levels_activate_variables(const char *quantity_name,
                               const char *key,
                               struct level_key level,
                               int32_t quantity,
                               struct strbuf *out);
/**
 * A done LevelActivate.
 * @param quantity  [out] present quantity of the level: its old one when it was active before
 * @return STATUS_OK, STATUS_OUTCOME_UNKNOWN: another shape, or not active
 */
NODISCARD enum status levels_activate_answer(const struct answer *answer,
                                             const char *quantity_name,
                                             int32_t *quantity,
                                             struct err *err);

void levels_track_variables(int64_t item, struct strbuf *out);
/**
 * A done ItemTrack.
 * @return STATUS_OK; STATUS_ENTRY_REFUSED: the item is still not tracked, err says why;
 *         STATUS_OUTCOME_UNKNOWN: another shape
 */
NODISCARD enum status levels_track_answer(const struct answer *answer, struct err *err);

#endif
