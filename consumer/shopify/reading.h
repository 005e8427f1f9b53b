/**
 * reading: reads all variants of a store into a SKU index, by pages, or by a bulk operation where
 * that costs fewer points. Sends nothing: names the next request or file, and takes the result.
 *
 *     COUNT    how many variants are there
 *     PAGES    few: read page by page
 *     START    many: start a bulk operation
 *     POLL     ... wait for its end
 *     FETCH    ... fetch its lines from reading_url, in any order
 *     DONE     the index is complete
 *
 * Any failure of the bulk operation (refused, failed, file incomplete) leads to PAGES. A part of
 * the catalogue is never taken for the whole.
 */
#ifndef STOCKSYNC_SHOPIFY_READING_H
#define STOCKSYNC_SHOPIFY_READING_H

#include "consumer/shopify/variants.h"

enum reading_phase {
    READING_COUNT,
    READING_PAGES,
    READING_START,
    READING_POLL,
    READING_FETCH,
    READING_DONE
};

/* These variants fill 40 pages of 24 points: half the bucket of the smallest plan, so the pages
 * need not wait for points. Shopify counts exactly up to this number. */
#define READING_PAGED_MAX 10000

/* Points requested by every step except a page. */
#define READING_STEP_COST 10

struct reading {
    enum reading_phase phase;
    struct variants variants; /* takes pages and lines; .into is the index, owned here */
    char bulk_id[128];
    char *url;
    unsigned polls;
    size_t expected;    /* lines, as the store says */
    struct strbuf line; /* begun; its end has not come yet */
    struct err line_err;
};

void reading_init(struct reading *r, enum match match);
/** r may be zero. */
void reading_release(struct reading *r);
/** The request to send; in every phase except FETCH and DONE. */
enum operation reading_operation(const struct reading *r);
void reading_append_variables(const struct reading *r, struct strbuf *out);
/** Least wait before it is sent. */
int64_t reading_wait_ms(const struct reading *r);
/** Takes the DONE answer to it. @return STATUS_OK; otherwise see reading_fall_back */
NODISCARD enum status reading_take(struct reading *r, const struct answer *answer, struct err *err);
/** In FETCH: the address of the lines; for graphql_fetch with reading_feed. */
const char *reading_url(const struct reading *r);
/** @param reading  struct reading */
bool reading_feed(void *reading, struct bytes piece);
/**
 * The file has ended.
 * @return STATUS_OK: DONE; STATUS_OUTCOME_UNKNOWN: lines are missing or unreadable: see
 *         reading_fall_back
 */
NODISCARD enum status reading_fetched(struct reading *r, struct err *err);
/** The file broke off: fetch it again from its beginning. */
void reading_fetch_again(struct reading *r);
/** Starts again with pages, from nothing. @return false: it was reading pages already */
bool reading_fall_back(struct reading *r);
/** In DONE: the index, which becomes the caller's. */
struct sku_index *reading_take_index(struct reading *r);

#endif
