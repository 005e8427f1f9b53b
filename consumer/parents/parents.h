/**
 * parents: marks the kits that changed products are components of, in Odoo's database.
 *
 * One statement a batch reads stocksync.kit_component, which the producer keeps, and appends to the
 * marks table. It waits for no writer of Odoo and makes none wait. Marking a batch twice is safe:
 * the kits are only published again. Blocks, at most for the statement timeout. One owner.
 */
#ifndef STOCKSYNC_PARENTS_PARENTS_H
#define STOCKSYNC_PARENTS_PARENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "consumer/parents/component_batch.h"

struct parents;

struct parents_marked {
    size_t marks;
    int64_t earliest_us; /* wall: earliest change of a component that was marked for; 0: none */
    bool any_kits;       /* kit_component has rows */
};

/** Makes the object without connecting. dsn: Odoo's database; borrowed until parents_free. */
struct parents *parents_new(const char *dsn);
/** Accepts NULL. */
void parents_free(struct parents *parents);
/**
 * Connects and checks that tables and rights are there.
 * @return STATUS_OK
 *         STATUS_DATABASE_UNFIT  tables are missing: err says to run install
 *         STATUS_PERMISSION      err has the GRANT lines that are missing
 *         pg_conn_open's
 */
NODISCARD enum status parents_open(struct parents *parents, struct err *err);
/**
 * Inserts one mark with cause parent for each distinct kit that has one of the products as a
 * component whose stock counts. Its date_added is the earliest change time of those products.
 * STATUS_OK: the marks are committed and flushed. After a failure they may or may not be there:
 * mark the batch again.
 * @return STATUS_OK, pg_query's
 */
NODISCARD enum status parents_mark(struct parents *parents,
                                   const struct component_batch *batch,
                                   struct parents_marked *marked,
                                   struct err *err);

/** Whether the database answers. @return STATUS_OK, pg_query's */
NODISCARD enum status parents_probe(struct parents *parents, struct err *err);

#endif
