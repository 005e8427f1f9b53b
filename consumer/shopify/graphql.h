/**
 * graphql: sends one document of schemas/graphql with its variables to a store and sorts what comes
 * back.
 *
 * The three error channels (HTTP, top-level errors, userErrors of the one root field) are folded
 * into one class; see answer.h. One client per lane; its thread.
 *
 * Access tokens are fetched and renewed here, beside the requests and over the same connections. A
 * request that finds no usable token waits for one; one that meets 401 is sent again, once, with
 * the same bytes, when another token is there. Only when there is none the caller learns of it:
 * class AUTH, CLOSED, CONFIG or, while the store cannot be asked, RETRY_SAME.
 */
#ifndef STOCKSYNC_SHOPIFY_GRAPHQL_H
#define STOCKSYNC_SHOPIFY_GRAPHQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "common/http/http_client.h"
#include "consumer/shopify/reaction.h"
#include "consumer/shopify/store.h"

enum operation {
    OP_STOCK_SET,
    OP_LEVELS_READ,
    OP_VARIANTS_PAGE,
    OP_LOCATIONS,
    OP_START_CHECK,
    OP_VARIANTS_SEARCH,
    OP_VARIANTS_COUNT,
    OP_BULK_START,
    OP_BULK_POLL,
    OP_LEVEL_ACTIVATE,
    OP_ITEM_TRACK,
    OPERATION_COUNT
};

/** "StockSet"; static. */
const char *operation_name(enum operation op);
bool operation_is_mutation(enum operation op);

enum answer_class {
    ANSWER_DONE,       /* data is there, no user errors */
    ANSWER_RETRY_SAME, /* unknown outcome, or surely not executed: same key, same bytes, after
                          wait_ms */
    ANSWER_RETRY_NEW, /* STALE, PREVIOUS_ATTEMPT_FAILED: read the entries named (or all), new key */
    ANSWER_ENTRIES,   /* entries refused: take those out that are named, send the rest under a new
                         key; none named: halve the request until they are found */
    ANSWER_CONFIG,    /* our document or the operator's settings: stop the lane with the text */
    ANSWER_AUTH,      /* 401 */
    ANSWER_CLOSED     /* 402, 403, 423, SHOP_INACTIVE, 430 */
};

#define ANSWER_MAX_ENTRY_ERRORS 1000

/** One user error that names an entry of the request. */
struct entry_error {
    size_t index;
    const struct reaction_rule *rule; /* of its code; static */
    char code[64]; /* CHANGE_FROM_QUANTITY_STALE … ; an unknown one as it came */
    char msg[160];
};

struct answer {
    enum answer_class class;
    bool noop;              /* DONE, and Shopify held every value already */
    bool throttled;         /* RETRY_SAME because of THROTTLED or 429 */
    bool may_have_executed; /* RETRY_SAME with unknown outcome */
    int64_t wait_ms;        /* least wait before the retry */
    struct entry_error
        *entries; /* ENTRIES, RETRY_NEW: named entries, by index ascending; an entry may occur
                     several times, then the gravest code comes last; empty: none named */
    size_t entry_count;
    double cost_requested, maximum, available, restore_rate; /* cost block; maximum 0: absent */
    double cost_actual; /* what was charged: 0 when the block says null; < 0: not said */
    char api_version[16];
    bool other_version; /* served by another version than the one asked for: a read is CONFIG then,
                           a mutation was executed all the same */
    char request_id[64];
    char code[64];                    /* the one that decided, for logs and parked rows */
    const struct reaction_rule *rule; /* of that code, static; NULL: there is no code */
    struct err err;                   /* text for a person, when class is not DONE */
    void *json;  /* json_t *, the whole body, when DONE; for the folder's own readers */
    void *owner; /* as given to graphql_send */
    int64_t elapsed_us;
};

struct graphql;

/** store is borrowed; its token is renewed here. */
NODISCARD enum status graphql_new(struct store *store, struct graphql **g, struct err *err);
void graphql_free(struct graphql *g);
/** Starts a request. variables is JSON text and is borrowed for the call; owner comes back in the
 * answer. */
NODISCARD enum status graphql_send(
    struct graphql *g, enum operation op, const char *variables, void *owner, struct err *err);
/**
 * Fetches a file from where an answer of the store says that it lies: another host, which never
 * sees a token (G6). The answer is DONE without json, or RETRY_SAME; see http_request for take.
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
/** Requests whose answer was not taken, those that wait for a token too. */
size_t graphql_running(const struct graphql *g);
/** As http_client_wait. */
void graphql_wait(struct graphql *g, const int *fds, size_t fd_count, int timeout_ms);
/** @return true and a sorted answer; release it with answer_release */
bool graphql_next(struct graphql *g, struct answer *answer);
void answer_release(struct answer *answer);
/** @return STATUS_STORE_MISCONFIGURED when answer->other_version, with a text for a person */
NODISCARD enum status
graphql_check_version(const struct graphql *g, const struct answer *answer, struct err *err);
/** Sends and waits for the one answer, serving nothing else; for start-up reads and commands.
 * stop_fd readable ends the wait with STATUS_STOPPING; -1: none. */
NODISCARD enum status graphql_call(struct graphql *g,
                                   enum operation op,
                                   const char *variables,
                                   int stop_fd,
                                   struct answer *answer,
                                   struct err *err);
/** The status a lane or command acts on: DONE is OK; otherwise THROTTLED, STORE_LOST,
 * OUTCOME_UNKNOWN, AUTH, STORE_CLOSED, STORE_MISCONFIGURED, ENTRY_REFUSED; copies the text to err.
 */
enum status answer_status(const struct answer *answer, struct err *err);

#endif
