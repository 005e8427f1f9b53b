/**
 * answer: one answer of the store, and its class.
 *
 * Folds the three error channels of one request (HTTP, top-level errors, userErrors of the root
 * field) into one class. Pure: a function of the transfer's outcome, status, headers and body.
 *
 * The table of reaction.h decides by the code. These rules cover answers without one:
 *
 *     not sent                              RETRY_SAME
 *     cut, late or too large                RETRY_SAME, may have executed
 *     a body of another shape               RETRY_SAME, may have executed
 *     extensions.search with warnings       CONFIG: other rows came than those asked for
 *     several codes in one answer           the gravest reaction decides: a mistake of the whole
 *                                           request before its entries, an entry that must leave
 *                                           before an entry that is stale
 *
 * Codes are cut after 63 bytes. Source: shopify.dev, Admin GraphQL API 2026-10: response codes,
 * InventorySetQuantitiesUserErrorCode.
 */
#ifndef STOCKSYNC_SHOPIFY_ANSWER_H
#define STOCKSYNC_SHOPIFY_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "common/http/http_client.h"
#include "consumer/shopify/operation.h"
#include "consumer/shopify/reaction.h"

/**
 * DONE        data is there, no user errors
 * RETRY_SAME  unknown outcome, or certainly not executed: same key, same bytes, after wait_ms
 * RETRY_NEW   STALE, PREVIOUS_ATTEMPT_FAILED: read the named entries (none named: all), new key
 * ENTRIES     entries were refused: take out the named ones and send the rest under a new key;
 *             none named: halve the request until they are found
 * CONFIG      our document or the operator's settings: stop the lane with the text
 * AUTH        401
 * CLOSED      402, 403, 423, SHOP_INACTIVE, 430
 */
enum answer_class {
    ANSWER_DONE,
    ANSWER_RETRY_SAME,
    ANSWER_RETRY_NEW,
    ANSWER_ENTRIES,
    ANSWER_CONFIG,
    ANSWER_AUTH,
    ANSWER_CLOSED
};

#define ANSWER_MAX_ENTRY_ERRORS 1000

/** One user error that names an entry of the request. */
struct entry_error {
    size_t index;
    const struct reaction_rule *rule; /* of its code; static */
    char code[64]; /* CHANGE_FROM_QUANTITY_STALE …; an unknown one as it came */
    char msg[160];
};

struct answer {
    enum answer_class class;
    bool noop;              /* DONE, and Shopify held every value already */
    bool throttled;         /* RETRY_SAME because of THROTTLED or 429 */
    bool item_missing;      /* ENTRIES because the item to be changed does not exist */
    bool search_refused;    /* CONFIG because the store did not understand the query */
    bool may_have_executed; /* RETRY_SAME with unknown outcome */
    int64_t wait_ms;        /* least wait before the retry */

    /* ENTRIES and RETRY_NEW: errors that name an entry, by index ascending. An entry may occur
     * several times; its gravest code comes last. */
    struct entry_error *entries;
    size_t entry_count;

    double cost_requested, maximum, available, restore_rate; /* cost block; maximum 0: absent */
    double cost_actual; /* charged; 0: the block has null; < 0: the block has no such number */

    char api_version[16];
    bool other_version; /* the store served another API version than the one asked for: a read is
                            CONFIG then; a mutation was executed all the same */
    char request_id[64];
    char code[64];                    /* the deciding code, for logs and parked rows */
    const struct reaction_rule *rule; /* of that code, static; NULL: there is no code */
    struct err err;                   /* text for a person, when class is not DONE */
    void *json;                       /* json_t *, the body, when DONE; for this folder's readers */
    void *owner;                      /* as given to graphql_send */
    int64_t elapsed_us;
};

/**
 * @param http    a finished transfer of that operation; its body is not needed afterwards
 * @param answer  [out] everything except owner; release with answer_release
 */
void answer_classify(enum operation op, const struct http_answer *http, struct answer *answer);
/** DONE becomes CONFIG with this text: the data is there, but must not be used. */
void answer_distrust(struct answer *answer, const struct err *why);
void answer_release(struct answer *answer);
/**
 * The status that a lane or command acts on: DONE gives OK. The other classes give THROTTLED,
 * STORE_LOST, OUTCOME_UNKNOWN, AUTH, STORE_CLOSED, STORE_MISCONFIGURED or ENTRY_REFUSED, and copy
 * the text to err.
 */
enum status answer_status(const struct answer *answer, struct err *err);

#endif
