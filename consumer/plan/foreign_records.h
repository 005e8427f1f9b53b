/**
 * foreign_records: the newest record per product that came from another Odoo database and was not
 * applied. It holds its offset until the right database publishes the product again. Memory is
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
/** Takes a hold on a record that is not applied, and releases the product's older one. */
void foreign_records_add(struct foreign_records *f, int32_t product_id, struct record_position at);
/** The right database has published this product: releases the record. */
void foreign_records_settle(struct foreign_records *f, int32_t product_id);
/** A partition leaves: close it in the ledger at the same time. */
void foreign_records_drop_partition(struct foreign_records *f, int32_t partition);
size_t foreign_records_count(const struct foreign_records *f);

#endif
