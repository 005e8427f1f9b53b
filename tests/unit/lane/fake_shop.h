/**
 * fake_shop: a tiny model of a shop that executes our documents as Shopify does: levels with
 * compare-and-set, idempotency keys, activation, tracking, variants, a bulk operation.
 */
#ifndef STOCKSYNC_LANE_FAKE_SHOP_H
#define STOCKSYNC_LANE_FAKE_SHOP_H

#include "common/core/strbuf.h"
#include "consumer/shopify/operation.h"

#define FAKE_LOCATION    INT64_C(7001)
#define FAKE_OTHER_PLACE INT64_C(7002)
#define FAKE_SHOP_LEVELS 1200

/** One variant, its item and its level at one location. */
struct fake_level {
    char sku[32];
    int64_t item, location;
    int32_t available, reserved;
    int32_t committed; /* in orders */
    bool connected, active, tracked;
    bool bundle, gone;
    bool locked;         /* tracking cannot be switched on */
    const char *refusal; /* code of every set that contains it; NULL: none */
    bool unnamed;        /* the refusal names no entry */
    unsigned sets;       /* that were executed for it */
};

struct fake_shop {
    struct fake_level list[FAKE_SHOP_LEVELS];
    size_t count;
    bool forgets_keys; /* a key that was executed is executed again */
    size_t sets;       /* mutations that changed or confirmed something */
    size_t activations, trackings;
    int64_t variants;      /* what the count says; 0: the truth */
    const char *odd_sku;   /* a search for it has a warning; NULL: none has */
    const char *bulk_says; /* status of the bulk operation; NULL: COMPLETED */
};

extern struct fake_shop fake_shop;

void fake_shop_reset(void);
void fake_shop_release(void);
/** A tracked item with an active level at FAKE_LOCATION. Item = 4000 + its place. */
struct fake_level *fake_shop_add(const char *sku, int32_t available);
/** Another level of the same item. */
struct fake_level *fake_shop_place(const struct fake_level *level, int64_t location);
/** The level of a SKU; NULL: none. */
struct fake_level *fake_shop_find(const char *sku);
int32_t fake_shop_available(const char *sku);

/** Executes a document and appends the member "data" of its answer: {"root":{…}}. */
void fake_shop_execute(enum operation op, const char *variables, struct strbuf *data);
/** The file of the bulk operation, one variant a line. */
void fake_shop_append_lines(struct strbuf *out);

#endif
