/**
 * parking: stores parked rows with their retry time, logs and counts them.
 */
#ifndef STOCKSYNC_LANE_PARKING_H
#define STOCKSYNC_LANE_PARKING_H

#include "consumer/lane/context.h"

/* Reasons that several files know. */
#define PARKED_UNMAPPED        "unmapped"
#define PARKED_SHARED_IN_ODOO  "sku_shared_in_odoo"
#define PARKED_SHARED_IN_STORE "sku_shared_in_shopify"
#define PARKED_SKIPPED         "skipped_by_operator" /* a record that blocked its partition */
#define PARKED_SCHEMA_UNKNOWN  "schema_unknown"      /* a parked record, for an older program */

/** Stores rows. Logs each row that was not parked before, counts the rest. Fills wait_s, first. */
NODISCARD enum status parking_store(const struct lane_context *c,
                                    struct state_parked *rows,
                                    size_t count,
                                    struct err *err);
/** Fills what a row says of a level and its record, without reason and detail. */
void parking_describe_level(const struct lane_context *c,
                            const struct level *level,
                            struct state_parked *row);
/** Logs and counts rows that are not parked any more. */
void parking_report_fixed(const struct lane_context *c, const char *const *subjects, size_t count);

#endif
