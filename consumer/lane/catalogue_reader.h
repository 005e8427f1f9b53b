/**
 * catalogue_reader: reads and searches the store's catalogue with one request in flight at a time.
 *
 * A search goes before a page: it is short, and somebody waits for it.
 */
#ifndef STOCKSYNC_LANE_CATALOGUE_READER_H
#define STOCKSYNC_LANE_CATALOGUE_READER_H

#include "common/core/backoff.h"
#include "consumer/lane/catalogue_search.h"
#include "consumer/lane/requests.h"
#include "consumer/shopify/reading.h"

/** An index that takes over as soon as no request is in flight. */
struct next_index {
    struct sku_index *index; /* NULL: none */
    int64_t read_wall_us;
    bool is_ours;     /* read by us and to be stored; else loaded from the state */
    bool is_believed; /* by us: it does not lose too much, or two readings agree */
};

/** The one request of this module. */
struct catalogue_request {
    bool is_sent, is_search;
    double page_cost; /* points that a page asks for, by the last answer */
    double cost;      /* of the request in flight; 0: a file */
    struct budget_ticket ticket;
    int64_t send_at_us;
    unsigned failures; /* in a row */
    struct backoff backoff;
};

/** Lives as long as the lane. All times without "wall" are monotonic µs. */
struct catalogue_reader {
    struct lane_context *c;    /* of the session; NULL between sessions */
    struct requests *requests; /* likewise */
    bool is_reading;           /* a whole reading is going on */
    struct reading reading;
    int64_t begun_us, begun_wall_us; /* of that reading; wall: by the state's clock */
    int64_t not_before_us;           /* after a failure, or while another process reads */
    int64_t rest_until_us;           /* no reading beyond the schedule before */
    struct next_index next;
    struct catalogue_search search;
    struct catalogue_request request;
};

void catalogue_reader_open(struct catalogue_reader *cr,
                           struct lane_context *c,
                           struct requests *requests);
/** Work in progress is dropped. */
void catalogue_reader_close(struct catalogue_reader *cr);
/** A reading has ended: readings beyond the schedule wait a hundred times its length. */
void catalogue_reader_rest(struct catalogue_reader *cr);

/** Begins a whole reading. */
void catalogue_reader_start(struct catalogue_reader *cr);
void catalogue_reader_drop(struct catalogue_reader *cr);
/** Begins a search when texts are due and no request is in flight. */
void catalogue_reader_search(struct catalogue_reader *cr);
/** Sends the next step when it is due and affordable. */
NODISCARD enum status catalogue_reader_send(struct catalogue_reader *cr, struct err *err);
/**
 * Takes an answer whose owner is this reader. A whole reading that ends becomes .next.
 * @param found  [out] set when a search found texts
 */
NODISCARD enum status catalogue_reader_take_answer(struct catalogue_reader *cr,
                                                   const struct answer *answer,
                                                   bool *found,
                                                   struct err *err);
/** The request in flight is not waited for: it goes out again with a later turn. */
void catalogue_reader_cancel(struct catalogue_reader *cr);
/** Monotonic µs at which something is to be sent; INT64_MAX: nothing. */
int64_t catalogue_reader_deadline_us(const struct catalogue_reader *cr);

#endif
