/**
 * level_args: lists of levels as array arguments of a statement. For consumer/state only.
 */
#ifndef STOCKSYNC_STATE_LEVEL_ARGS_H
#define STOCKSYNC_STATE_LEVEL_ARGS_H

#include "common/pg/pg_query.h"
#include "consumer/plan/level_write.h"

/** Columns of struct level_write, in the order of the arguments. */
enum write_column {
    WRITE_ITEM,
    WRITE_LOCATION,
    WRITE_PRODUCT,
    WRITE_QUANTITY,
    WRITE_CHANGE_FROM,
    WRITE_REVISION,
    WRITE_CHANGED_AT,
    WRITE_DESIRED,
    WRITE_RAW,
    WRITE_MISSING,
    WRITE_RESERVED
};

/** Appends one column of the list. */
void level_args_column(struct pg_args *args,
                       enum write_column column,
                       const struct level_write *list,
                       size_t count);
/** Appends the nine columns that the table of levels keeps. */
void level_args_values(struct pg_args *args, const struct level_write *list, size_t count);
/** A column with Odoo's number; NAN: NULL. */
double level_args_raw(const struct pg_rows *rows, int row, int column);
/** Appends the items, then the locations. */
void level_args_keys(struct pg_args *args, const struct level_key *keys, size_t count);

#endif
