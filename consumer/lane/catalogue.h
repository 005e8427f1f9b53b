/**
 * lane_catalogue: how a lane's mapping comes about and is kept right, without standing still.
 *
 * The rows of stocksync.item are what was read last; a start uses them. A whole reading goes step
 * by step beside the other requests: on schedule, when an answer made the mapping uncertain, when a
 * person asked. Texts that are missing are searched for one by one (plan/sku_search). One request of
 * this module is on its way at a time. One process of a store reads, others load what it stored.
 */
#ifndef STOCKSYNC_CONSUMER_LANE_LANE_CATALOGUE_H
#define STOCKSYNC_CONSUMER_LANE_LANE_CATALOGUE_H

#include "common/core/backoff.h"
#include "consumer/plan/budget.h"
#include "consumer/plan/coalescer.h"
#include "consumer/plan/sku_index.h"
#include "consumer/plan/sku_search.h"
#include "consumer/shopify/graphql.h"
#include "consumer/shopify/reading.h"

struct lane;

/* Items that were found gone lately: of one that comes back with the next search, and is gone
 * again, only a whole reading may tell more. */
#define CATALOGUE_GONE_MAX 64

/** An item whose text is, or may be, elsewhere. */
struct lost_item {
    int64_t item;
    char *text; /* owned */
};

struct lost_list {
    struct lost_item *list;
    size_t count, room;
};

/** All times without "wall" are monotonic µs. */
struct lane_catalogue {
    int64_t read_wall_us; /* when the reading began that the mapping is of, by the state's clock;
                             0: none */
    bool suspect;         /* an answer made the mapping uncertain */
    bool wanted;          /* a person asked for another reading */
    int64_t look_at_us;   /* at the state: has another process read, did a person ask */
    int64_t read_not_before_us;    /* after one that failed, or while another process reads */
    int64_t suspect_not_before_us; /* because of suspicion alone */

    /* the whole reading that is going on */
    bool is_reading;
    struct reading reading;
    int64_t begun_us, begun_wall_us;

    /* a mapping that takes over as soon as no request is on its way */
    struct sku_index *next;
    int64_t next_wall_us;
    bool next_is_ours; /* read by us, to be stored; else loaded from the state */
    bool holding;      /* nothing new is sent until it has */

    /* texts that the store does not have, and the search that is going on */
    struct sku_search *unmapped;
    struct sku_index *found; /* NULL: none */
    struct variants search;
    char **texts;
    size_t text_count;

    /* items that answers told do not exist any more: taken care of with the next turn */
    struct lost_list gone;
    struct {
        int64_t item, at_us;
    } gone_before[CATALOGUE_GONE_MAX]; /* a ring */
    size_t gone_count;

    /* the one request */
    bool is_sent, is_search;
    double page_cost; /* points that a page asks for, as the last answer told */
    double cost;      /* of the one that is on its way; 0: a file */
    struct budget_ticket ticket;
    int64_t send_at_us;
    unsigned failures; /* in a row */
    struct backoff backoff;
};

/* lane_catalogue.c */
/** Makes sure that there is a mapping: the one in memory, the stored one, or a reading, which is
 * waited for. */
NODISCARD enum status lane_catalogue_open(struct lane *l, struct err *err);
/** The session ends: what was going on is dropped, the mapping stays. */
void lane_catalogue_close(struct lane *l);
void lane_catalogue_release(struct lane *l);
/** One turn: looks, reads, searches, takes over; never waits for the store. */
NODISCARD enum status lane_catalogue_turn(struct lane *l, struct err *err);
/** The answer to a request whose owner is the lane's catalogue. */
NODISCARD enum status
lane_catalogue_answered(struct lane *l, const struct answer *answer, struct err *err);
/** The request on its way is not waited for: it goes out anew with a later turn. */
void lane_catalogue_hold(struct lane *l);
/** Monotonic µs at which a turn has something to do. */
int64_t lane_catalogue_deadline_us(const struct lane *l);
/** Shopify says that a level's item does not exist: the mapping forgets it, its SKU is searched for
 * once, else only the next whole reading tells more. */
void lane_catalogue_gone(struct lane *l, const struct level *level);
/** What was parked and may have an item now is offered again. */
NODISCARD enum status lane_catalogue_retry(struct lane *l, struct err *err);

/* lane_search.c */
/** A product's text is not in the mapping: it is searched for. */
void lane_search_want(struct lane *l, const char *text);
/** Begins a search when texts are due and none is going on. */
void lane_search_begin(struct lane *l);
/** All pages were read: what was found is mapped, stored, and what waited for it is offered. */
NODISCARD enum status lane_search_finish(struct lane *l, struct err *err);
/** Without result: its texts come again later. */
void lane_search_abandon(struct lane *l);

/* lane_moves.c */
void lost_list_add(struct lost_list *lost, int64_t item, const char *text);
void lost_list_release(struct lost_list *lost);
/** Items that lost their text: what was written to them becomes parked rows. */
NODISCARD enum status
lane_moves_orphan(struct lane *l, const struct lost_list *lost, struct err *err);
/** Pending levels of these items go to the item that carries their product's text now, else they are
 * parked. With the new mapping in place; levels in a request are left alone. */
NODISCARD enum status
lane_moves_pending(struct lane *l, const struct lost_list *lost, struct err *err);

#endif
