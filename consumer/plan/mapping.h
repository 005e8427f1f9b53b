/**
 * mapping: SKU or barcode to Shopify's inventory item, compared byte by byte. Pure; one lane owns
 * it.
 *
 * Several variants may share one inventory item; one text on several items is ambiguous and
 * refused.
 */
#ifndef STOCKSYNC_PLAN_MAPPING_H
#define STOCKSYNC_PLAN_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/attributes.h"

struct mapped_item {
    int64_t item;
    bool tracked;
    bool bundle; /* requiresComponents: its numbers cannot be set */
};

enum mapping_result { MAPPING_FOUND, MAPPING_MISSING, MAPPING_AMBIGUOUS };

struct mapping;

NODISCARD struct mapping *mapping_new(void);
void mapping_free(struct mapping *m);
/** text NULL or empty: nothing to find it by, ignored. An item is a bundle when one of its variants
 * is. */
void mapping_add(struct mapping *m, const char *text, const struct mapped_item *item);
enum mapping_result
mapping_find(const struct mapping *m, const char *text, struct mapped_item *item);
size_t mapping_count(const struct mapping *m);           /* texts */
size_t mapping_ambiguous_count(const struct mapping *m); /* texts on several items */
/** Up to max examples of ambiguous texts; borrowed. */
size_t mapping_ambiguous_examples(const struct mapping *m, const char **texts, size_t max);
/** Texts with one item, which Shopify does not track. */
size_t mapping_untracked_count(const struct mapping *m);

#endif
