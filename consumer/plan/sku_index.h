/**
 * sku_index: SKU or barcode to Shopify's inventory item, compared byte by byte. Pure; one lane owns
 * it.
 *
 * Several variants may share one inventory item; one text on several items is ambiguous and
 * refused.
 */
#ifndef STOCKSYNC_PLAN_SKU_INDEX_H
#define STOCKSYNC_PLAN_SKU_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/attributes.h"

struct mapped_item {
    int64_t item;
    bool tracked;
    bool bundle; /* requiresComponents: its numbers cannot be set */
    bool locked; /* the store refused to track it; known from the refusal, not from a reading */
};

enum sku_index_result { SKU_INDEX_FOUND, SKU_INDEX_MISSING, SKU_INDEX_AMBIGUOUS };

struct sku_index;

NODISCARD struct sku_index *sku_index_new(void);
void sku_index_free(struct sku_index *index);
/** Ignores a text that is NULL or empty. For an item that is there already, replaces tracked and
 * locked; it is a bundle when one of its variants is. */
void sku_index_add(struct sku_index *index, const char *text, const struct mapped_item *item);
/** Removes a text with all its items; a missing one is fine. */
void sku_index_drop(struct sku_index *index, const char *text);
enum sku_index_result
sku_index_find(const struct sku_index *index, const char *text, struct mapped_item *item);
/** The same text is there with the same item, tracked and bundle. */
bool sku_index_has(const struct sku_index *index, const char *text, const struct mapped_item *item);
/** Calls each for every text with each of its items. The index must not change meanwhile. */
void sku_index_each(const struct sku_index *index,
                    void (*each)(void *arg, const char *text, const struct mapped_item *item),
                    void *arg);
/** As above for the items of one text. */
void sku_index_each_of(const struct sku_index *index,
                       const char *text,
                       void (*each)(void *arg, const char *text, const struct mapped_item *item),
                       void *arg);
size_t sku_index_count(const struct sku_index *index);           /* texts */
size_t sku_index_ambiguous_count(const struct sku_index *index); /* texts on several items */
/** Up to max examples of ambiguous texts; borrowed. */
size_t sku_index_ambiguous_examples(const struct sku_index *index, const char **texts, size_t max);
/** Texts with one item that Shopify does not track. */
size_t sku_index_untracked_count(const struct sku_index *index);
size_t sku_index_untracked_examples(const struct sku_index *index, const char **texts, size_t max);

#endif
