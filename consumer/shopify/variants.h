/**
 * variants: reads a store's variants into a SKU index, page by page: all of them, or those that a
 * search finds. Sends nothing: gives the next request and takes its answer.
 */
#ifndef STOCKSYNC_SHOPIFY_VARIANTS_H
#define STOCKSYNC_SHOPIFY_VARIANTS_H

#include "consumer/plan/rules.h"
#include "consumer/plan/sku_index.h"
#include "consumer/shopify/pages.h"

/* Shopify allows two million variants a store; a page holds 250. */
#define VARIANTS_MAX_PAGES 20000U
/* Of one search, which also returns near matches. */
#define VARIANTS_MAX_SEARCH_PAGES 40U
/* Texts of one search. Shopify documents no limit for the length of its query. */
#define VARIANTS_MAX_TEXTS       50
#define VARIANTS_QUERY_MAX_BYTES ((size_t)16 * 1024)

struct variants {
    enum match match;
    struct sku_index *into;    /* borrowed */
    char *query;               /* NULL: all variants; owned */
    struct page_cursor cursor; /* .ended: all pages were read */
    size_t count;              /* variants so far */
};

/** @param query  NULL: all; else copied, see variants_query */
void variants_init(struct variants *v, enum match match, const char *query, struct sku_index *into);
void variants_release(struct variants *v);
enum operation variants_operation(const struct variants *v);
void variants_append_variables(const struct variants *v, struct strbuf *out);
/** Takes one variant (json_t), of a page or of a line. */
NODISCARD enum status variants_take_one(void *variants, const void *node, struct err *err);
/**
 * Takes the next page. All variants go into the index, including a search's near matches: the
 * caller compares the texts.
 * @return STATUS_OK; STATUS_OUTCOME_UNKNOWN: another shape, ask again;
 *         STATUS_STORE_MISCONFIGURED: more pages than allowed
 */
NODISCARD enum status
variants_take(struct variants *v, const struct answer *answer, struct err *err);

/**
 * The search for texts: sku:'A' OR sku:'B' …, quoted, quote and backslash escaped.
 * @return how many of them fit: at least one, unless the first is longer than the limit
 */
size_t variants_query(enum match match, const char *const *texts, size_t count, struct strbuf *out);

#endif
