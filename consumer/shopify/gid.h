/**
 * gid: Shopify's global ids. Only the numeric part leaves this folder. Pure.
 */
#ifndef STOCKSYNC_SHOPIFY_GID_H
#define STOCKSYNC_SHOPIFY_GID_H

#include <stdint.h>

#include "common/core/status.h"

#define GID_TEXT_SIZE 64

/** "gid://shopify/InventoryItem/4401". @return text */
char *gid_format(const char *type, int64_t id, char text[GID_TEXT_SIZE]);
/**
 * Numeric part of a GID of that type. One with a query part (?…) means something else, so nothing
 * is cut off.
 * @return STATUS_OK; STATUS_OUTCOME_UNKNOWN, with the GID in the text: NULL, another type, not a
 *         positive number, too large, or anything behind the number
 */
NODISCARD enum status gid_parse(const char *gid, const char *type, int64_t *id, struct err *err);

#endif
