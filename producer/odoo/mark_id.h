/**
 * mark_id: the number by which the tail knows a mark, whichever table it lies in. Pure.
 *
 * A row of the marks table is known by its column id. stock_quant's marks have no id, because the
 * sequence and the index would be paid by Odoo's transaction: they are known by their place, and by
 * the transaction that wrote them, since vacuum gives a place away again. Of its number the low 24
 * bits are kept: between reading a mark and deleting it there are never 16 million transactions.
 */
#ifndef STOCKSYNC_ODOO_MARK_ID_H
#define STOCKSYNC_ODOO_MARK_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "common/pg/pg_query.h"

/** All ids are > 0, and those of stock_quant's marks are greater than all others. */
#define MARK_ID_XID_BITS 24
#define MARK_ID_XID_MASK ((1 << MARK_ID_XID_BITS) - 1)

/** @param place  of a table of less than a terabyte: more is the end of the process
 *  @param xid    the row's xmin */
int64_t mark_id_of_quant(struct pg_tid place, uint32_t xid);
bool mark_id_is_quant(int64_t id);
struct pg_tid mark_id_place(int64_t id);
/** The xid, & MARK_ID_XID_MASK. */
int32_t mark_id_xid(int64_t id);

#endif
