/**
 * coalescer: the newest wanted value per pair, and in which stage each pair is; no pair is ever in
 * two requests.
 *
 * A pair enters by coalescer_offer and leaves by coalescer_finish (or at once, when superseded).
 * Stages:
 *
 *     UNRESOLVED   the state has not been asked for what we last wrote
 *     UNREAD       never written by us, or the store said STALE: Shopify must be asked for its
 *                  number
 *     UNTRACKED    Shopify does not track the item: tracking is to be switched on
 *     MISSING      the item has no active level there: one is to be activated
 *     READY        change_from is known: may go into a request
 *     BUSY         in a state query, a read or a request; a newer offer waits behind it
 *
 * Stages are taken in order of first arrival; a newer value keeps the place, also a pair that comes
 * back. Holds on the offset ledger: each pending value holds its record; replacing a value releases
 * the older record, for its successor holds its own. Memory is bounded by the number of pairs of
 * the catalogue. Pure: no I/O, no clock. One lane owns it.
 */
#ifndef STOCKSYNC_PLAN_COALESCER_H
#define STOCKSYNC_PLAN_COALESCER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/model/product_stock.h"
#include "consumer/plan/in_flight.h"
#include "consumer/plan/level_write.h"
#include "consumer/plan/offset_ledger.h"

enum pair_stage {
    PAIR_UNRESOLVED,
    PAIR_UNREAD,
    PAIR_UNTRACKED,
    PAIR_MISSING,
    PAIR_READY,
    PAIR_BUSY,
    PAIR_STAGE_COUNT
};

/** A wanted value, as a record asks for it. */
struct want {
    int32_t product_id;
    int32_t quantity;
    int64_t revision;
    int64_t changed_at_us;
    enum cause cause;
    struct record_position at;
};

struct pair {
    struct level_key key;
    enum pair_stage stage;
    struct want want; /* what the pair is being brought to */
    bool has_next;    /* a newer value arrived while BUSY */
    struct want next;
    int32_t change_from;            /* valid in READY and in BUSY that came from READY */
    struct in_flight_memory memory; /* the caller's: filled once the pair is resolved */
    bool suspect;                   /* in a group of its own: see coalescer_isolate */
    unsigned tries; /* requests that ended without success for this want: counted by the caller, 0
                       again with a new want */
    int64_t judged; /* the caller's: revision of the want that the brake has counted; 0: none */
};

struct coalescer;

enum offer_result {
    OFFER_NEW, /* taken, nothing superseded: the pair was not pending, or its value is BUSY and this
                  one waits behind it */
    OFFER_REPLACED,  /* an older value was superseded */
    OFFER_SUPERSEDED /* a value at least as new is pending already: nothing was taken */
};

/** @param ledger  borrowed; where holds are taken and released */
NODISCARD struct coalescer *coalescer_new(struct offset_ledger *ledger);
/** Drops everything without touching the ledger. */
void coalescer_free(struct coalescer *c);
enum offer_result
coalescer_offer(struct coalescer *c, struct level_key key, const struct want *want);
/**
 * Takes up to max pairs of a stage, oldest first, and makes them BUSY. UNREAD: only pairs of the
 * first one's location (reads are per location). READY: a group of suspects alone, as long as there
 * is one. The pointers stay valid until the pair is finished.
 */
size_t coalescer_take(struct coalescer *c, enum pair_stage stage, struct pair **list, size_t max);
/**
 * A BUSY pair's answer did not settle it: back to a stage, at its place by arrival. For READY
 * change_from must be set first; a waiting newer value becomes the wanted one.
 * @return true when it did: the older value is superseded
 */
bool coalescer_put_back(struct coalescer *c, struct pair *pair, enum pair_stage stage);
/**
 * BUSY pairs of a request that was refused without naming one of them: READY in so many groups of
 * equal size, each of which is taken alone, before all others and never with other pairs. The
 * request's bad pairs are found by isolating what is refused again in two parts. A waiting newer
 * value becomes the wanted one.
 * @param parts  1: stay together, 2: halves
 * @return pairs whose older value is superseded
 */
size_t coalescer_isolate(struct coalescer *c, struct pair *const *list, size_t count, size_t parts);
/**
 * A BUSY pair reached its end (applied, superseded, excluded, parked): releases its record.
 * A waiting newer value starts anew: READY with change_from = *written when written is not NULL,
 * else UNRESOLVED. Otherwise the pair is gone and the pointer dead.
 */
void coalescer_finish(struct coalescer *c, struct pair *pair, const int32_t *written);
/**
 * Takes every pair that fits out of its stage and makes it BUSY; those that are BUSY stay.
 * @param list  [out] the caller's (mem_free); NULL when none fits
 */
size_t coalescer_pull(struct coalescer *c,
                      bool (*fits)(void *arg, const struct pair *pair),
                      void *arg,
                      struct pair ***list);
/** Drops every pair whose record is of this partition (revoked), without touching the ledger: close
 * the partition there in the same breath. Nothing may be BUSY. */
void coalescer_drop_partition(struct coalescer *c, int32_t partition);
/** Calls each for every pair of a stage, oldest first; it may change what is the caller's, nothing
 * else. */
void coalescer_each(const struct coalescer *c,
                    enum pair_stage stage,
                    void (*each)(void *arg, struct pair *pair),
                    void *arg);
size_t coalescer_count(const struct coalescer *c, enum pair_stage stage);
size_t coalescer_total(const struct coalescer *c);
/** changed_at of the pair that arrived first (of its newest value), 0 when empty: for the age
 * metric. */
int64_t coalescer_oldest_changed_at_us(const struct coalescer *c);

#endif
