/**
 * pages: one page of a connection: its nodes, and the cursor of the next page. Pure on top of JSON.
 */
#ifndef STOCKSYNC_SHOPIFY_PAGES_H
#define STOCKSYNC_SHOPIFY_PAGES_H

#include "common/core/strbuf.h"
#include "consumer/shopify/answer.h"

#define PAGE_CURSOR_BYTES 4096

/** Where a reading stands; zero: before the first page. */
struct page_cursor {
    char after[PAGE_CURSOR_BYTES]; /* "": the first page */
    bool ended;
    unsigned pages; /* taken so far */
};

/** Appends `"after":…`, without braces. */
void page_append_after(const struct page_cursor *cursor, struct strbuf *out);
/**
 * Hands every node (json_t) of data.FIELD to take and moves the cursor on.
 * @return STATUS_OK; STATUS_OUTCOME_UNKNOWN: another shape, or the cursor did not move; a failure
 *         of take
 */
NODISCARD enum status page_take(struct page_cursor *cursor,
                                const struct answer *answer,
                                const char *field,
                                enum status (*take)(void *arg, const void *node, struct err *err),
                                void *arg,
                                struct err *err);
/** For take: the node has another shape. */
enum status page_other_shape(struct err *err);

#endif
