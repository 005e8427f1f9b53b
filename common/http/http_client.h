/**
 * http_client: HTTP transfers on one curl multi handle, several at once, each with limits and an
 * outcome.
 *
 * Always: no redirects, no netrc, https only (http for loopback addresses alone), TLS verified,
 * gzip, HTTP/2 where the server offers it, connect timeout 10 s, total timeout as given, answer
 * size capped after decompression, no Expect header, NOSIGNAL. The only file that hands a URL to
 * curl. One owner: the lane's thread.
 *
 * One request may reach the peer twice: curl itself repeats it when a kept connection ended without
 * a byte of an answer. So whatever is sent must bear repetition, as a mutation with its key does.
 */
#ifndef STOCKSYNC_HTTP_HTTP_CLIENT_H
#define STOCKSYNC_HTTP_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/bytes.h"
#include "common/core/secret.h"
#include "common/core/status.h"

struct http_client;

struct http_client_options {
    const char *ca_file;     /* additional certificate authority, PEM; NULL: the system's only */
    int timeout_ms;          /* of one transfer; 30000 */
    size_t answer_max_bytes; /* body after decompression */
    int max_connections;     /* to the one host */
};

/** What to send; everything borrowed for the call to http_client_start. */
struct http_request {
    const char *url;
    const char *content_type; /* NULL: GET, else POST of body */
    const char *accept;       /* NULL: none */
    struct bytes body;
    const char *secret_header;   /* "X-Shopify-Access-Token"; NULL: none */
    const struct secret *secret; /* its value */
    void *owner;                 /* comes back in the answer */
    /** Takes the body of a 200 piece by piece, for what may be large; the answer has none then.
     * false ends the transfer. While pieces come there is no time limit: timeout_ms is how long
     * none may come. NULL: the body is kept. */
    bool (*take)(void *arg, struct bytes piece);
    void *take_arg;
};

enum http_outcome {
    HTTP_ANSWERED, /* status and body are there */
    HTTP_NOT_SENT, /* could not connect or resolve: the peer has not seen the request */
    HTTP_UNKNOWN   /* failed after sending began, cut, over the cap or out of time: it may have been
                      executed */
};

struct http_answer {
    void *owner;
    enum http_outcome outcome;
    long status;          /* HTTP status when answered */
    struct bytes body;    /* valid until http_client_done */
    double retry_after_s; /* Retry-After header, decimal seconds; negative: absent or unusable */
    char api_version[16]; /* X-Shopify-API-Version, "" when absent */
    char request_id[64];  /* X-Request-Id, "" when absent */
    char deprecated[160]; /* X-Shopify-API-Deprecated-Reason, cut */
    int64_t elapsed_us;
    struct err err; /* when not answered: what failed, origin = CURLcode */
    void *transfer; /* for http_client_done */
};

NODISCARD struct http_client *http_client_new(const struct http_client_options *options);
/** Cuts off running transfers. Accepts NULL. */
void http_client_free(struct http_client *client);
/** Starts a transfer. @return STATUS_OK or STATUS_CONFIG (url not allowed: scheme, credentials
 * inside, no host) */
NODISCARD enum status
http_client_start(struct http_client *client, const struct http_request *request, struct err *err);
/** Transfers started and not yet taken with http_client_next. */
size_t http_client_running(const struct http_client *client);
/** Moves transfers on and waits up to timeout_ms for them, or until one of fds is readable. fds may
 * be NULL. */
void http_client_wait(struct http_client *client, const int *fds, size_t fd_count, int timeout_ms);
/** @return true and a finished transfer, or false. Every answer must be given back with
 * http_client_done. */
bool http_client_next(struct http_client *client, struct http_answer *answer);
void http_client_done(struct http_client *client, struct http_answer *answer);
/** Cuts off every transfer of this owner whose answer was not taken: there will be none. */
void http_client_cancel(struct http_client *client, const void *owner);

#endif
