/**
 * requests: the slots of requests in flight: build, send, wait, end. Owns the budget of query-cost
 * points, the circuit breaker and the attempts of dead processes.
 *
 *     FREE ──build──▶ BUILT ──send──▶ SENT ──answer──▶ FREE
 *       └────────────────send─────────▲ │
 *                                     └─┴─▶ WAITING   the same bytes go out again later
 *
 * A set is stored as an attempt before it is sent, several at a time. All other operations are sent
 * at once: repeated, they overwrite no number.
 */
#ifndef STOCKSYNC_LANE_REQUESTS_H
#define STOCKSYNC_LANE_REQUESTS_H

#include "common/core/backoff.h"
#include "consumer/lane/code_log.h"
#include "consumer/lane/context.h"
#include "consumer/plan/breaker.h"
#include "consumer/plan/budget.h"
#include "consumer/shopify/inventory.h"

enum request_phase {
    REQUEST_FREE,
    REQUEST_BUILT,   /* its attempt is not stored yet */
    REQUEST_SENT,    /* waiting for the answer */
    REQUEST_WAITING, /* the same bytes go out again at retry_at_us */
    REQUEST_LOST     /* another process has given its attempt up: it must not be sent */
};

/** Why levels are read. */
enum read_purpose {
    READ_FOR_WRITE, /* the request's levels wait for it */
    READ_TO_VERIFY, /* the rest: no level waits; comparison.c takes the answer */
    READ_FOR_ROUND,
    READ_AGAIN,
    READ_PURPOSE_COUNT
};

struct request {
    enum request_phase phase;
    enum operation op;
    enum read_purpose purpose;
    struct level *levels[INVENTORY_MAX_ENTRIES]; /* BUSY; NULL in an adopted request and in a
                                                    read that no level waits for */
    struct level_write list[INVENTORY_MAX_ENTRIES];
    size_t count;
    struct state_attempt attempt; /* of a write; its variables and list point into this struct */
    char *variables;              /* owned */
    bool adopted;                 /* of a process that died: its levels belong to nobody here */
    unsigned sends;               /* after the first, it may have been executed before */
    double cost;
    struct budget_ticket ticket;
    int64_t begun_us;    /* monotonic; 0: before this process */
    int64_t sent_us;     /* monotonic: the last time */
    int64_t retry_at_us; /* monotonic */
    struct backoff backoff;
};

/** Monotonic times; 0: never. */
struct store_answers {
    int64_t answered_us, failed_us;
    char why[240]; /* of the last failure */
};

struct requests {
    const struct lane_context *c;
    struct request *slots;
    size_t count;    /* one more than go out at a time: the last is for reads while held */
    bool may_mutate; /* false: mutations stay, also those that wait to be sent again */
    bool is_held;    /* the last slot may be used */
    struct budget budget;
    struct breaker breaker;
    struct store_answers answers;
    double costs[OPERATION_COUNT];   /* points that each operation asks for, by the last answer */
    double charged[OPERATION_COUNT]; /* points that each was charged, by the last answer */
    struct state_attempt *adopted;   /* not sent again yet from adopted_next on */
    size_t adopted_count, adopted_next;
    bool cannot_adjust; /* the store does not know OP_STOCK_ADJUST */
    struct code_log codes;
};

void requests_open(struct requests *rq, const struct lane_context *c);
/** Drops everything; answers in flight are lost. Zero is fine. */
void requests_close(struct requests *rq);

/** Requests that are not free. */
size_t requests_in_flight(const struct requests *rq);
/** Monotonic time since which a request waits for its answer; 0: none does. */
int64_t requests_asked_us(const struct requests *rq);
/** A free slot; NULL: all are in use. */
struct request *requests_free_slot(const struct requests *rq);
/** A request of a dead process is not finished: its levels must not be written before it is. */
bool requests_has_adopted(const struct requests *rq);
/** The points for an operation are there. */
bool requests_may_afford(const struct requests *rq, enum operation op);
/** The same, and the reserve stays untouched. */
bool requests_may_spare(const struct requests *rq, enum operation op);
/** What an operation costs by the store's answers. */
double requests_price(const struct requests *rq, enum operation op);

/** Takes the open attempts of dead processes out of the state. */
NODISCARD enum status requests_adopt(struct requests *rq, struct err *err);
/** Attempts that are adopted and not in a slot yet. */
bool requests_adoption_waits(const struct requests *rq);
/** Puts the next adopted attempt into a slot; it is due at once. @return NULL: none, or no slot */
const struct request *requests_seat_adopted(struct requests *rq);

/** Builds a write of the slot's levels and charges it: BUILT.
 * @param op  OP_STOCK_SET or OP_STOCK_ADJUST */
void requests_build(struct requests *rq, struct request *r, enum operation op);
/** Stores the attempts of built requests, all or none. @param count  at most LANE_GROUP */
NODISCARD enum status
requests_store(struct requests *rq, struct request *const *list, size_t count, struct err *err);
/** Sends a stored request, unless so much time has passed since it was stored that another process
 * may have given it up: then it is LOST if that has happened. */
NODISCARD enum status requests_send_stored(struct requests *rq, struct request *r, struct err *err);
/** Sends any other operation for the slot's levels. @param variables  taken */
NODISCARD enum status requests_send(
    struct requests *rq, struct request *r, enum operation op, char *variables, struct err *err);
/** Sends requests that wait and are due; one as a probe while the breaker is open. A write whose
 * attempt is not ours any more is LOST. */
NODISCARD enum status requests_send_due(struct requests *rq, struct err *err);
/** A read may be the probe of a store that is held and in other trouble too. */
bool requests_wants_read_probe(const struct requests *rq);
/** The read that was just sent is the breaker's probe, if the breaker is open. */
void requests_note_read_probe(struct requests *rq, const struct request *r);

/** The same bytes go out again after this time, and not while the store asks for a pause. */
void requests_wait(struct requests *rq, struct request *r, int64_t wait_ms);
/** The answer cannot be read: the same bytes go out again. */
void requests_ask_again(struct requests *rq, struct request *r);
/** The slot is free again; its levels are somebody else's. */
void requests_end(struct request *r);

/** A person has acted: requests that wait are due at once. */
void requests_probe_now(struct requests *rq, bool blocked);
/** Monotonic time at which a waiting request may go out again; INT64_MAX: none. */
int64_t requests_next_retry_us(const struct requests *rq);
/** Part of an idempotency key; never the same within the 24 hours that a key lives. */
unsigned requests_new_generation(void);

#endif
