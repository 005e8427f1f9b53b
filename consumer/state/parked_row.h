/**
 * parked_row: one parked row: a product, level or record that could not be applied, why, and
 * everything needed to try it again.
 */
#ifndef STOCKSYNC_STATE_PARKED_ROW_H
#define STOCKSYNC_STATE_PARKED_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/bytes.h"
#include "consumer/plan/level_write.h"

/**
 * Subjects, the keys of parked rows (see state_subject_*):
 *
 *     product/17
 *     level/4401/7001                       item and location
 *     level/4401/7001/product/17            what product 17 still owes, since another product has
 *                                           its item
 *     item/4402                             shares its SKU with the item that had it before
 *     record/<topic>/<partition>/<offset>   a record that cannot be read
 *
 * Reasons: "no_sku", "no_barcode", "unmapped", "sku_shared_in_odoo", "sku_shared_in_shopify",
 * "bundle", "item_changed", "item_missing", "level_missing", "level_inactive", "tracking_locked",
 * "refused", "stale", "basis_missing", "undecodable", "skipped_by_operator",
 * "schema_unknown" …
 */
struct state_parked {
    char subject[160];
    int32_t product_id;   /* 0: none */
    int32_t partition;    /* -1: none */
    struct level_key key; /* 0, 0: none */
    const char *topic;
    int64_t offset;
    int64_t revision;
    int32_t quantity; /* of a level: desired */
    int32_t wait_s;   /* before the first retry; it grows with each failure;
                                  0: no retry before a start */
    const char *reason;
    const char *code;          /* Shopify's code, may be NULL */
    const char *detail;        /* a sentence for a person */
    const char *request_id;    /* may be NULL */
    struct bytes record_key;   /* of a product or record: the record itself, for retries; */
    struct bytes record_value; /* ptr NULL: none */
    int32_t attempts;          /* [out] of a row that is read: failed tries */
    bool first;                /* [out] of state_park: it was not parked before */
};

#define STATE_RETRY_MAX 200 /* rows given out at a time */

/** The rows this process may take: those of its partitions, and those without a partition. */
struct state_share {
    const int32_t *partitions;
    size_t partition_count;
    size_t max; /* rows, at most STATE_RETRY_MAX */
};

/** The row is valid in the callback only; the callback may call functions of state. */
typedef void (*state_parked_fn)(void *arg, const struct state_parked *row);

/** A rescan of all rows, due or not, page by page. */
struct state_rescan {
    const char *const *reasons; /* NULL-terminated; none or NULL: all */
    int64_t rested_ms;          /* skips rows parked, or parked again, within this time */
    char after[160];            /* last subject of the page before; "" at first */
};

/** A row as it was given out. */
struct state_tried {
    char subject[160];
    int64_t revision;
    int32_t attempts;
    bool fixed; /* [out] fixed: the row is gone */
};

/** A topic name over 110 bytes is cut and gets a hash appended, so that subjects stay unique. */
void state_subject_product(char subject[160], int32_t product_id);
void state_subject_level(char subject[160], struct level_key key);
void state_subject_item(char subject[160], int64_t item);
/** @return the item of such a subject; 0: it is another kind */
int64_t state_subject_item_of(const char *subject);
void state_subject_record(char subject[160], const char *topic, int32_t partition, int64_t offset);

/* --- for consumer/state only --- */

struct pg_rows;

/** The first columns of every statement that reads parked rows; more may follow. */
enum parked_row_column {
    PARKED_COLUMN_SUBJECT,
    PARKED_COLUMN_PRODUCT,
    PARKED_COLUMN_ITEM,
    PARKED_COLUMN_LOCATION,
    PARKED_COLUMN_TOPIC,
    PARKED_COLUMN_PARTITION,
    PARKED_COLUMN_OFFSET,
    PARKED_COLUMN_REVISION,
    PARKED_COLUMN_QUANTITY,
    PARKED_COLUMN_REASON,
    PARKED_COLUMN_CODE,
    PARKED_COLUMN_DETAIL,
    PARKED_COLUMN_REQUEST_ID,
    PARKED_COLUMN_ATTEMPTS,
    PARKED_COLUMN_COUNT
};
#define PARKED_ROW_SHAPE "tilltillitttti"

/** One row without its record; texts are borrowed from rows. */
struct state_parked parked_row_read(const struct pg_rows *rows, int row);

#endif
