/**
 * kit_source: reads what products are made of from Odoo's tables, however deep.
 *
 * Level by level: products, their phantom bills, the lines; the lines' products are the next level.
 * A fixed number of statements for each level. Borrows a connection and must be called inside
 * marks_snapshot_begin and _end. One owner.
 */
#ifndef STOCKSYNC_ODOO_KIT_SOURCE_H
#define STOCKSYNC_ODOO_KIT_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "common/pg/pg_conn.h"
#include "producer/odoo/kit_rows.h"
#include "producer/odoo/odoo_version.h"

struct kit_source;

/** @param conn  borrowed until kit_source_free. @param shape  copied */
NODISCARD struct kit_source *kit_source_new(struct pg_conn *conn, const struct odoo_shape *shape);
/** Accepts NULL. */
void kit_source_free(struct kit_source *source);
/**
 * @param ids   ascending and distinct
 * @param rows  [out] replaced, sorted; its order is set
 * @return pg_query's statuses
 */
NODISCARD enum status kit_source_load(struct kit_source *source,
                                      const int32_t *ids,
                                      size_t count,
                                      struct kit_rows *rows,
                                      struct err *err);

#endif
