#include "consumer/shopify/graphql.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/strbuf.h"
#include "consumer/shopify/answer.h"
#include "embedded/graphql.h"

#define MOD "graphql"

#define REQUEST_TIMEOUT_MS 30000

/* A page of 250 variants with the longest texts, all escaped, stays below. */
#define ANSWER_MAX_BYTES ((size_t)1024 * 1024)
#define BODY_MAX_BYTES   ((size_t)1024 * 1024)

/* Over HTTP/2 one connection carries all requests; over HTTP/1.1 each in flight needs its own. */
#define MAX_CONNECTIONS 8

#define URL_MAX_BYTES 1024

/* graphql_call looks at its stop descriptor at least this often. */
#define CALL_TURN_MS 1000

static const struct {
    const char *name;
    const char *document;
} OPERATIONS[OPERATION_COUNT] = {
    [OP_STOCK_SET] = {"StockSet", graphql_stock_set},
    [OP_LEVELS_READ] = {"LevelsRead", graphql_levels_read},
    [OP_VARIANTS_PAGE] = {"VariantsPage", graphql_variants_page},
    [OP_LOCATIONS] = {"Locations", graphql_locations},
    [OP_START_CHECK] = {"StartCheck", graphql_start_check},
};

struct graphql {
    const struct store *store;
    struct http_client *http;
    char url[URL_MAX_BYTES];
    char *heads[OPERATION_COUNT]; /* the body up to the variables */
    char deprecated[sizeof((struct http_answer *)NULL)->deprecated]; /* last one logged */
};

/* One request on its way. */
struct call {
    enum operation op;
    void *owner;
};

const char *operation_name(enum operation op)
{
    return OPERATIONS[op].name;
}

/* --- life cycle --- */

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

static enum status make_url(const struct store *store, char url[URL_MAX_BYTES], struct err *err)
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
    const char *base = store->api_url != NULL ? store->api_url : store->shop_domain;
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/') {
        len--;
    }
    int written = snprintf(url, URL_MAX_BYTES, "%s%.*s/admin/api/%s/graphql.json",
                           store->api_url != NULL ? "" : "https://", (int)len, base,
                           store->api_version);
    if (written < 0 || written >= URL_MAX_BYTES) {
        return err_set(err, STATUS_CONFIG, "store %s: its address is too long", store->name);
    }
    return STATUS_OK;
}

static char *make_head(enum operation op)
{
    struct strbuf head;
    strbuf_init(&head, BODY_MAX_BYTES);
    strbuf_append_text(&head, "{\"query\":");
    strbuf_append_json(&head, OPERATIONS[op].document);
    strbuf_append_text(&head, ",\"operationName\":");
    strbuf_append_json(&head, OPERATIONS[op].name);
    strbuf_append_text(&head, ",\"variables\":");
    char *text = strbuf_take(&head);
    strbuf_release(&head);
    return text;
}

enum status graphql_new(const struct store *store, struct graphql **g, struct err *err)
{
    struct graphql *made = mem_calloc(1, sizeof *made);
    const struct http_client_options options = {.ca_file = store->ca_file,
                                                .timeout_ms = REQUEST_TIMEOUT_MS,
                                                .answer_max_bytes = ANSWER_MAX_BYTES,
                                                .max_connections = MAX_CONNECTIONS};
    enum status rc = make_url(store, made->url, err);
    if (rc != STATUS_OK) {
        mem_free(made);
        return rc;
    }
    made->store = store;
    made->http = http_client_new(&options);
    for (int op = 0; op < OPERATION_COUNT; op++) {
        made->heads[op] = make_head((enum operation)op);
    }
    *g = made;
    return STATUS_OK;
}
