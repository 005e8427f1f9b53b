/**
 * planner: turns records into decisions: levels that are offered, products that are parked,
 * excluded or noted.
 *
 * planner_begin; planner_plan and planner_hold any number of times; planner_store makes the turn's
 * notes durable, and only then ends the holds on its records. One turn at a time.
 */
#ifndef STOCKSYNC_LANE_PLANNER_H
#define STOCKSYNC_LANE_PLANNER_H

#include "consumer/intake/decode.h"
#include "consumer/lane/brake_control.h"
#include "consumer/lane/catalogue_search.h"
#include "consumer/lane/outcomes.h"
#include "consumer/lane/source_guard.h"

/** A product or record to park. */
struct parked_note {
    char subject[160];
    char reason[32];
    char detail[240];
    int32_t product_id;
    int32_t partition; /* -1: no record is at hand */
    int64_t offset;
    int64_t revision;
    unsigned char *key, *value; /* owned copies */
    size_t key_len, value_len;
};

/** Notes of one turn. */
struct turn {
    struct state_product *products; /* LANE_TURN_RECORDS */
    char **texts;                   /* of the products, same index; owned */
    size_t product_count;
    struct parked_note *parks;
    size_t park_count, park_room;
    int32_t *unparks; /* product ids; LANE_TURN_RECORDS */
    size_t unpark_count;
    struct record_position positions[LANE_TURN_RECORDS];
    size_t position_count;
    bool overtakes; /* a known product changed its SKU, or whether it is sold */
};

struct planner {
    const struct lane_context *c;
    struct source_guard *guard;
    struct brake_control *brake;
    struct catalogue_search *search;
    struct decoder *decoder;
    struct outcomes dropped; /* pending levels that a record of the turn has overtaken */
    uint64_t changes;        /* products that changed their SKU or whether they are sold, so far */
    double *raws;            /* of the record that is planned, one per location of the rules */
    struct turn turn;
};

NODISCARD enum status planner_open(struct planner *p,
                                   const struct lane_context *c,
                                   struct source_guard *guard,
                                   struct brake_control *brake,
                                   struct catalogue_search *search,
                                   struct err *err);
/** Zero is fine. */
void planner_close(struct planner *p);

void planner_begin(struct planner *p);
/** The hold on this record ends with the turn. */
void planner_hold(struct planner *p, struct record_position at);
/** How many records the turn holds: at most LANE_TURN_RECORDS. */
size_t planner_held(const struct planner *p);
/**
 * Plans one record.
 * @param at  its place in the ledger; partition OFFSET_LEDGER_RETRY: a parked record tried again
 * @return STATUS_OK, also when it was parked; STATUS_SCHEMA_UNKNOWN
 */
NODISCARD enum status planner_plan(struct planner *p,
                                   const struct source_event *event,
                                   struct record_position at,
                                   struct err *err);
/** Parks a record as `record/TOPIC/PARTITION/OFFSET`. */
void planner_park_record(struct planner *p,
                         const struct source_event *event,
                         const char *reason,
                         const char *detail);
/** Offers a desired quantity to the coalescer, and counts what it replaces. */
void planner_offer(struct planner *p, struct level_key key, const struct desired *desired);
/**
 * How a product is known now. A product that claimed its SKU alone is parked in this turn.
 * @param stored  another process has stored it
 */
void planner_note_product(struct planner *p, const struct state_product *product, bool stored);
/** Searches the store for a SKU that the index does not have. */
void planner_search(struct planner *p, const char *text);
/** @return pg_query's: nothing was let go, the session must end */
NODISCARD enum status planner_store(struct planner *p, struct err *err);

#endif
