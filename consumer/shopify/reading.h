/**
 * reading: reads all variants of a store into a mapping: by pages, or by a bulk operation where
 * that asks for fewer points. Sends nothing itself: says what is to be asked or fetched next, and
 * takes what comes.
 *
 *     COUNT    how many variants are there
 *     PAGES    few: page by page
 *     START    many: a bulk operation is to begin
 *     POLL     … is going on
 *     FETCH    … has ended: its lines lie at reading_url, in any order
 *     DONE     the mapping is whole
 *
 * Whatever goes wrong with the bulk operation (refused, failed, its file incomplete) leads to
 * PAGES: a part is never taken for the whole.
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

/* So many variants are 40 pages of 24 points: half the bucket of the smallest plan, so they need
 * not wait for points. Shopify counts up to here by itself. */
#define READING_PAGED_MAX 10000

/* Points that the steps but pages ask for. */
#define READING_STEP_COST 10

struct reading {
    enum reading_phase phase;
    struct variants variants; /* pages and lines go through it; .into is the mapping, owned */
    char bulk_id[128];
    char *url;
    unsigned polls;
    size_t expected;    /* lines, as the store says */
    struct strbuf line; /* begun, its end not yet there */
    struct err line_err;
};

void reading_init(struct reading *r, enum match match);
/** Zero is fine. */
void reading_release(struct reading *r);
/** What to send; in every phase but FETCH and DONE. */
enum operation reading_operation(const struct reading *r);
void reading_append_variables(const struct reading *r, struct strbuf *out);
/** Least wait before it is sent. */
int64_t reading_wait_ms(const struct reading *r);
/** Takes the DONE answer to it. @return STATUS_OK, or why this way leads no further: see
 * reading_fall_back */
NODISCARD enum status reading_take(struct reading *r, const struct answer *answer, struct err *err);
/** In FETCH: where the lines are; for graphql_fetch with reading_feed. */
const char *reading_url(const struct reading *r);
/** @param reading  struct reading */
bool reading_feed(void *reading, struct bytes piece);
/** The file has ended. @return STATUS_OK: DONE; STATUS_OUTCOME_UNKNOWN: lines are missing or are
 * none: see reading_fall_back */
NODISCARD enum status reading_fetched(struct reading *r, struct err *err);
/** The file broke off: it is to be fetched from its beginning. */
void reading_fetch_again(struct reading *r);
/** Another way is left: begins with pages, from nothing. @return false: it was reading pages */
bool reading_fall_back(struct reading *r);
/** In DONE: the mapping, the caller's now. */
struct sku_index *reading_take_mapping(struct reading *r);

#endif
