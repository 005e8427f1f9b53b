/**
 * mark_id: the number that identifies a mark of either table. Pure.
 *
 *   marks table        its column id
 *   quant marks table  the row's place, the transaction that wrote it and the table's file; a column
 *                      id would cost Odoo's transaction a sequence and an index
 *
 * The transaction is part of the number because vacuum reuses places. Its low 19 bits suffice: a
 * wrong deletion takes another session that deletes the mark, and a later mark in its place exactly
 * a multiple of 524,288 transactions after it.
 *
 * The file is part of the number because VACUUM FULL and CLUSTER rewrite the table and give its
 * rows other places, under the same transactions. They number their files in sequence, so the low 8
 * bits differ.
 */
#ifndef STOCKSYNC_ODOO_MARK_ID_H
#define STOCKSYNC_ODOO_MARK_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "common/pg/pg_query.h"

/** The greatest id of the marks table. */
#define MARK_ID_LISTED_MAX ((INT64_C(1) << 62) - 1)
/** All ids are > 0, and those of quant marks are greater than all others. */
#define MARK_ID_XID_BITS  19
#define MARK_ID_XID_MASK  ((1 << MARK_ID_XID_BITS) - 1)
#define MARK_ID_FILE_BITS 8
#define MARK_ID_FILE_MASK ((1 << MARK_ID_FILE_BITS) - 1)

/**
 * @param place  in a table of less than 128 GB; a greater one ends the process
 * @param xid    the row's xmin
 * @param file   the table's file node
 */
int64_t mark_id_of_quant(struct pg_tid place, uint32_t xid, uint32_t file);
bool mark_id_is_quant(int64_t id);
struct pg_tid mark_id_place(int64_t id);
/** The xid, & MARK_ID_XID_MASK. */
int32_t mark_id_xid(int64_t id);
/** The file, & MARK_ID_FILE_MASK. */
int32_t mark_id_file(int64_t id);

#endif
