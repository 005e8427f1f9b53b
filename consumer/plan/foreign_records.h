/**
 * foreign_records: the newest record of each product that came from another Odoo database and was
 * not applied: it holds back its offset until a record of the right database replaces it. Memory is
 * bounded by the number of products. Pure; one lane owns it.
 */
#ifndef STOCKSYNC_PLAN_FOREIGN_RECORDS_H
#define STOCKSYNC_PLAN_FOREIGN_RECORDS_H

#include "common/core/attributes.h"
#include "consumer/plan/offset_ledger.h"

struct foreign_records;

/** @param ledger  borrowed; where holds are taken and released */
NODISCARD struct foreign_records *foreign_records_new(struct offset_ledger *ledger);
/** Drops everything without touching the ledger. */
void foreign_records_free(struct foreign_records *f);
/** A record that is not applied: takes a hold on it and releases the product's older one. */
void foreign_records_add(struct foreign_records *f, int32_t product_id, struct record_position at);
/** The right database has spoken of this product: its record is released. */
void foreign_records_settle(struct foreign_records *f, int32_t product_id);
/** A partition leaves: close it in the ledger in the same breath. */
void foreign_records_drop_partition(struct foreign_records *f, int32_t partition);
size_t foreign_records_count(const struct foreign_records *f);

#endif
