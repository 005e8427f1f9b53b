/**
 * reaction: how the program reacts to every code of Shopify. One table, to be compared with
 * Shopify's documents. A code without a row gets the row at the end of its channel.
 *
 * Sources: shopify.dev, Admin GraphQL API 2026-10, "Status and error codes" (HTTP, top level) and
 * InventorySetQuantitiesUserErrorCode (user errors; tests/data/graphql/user_error_codes.txt holds
 * those of every version that may be configured).
 */
#ifndef STOCKSYNC_SHOPIFY_REACTION_H
#define STOCKSYNC_SHOPIFY_REACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Where a code stands in an answer. */
enum reaction_channel {
    REACTION_HTTP,       /* "HTTP_503" */
    REACTION_TOP_LEVEL,  /* errors[].extensions.code */
    REACTION_USER_ERRORS /* userErrors[].code of the set */
};

/** The reaction. If one answer has several, the last one in this order decides. */
enum reaction {
    REACTION_THROTTLED,   /* not executed: same key and bytes when the store has recovered */
    REACTION_NEW_KEY,     /* this key will never be executed: read all entries, new key */
    REACTION_READ,        /* entry: read it again, decide again, new key */
    REACTION_PARK,        /* entry: take it out and park it with the reason */
    REACTION_ACTIVATE,    /* entry: take it out until the item is stocked at the location */
    REACTION_FIND,        /* entry: take it out; its item is uncertain: read the catalogue again */
    REACTION_SAME_KEY,    /* unknown outcome, or being executed: same key and bytes after a wait */
    REACTION_CONFIG,      /* our document or the operator's settings: stop the lane */
    REACTION_CREDENTIALS, /* stop the lane until the store accepts a token */
    REACTION_CLOSED       /* stop the lane until the shop is open again */
};

struct reaction_rule {
    enum reaction_channel channel;
    const char *code; /* a pattern of fnmatch(3) where several codes share the row */
    enum reaction reaction;
    bool alarm;       /* unknown, or prevented by our own checks: a person should look */
    int64_t wait_ms;  /* least wait before the same bytes are sent again; 0: that of answer.c */
    const char *next; /* the next step, for a person */
};

/** @return the row of a code; never NULL */
const struct reaction_rule *reaction_find(enum reaction_channel channel, const char *code);
/** For tests. @return row i of the table, NULL behind its end */
const struct reaction_rule *reaction_row(size_t i);
/** It concerns entries of the request, not the request as a whole. */
bool reaction_is_of_entry(enum reaction reaction);

#endif
