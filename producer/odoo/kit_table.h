/**
 * kit_table: keeps stocksync.kit and stocksync.kit_component equal to Odoo's bills of materials.
 *
 * Both tables lie in Odoo's database, so one snapshot covers the structure of a kit and the stock
 * of its components. Only products that a mark names are exploded again. Their components are read
 * level by level: a fixed number of statements for each level of kits within kits. A product whose
 * structure changed puts a mark (MARK_PART) on everything that contains it, so that a change far
 * below a thousand kits is processed in slices.
 *
 * Two writers with old snapshots cannot both commit. Every change raises
 * stocksync.kit_table.version, and REPEATABLE READ refuses the second one (STATUS_SOURCE_BUSY).
 * Borrows a connection. Thread: the one that uses it.
 */
#ifndef STOCKSYNC_ODOO_KIT_TABLE_H
#define STOCKSYNC_ODOO_KIT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "common/pg/pg_conn.h"
#include "producer/odoo/id_list.h"
#include "producer/odoo/kit_explode.h"
#include "producer/odoo/odoo_version.h"

struct kit_table;

/** A kit without a quantity, found by the last update. */
struct kit_table_problem {
    int32_t kit_id;
    enum kit_problem problem;
    int32_t product_id; /* where it was found */
};
#define KIT_TABLE_SHOWN 8

/** Result of an update. */
struct kit_table_changes {
    size_t exploded; /* products that are kits or were kits before */
    size_t changed;  /* of these, stored again */
    size_t problems; /* of these, without a quantity */
    struct kit_table_problem shown[KIT_TABLE_SHOWN]; /* the first of them */
    const int32_t *changed_ids;                      /* ascending; valid until the next update */
};

/** @param conn  borrowed until kit_table_free. @param shape  copied */
NODISCARD struct kit_table *kit_table_new(struct pg_conn *conn, const struct odoo_shape *shape);
/** Accepts NULL. */
void kit_table_free(struct kit_table *table);

/**
 * Explodes the products that are kits now or were kits before. Call inside source_snapshot.
 *
 * One whose bills cannot be read (unreadable.h) stops none of the others: it becomes a kit without a
 * quantity, and its parts stay.
 *
 * @param ids      ascending and distinct
 * @param part_of  also mark everything that contains these; may be empty
 * @param changes  [out] replaced
 * @return STATUS_OK
 *         STATUS_SOURCE_BUSY  another writer was faster: roll back and read again
 *         pg_query's statuses
 */
NODISCARD enum status kit_table_update(struct kit_table *table,
                                       const int32_t *ids,
                                       size_t count,
                                       const struct id_list *part_of,
                                       struct kit_table_changes *changes,
                                       struct err *err);

/**
 * @param filled  [out] false: bills may have changed without marks, call kit_table_fill
 * @return pg_query's statuses
 */
NODISCARD enum status kit_table_is_filled(struct kit_table *table, bool *filled, struct err *err);
/**
 * Explodes every kit in one source_snapshot.
 *
 * @param mark      also mark the changed kits, because their records show the old structure
 * @param progress  called with the changes of each slice; may be NULL
 * @return as kit_table_update
 */
NODISCARD enum status kit_table_fill(
    struct kit_table *table,
    bool mark,
    void (*progress)(void *arg, size_t done, size_t total, const struct kit_table_changes *changes),
    void *arg,
    struct err *err);

#endif
