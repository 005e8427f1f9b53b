/**
 * kit_columns: rows of stocksync.kit and stocksync.kit_component to store, column by column, as the
 * statements take them. Pure. Thread: one.
 */
#ifndef STOCKSYNC_ODOO_KIT_COLUMNS_H
#define STOCKSYNC_ODOO_KIT_COLUMNS_H

#include "producer/odoo/id_list.h"
#include "producer/odoo/kit_explode.h"

#define KIT_PROBLEM_SIZE 64

/** Zero-initialise; keeps its memory when the counts become 0. */
struct kit_columns {
    struct id_list deleted; /* changed kits, ascending */
    int32_t *kit, *kind, *bom;
    char (*problem)[KIT_PROBLEM_SIZE];
    size_t kit_count, kit_room;
    int32_t *part_kit, *part, *role;
    double *need, *yield;
    size_t part_count, part_room;
};

/** Adds one kit and its parts. @param problem  KIT_PROBLEM_SIZE bytes; "": none */
void kit_columns_add(struct kit_columns *columns,
                     int32_t kit_id,
                     const struct kit_needs *needs,
                     const char *problem);
/** Zero is fine. */
void kit_columns_release(struct kit_columns *columns);

#endif
