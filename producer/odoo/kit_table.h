/**
 * kit_table: keeps stocksync.kit and stocksync.kit_component equal to Odoo's bills of materials.
 *
 * Both lie in Odoo's database, so a kit's structure and the stock of its components are read in one
 * snapshot. Only products that a mark names are exploded again; what they are made of is read level
 * by level, a fixed number of statements for each level of kits within kits. A product whose
 * structure changed gets a mark for everything that it is part of (MARK_PART), so that a change far
 * below a thousand kits is worked off in slices.
 *
 * Two writers with old snapshots cannot both commit: every change counts
 * stocksync.kit_table.version up, and REPEATABLE READ refuses the second one (STATUS_SOURCE_BUSY).
 * Borrows a connection; one owner: the tail.
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

/** A kit that has no number, found by the last update. */
struct kit_table_problem {
    int32_t kit_id;
    enum kit_problem problem;
    int32_t product_id; /* where it was met */
};
#define KIT_TABLE_SHOWN 8

/** What an update did. */
struct kit_table_changes {
    size_t exploded; /* products that are, or were, made of others */
    size_t changed;  /* of these, stored anew */
    size_t problems; /* of these, without a number */
    struct kit_table_problem shown[KIT_TABLE_SHOWN]; /* the first of them */
    const int32_t *changed_ids;                      /* ascending; valid until the next update */
};

/** @param conn  borrowed until kit_table_free. @param shape  copied */
NODISCARD struct kit_table *kit_table_new(struct pg_conn *conn, const struct odoo_shape *shape);
/** Accepts NULL. */
void kit_table_free(struct kit_table *table);

/**
 * Explodes products again, where they are kits now or were before. Call inside
 * source_snapshot.
 *
 * @param ids      ascending and distinct
 * @param part_of  of these, everything that they are part of is marked too; may be empty
 * @param changes  [out] replaced
 * @return STATUS_OK; STATUS_SOURCE_BUSY: another writer was faster, roll back and read again;
 *         pg_query's statuses
 */
NODISCARD enum status kit_table_update(struct kit_table *table,
                                       const int32_t *ids,
                                       size_t count,
                                       const struct id_list *part_of,
                                       struct kit_table_changes *changes,
                                       struct err *err);

/** @param filled  [out] false: bills may have changed while nobody watched: kit_table_fill */
NODISCARD enum status kit_table_is_filled(struct kit_table *table, bool *filled, struct err *err);
/**
 * Explodes every kit, in one transaction of its own.
 *
 * @param mark      also mark the changed ones: they were published with what was known before
 * @param progress  called after each slice; changes of that slice; may be NULL
 * @return as kit_table_update
 */
NODISCARD enum status kit_table_fill(
    struct kit_table *table,
    bool mark,
    void (*progress)(void *arg, size_t done, size_t total, const struct kit_table_changes *changes),
    void *arg,
    struct err *err);

#endif
