/**
 * round_store: rounds that a command asks for, waits for and prints. verify_store has the lanes'
 * side.
 */
#ifndef STOCKSYNC_STATE_ROUND_STORE_H
#define STOCKSYNC_STATE_ROUND_STORE_H

#include "consumer/state/verify_store.h"

/** What all lanes have done. */
struct round_progress {
    int32_t partitions; /* that take part; 0: no lane has taken the round */
    int32_t parts, done;
    int64_t total, compared, waiting; /* levels, levels, differences */
    bool lane_lives;                  /* a lane of the store works */
    char held[320];                   /* why the store is held; "": it is not */
};

/** A difference as it is printed; texts are valid during the call. */
struct round_example {
    const char *kind, *sku, *what; /* what may be NULL */
    int32_t product_id;
    struct level_key key;
    int32_t expected, found; /* STATE_NO_NUMBER: none */
    bool repaired;
};

/** @param product_id  0: every product */
NODISCARD enum status state_round_request(
    struct state *s, bool push, bool repair, int32_t product_id, int64_t *id, struct err *err);
/** Shows the lanes that the command still waits. @return STATUS_NOT_FOUND: the round is gone */
NODISCARD enum status
state_round_wait(struct state *s, int64_t id, struct round_progress *progress, struct err *err);
/** Complete, or not wanted any more. */
NODISCARD enum status state_round_end(struct state *s, int64_t id, struct err *err);
/** Calls each with every kind, the most frequent first. */
NODISCARD enum status
state_round_tally(struct state *s,
                  int64_t id,
                  void (*each)(void *arg, const char *kind, int64_t found, int64_t repaired),
                  void *arg,
                  struct err *err);
/** Calls each with at most max differences; those that remain come first. */
NODISCARD enum status state_round_examples(struct state *s,
                                           int64_t id,
                                           int32_t max,
                                           void (*each)(void *arg,
                                                        const struct round_example *example),
                                           void *arg,
                                           struct err *err);
/** Calls each with every level of a push. */
NODISCARD enum status state_round_pushed(struct state *s,
                                         int64_t id,
                                         void (*each)(void *arg, const struct state_pushed *level),
                                         void *arg,
                                         struct err *err);
/**
 * The product with this SKU or barcode, or with this id.
 * @param text        NULL: by product_id
 * @param product_id  [in, out]
 * @return STATUS_OK; STATUS_NOT_FOUND: the store knows none, or several share the text; err says so
 */
NODISCARD enum status
state_product_find(struct state *s, const char *text, int32_t *product_id, struct err *err);

#endif
