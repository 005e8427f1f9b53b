/**
 * sku_losses: what a reading of the catalogue would lose, and whether to believe it. Pure.
 *
 * A reading that is complete by its form may still be wrong: an empty page, a search index that is
 * being rebuilt. Products do vanish, but rarely a tenth of them at once. So a reading that loses
 * more is believed only when a second one has lost the same texts.
 */
#ifndef STOCKSYNC_PLAN_SKU_LOSSES_H
#define STOCKSYNC_PLAN_SKU_LOSSES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/core/attributes.h"

struct sku_index;
struct sku_losses;

/** Texts that stand for an item in old, and for none in next. */
NODISCARD struct sku_losses *sku_losses_new(const struct sku_index *old,
                                            const struct sku_index *next);
void sku_losses_free(struct sku_losses *losses);
size_t sku_losses_count(const struct sku_losses *losses);
/** Texts that stood for an item before. */
size_t sku_losses_mapped(const struct sku_losses *losses);
/** More than a tenth, and more than a handful, or everything. */
bool sku_losses_are_suspect(const struct sku_losses *losses);
/** Both lost the same texts, up to a tenth of them. */
bool sku_losses_agree(const struct sku_losses *first, const struct sku_losses *second);
/** One of the texts; borrowed. NULL: none. */
const char *sku_losses_example(const struct sku_losses *losses);

#endif
