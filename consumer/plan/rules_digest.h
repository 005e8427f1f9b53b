/**
 * rules_digest: a short text that changes when a store's rules do. Pure.
 */
#ifndef STOCKSYNC_PLAN_RULES_DIGEST_H
#define STOCKSYNC_PLAN_RULES_DIGEST_H

#include "common/core/uuid5.h"
#include "consumer/plan/rules.h"

#define RULES_DIGEST_SIZE UUID5_TEXT_SIZE

/**
 * Covers everything that turns a record into numbers. The order of locations, and of warehouses
 * within one, does not matter.
 * @param quantity  the name of Shopify's quantity that is written
 * @return digest
 */
char *
rules_digest(const struct store_rules *rules, const char *quantity, char digest[RULES_DIGEST_SIZE]);

#endif
