#include "consumer/shopify/graphql.h"

#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/strbuf.h"
#include "consumer/shopify/store_url.h"

#define MOD "graphql"

/* Shopify documents no bound. A later answer is not lost: the same key brings it again. */
#define REQUEST_TIMEOUT_MS 30000
#define REQUEST_STALL_S    15

/* More than a page of 250 variants with the longest texts, all escaped. */
#define ANSWER_MAX_BYTES ((size_t)1024 * 1024)
#define BODY_MAX_BYTES   ((size_t)1024 * 1024)

/* Over HTTP/2 one connection carries all requests; over HTTP/1.1 each needs its own. */
#define MAX_CONNECTIONS 64

/* graphql_call checks its stop descriptor at least this often. */
#define CALL_TURN_MS 1000

/* Deprecation texts that are logged once each: one for each of our few documents. */
#define MAX_DEPRECATIONS 16

enum call_phase {
    CALL_QUEUED, /* waits for a token */
    CALL_SENT,
    CALL_FAILED /* no token, or it could not be sent; see err */
};

/* One request whose answer was not taken. */
struct call {
    enum operation op;
    enum call_phase phase;
    struct strbuf body;  /* kept until the answer, for a second try with another token */
    unsigned generation; /* of the token it was sent with */
    bool resent;
    bool is_fetch; /* of a file: op means nothing */
    struct err err;
    void *owner;
    struct call *next;
};

struct graphql {
    struct store *store;
    struct http_client *http;
    char url[STORE_URL_MAX_BYTES];
    char token_url[STORE_URL_MAX_BYTES];
    bool asking; /* for a token; the address of this member is the owner of that transfer */
    char *heads[OPERATION_COUNT]; /* the body up to the variables */
    struct call *calls;           /* oldest first */
    char deprecated[MAX_DEPRECATIONS][sizeof((struct http_answer *)NULL)->deprecated];
    size_t deprecated_count; /* texts logged */
    struct metrics {
        struct metric *deprecations, *tokens, *token_failures;
    } metrics;
};

static const struct metric_row METRIC_ROWS[] = {
    {.offset = offsetof(struct metrics, deprecations),
     .kind = METRIC_COUNTER,
     .name = "stocksync_store_deprecated_total",
     .help = "Answers that named something deprecated in a request."},
    {.offset = offsetof(struct metrics, tokens),
     .kind = METRIC_COUNTER,
     .name = "stocksync_store_tokens_total",
     .help = "Access tokens obtained with client id and secret."},
    {.offset = offsetof(struct metrics, token_failures),
     .kind = METRIC_COUNTER,
     .name = "stocksync_store_token_failures_total",
     .help = "Requests for an access token that failed."},
};

const struct metric_table graphql_metric_table = {
    .rows = METRIC_ROWS, .count = sizeof METRIC_ROWS / sizeof METRIC_ROWS[0], .label = "store"};

/* --- life cycle --- */

static char *make_head(enum operation op)
{
    struct strbuf head;
    strbuf_init(&head, BODY_MAX_BYTES);
    strbuf_append_text(&head, "{\"query\":");
    strbuf_append_json(&head, operation_document(op));
    strbuf_append_text(&head, ",\"operationName\":");
    strbuf_append_json(&head, operation_name(op));
    strbuf_append_text(&head, ",\"variables\":");
    char *text = strbuf_take(&head);
    strbuf_release(&head);
    return text;
}

enum status graphql_new(struct store *store, struct graphql **g, struct err *err)
{
    struct graphql *made = mem_calloc(1, sizeof *made);
    const struct http_client_options options = {.ca_file = store->ca_file,
                                                .timeout_ms = REQUEST_TIMEOUT_MS,
                                                .stall_s = REQUEST_STALL_S,
                                                .answer_max_bytes = ANSWER_MAX_BYTES,
                                                .max_connections = MAX_CONNECTIONS};
    enum status rc = store_url_api(store, made->url, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = store_url_token(store, made->token_url, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = http_client_new(&options, &made->http, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    made->store = store;
    metric_table_register(&graphql_metric_table, store->name, &made->metrics);
    for (int op = 0; op < OPERATION_COUNT; op++) {
        made->heads[op] = make_head((enum operation)op);
    }
    *g = made;
    made = NULL;
out:
    mem_free(made);
    return rc;
}

static void call_end(struct graphql *g, struct call *call)
{
    struct call **link = &g->calls;
    while (*link != call) {
        INVARIANT(*link != NULL, "a call ends once");
        link = &(*link)->next;
    }
    *link = call->next;
    strbuf_release(&call->body);
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

/* --- sending --- */

/* The one place where address and token meet; both come from the one store. */
static enum status start(struct graphql *g, struct call *call, struct err *err)
{
    const struct token *token = &g->store->token;
    const struct http_request request = {.url = g->url,
                                         .content_type = "application/json",
                                         .accept = "application/json",
                                         .body = strbuf_bytes(&call->body),
                                         .secret_header = "X-Shopify-Access-Token",
                                         .secret = &token->value,
                                         .owner = call};
    enum status rc = http_client_start(g->http, &request, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    call->phase = CALL_SENT;
    call->generation = token->generation;
    return STATUS_OK;
}

static void report_asking(struct graphql *g, enum status rc, const struct err *err)
{
    const struct token *token = &g->store->token;
    int64_t now = clock_monotonic_us();
    if (rc == STATUS_OK) {
        metric_add(g->metrics.tokens, 1);
        log_info(MOD, "token", LF_TEXT("store", g->store->name),
                 LF_INT("left_s", token_left_s(token, now)), LF_MSG("a new access token"));
        return;
    }
    metric_add(g->metrics.token_failures, 1);
    log_failure(LOG_WARN, MOD, "token_refused", err,
                LOG_FIELDS(LF_TEXT("store", g->store->name),
                           LF_INT("backoff_ms", token_wait_ms(token, now)),
                           LF_INT("left_s", token_left_s(token, now))));
}

/* The secret goes where the token will go: to the store's own host. */
static enum status send_asking(struct graphql *g, struct err *err)
{
    struct secret body = {0};
    enum status rc = token_read(&g->store->token, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    token_request(&g->store->token, &body);
    const struct http_request request = {
        .url = g->token_url,
        .content_type = "application/x-www-form-urlencoded",
        .accept = "application/json",
        .body = bytes_of((const unsigned char *)secret_reveal(&body), body.len),
        .owner = &g->asking};
    rc = http_client_start(g->http, &request, err);
    secret_release(&body);
    return rc;
}

static void ask_for_token(struct graphql *g)
{
    struct err err = {0};
    enum status rc = send_asking(g, &err);
    g->asking = rc == STATUS_OK;
    if (rc != STATUS_OK) {
        token_not_asked(&g->store->token, &err, clock_monotonic_us());
        report_asking(g, rc, &err);
    }
}

static enum token_step next_step(struct graphql *g)
{
    enum token_step step = token_step(&g->store->token, clock_monotonic_us());
    if (!g->asking && (step == TOKEN_ASK || step == TOKEN_USE_AND_ASK)) {
        ask_for_token(g);
        step = token_step(&g->store->token, clock_monotonic_us());
    }
    return step;
}

static void fail_call(struct call *call, const struct err *why)
{
    call->phase = CALL_FAILED;
    call->err = *why;
}

/* Sends a call that waits, or fails it. While a token is on its way, it goes on waiting. */
static void move_call(struct graphql *g, struct call *call, enum token_step step)
{
    struct err err = {0};
    if (step == TOKEN_USE || step == TOKEN_USE_AND_ASK) {
        if (start(g, call, &err) != STATUS_OK) {
            fail_call(call, &err);
        }
    } else if (!g->asking) {
        token_failure(&g->store->token, &err);
        fail_call(call, &err);
    }
}

/* Renews the token when it is time, and sends what waited for it. */
static void tend(struct graphql *g)
{
    enum token_step step = next_step(g);
    for (struct call *call = g->calls; call != NULL; call = call->next) {
        if (call->phase == CALL_QUEUED) {
            move_call(g, call, step);
        }
    }
}

static void append_call(struct graphql *g, struct call *call)
{
    struct call **end = &g->calls;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = call;
}

static enum status send_call(struct graphql *g,
                             enum operation op,
                             const char *variables,
                             void *owner,
                             struct call **sent,
                             struct err *err)
{
    struct call *call = mem_calloc(1, sizeof *call);
    call->op = op;
    call->owner = owner;
    strbuf_init(&call->body, BODY_MAX_BYTES);
    strbuf_append_text(&call->body, g->heads[op]);
    strbuf_append_text(&call->body, variables);
    strbuf_append_char(&call->body, '}');
    append_call(g, call);
    enum status rc = strbuf_check(&call->body, "a request", err);
    if (rc != STATUS_OK) {
        call_end(g, call);
        return rc;
    }
    move_call(g, call, next_step(g));
    /* An address or a token that can never be sent is the caller's problem, not the store's. */
    if (call->phase == CALL_FAILED && status_class(call->err.status) == CLASS_FATAL) {
        *err = call->err;
        call_end(g, call);
        return err->status;
    }
    *sent = call;
    return STATUS_OK;
}

enum status graphql_send(
    struct graphql *g, enum operation op, const char *variables, void *owner, struct err *err)
{
    struct call *sent = NULL;
    return send_call(g, op, variables, owner, &sent, err);
}

enum status graphql_fetch(struct graphql *g,
                          const char *url,
                          bool (*take)(void *arg, struct bytes piece),
                          void *arg,
                          void *owner,
                          struct err *err)
{
    struct call *call = mem_calloc(1, sizeof *call);
    call->owner = owner;
    call->is_fetch = true;
    call->phase = CALL_SENT;
    strbuf_init(&call->body, BODY_MAX_BYTES);
    append_call(g, call);
    const struct http_request request = {.url = url, .take = take, .take_arg = arg, .owner = call};
    enum status rc = http_client_start(g->http, &request, err);
    if (rc != STATUS_OK) {
        call_end(g, call);
    }
    return rc;
}

void graphql_cancel(struct graphql *g, const void *owner)
{
    for (struct call *call = g->calls; call != NULL;) {
        struct call *next = call->next;
        if (call->owner == owner) {
            http_client_cancel(g->http, call); /* if it was sent */
            call_end(g, call);
        }
        call = next;
    }
}

size_t graphql_running(const struct graphql *g)
{
    size_t count = 0;
    for (const struct call *call = g->calls; call != NULL; call = call->next) {
        count++;
    }
    return count;
}

static struct call *failed_call(const struct graphql *g)
{
    struct call *call = g->calls;
    while (call != NULL && call->phase != CALL_FAILED) {
        call = call->next;
    }
    return call;
}

void graphql_wait(struct graphql *g, const int *fds, size_t fd_count, int timeout_ms)
{
    tend(g);
    http_client_wait(g->http, fds, fd_count, failed_call(g) != NULL ? 0 : timeout_ms);
}

/* --- receiving --- */

/* Once per text: our documents are fixed, so every answer would repeat it. */
static void report_deprecation(struct graphql *g, enum operation op, const struct http_answer *http)
{
    if (http->deprecated[0] == '\0') {
        return;
    }
    metric_add(g->metrics.deprecations, 1);
    for (size_t i = 0; i < g->deprecated_count; i++) {
        if (strcmp(g->deprecated[i], http->deprecated) == 0) {
            return;
        }
    }
    if (g->deprecated_count < MAX_DEPRECATIONS) {
        (void)memcpy(g->deprecated[g->deprecated_count++], http->deprecated,
                     sizeof http->deprecated);
        log_warn(MOD, "deprecated", LF_TEXT("store", g->store->name),
                 LF_TEXT("request", operation_name(op)), LF_MSG(http->deprecated));
    }
}

enum status
graphql_check_version(const struct graphql *g, const struct answer *answer, struct err *err)
{
    if (!answer->other_version) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_STORE_MISCONFIGURED,
                   "API version %s was asked for, %s was served: set api_version to a supported "
                   "one that this program knows",
                   g->store->api_version, answer->api_version);
}

/* A read under the rules of another version cannot be relied on. */
static void judge_version(struct graphql *g, enum operation op, struct answer *answer)
{
    answer->other_version =
        answer->api_version[0] != '\0' && strcmp(answer->api_version, g->store->api_version) != 0;
    struct err why = {0};
    if (answer->class == ANSWER_DONE && !operation_is_mutation(op) &&
        graphql_check_version(g, answer, &why) != STATUS_OK) {
        answer_distrust(answer, &why);
    }
}

static enum answer_class class_of(enum status rc)
{
    if (rc == STATUS_AUTH) {
        return ANSWER_AUTH;
    }
    if (rc == STATUS_STORE_CLOSED) {
        return ANSWER_CLOSED;
    }
    return status_class(rc) == CLASS_TRANSIENT ? ANSWER_RETRY_SAME : ANSWER_CONFIG;
}

/* The answer to a request that never left. */
static bool take_failed(struct graphql *g, struct answer *answer)
{
    struct call *call = failed_call(g);
    if (call == NULL) {
        return false;
    }
    int64_t wait_ms = token_wait_ms(&g->store->token, clock_monotonic_us());
    *answer = (struct answer){.class = class_of(call->err.status),
                              .wait_ms = wait_ms,
                              .owner = call->owner,
                              .err = call->err};
    (void)snprintf(answer->code, sizeof answer->code, "%s", call->err.origin);
    call_end(g, call);
    return true;
}

static void take_token(struct graphql *g, const struct http_answer *http)
{
    struct err err = {0};
    g->asking = false;
    report_asking(g, token_answered(&g->store->token, http, clock_monotonic_us(), &err), &err);
}

/* @return true: the request goes out again with another token */
static bool is_retried(struct graphql *g, struct call *call, const struct http_answer *http)
{
    if (http->outcome != HTTP_ANSWERED || http->status != 401) {
        return false;
    }
    bool other = token_refused(&g->store->token, call->generation);
    if (!other || call->resent) {
        return false;
    }
    call->resent = true;
    call->phase = CALL_QUEUED;
    return true;
}

static void judge_fetch(const struct http_answer *http, struct answer *answer)
{
    *answer = (struct answer){.class = ANSWER_DONE, .elapsed_us = http->elapsed_us};
    if (http->outcome != HTTP_ANSWERED) {
        answer->class = ANSWER_RETRY_SAME;
        answer->err = http->err;
    } else if (http->status != 200) {
        answer->class = ANSWER_RETRY_SAME;
        (void)err_set(&answer->err, STATUS_STORE_LOST, "the result's host answered HTTP %ld",
                      http->status);
    }
}

/* The answer of a finished transfer. @return false: it goes out once more */
static bool take_finished(struct graphql *g,
                          struct call *call,
                          const struct http_answer *http,
                          struct answer *a)
{
    if (call->is_fetch) {
        judge_fetch(http, a);
    } else {
        if (is_retried(g, call, http)) {
            return false;
        }
        answer_classify(call->op, http, a);
        judge_version(g, call->op, a);
        report_deprecation(g, call->op, http);
    }
    a->owner = call->owner;
    call_end(g, call);
    return true;
}

bool graphql_next(struct graphql *g, struct answer *answer)
{
    struct http_answer http;
    while (!take_failed(g, answer)) {
        if (!http_client_next(g->http, &http)) {
            return false;
        }
        struct call *call = http.owner == &g->asking ? NULL : http.owner;
        bool taken = false;
        if (call == NULL) {
            take_token(g, &http);
        } else {
            taken = take_finished(g, call, &http, answer);
        }
        http_client_done(g->http, &http);
        if (taken) {
            return true;
        }
        tend(g);
    }
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
            http_client_cancel(g->http, call); /* if it was sent */
            call_end(g, call);
            return err_set(err, STATUS_STOPPING, "%s", status_text(STATUS_STOPPING));
        }
        graphql_wait(g, &stop_fd, stop_fd >= 0 ? 1 : 0, CALL_TURN_MS);
    }
    return answer_status(answer, err);
}
