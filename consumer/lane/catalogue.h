/**
 * catalogue: keeps the lane's SKU index right while the lane works.
 *
 * The rows of stocksync.item are the last reading; a start uses them. A whole reading goes step by
 * step between the other requests: on schedule, when answers contradict the index, when a person
 * asks. Missing texts are searched for one by one. One request of this module is in flight at a
 * time. One process of a store reads, the others load its rows.
 *
 * A complete reading that loses more than a tenth of the mapped texts is set aside. It takes over
 * when a second one, a minute later, has lost the same.
 */
#ifndef STOCKSYNC_LANE_CATALOGUE_H
#define STOCKSYNC_LANE_CATALOGUE_H

#include "consumer/lane/catalogue_moves.h"
#include "consumer/lane/catalogue_reader.h"
#include "consumer/plan/sku_losses.h"

/* Items that were found gone lately. If one comes back with a search and is gone again, only a
 * whole reading helps. */
#define CATALOGUE_GONE_MAX 64

/** A ring. */
struct gone_ring {
    struct {
        int64_t item, at_us;
    } list[CATALOGUE_GONE_MAX];
    size_t count; /* ever added */
};

/** A reading that lost too much to be believed before a second one agrees. */
struct suspect_reading {
    struct sku_losses *losses; /* owned; NULL: none */
    int64_t again_at_us;       /* the second one */
};

/** Lives as long as the lane. All times without "wall" are monotonic µs. */
struct catalogue {
    struct lane_context *c;    /* of the session; NULL between sessions */
    struct requests *requests; /* likewise */
    struct sku_index *index;   /* in use */
    int64_t read_wall_us;      /* when the reading in use began, by the state's clock; 0: none */
    bool is_contradicted;      /* an answer contradicted the index */
    bool wanted;               /* a person asked for another reading */
    int64_t look_at_us;        /* at the state: did another process read, did a person ask */
    bool is_pausing;           /* nothing new is sent until the next index has taken over */
    struct lost_list gone;     /* items that do not exist any more: handled with the next turn */
    struct gone_ring gone_before;
    struct suspect_reading suspect;
    struct catalogue_reader reader;
};

/** What a turn changed for parked rows. */
struct catalogue_news {
    bool retry;          /* rows may have an item now: see CATALOGUE_FIXABLE */
    bool replaced;       /* by a whole reading: what is still missing asks for no newer one */
    bool was_overflowed; /* before that: texts that were missing during the reading do ask */
};

/** The reasons of rows that a change of the index may fix; NULL-terminated. */
extern const char *const CATALOGUE_FIXABLE[];

/** Makes sure that there is an index: the one in memory, the stored one, or a reading, which is
 * waited for. Sets c->index. */
NODISCARD enum status catalogue_open(struct catalogue *cat,
                                     struct lane_context *c,
                                     struct requests *requests,
                                     struct err *err);
/** The session ends: work in progress is dropped, the index stays. */
void catalogue_close(struct catalogue *cat);
void catalogue_release(struct catalogue *cat);

/** One turn: looks, reads, searches, takes over. Never waits for the store.
 * @param blocked  the lane sends nothing new */
NODISCARD enum status
catalogue_turn(struct catalogue *cat, bool blocked, struct catalogue_news *news, struct err *err);
/** An answer whose owner is the reader. */
NODISCARD enum status catalogue_take_answer(struct catalogue *cat,
                                            const struct answer *answer,
                                            struct catalogue_news *news,
                                            struct err *err);
/** The request in flight is not waited for: it goes out again with a later turn. */
void catalogue_cancel(struct catalogue *cat);
/** Takes in the item facts of outcomes, before they are applied. */
NODISCARD enum status
catalogue_learn(struct catalogue *cat, const struct outcomes *outcomes, struct err *err);
/** After the retry of parked rows that followed news. */
void catalogue_settle_news(struct catalogue *cat, const struct catalogue_news *news);
/** Monotonic µs at which a turn has something to do. */
int64_t catalogue_deadline_us(const struct catalogue *cat, bool blocked);
void catalogue_fill_view(const struct catalogue *cat, struct catalogue_view *view);

#endif
