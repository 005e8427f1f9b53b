/**
 * inventory: builds the variables of the set and the read, and reads their answers. Pure on top of
 * JSON, without I/O.
 */
#ifndef STOCKSYNC_SHOPIFY_INVENTORY_H
#define STOCKSYNC_SHOPIFY_INVENTORY_H

#include "common/core/strbuf.h"
#include "consumer/plan/level_write.h"
#include "consumer/shopify/answer.h"

/* Points requested. The set's cost does not depend on the number of entries; the read's is assumed
 * until its first answer. */
#define INVENTORY_SET_COST  10 /* also of the adjustment */
#define INVENTORY_READ_COST 60

/**
 * The idempotency key of a request: UUIDv5 over store, quantity name, the entries with their
 * revisions, and the generation. Two requests share a key only if all of these are equal.
 * @param key  [out] room for 37 bytes
 */
void inventory_key(const char *store,
                   const char *quantity_name,
                   const struct level_write *list,
                   size_t count,
                   unsigned generation,
                   char key[37]);
/** Variables of StockSet. The order is fixed, since Shopify fingerprints them. */
void inventory_set_variables(const char *quantity_name,
                             const char *key,
                             const struct level_write *list,
                             size_t count,
                             struct strbuf *out);
/**
 * Variables of StockAdjust: each level changes by quantity - change_from, whatever it holds by then.
 * Always of the quantity `available`, which moves `on_hand` along.
 */
void inventory_adjust_variables(const char *key,
                                const struct level_write *list,
                                size_t count,
                                struct strbuf *out);
/** Variables of LevelsRead for items at one location. */
void inventory_read_variables(int64_t location,
                              const int64_t *items,
                              size_t count,
                              struct strbuf *out);
/**
 * Reads the answer of LevelsRead by the ids in it, not by position. Reserved units count where they
 * lower the quantity: for `available`.
 * @param out  [out] out[i] belongs to items[i]
 * @return STATUS_OK, STATUS_OUTCOME_UNKNOWN: the answer has another shape
 */
NODISCARD enum status inventory_read_answer(const struct answer *answer,
                                            const char *quantity_name,
                                            int64_t location,
                                            const int64_t *items,
                                            size_t count,
                                            struct level_read *out,
                                            struct err *err);
/** One of the quantities of a level (json_t), by name. @return false: absent, or no number */
bool inventory_read_quantity(const void *level, const char *name, int32_t *quantity);

#endif
