/**
 * graphql: sends the documents of schemas/graphql to one store and gives back sorted answers.
 *
 * Access tokens are fetched and renewed here, over the same connections as the requests:
 *
 *     no usable token     the request waits for one
 *     401                 the same bytes are sent once more when another token is there
 *     no token to be had  the caller gets class AUTH, CLOSED or CONFIG; RETRY_SAME while the store
 *                         cannot be asked
 *
 * One client per lane; one owner: the lane's thread.
 */
#ifndef STOCKSYNC_SHOPIFY_GRAPHQL_H
#define STOCKSYNC_SHOPIFY_GRAPHQL_H

#include "common/core/metric.h"
#include "consumer/shopify/answer.h"
#include "consumer/shopify/store.h"

struct graphql;

extern const struct metric_table graphql_metric_table; /* label store */

/** @param store  borrowed; its token is renewed here */
NODISCARD enum status graphql_new(struct store *store, struct graphql **g, struct err *err);
void graphql_free(struct graphql *g);
/**
 * Starts a request.
 * @param variables  JSON text, borrowed for the call
 * @param owner      comes back in the answer
 */
NODISCARD enum status graphql_send(
    struct graphql *g, enum operation op, const char *variables, void *owner, struct err *err);
/**
 * Fetches a file from the address in an answer. It lies on another host, which never sees a token
 * (G6). The answer is DONE without json, or RETRY_SAME; see http_request for take.
 * @return STATUS_OK; STATUS_CONFIG: no usable address
 */
NODISCARD enum status graphql_fetch(struct graphql *g,
                                    const char *url,
                                    bool (*take)(void *arg, struct bytes piece),
                                    void *arg,
                                    void *owner,
                                    struct err *err);
/** Cuts off every request and fetch of this owner: there will be no answer. */
void graphql_cancel(struct graphql *g, const void *owner);
/** Requests whose answer was not taken, including those that wait for a token. */
size_t graphql_running(const struct graphql *g);
/** As http_client_wait. */
void graphql_wait(struct graphql *g, const int *fds, size_t fd_count, int timeout_ms);
/** @return true and a sorted answer; release it with answer_release */
bool graphql_next(struct graphql *g, struct answer *answer);
/** @return STATUS_STORE_MISCONFIGURED when answer->other_version, with a text for a person */
NODISCARD enum status
graphql_check_version(const struct graphql *g, const struct answer *answer, struct err *err);
/**
 * Sends, waits for the one answer and serves nothing else. For start-up reads and commands.
 * @param stop_fd  readable: the wait ends with STATUS_STOPPING; -1: none
 */
NODISCARD enum status graphql_call(struct graphql *g,
                                   enum operation op,
                                   const char *variables,
                                   int stop_fd,
                                   struct answer *answer,
                                   struct err *err);

#endif
