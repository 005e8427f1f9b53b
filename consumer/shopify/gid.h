/**
 * gid: Shopify's global ids. Only the numeric part leaves this folder. Pure.
 */
#ifndef STOCKSYNC_SHOPIFY_GID_H
#define STOCKSYNC_SHOPIFY_GID_H

#include <stdbool.h>
#include <stdint.h>

#define GID_TEXT_SIZE 64

/** "gid://shopify/InventoryItem/4401". @return text */
char *gid_format(const char *type, int64_t id, char text[GID_TEXT_SIZE]);
/**
 * Numeric part of a GID of that type; a query part (?…) is allowed.
 * @return false: NULL, another type, not a positive number, or too large
 */
bool gid_parse(const char *gid, const char *type, int64_t *id);

#endif
