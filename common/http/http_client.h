/**
 * http_client: HTTP transfers on one curl multi handle, several at once, each with limits and an
 * outcome.
 *
 * Always: no redirects, no netrc, https only (http for loopback addresses alone), TLS 1.2 or newer
 * with certificate and host name verified, answers compressed in every way that libcurl unpacks,
 * connect timeout 10 s, total and stall timeouts as given, answer size capped after decompression,
 * no Expect header, NOSIGNAL. The only file that hands a URL to curl. One owner: the lane's thread.
 *
 * Over TLS the server chooses: HTTP/2, where all transfers share a connection, or HTTP/1.1, where
 * each in flight has one of its own and connections are kept. Plain http is HTTP/1.1.
 *
 * When a transfer times out and nothing has come on any connection since it began, all connections
 * are shut down: a router may have forgotten them, and HTTP/2 would keep them in use.
 *
 * One request may reach the peer twice: curl itself repeats it, on a new connection, when a kept
 * one ended without a byte of an answer or the peer refused the stream (REFUSED_STREAM: surely not
 * executed). So whatever is sent must bear repetition, as a mutation with its key does.
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
    const char *ca_file; /* certificate authorities beside the system's, PEM; NULL: none */
    int timeout_ms;      /* of one transfer; 30000 */
    int stall_s;         /* without a byte, the wait for the answer too; curl looks at the mean of
                            five seconds, so up to five seconds later; 15 */
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
    HTTP_NOT_SENT, /* could not resolve, connect or trust: the peer has not seen the request */
    HTTP_UNKNOWN /* failed after sending began, cut, reset, over the cap or out of time: it may have
                    been executed. curl tells a stream that a GOAWAY left out no apart: it is here
                  */
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
    struct err err; /* when not answered: what failed, origin = CURLcode. STORE_MISCONFIGURED: the
                       peer's certificate or ca_file, with the next step; else STORE_LOST or
                       OUTCOME_UNKNOWN */
    void *transfer; /* for http_client_done */
};

/** ca_file is read here, and again after a certificate was refused.
 * @return STATUS_OK or STATUS_STORE_MISCONFIGURED: ca_file cannot be used */
NODISCARD enum status http_client_new(const struct http_client_options *options,
                                      struct http_client **client,
                                      struct err *err);
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
