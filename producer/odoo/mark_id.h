/**
 * mark_id: the number that identifies a mark of either table. Pure.
 *
 *   marks table        its column id
 *   quant marks table  the row's place and the transaction that wrote it; a column id would cost
 *                      Odoo's transaction a sequence and an index
 *
 * The transaction is part of the number because vacuum reuses places. Its low 24 bits suffice:
 * between reading a mark and deleting it there are never 16 million transactions.
 */
#ifndef STOCKSYNC_ODOO_MARK_ID_H
#define STOCKSYNC_ODOO_MARK_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "common/pg/pg_query.h"

/** The greatest id of the marks table. */
#define MARK_ID_LISTED_MAX ((INT64_C(1) << 62) - 1)
/** All ids are > 0, and those of quant marks are greater than all others. */
#define MARK_ID_XID_BITS 24
#define MARK_ID_XID_MASK ((1 << MARK_ID_XID_BITS) - 1)

/**
 * @param place  in a table of less than a terabyte; a greater one ends the process
 * @param xid    the row's xmin
 */
int64_t mark_id_of_quant(struct pg_tid place, uint32_t xid);
bool mark_id_is_quant(int64_t id);
struct pg_tid mark_id_place(int64_t id);
/** The xid, & MARK_ID_XID_MASK. */
int32_t mark_id_xid(int64_t id);

#endif
