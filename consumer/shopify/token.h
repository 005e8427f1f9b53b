/**
 * token: one store's access token, and whether it may be used, must be renewed, or is missing.
 *
 * Two kinds of credential:
 *
 *     static    a token, fixed or in a file; the file is read again at start, after a 401, on HUP
 *     client    id and secret; the token comes from the store (client credentials grant), lives a
 *               day, and is asked for anew: there is no refresh token. The secret's file is read
 *               before each asking
 *
 * A token of the second kind is renewed when three quarters of its life are over, a little later at
 * random. Until the new one is there the old one is used. Only a token that the store refuses with
 * 401, or that is too old, is not; then requests wait. One asking at a time; after a failure the
 * next one waits: whatever the lane does, it cannot hammer the store.
 *
 * No I/O but reading the files: the time is a parameter, graphql.c carries requests and answers.
 * One owner: the lane, across its sessions.
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
    /* what is configured; texts are borrowed */
    const char *file;               /* of a static token; NULL: value is fixed */
    const char *client_id;          /* NULL: static */
    const char *client_secret_file; /* NULL: client_secret is fixed */
    struct secret client_secret;
    /* what is in force */
    struct secret value;
    unsigned generation;   /* counts values: which one a request went out with */
    bool refused;          /* client: the store answered 401 to this value */
    int64_t renew_at_us;   /* client: monotonic, from then on a new one is asked for */
    int64_t expires_at_us; /* client: monotonic, from then on it is not used */
    int64_t ask_at_us;     /* client: monotonic, no asking before */
    struct backoff backoff;
    struct err
        failure; /* why there is no usable token, or why the last asking failed; OK: neither */
};

/** seed as backoff_init's. Static: set value or file; client: client_id, and secret or its file. */
void token_init(struct token *t, uint64_t seed);
/** Wipes. t may be zero. */
void token_release(struct token *t);

/**
 * Reads the configured file. A value that differs replaces the one in memory and is used, or asked
 * with, at once; otherwise nothing changes.
 * @return STATUS_OK, also without a file; STATUS_STORE_MISCONFIGURED: not readable, what is in
 * memory stays
 */
NODISCARD enum status token_read(struct token *t, struct err *err);
/** A person has acted: the next asking need not wait. */
void token_reset(struct token *t);
/** What the token is good for is in doubt, for example after a missing scope: asks for a new one
 * when it next may. Static: nothing. */
void token_mark_uncertain(struct token *t);

enum token_step {
    TOKEN_USE,
    TOKEN_USE_AND_ASK, /* use the old one, ask for a new one */
    TOKEN_ASK,         /* none is usable: ask, requests wait */
    TOKEN_FAILED       /* none is usable, and none may be asked for yet: see token_failure */
};

/** What to do with a request now. */
enum token_step token_step(const struct token *t, int64_t now_us);
/** Why no token is usable. */
void token_failure(const struct token *t, struct err *err);
/** Until the next asking is allowed; 0: now, or static. */
int64_t token_wait_ms(const struct token *t, int64_t now_us);
/** Life left of the token of a client, seconds; -1: static, or there is none. */
int64_t token_left_s(const struct token *t, int64_t now_us);
/**
 * The store answered 401 to a request that carried the value `generation`.
 * @return true: another value is there, or may be asked for: send the request again, once
 */
bool token_refused(struct token *t, unsigned generation);

/** The body of the asking, application/x-www-form-urlencoded; a secret as a whole. */
void token_request(const struct token *t, struct secret *body);
/**
 * Takes the answer to the asking.
 * @return STATUS_OK: the new token is in force; otherwise failure is set and the next asking waits:
 *         STATUS_AUTH: refused, err says the OAuth error as it came, without our secret;
 *         STATUS_STORE_CLOSED (402, 403, 423, 430); STATUS_STORE_MISCONFIGURED (404, a redirect …);
 *         STATUS_THROTTLED; STATUS_STORE_LOST: no usable answer
 */
NODISCARD enum status
token_answered(struct token *t, const struct http_answer *http, int64_t now_us, struct err *err);
/** The asking could not be sent. */
void token_not_asked(struct token *t, const struct err *why, int64_t now_us);

#endif
