/**
 * kit_source: reads the components of products from Odoo's tables, however deep.
 *
 * It reads products, their phantom bills and the lines, level by level; the products of the lines
 * are the next level. Each level takes a fixed number of statements. Call inside source_snapshot.
 * Borrows a connection. Thread: the one that uses it.
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
 * Reads the rows that explain these products.
 *
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
