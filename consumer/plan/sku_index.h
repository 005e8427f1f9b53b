/**
 * sku_index: SKU or barcode to Shopify's inventory item, compared byte by byte. Pure; one lane owns
 * it.
 *
 * Several variants may share one inventory item. One text on several items stands for its *known*
 * item: the one that carried the text alone before the others came. The others are newcomers, and
 * nothing is written to them. Without a known item the text is ambiguous and refused.
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
    bool known;  /* of several items with one text: the one that had it alone before */
};

enum sku_index_result { SKU_INDEX_FOUND, SKU_INDEX_MISSING, SKU_INDEX_AMBIGUOUS };

struct sku_index;

NODISCARD struct sku_index *sku_index_new(void);
void sku_index_free(struct sku_index *index);
/** Ignores a text that is NULL or empty. For an item that is there already, replaces tracked and
 * locked; it is a bundle when one of its variants is, and known when it was or is. */
void sku_index_add(struct sku_index *index, const char *text, const struct mapped_item *item);
/** Removes one item of a text; a missing one is fine. */
void sku_index_remove(struct sku_index *index, const char *text, int64_t item);
/**
 * Before index takes over from old: of each text that several items share, the item that old finds
 * is known from now on. Without it the text stays ambiguous.
 */
void sku_index_inherit(struct sku_index *index, const struct sku_index *old);
/** The item that a text stands for: the only one, or the known one. */
enum sku_index_result
sku_index_find(const struct sku_index *index, const char *text, struct mapped_item *item);
/** The same text is there with the same item, tracked, bundle and known. */
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
/** Calls each for every newcomer, with the known item of its text. */
void sku_index_each_newcomer(
    const struct sku_index *index,
    void (*each)(void *arg, const char *text, int64_t known, int64_t newcomer),
    void *arg);
size_t sku_index_count(const struct sku_index *index);        /* texts */
size_t sku_index_shared_count(const struct sku_index *index); /* texts on several items */
/** Up to max examples of texts on several items; borrowed. */
size_t sku_index_shared_examples(const struct sku_index *index, const char **texts, size_t max);
/** Texts on several items, none of which is known. */
size_t sku_index_ambiguous_count(const struct sku_index *index);
size_t sku_index_ambiguous_examples(const struct sku_index *index, const char **texts, size_t max);
/** Texts that stand for an item that Shopify does not track. */
size_t sku_index_untracked_count(const struct sku_index *index);
size_t sku_index_untracked_examples(const struct sku_index *index, const char **texts, size_t max);

#endif
