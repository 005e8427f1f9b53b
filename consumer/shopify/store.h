/**
 * store: everything that is needed to talk to one Shopify store; requests are built from one of
 * these and nothing else, so that a token, and the secret that buys one, can only travel to their
 * own store's host (G6).
 */
#ifndef STOCKSYNC_SHOPIFY_STORE_H
#define STOCKSYNC_SHOPIFY_STORE_H

#include "consumer/shopify/token.h"

struct store {
    const char *name;        /* [store.NAME] */
    const char *shop_domain; /* name.myshopify.com */
    const char *api_url;     /* replaces https://<shop_domain>; NULL normally */
    const char *api_version; /* 2026-10 */
    const char *ca_file;     /* NULL: the system's authorities */
    struct token token;
    const char *quantity_name; /* "available" or "on_hand" */
};

#endif
