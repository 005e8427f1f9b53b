/**
 * coalescer: the newest desired value per level, and in which stage each level is; no level is ever in
 * two requests.
 *
 * A level enters by coalescer_offer and leaves by coalescer_finish (or at once, when superseded).
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
 * Stages are taken in order of first arrival; a newer value keeps the place, also a level that comes
 * back. Holds on the offset ledger: each pending value holds its record; replacing a value releases
 * the older record, for its successor holds its own. Memory is bounded by the number of levels of
 * the catalogue. Pure: no I/O, no clock. One lane owns it.
 */
#ifndef STOCKSYNC_PLAN_COALESCER_H
#define STOCKSYNC_PLAN_COALESCER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/model/product_stock.h"
#include "consumer/plan/level_write.h"
#include "consumer/plan/offset_ledger.h"
#include "consumer/plan/unimported.h"

enum level_stage {
    LEVEL_UNRESOLVED,
    LEVEL_UNREAD,
    LEVEL_UNTRACKED,
    LEVEL_MISSING,
    LEVEL_READY,
    LEVEL_BUSY,
    LEVEL_STAGE_COUNT
};

/** A desired value, as a record asks for it. */
struct desired {
    int32_t product_id;
    int32_t quantity;
    int64_t revision;
    int64_t changed_at_us;
    enum cause cause;
    struct record_position at;
    int32_t row_partition; /* of a parked row that is tried again; -1: none, or not known */
};

struct level {
    struct level_key key;
    enum level_stage stage;
    struct desired desired; /* what the level is being brought to */
    bool has_next;          /* a newer value arrived while BUSY */
    struct desired next;
    int32_t change_from;             /* valid in READY and in BUSY that came from READY */
    struct unimported_memory memory; /* the caller's: filled once the level is resolved */
    bool suspect;                    /* in a group of its own: see coalescer_bisect */
    unsigned tries; /* requests that ended without success for this want: counted by the caller, 0
                       again with a new desired */
    int64_t judged; /* the caller's: revision of the want that the brake has counted; 0: none */
};

struct coalescer;

enum offer_result {
    OFFER_NEW, /* taken, nothing superseded: the level was not pending, or its value is BUSY and this
                  one waits behind it */
    OFFER_REPLACED,  /* an older value was superseded */
    OFFER_SUPERSEDED /* a value at least as new is pending already: nothing was taken */
};

/** @param ledger  borrowed; where holds are taken and released */
NODISCARD struct coalescer *coalescer_new(struct offset_ledger *ledger);
/** Drops everything without touching the ledger. */
void coalescer_free(struct coalescer *c);
enum offer_result
coalescer_offer(struct coalescer *c, struct level_key key, const struct desired *desired);
/**
 * Takes up to max levels of a stage, oldest first, and makes them BUSY. UNREAD: only levels of the
 * first one's location (reads are per location). READY: a group of suspects alone, as long as there
 * is one. The pointers stay valid until the level is finished.
 */
size_t coalescer_take(struct coalescer *c, enum level_stage stage, struct level **list, size_t max);
/**
 * A BUSY level's answer did not settle it: back to a stage, at its place by arrival. For READY
 * change_from must be set first; a waiting newer value becomes the desired one.
 * @return true when it did: the older value is superseded
 */
bool coalescer_put_back(struct coalescer *c, struct level *level, enum level_stage stage);
/**
 * BUSY levels of a request that was refused without naming one of them: READY in so many groups of
 * equal size, each of which is taken alone, before all others and never with other levels. The
 * request's bad levels are found by isolating what is refused again in two parts. A waiting newer
 * value becomes the desired one.
 * @param parts  1: stay together, 2: halves
 * @return levels whose older value is superseded
 */
size_t coalescer_bisect(struct coalescer *c, struct level *const *list, size_t count, size_t parts);
/**
 * A BUSY level reached its end (applied, superseded, excluded, parked): releases its record.
 * A waiting newer value starts anew: READY with change_from = *written when written is not NULL,
 * else UNRESOLVED. Otherwise the level is gone and the pointer dead.
 */
void coalescer_finish(struct coalescer *c, struct level *level, const int32_t *written);
/**
 * Takes every level that fits out of its stage and makes it BUSY; those that are BUSY stay.
 * @param list  [out] the caller's (mem_free); NULL when none fits
 */
size_t coalescer_pull(struct coalescer *c,
                      bool (*fits)(void *arg, const struct level *level),
                      void *arg,
                      struct level ***list);
/** Drops every level whose record is of this partition (revoked), without touching the ledger: close
 * the partition there in the same breath. Nothing may be BUSY. */
void coalescer_drop_partition(struct coalescer *c, int32_t partition);
/** Calls each for every level of a stage, oldest first; it may change what is the caller's, nothing
 * else. */
void coalescer_each(const struct coalescer *c,
                    enum level_stage stage,
                    void (*each)(void *arg, struct level *level),
                    void *arg);
size_t coalescer_count(const struct coalescer *c, enum level_stage stage);
size_t coalescer_total(const struct coalescer *c);
/** changed_at of the level that arrived first (of its newest value), 0 when empty: for the age
 * metric. */
int64_t coalescer_oldest_changed_at_us(const struct coalescer *c);

#endif
