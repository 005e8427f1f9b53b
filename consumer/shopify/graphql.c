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
#define MAX_CONNECTIONS 64

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

/* One request on its way. */
struct call {
    enum operation op;
    void *owner;
    struct call *next;
};

struct graphql {
    const struct store *store;
    struct http_client *http;
    char url[URL_MAX_BYTES];
    char *heads[OPERATION_COUNT]; /* the body up to the variables */
    struct call *calls;           /* those whose answer was not taken */
    char deprecated[sizeof((struct http_answer *)NULL)->deprecated]; /* last one logged */
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
    int written =
        snprintf(url, URL_MAX_BYTES, "%s%.*s/admin/api/%s/graphql.json",
                 store->api_url != NULL ? "" : "https://", (int)len, base, store->api_version);
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

static void call_end(struct graphql *g, struct call *call)
{
    struct call **link = &g->calls;
    while (*link != call) {
        link = &(*link)->next;
    }
    *link = call->next;
    mem_free(call);
}

void graphql_free(struct graphql *g)
{
    if (g == NULL) {
        return;
    }
    http_client_free(g->http);
    while (g->calls != NULL) {
        call_end(g, g->calls);
    }
    for (int op = 0; op < OPERATION_COUNT; op++) {
        mem_free(g->heads[op]);
    }
    mem_free(g);
}

/* --- sending and receiving --- */

/* The one place where address and token meet; both come from the one store. */
static enum status
start(struct graphql *g, struct call *call, const struct strbuf *body, struct err *err)
{
    const struct http_request request = {.url = g->url,
                                         .content_type = "application/json",
                                         .accept = "application/json",
                                         .body = strbuf_bytes(body),
                                         .secret_header = "X-Shopify-Access-Token",
                                         .secret = &g->store->token,
                                         .owner = call};
    return http_client_start(g->http, &request, err);
}

static enum status send_call(struct graphql *g,
                             enum operation op,
                             const char *variables,
                             void *owner,
                             struct call **sent,
                             struct err *err)
{
    struct strbuf body;
    strbuf_init(&body, BODY_MAX_BYTES);
    strbuf_append_text(&body, g->heads[op]);
    strbuf_append_text(&body, variables);
    strbuf_append_char(&body, '}');
    enum status rc = strbuf_check(&body, "a request", err);
    if (rc == STATUS_OK) {
        struct call *call = mem_calloc(1, sizeof *call);
        call->op = op;
        call->owner = owner;
        rc = start(g, call, &body, err);
        if (rc == STATUS_OK) {
            call->next = g->calls;
            g->calls = call;
            *sent = call;
        } else {
            mem_free(call);
        }
    }
    strbuf_release(&body);
    return rc;
}

enum status graphql_send(
    struct graphql *g, enum operation op, const char *variables, void *owner, struct err *err)
{
    struct call *sent = NULL;
    return send_call(g, op, variables, owner, &sent, err);
}

size_t graphql_running(const struct graphql *g)
{
    return http_client_running(g->http);
}

void graphql_wait(struct graphql *g, const int *fds, size_t fd_count, int timeout_ms)
{
    http_client_wait(g->http, fds, fd_count, timeout_ms);
}

/* Once per text: our documents are fixed, so every answer would say the same. */
static void report_deprecation(struct graphql *g, enum operation op, const struct http_answer *http)
{
    if (http->deprecated[0] == '\0' || strcmp(g->deprecated, http->deprecated) == 0) {
        return;
    }
    (void)memcpy(g->deprecated, http->deprecated, sizeof g->deprecated);
    log_warn(MOD, "deprecated", LF_TEXT("store", g->store->name),
             LF_TEXT("request", operation_name(op)), LF_MSG(http->deprecated));
}

bool graphql_next(struct graphql *g, struct answer *answer)
{
    struct http_answer http;
    if (!http_client_next(g->http, &http)) {
        return false;
    }
    struct call *call = http.owner;
    answer_classify(call->op, &http, answer);
    answer->owner = call->owner;
    report_deprecation(g, call->op, &http);
    call_end(g, call);
    http_client_done(g->http, &http);
    return true;
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return fd >= 0 && poll(&p, 1, 0) > 0;
}

enum status graphql_call(struct graphql *g,
                         enum operation op,
                         const char *variables,
                         int stop_fd,
                         struct answer *answer,
                         struct err *err)
{
    struct call *call = NULL;
    INVARIANT(graphql_running(g) == 0, "a call waits for its own answer alone");
    *answer = (struct answer){0};
    enum status rc = send_call(g, op, variables, NULL, &call, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    while (!graphql_next(g, answer)) {
        if (is_readable(stop_fd)) {
            http_client_cancel(g->http, call);
            call_end(g, call);
            return err_set(err, STATUS_STOPPING, "%s", status_text(STATUS_STOPPING));
        }
        graphql_wait(g, &stop_fd, stop_fd >= 0 ? 1 : 0, CALL_TURN_MS);
    }
    return answer_status(answer, err);
}
