/**
 * fake_store: the client of one store, behind struct store_port. Requests are executed by fake_shop
 * when they are sent, and answered later; faults change what is executed and what is answered.
 * Answers are classified by the real code of consumer/shopify.
 */
#ifndef STOCKSYNC_LANE_FAKE_STORE_H
#define STOCKSYNC_LANE_FAKE_STORE_H

#include "consumer/lane/ports.h"
#include "tests/unit/lane/fake_shop.h"

#define FAKE_API_VERSION "2026-10"
#define FAKE_FAULTS      16

/** What happens to the next requests of an operation. */
struct fake_fault {
    enum operation op;
    unsigned times;       /* how many requests it meets */
    bool executed;        /* the shop executes it all the same */
    bool silent;          /* no answer comes */
    bool cut;             /* the connection ends without an answer: unknown outcome */
    bool unsent;          /* it never leaves */
    long status;          /* HTTP status; 0: 200 */
    double retry_after_s; /* header; 0: none */
    const char *code;     /* top-level code, or with user_error the code of a user error */
    bool user_error;      /* of the request as a whole, or of entry */
    int entry;            /* that the user error names, from 1 on; 0: none */
    const char *body;     /* instead of all others */
    const char *version;  /* header of the answer */
    int64_t delay_us;     /* added to the latency */
};

/** A request as it was sent. */
struct fake_request {
    enum operation op;
    char *variables; /* owned */
    char key[37];    /* of a set; else "" */
    size_t entries;  /* of a set or read */
    int64_t sent_us; /* monotonic */
};

struct fake_store {
    struct fake_fault faults[FAKE_FAULTS];
    size_t fault_count;
    struct fake_request *requests; /* all that were sent, oldest first; owned */
    size_t request_count, request_room;
    int64_t latency_us; /* default 20 ms */
    bool newest_first;  /* answers that are due come in reverse order */
    double points;      /* currently available, in every answer */
    enum status open_rc, access_rc, locations_rc, load_rc; /* what those calls return */
    bool location_inactive;
    size_t accesses, loads, fetches;
    unsigned broken_fetches; /* the next files break off in the middle */
};

extern struct fake_store fake_store;
extern const struct store_port fake_store_port;

void fake_store_reset(void);
void fake_store_release(void);
void fake_store_fault(const struct fake_fault *fault);
void fake_store_clear_faults(void);
/** How many requests of this operation were sent. */
size_t fake_store_sent(enum operation op);
/** The request of this operation, counted from 0; fails the test when there is none. */
const struct fake_request *fake_store_request(enum operation op, size_t number);
/** Requests without an answer. */
size_t fake_store_running(void);
/** Called in every wait, after time has passed. */
void fake_store_on_wait(void (*act)(void));

#endif
