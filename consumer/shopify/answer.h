/**
 * answer: folds the three error channels of one request into one class. Pure: a function of the
 * transfer's outcome, status, headers and body.
 *
 *     transport   not sent: retry_same; cut, late, too large: retry_same, may have executed
 *     HTTP        401 auth; 402 403 423 430 closed; 429 retry_same, throttled; 408, 5xx and other
 * 2xx retry_same, may have executed; the rest config top level   THROTTLED; INTERNAL_SERVER_ERROR
 * and codes nobody has told us: retry_same, may have executed; SHOP_INACTIVE closed; validation
 * (their camelCase codes) and the known refusals config. The gravest of several counts. user errors
 * of the mutation: mistakes of the whole request config; CONCURRENT retry_same; any entry that must
 * leave, named or not: entries; else stale and failed before: retry_new. In this order when they
 * are mixed. a body that is no such answer: retry_same, may have executed extensions.search with
 * warnings: config, for the rows that came are not those asked for
 *
 * Source: shopify.dev, Admin GraphQL API 2026-10: response codes,
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
