/**
 * level_write: the structs that leave plan (writes) and enter it (their results). Plain data, no
 * functions.
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

/**
 * The position of a record in its topic. Other values of partition:
 *
 *     -1                    the work does not come from the topic (a grace that is over)
 *     OFFSET_LEDGER_RETRY   it comes from a parked row
 */
struct record_position {
    int32_t partition;
    uint32_t epoch; /* partition epoch: counts its assignments */
    int64_t offset;
};

/** One entry of a request. */
struct level_write {
    struct level_key key;
    int32_t product_id;
    int32_t quantity;      /* to set, after all rules */
    int32_t desired;       /* after all rules with nothing held back: more than quantity during
                              unimported sales */
    int32_t change_from;   /* the write happens only if Shopify holds this */
    int32_t missing;       /* unimported sales that are held back */
    int32_t reserved;      /* units that Shopify reserves and Odoo does not */
    double raw;            /* Odoo's number before the store's rules; NAN: not known */
    int64_t revision;      /* of the record behind it */
    int64_t changed_at_us; /* of that record, wall clock */
};

/** The quantity of a level whose number came along with its product from another item, or was written
 * in an earlier stream: Shopify's number at this item is not known. Below the least that Shopify
 * accepts. */
#define LEVEL_NOT_READ (-1000000001)

/** A level in the state. */
struct level_known {
    struct level_key key;
    bool found;
    int32_t product_id;    /* whose value was written */
    int32_t quantity;      /* last written by us, or lower: Shopify's, when units were missing;
                              LEVEL_NOT_READ */
    int32_t desired;       /* as in level_write, when it was written */
    double raw;            /* Odoo's number when it was written; NAN: not known */
    int32_t missing;       /* unimported sales since */
    int32_t reserved;      /* units that Shopify reserves and Odoo does not */
    int32_t live;          /* units seen missing and still within their grace */
    int64_t revision;      /* of that write */
    int64_t open_revision; /* greatest among open attempts of other processes; 0: none */
};

/** Units of a level that are missing in Shopify since our last write or read. */
struct level_seen {
    struct level_key key;
    int32_t before;   /* Shopify's quantity by the state */
    int32_t now;      /* Shopify's quantity: less */
    int32_t sold;     /* of the missing units, those that nobody reserves */
    int32_t reserved; /* units that Shopify reserves and Odoo does not */
    int64_t until_us; /* wall clock: end of the grace of those sold */
    bool noted;       /* [out] noted as unimported; false: it moved, or the write was ours */
    bool first;       /* [out] the level had no unimported sales before */
};

/** A level as read from Shopify, by id. */
struct level_read {
    struct level_key key;
    bool item_found;
    bool connected; /* a level exists */
    bool active;
    bool tracked;
    int32_t quantity; /* of the store's quantity name */
    int32_t reserved; /* 0 for stores that set on_hand: it does not change that */
    int32_t withheld; /* on hand and not available: in orders, reserved; -1: not known, and for
                         stores that set on_hand */
};

#endif
