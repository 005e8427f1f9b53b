/**
 * store_url: the addresses of one store. All of them lead to its one host (G6). Pure.
 */
#ifndef STOCKSYNC_SHOPIFY_STORE_URL_H
#define STOCKSYNC_SHOPIFY_STORE_URL_H

#include "common/core/status.h"
#include "consumer/shopify/store.h"

#define STORE_URL_MAX_BYTES 1024

/** @return STATUS_OK; STATUS_CONFIG: no usable API version, domain or length */
NODISCARD enum status
store_url_api(const struct store *store, char url[STORE_URL_MAX_BYTES], struct err *err);
/** The address that gives access tokens. @return as store_url_api */
NODISCARD enum status
store_url_token(const struct store *store, char url[STORE_URL_MAX_BYTES], struct err *err);

#endif
