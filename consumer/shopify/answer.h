/**
 * answer: folds the three error channels of one request into one class. Pure: a function of the
 * transfer's outcome, status, headers and body.
 *
 * What each code asks for is the table of reaction.h; here is what belongs to no code:
 *
 *     not sent: retry_same; cut, late, too large: retry_same, may have executed
 *     a body that is no such answer: retry_same, may have executed
 *     extensions.search with warnings: config, for the rows that came are not those asked for
 *     several codes in one answer: the gravest reaction decides, so that a mistake of the whole
 *     request comes before its entries, and an entry that must leave before one that is stale
 *
 * The code is cut after 63 bytes. Source: shopify.dev, Admin GraphQL API 2026-10: response codes,
 * InventorySetQuantitiesUserErrorCode.
 */
#ifndef STOCKSYNC_SHOPIFY_ANSWER_H
#define STOCKSYNC_SHOPIFY_ANSWER_H

#include "consumer/shopify/graphql.h"

/**
 * @param http    a finished transfer of that operation; its body is not needed afterwards
 * @param answer  [out] all of it but owner; release with answer_release
 */
void answer_classify(enum operation op, const struct http_answer *http, struct answer *answer);
/** DONE becomes CONFIG with this text: the data is there, but must not be used. */
void answer_distrust(struct answer *answer, const struct err *why);

#endif
