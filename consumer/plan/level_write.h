/**
 * level_write: the structs that leave plan (a desired write) and enter it (what became of it). Plain
 * data, no functions.
 */
#ifndef STOCKSYNC_PLAN_LEVEL_WRITE_H
#define STOCKSYNC_PLAN_LEVEL_WRITE_H

#include <stdbool.h>
#include <stdint.h>

/** One inventory item at one location: the numeric parts of Shopify's GIDs. */
struct level_key {
    int64_t item;
    int64_t location;
};

/** Where a record stands in its topic. partition -1: the work did not come from the topic (a grace
 * that is over); OFFSET_LEDGER_RETRY: it came from a parked row. */
struct record_position {
    int32_t partition;
    uint32_t epoch; /* partition epoch: counts its assignments */
    int64_t offset;
};

/** One entry of a request. */
struct level_write {
    struct level_key key;
    int32_t product_id;
    int32_t quantity;    /* to set, after all rules */
    int32_t desired;     /* Odoo's number behind it: more than quantity while units are in flight */
    int32_t change_from; /* what Shopify must hold for the write to happen */
    int64_t revision;    /* of the record that wants it */
    int64_t changed_at_us; /* of that record, wall clock */
};

/** What the state knows of a level. */
struct level_known {
    struct level_key key;
    bool found;
    int32_t product_id; /* whose value was written */
    int32_t quantity; /* last written by us, or lower: what Shopify held when units were missing */
    int32_t desired;  /* Odoo's number when it was written */
    int32_t live;     /* units seen missing and still within their grace */
    int64_t revision; /* of that write */
};

/** Units of a level that Shopify has sold since we last looked. */
struct level_seen {
    struct level_key key;
    int32_t before;   /* what the state says that Shopify holds */
    int32_t now;      /* what it does hold: less */
    int64_t until_us; /* wall clock: end of the grace */
    bool noted; /* [out] units in flight; false: the level moved meanwhile, or it was our write */
    bool first; /* [out] none were remembered of this level */
};

/** What Shopify says of a level when read by id. */
struct level_read {
    struct level_key key;
    bool item_found;
    bool connected; /* a level exists */
    bool active;
    bool tracked;
    int32_t quantity; /* of the store's quantity name */
};

#endif
