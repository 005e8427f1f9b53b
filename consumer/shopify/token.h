/**
 * token: one store's access token: whether it may be used, must be renewed, or is missing.
 *
 * Two kinds of credential:
 *
 *     static    a token, fixed or in a file. The file is read again at start, after a 401 and on
 *               HUP.
 *     client    id and secret. The store gives a token for them (client credentials grant) that
 *               lives a day. There is no refresh token: a new one is requested. The secret's file
 *               is read before each request.
 *
 * A client's token is renewed after three quarters of its life, plus a random delay. The old token
 * is used until the new one is there, unless it is too old or the store refused it with 401; then
 * requests wait. One token request at a time. After a failure the next one waits, so that a lane
 * cannot flood the store.
 *
 * The only I/O is reading the files. The time is a parameter, and graphql.c carries requests and
 * answers. One owner: the lane, across its sessions.
 *
 * Source: shopify.dev, client credentials grant; RFC 6749 sections 4.4 and 5.
 */
#ifndef STOCKSYNC_SHOPIFY_TOKEN_H
#define STOCKSYNC_SHOPIFY_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/backoff.h"
#include "common/core/secret.h"
#include "common/core/status.h"
#include "common/http/http_client.h"

struct token {
    /* configured; texts are borrowed */
    const char *file;               /* of a static token; NULL: value is fixed */
    const char *client_id;          /* NULL: static */
    const char *client_secret_file; /* NULL: client_secret is fixed */
    struct secret client_secret;
    /* in force */
    struct secret value;
    unsigned generation;   /* counts values, so that a request can name the one it was sent with */
    bool refused;          /* client: the store answered 401 to this value */
    int64_t renew_at_us;   /* client: monotonic; a new one is requested from then on */
    int64_t expires_at_us; /* client: monotonic; it is not used from then on */
    int64_t ask_at_us;     /* client: monotonic; no request for a token before */
    struct backoff backoff;
    struct err failure; /* why there is no usable token, or why the last request failed; OK: none */
};

/** Then set, for a static token, value or file; for a client, client_id and secret or its file.
 * @param seed  as backoff_init's */
void token_init(struct token *t, uint64_t seed);
/** Wipes. t may be zero. */
void token_release(struct token *t);

/**
 * Reads the configured file. A value that differs replaces the one in memory and is used at once; a
 * secret that differs is used for a token request at once. Otherwise nothing changes.
 * @return STATUS_OK, also without a file; STATUS_STORE_MISCONFIGURED: not readable, the value in
 *         memory stays
 */
NODISCARD enum status token_read(struct token *t, struct err *err);
/** A person has acted: the next token request need not wait. */
void token_reset(struct token *t);
/** The scopes of the token are uncertain: requests a new one as soon as that is allowed. Static: no
 * effect. */
void token_mark_uncertain(struct token *t);

enum token_step {
    TOKEN_USE,
    TOKEN_USE_AND_ASK, /* use the old one, request a new one */
    TOKEN_ASK,         /* none is usable: request one; requests wait */
    TOKEN_FAILED       /* none is usable, and none may be requested yet: see token_failure */
};

/** What to do with a request now. */
enum token_step token_step(const struct token *t, int64_t now_us);
/** Why no token is usable. */
void token_failure(const struct token *t, struct err *err);
/** Time until the next token request is allowed; 0: now, or static. */
int64_t token_wait_ms(const struct token *t, int64_t now_us);
/** Rest of the life of a client's token, in seconds; -1: static, or there is none. */
int64_t token_left_s(const struct token *t, int64_t now_us);
/**
 * The store answered 401 to a request that carried the value `generation`.
 * @return true: another value is there, or may be requested: send the request again, once
 */
bool token_refused(struct token *t, unsigned generation);

/** The body of the token request, application/x-www-form-urlencoded; all of it is a secret. */
void token_request(const struct token *t, struct secret *body);
/**
 * Takes the answer to the token request.
 * @return STATUS_OK: the new token is in force. Otherwise failure is set and the next request
 *         waits:
 *
 *     STATUS_AUTH                  refused; err has the OAuth error as it came, without our secret
 *     STATUS_STORE_CLOSED          402, 403, 423, 430
 *     STATUS_STORE_MISCONFIGURED   404, a redirect …
 *     STATUS_THROTTLED             429
 *     STATUS_STORE_LOST            no usable answer
 */
NODISCARD enum status
token_answered(struct token *t, const struct http_answer *http, int64_t now_us, struct err *err);
/** The token request could not be sent. */
void token_not_asked(struct token *t, const struct err *why, int64_t now_us);

#endif
