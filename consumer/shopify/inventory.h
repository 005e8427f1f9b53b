/**
 * inventory: builds the variables of the set and the read, and reads their answers. Pure on top of
 * JSON: no I/O of its own.
 */
#ifndef STOCKSYNC_SHOPIFY_INVENTORY_H
#define STOCKSYNC_SHOPIFY_INVENTORY_H

#include "common/core/strbuf.h"
#include "consumer/plan/level_write.h"
#include "consumer/shopify/graphql.h"

#define INVENTORY_MAX_ENTRIES 250
#define INVENTORY_SET_COST                                                                         \
    10 /* points requested with our minimal selection, whatever the number of entries */
#define INVENTORY_READ_COST 60 /* assumed before the first answer tells */

/**
 * The idempotency key of a request: UUIDv5 over store, quantity name, the entries with their
 * revisions, and the generation. Two requests share a key only if they are the same in all of
 * these. key has room for 37 bytes.
 */
void inventory_key(const char *store,
                   const char *quantity_name,
                   const struct level_write *list,
                   size_t count,
                   unsigned generation,
                   char key[37]);
/** Variables of StockSet; members and entries in a fixed order, since Shopify fingerprints them. */
void inventory_set_variables(const char *quantity_name,
                             const char *key,
                             const struct level_write *list,
                             size_t count,
                             struct strbuf *out);
/** Variables of LevelsRead for items at one location. */
void inventory_read_variables(int64_t location,
                              const int64_t *items,
                              size_t count,
                              struct strbuf *out);
/**
 * Reads the answer of LevelsRead by the ids that came back, not by position; out[i] belongs to
 * items[i].
 * @return STATUS_OK, STATUS_OUTCOME_UNKNOWN: the answer has another shape
 */
NODISCARD enum status inventory_read_answer(const struct answer *answer,
                                            const char *quantity_name,
                                            int64_t location,
                                            const int64_t *items,
                                            size_t count,
                                            struct level_read *out,
                                            struct err *err);
/** The named one of the quantities of a level (json_t). @return false: it is not there, or no
 * number */
bool inventory_read_quantity(const void *level, const char *name, int32_t *quantity);

#endif
