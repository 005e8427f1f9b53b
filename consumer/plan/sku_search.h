/**
 * unmapped: texts (SKUs or barcodes) that the store does not have as far as we know, and when each
 * is looked for next. Pure; one lane owns it; times are monotonic µs.
 *
 * The first look is due at once, each further one after twice the time (a store's search lags
 * behind by seconds, a person by hours). After UNMAPPED_LOOKS of them, over an hour, a text is left
 * to the next reading of the whole catalogue. Bounded: it is meant for the few.
 */
#ifndef STOCKSYNC_PLAN_SKU_SEARCH_H
#define STOCKSYNC_PLAN_SKU_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/attributes.h"

#define UNMAPPED_MAX      1000
#define UNMAPPED_LOOKS    11
#define UNMAPPED_FIRST_US INT64_C(4000000)

struct sku_search;

NODISCARD struct sku_search *sku_search_new(void);
void sku_search_free(struct sku_search *u);
/** Has a text looked for; one that is there keeps its time.
 * @return false: there are UNMAPPED_MAX already, it was not taken */
bool sku_search_want(struct sku_search *u, const char *text, int64_t now_us);
/** Up to max texts that are due, first come first served; borrowed until one is found or missed. */
size_t sku_search_due(const struct sku_search *u, int64_t now_us, const char **texts, size_t max);
/** The store still does not have it: later again. */
void sku_search_missed(struct sku_search *u, const char *text, int64_t now_us);
void sku_search_found(struct sku_search *u, const char *text);
/** When the next one is due; INT64_MAX: none. */
int64_t sku_search_next_us(const struct sku_search *u);
size_t sku_search_count(const struct sku_search *u);

#endif
