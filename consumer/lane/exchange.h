/**
 * exchange: takes the store's answers. An answer enters each file once: requests (cost, breaker),
 * answers (outcomes), catalogue (facts about items), outcomes (stored and completed).
 */
#ifndef STOCKSYNC_LANE_EXCHANGE_H
#define STOCKSYNC_LANE_EXCHANGE_H

#include "consumer/lane/answers.h"
#include "consumer/lane/catalogue.h"
#include "consumer/lane/comparison.h"

/** Pointers are borrowed from the session. */
struct exchange {
    const struct lane_context *c;
    struct requests *requests;
    struct outcomes *out;
    struct unimported_sales *sales;
    struct catalogue *catalogue;
    struct comparison *comparison;
    struct answer answers[LANE_GROUP]; /* of the group that is being judged */
    size_t count;
    enum status version; /* other than STATUS_OK: an answer came from another API version */
    struct err version_err;
};

/** The rest of what a group of answers says. */
struct exchange_news {
    struct lane_signal signals[LANE_GROUP]; /* in the order of the answers */
    size_t signal_count;
    struct catalogue_news catalogue;
    bool more; /* further answers may have arrived */
};

/** Takes up to LANE_GROUP answers and applies their outcomes together. */
NODISCARD enum status
exchange_take(struct exchange *x, struct exchange_news *news, struct err *err);
/**
 * Everything that has arrived is recorded, for it was executed. But nothing more is written under
 * the rules of an unknown API version: the session must end.
 */
NODISCARD enum status exchange_check_version(const struct exchange *x, struct err *err);

#endif
