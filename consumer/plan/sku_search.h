/**
 * sku_search: SKUs or barcodes that the SKU index does not have, and when each is searched for in
 * the store next. Pure; one lane owns it; times are monotonic µs.
 *
 * The first search is due at once. The wait doubles with each further one: a store's search lags
 * behind by seconds, a person by hours. After SKU_SEARCH_TRIES searches, over an hour, the text is
 * left to the next reading of the whole catalogue. Bounded: it is meant for a few texts.
 */
#ifndef STOCKSYNC_PLAN_SKU_SEARCH_H
#define STOCKSYNC_PLAN_SKU_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/attributes.h"

#define SKU_SEARCH_MAX      1000             /* texts */
#define SKU_SEARCH_TRIES    11               /* per text */
#define SKU_SEARCH_FIRST_US INT64_C(4000000) /* between the first two searches */

struct sku_search;

NODISCARD struct sku_search *sku_search_new(void);
void sku_search_free(struct sku_search *s);
/** Adds a text; one that is there keeps its time.
 * @return false: not added, there are SKU_SEARCH_MAX already */
bool sku_search_want(struct sku_search *s, const char *text, int64_t now_us);
/** Up to max texts that are due, oldest first; borrowed until one is found or missed. */
size_t sku_search_due(const struct sku_search *s, int64_t now_us, const char **texts, size_t max);
/** The store still does not have it: search later again. */
void sku_search_missed(struct sku_search *s, const char *text, int64_t now_us);
void sku_search_found(struct sku_search *s, const char *text);
/** When the next one is due; INT64_MAX: none. */
int64_t sku_search_next_us(const struct sku_search *s);
size_t sku_search_count(const struct sku_search *s);

#endif
