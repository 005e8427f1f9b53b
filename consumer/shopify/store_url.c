#include "consumer/shopify/store_url.h"

#include <stdio.h>
#include <string.h>

/* A host name and nothing that could lead elsewhere: no path, port, credentials. */
static bool is_host(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len < 254 && text[0] != '.' && text[0] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == len;
}

static bool is_version(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len < 16 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static enum status check_parts(const struct store *store, struct err *err)
{
    if (!is_version(store->api_version)) {
        return err_set(err, STATUS_CONFIG, "store %s: '%s' is no API version", store->name,
                       store->api_version);
    }
    if (store->api_url == NULL && !is_host(store->shop_domain)) {
        return err_set(err, STATUS_CONFIG,
                       "store %s: '%s' is no shop domain: write it as name.myshopify.com",
                       store->name, store->shop_domain);
    }
    return STATUS_OK;
}

/* The one place where addresses are made. */
static enum status make(const struct store *store,
                        const char *path,
                        const char *version,
                        const char *rest,
                        char url[STORE_URL_MAX_BYTES],
                        struct err *err)
{
    const char *base = store->api_url != NULL ? store->api_url : store->shop_domain;
    size_t len = strlen(base);
    enum status rc = check_parts(store, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    while (len > 0 && base[len - 1] == '/') {
        len--;
    }
    int written =
        snprintf(url, STORE_URL_MAX_BYTES, "%s%.*s/admin/%s%s%s",
                 store->api_url != NULL ? "" : "https://", (int)len, base, path, version, rest);
    if (written < 0 || written >= STORE_URL_MAX_BYTES) {
        return err_set(err, STATUS_CONFIG, "store %s: its address is too long", store->name);
    }
    return STATUS_OK;
}

enum status store_url_api(const struct store *store, char url[STORE_URL_MAX_BYTES], struct err *err)
{
    return make(store, "api/", store->api_version, "/graphql.json", url, err);
}

enum status
store_url_token(const struct store *store, char url[STORE_URL_MAX_BYTES], struct err *err)
{
    return make(store, "oauth/access_token", "", "", url, err);
}
