/**
 * coalescer: the newest desired value per level, and the stage of each level. No level is ever in
 * two requests.
 *
 * A level enters by coalescer_offer. It leaves by coalescer_finish, by coalescer_drop_partition, or
 * when coalescer_pull takes it and the caller finishes it. Stages:
 *
 *     UNRESOLVED   the last written value is not read from the state yet
 *     UNREAD       never written by us, or STALE: Shopify's number must be read
 *     UNTRACKED    Shopify does not track the item: tracking must be switched on
 *     MISSING      the item has no active level at the location: one must be activated
 *     BLOCKED      another process has an open attempt for it: it is resolved again later
 *     CONFIRM      the last number that we know equals the desired one: Shopify must say so
 *     READY        change_from is known: may go into a request
 *     HOT          sells too fast for a compare-and-set: adjusted by the difference to change_from
 *     BUSY         in a state query, a read or a request; a newer offer waits behind it
 *
 * A stage is taken in order of first arrival. A newer value and a level that comes back keep their
 * place. Every pending value holds its record in the offset ledger; a value that replaces another
 * releases the older record.
 *
 * Memory is bounded by the number of levels of the catalogue. Pure: no I/O, no clock. One owner:
 * the lane.
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
    LEVEL_BLOCKED,
    LEVEL_CONFIRM,
    LEVEL_READY,
    LEVEL_HOT,
    LEVEL_BUSY,
    LEVEL_STAGE_COUNT
};

/** A desired value, as a record asks for it. */
struct desired {
    int32_t product_id;
    int32_t quantity; /* after the store's rules, nothing held back */
    double raw;       /* before the store's rules; NAN: not known */
    int64_t revision;
    int64_t changed_at_us;
    int64_t number_at_us; /* changed_at of the first pending record with this quantity; the
                             coalescer sets it */
    enum cause cause;
    struct record_position at;
    int32_t row_partition; /* without a record: of the row or the product; -1: not known */
    bool look;             /* the store differs from our memory: it is read first */
    bool force;            /* a person wants Odoo's number: no unimported sales are held back */
};

struct level {
    struct level_key key;
    struct desired desired; /* what the level is being brought to */
    struct desired next;
    struct unimported_memory memory; /* the caller's; filled once the level is resolved */
    int64_t judged; /* the caller's: desired revision that the brake has counted; 0: none */
    int64_t read;   /* the caller's: desired revision for which the store was read; 0: none */
    int64_t read_revision; /* the caller's: of the desired value when that read was sent */
    enum level_stage stage;
    int32_t change_from; /* valid in CONFIRM, READY, HOT, and in BUSY after them */
    int32_t read_quantity, read_reserved;
    unsigned tries;   /* counted by the caller: requests for this desired value that failed; 0 again
                         with a new value */
    bool has_next;    /* a newer value arrived while BUSY */
    bool is_read;     /* the caller's: Shopify's numbers above were just read */
    bool bisecting;   /* in a group that is taken alone: see coalescer_bisect */
    bool is_unnoted;  /* the caller's: missing units are imported at the desired value, so only the
                         memory knows them */
    bool brake_asked; /* the caller's: the brake wanted it to be read */
};

struct coalescer;

enum offer_result {
    OFFER_NEW,       /* taken, nothing superseded: the level was not pending, or it is BUSY and this
                        value waits behind it */
    OFFER_REPLACED,  /* taken, an older value is superseded */
    OFFER_SUPERSEDED /* not taken: a value at least as new is pending */
};

/** @param ledger  borrowed; where holds are taken and released */
NODISCARD struct coalescer *coalescer_new(struct offset_ledger *ledger);
/** Drops everything without touching the ledger. */
void coalescer_free(struct coalescer *c);
enum offer_result
coalescer_offer(struct coalescer *c, struct level_key key, const struct desired *desired);
/**
 * Takes up to max levels of a stage, oldest first, and makes them BUSY. Their pointers stay valid
 * until the level is finished.
 *
 *     UNREAD, CONFIRM   only levels of the first one's location, since reads are per location
 *     READY             one bisecting group alone, while there is one
 */
size_t coalescer_take(struct coalescer *c, enum level_stage stage, struct level **list, size_t max);
/** The same for the levels of one location. @param stage  UNREAD or CONFIRM */
size_t coalescer_take_at(
    struct coalescer *c, enum level_stage stage, int64_t location, struct level **list, size_t max);
/**
 * The answer did not finish a BUSY level: puts it back into a stage, at its place by arrival. For
 * CONFIRM, READY and HOT, set change_from first. A waiting newer value becomes the desired one.
 * @return true: it did, and the older value is superseded
 */
bool coalescer_put_back(struct coalescer *c, struct level *level, enum level_stage stage);
/**
 * A request was refused without naming a level. Its BUSY levels become READY, split into groups of
 * equal size. Each group is taken alone and before all other levels. Splitting every refused group
 * in two finds the bad levels. Waiting newer values become the desired ones.
 * @param parts  1: one group, 2: halves
 * @return levels whose older value is superseded
 */
size_t coalescer_bisect(struct coalescer *c, struct level *const *list, size_t count, size_t parts);
/**
 * A BUSY level has reached its end (applied, superseded, excluded, parked): releases its record.
 * With a waiting newer value the level arrives again: READY with change_from = *written, or
 * UNRESOLVED when written is NULL. Otherwise the level is gone and the pointer is dead.
 */
void coalescer_finish(struct coalescer *c, struct level *level, const int32_t *written);
/**
 * Takes every level that fits out of its stage and makes it BUSY. Levels that are BUSY stay.
 * @param list  [out] the caller's (mem_free); NULL when none fits
 */
size_t coalescer_pull(struct coalescer *c,
                      bool (*fits)(void *arg, const struct level *level),
                      void *arg,
                      struct level ***list);
/** Drops every level whose record is of this revoked partition, or whose product is where no record
 * is behind it, without touching the ledger: close the partition there at the same time. No level
 * may be BUSY. */
void coalescer_drop_partition(struct coalescer *c, int32_t partition);
/** Calls each for every level of a stage (LEVEL_STAGE_COUNT: of all), oldest first. It may change the
 * caller's members only. */
void coalescer_each(const struct coalescer *c,
                    enum level_stage stage,
                    void (*each)(void *arg, struct level *level),
                    void *arg);
/** The level is pending: its desired value is not finished. */
bool coalescer_has(const struct coalescer *c, struct level_key key);
size_t coalescer_count(const struct coalescer *c, enum level_stage stage);
size_t coalescer_total(const struct coalescer *c);
/** changed_at of the newest value of the level that arrived first, for the age metric; 0: empty. */
int64_t coalescer_oldest_changed_at_us(const struct coalescer *c);

#endif
