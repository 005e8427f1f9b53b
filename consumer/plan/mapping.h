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
    bool locked; /* the store refused to track it; known since that, not read */
};

enum mapping_result { MAPPING_FOUND, MAPPING_MISSING, MAPPING_AMBIGUOUS };

struct mapping;

NODISCARD struct mapping *mapping_new(void);
void mapping_free(struct mapping *m);
/** text NULL or empty: nothing to find it by, ignored. Of an item that is there already, tracked
 * and locked are replaced; it is a bundle when one of its variants is. */
void mapping_add(struct mapping *m, const char *text, const struct mapped_item *item);
/** Takes a text away with all its items; fine when it is not there. */
void mapping_drop(struct mapping *m, const char *text);
enum mapping_result
mapping_find(const struct mapping *m, const char *text, struct mapped_item *item);
/** The same text is there with the same item, tracked and bundle. */
bool mapping_has(const struct mapping *m, const char *text, const struct mapped_item *item);
/** Calls each for every text with each of its items. The mapping must not change meanwhile. */
void mapping_each(const struct mapping *m,
                  void (*each)(void *arg, const char *text, const struct mapped_item *item),
                  void *arg);
/** As above for the items of one text. */
void mapping_each_of(const struct mapping *m,
                     const char *text,
                     void (*each)(void *arg, const char *text, const struct mapped_item *item),
                     void *arg);
size_t mapping_count(const struct mapping *m);           /* texts */
size_t mapping_ambiguous_count(const struct mapping *m); /* texts on several items */
/** Up to max examples of ambiguous texts; borrowed. */
size_t mapping_ambiguous_examples(const struct mapping *m, const char **texts, size_t max);
/** Texts with one item, which Shopify does not track. */
size_t mapping_untracked_count(const struct mapping *m);
size_t mapping_untracked_examples(const struct mapping *m, const char **texts, size_t max);

#endif
