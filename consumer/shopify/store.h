/**
 * store: everything that requests to one Shopify store are built from. Since they use one of these
 * and nothing else, a token and the client secret can only reach their own store's host (G6).
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
