/**
 * published: stores a digest of the last record of each product, and the progress of the full pass.
 *
 * Kept only while the full pass is on. A digest is stored after the Kafka transaction of its record
 * is committed and before the record's marks are deleted. So where no mark waits, it is that of the
 * last record. Functions over a borrowed connection; tables: schemas/sql/odoo_002.sql. Statuses are
 * pg_query's. Thread: the one that uses the connection.
 */
#ifndef STOCKSYNC_ODOO_PUBLISHED_H
#define STOCKSYNC_ODOO_PUBLISHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "common/pg/pg_conn.h"
#include "producer/odoo/id_list.h"

/** Products and the digests of their records, by one index; 0 is a tombstone. Of several entries
 * of a product the last counts. Zero-initialise; keeps its memory. */
struct published_list {
    int32_t *ids;
    int64_t *digests;
    size_t count;
    size_t room;
};

void published_list_add(struct published_list *list, int32_t product_id, int64_t digest);
void published_list_release(struct published_list *list);

/** Stores the digests and deletes those of tombstones. */
NODISCARD enum status
published_store(struct pg_conn *conn, const struct published_list *list, struct err *err);
/** Deletes all digests, because they are no longer updated; cheap when there are none. */
NODISCARD enum status published_forget(struct pg_conn *conn, struct err *err);

/**
 * Reads the next products by id, and the digests of their last records.
 *
 * @param ids      [out] replaced: products, and deleted ones in between that still have a record
 * @param digests  [out] emptied, then by the index of ids; 0: no record is known
 * @param last     [out] greatest id read; INT32_MAX: there are no more
 */
NODISCARD enum status published_slice(struct pg_conn *conn,
                                      int32_t after,
                                      size_t limit,
                                      struct id_list *ids,
                                      struct published_list *digests,
                                      int32_t *last,
                                      struct err *err);

/** The one row of stocksync.full_pass; times are wall clock, 0: never. */
struct full_pass_state {
    int64_t started_us;
    int64_t finished_us; /* end of the last finished pass */
    int32_t last_product;
    int64_t compared;
    int64_t republished;
    int64_t total;
    int64_t wanted_us; /* changes passed without a mark until then; 0: all are compared */
};
/** True while a pass runs. */
bool full_pass_is_running(const struct full_pass_state *state);
/** True until a pass begins that sees all changes without a mark. */
bool full_pass_is_wanted(const struct full_pass_state *state);
NODISCARD enum status
full_pass_read(struct pg_conn *conn, struct full_pass_state *state, struct err *err);
/** Changes pass without a mark: one more pass is needed, also when the pass is off. */
NODISCARD enum status full_pass_want(struct pg_conn *conn, struct err *err);
/** Starts a pass at the first product and counts all products. */
NODISCARD enum status full_pass_begin(struct pg_conn *conn, struct err *err);
/** Stores last_product, compared and republished, and the end of the pass if finished. */
NODISCARD enum status full_pass_note(struct pg_conn *conn,
                                     const struct full_pass_state *state,
                                     bool finished,
                                     struct err *err);

#endif
