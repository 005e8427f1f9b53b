/**
 * catalogue_search: SKUs that the index does not have are searched for in the store. This is how a
 * new product gets its number without a reading of the whole catalogue.
 */
#ifndef STOCKSYNC_LANE_CATALOGUE_SEARCH_H
#define STOCKSYNC_LANE_CATALOGUE_SEARCH_H

#include "consumer/lane/context.h"
#include "consumer/plan/sku_search.h"
#include "consumer/shopify/variants.h"

/** Lives as long as the lane. */
struct catalogue_search {
    struct sku_search *wanted; /* texts that are missing, and when each is due */
    bool overflowed;           /* too many to search for: only a whole reading helps */
    /* the search that is going on */
    struct sku_index *found; /* NULL: none */
    struct variants variants;
    char **texts; /* that it asks for; owned */
    size_t text_count;
    size_t most; /* texts that the next search asks for; 0: as many as fit */
};

void catalogue_search_open(struct catalogue_search *s);
void catalogue_search_release(struct catalogue_search *s);

/** A product's text is not in the index. */
void catalogue_search_want(struct catalogue_search *s, const char *text);
/** Begins a search when texts are due and none is going on. */
void catalogue_search_begin(struct catalogue_search *s, const struct lane_context *c);
bool catalogue_search_is_on(const struct catalogue_search *s);
/**
 * All pages were read: what was found is indexed and stored.
 * @param into   indexes that learn the items, the lane's among them
 * @param found  [out] texts that have an item now
 */
NODISCARD enum status catalogue_search_finish(struct catalogue_search *s,
                                              const struct lane_context *c,
                                              struct sku_index *const *into,
                                              size_t into_count,
                                              size_t *found,
                                              struct err *err);
/**
 * The store did not understand the query, so one of its texts must be the cause. Smaller searches
 * follow until it is alone; then it waits for its next turn, and the others lose nothing.
 */
void catalogue_search_narrow(struct catalogue_search *s, const struct lane_context *c);
/** Without result: its texts are due again later. */
void catalogue_search_abandon(struct catalogue_search *s);

#endif
