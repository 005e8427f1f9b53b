/**
 * http_client: HTTP transfers on one curl multi handle, several at once, each with limits and an
 * outcome. The only file that hands a URL to curl. One owner: the lane's thread.
 *
 *     address        https; http to loopback addresses alone; no redirects, no netrc
 *     TLS            1.2 or newer, certificate and host name verified
 *     time           connect 10 s; total and stall as given
 *     answer         every coding that libcurl unpacks; size capped after decompression
 *     other          no Expect header, no signals
 *
 * Over TLS the server chooses the protocol. With HTTP/2 all transfers share a connection; with
 * HTTP/1.1 each in flight has its own, and connections are kept. Plain http is HTTP/1.1.
 *
 * When a transfer times out and nothing has come on any connection since it began, all connections
 * are shut down: a router may have forgotten them, and HTTP/2 would keep them in use.
 *
 * One request may reach the peer twice. curl repeats it on a new connection when a kept one ended
 * without a byte of an answer, or when the peer refused the stream (REFUSED_STREAM: surely not
 * executed). So every request must bear repetition, as a mutation with its idempotency key does.
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
    const char *ca_file;     /* more certificate authorities, PEM; NULL: the system's alone */
    int timeout_ms;          /* of one transfer; 30000 */
    int stall_s;             /* without a byte, before the answer too. curl looks at the mean of
                                five seconds, so it takes up to five seconds longer; 15 */
    size_t answer_max_bytes; /* body after decompression */
    int max_connections;     /* to the one host */
};

/** A request; everything is borrowed for the call to http_client_start. */
struct http_request {
    const char *url;
    const char *content_type; /* NULL: GET, else POST of body */
    const char *accept;       /* NULL: none */
    struct bytes body;
    const char *secret_header;   /* "X-Shopify-Access-Token"; NULL: none */
    const struct secret *secret; /* its value */
    void *owner;                 /* comes back in the answer */
    /**
     * Takes the body of a 200 piece by piece, where it may be large; the answer has no body then.
     * Its time limit is that of a stall alone. NULL: the body is kept.
     *
     * @return false ends the transfer
     */
    bool (*take)(void *arg, struct bytes piece);
    void *take_arg;
};

/*
 *     outcome         meaning                                               may be executed
 *     HTTP_ANSWERED   status and body are there                             the answer says it
 *     HTTP_NOT_SENT   could not resolve, connect or trust                   no
 *     HTTP_UNKNOWN    cut, reset, over the cap or out of time after         yes
 *                     sending began; also a stream that a GOAWAY left out
 */
enum http_outcome { HTTP_ANSWERED, HTTP_NOT_SENT, HTTP_UNKNOWN };

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
    /* When not answered; origin is the CURLcode. STORE_MISCONFIGURED: the peer's certificate or
     * ca_file, with the next step. Else STORE_LOST or OUTCOME_UNKNOWN. */
    struct err err;
    void *transfer; /* for http_client_done */
};

/**
 * Reads ca_file, now and again after a certificate was refused.
 *
 * @return STATUS_OK, STATUS_STORE_MISCONFIGURED (ca_file cannot be used)
 */
NODISCARD enum status http_client_new(const struct http_client_options *options,
                                      struct http_client **client,
                                      struct err *err);
/** Cuts off running transfers. Accepts NULL. */
void http_client_free(struct http_client *client);
/**
 * Starts a transfer.
 *
 * @return STATUS_OK, STATUS_CONFIG (url not allowed, see http_url.h; credential of several lines)
 */
NODISCARD enum status
http_client_start(struct http_client *client, const struct http_request *request, struct err *err);
/** Transfers started and not yet taken with http_client_next. */
size_t http_client_running(const struct http_client *client);
/** Drives transfers until one finishes, one of fds is readable or timeout_ms is over. */
void http_client_wait(struct http_client *client, const int *fds, size_t fd_count, int timeout_ms);
/** @return true: a finished transfer, which must be given back with http_client_done */
bool http_client_next(struct http_client *client, struct http_answer *answer);
void http_client_done(struct http_client *client, struct http_answer *answer);
/** Cuts off every transfer of this owner whose answer was not taken: there will be none. */
void http_client_cancel(struct http_client *client, const void *owner);

#endif
