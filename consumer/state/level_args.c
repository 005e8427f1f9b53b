#include "consumer/state/level_args.h"

#include <math.h>

#include "common/core/mem.h"

static int64_t wide_value(enum write_column column, const struct level_write *w)
{
    if (column == WRITE_ITEM) {
        return w->key.item;
    }
    if (column == WRITE_LOCATION) {
        return w->key.location;
    }
    return column == WRITE_REVISION ? w->revision : w->changed_at_us;
}

static bool is_wide(enum write_column column)
{
    return column == WRITE_ITEM || column == WRITE_LOCATION || column == WRITE_REVISION ||
           column == WRITE_CHANGED_AT;
}

static int32_t narrow_value(enum write_column column, const struct level_write *w)
{
    const int32_t values[] = {[WRITE_PRODUCT] = w->product_id,      [WRITE_QUANTITY] = w->quantity,
                              [WRITE_CHANGE_FROM] = w->change_from, [WRITE_DESIRED] = w->desired,
                              [WRITE_MISSING] = w->missing,         [WRITE_RESERVED] = w->reserved};
    return values[column];
}

static void raw_column(struct pg_args *args, const struct level_write *list, size_t count)
{
    double *raw = mem_calloc(count, sizeof *raw);
    for (size_t i = 0; i < count; i++) {
        raw[i] = list[i].raw;
    }
    pg_args_f64_array(args, raw, count);
    mem_free(raw);
}

void level_args_column(struct pg_args *args,
                       enum write_column column,
                       const struct level_write *list,
                       size_t count)
{
    if (column == WRITE_RAW) {
        raw_column(args, list, count);
        return;
    }
    if (!is_wide(column)) {
        int32_t *narrow = mem_calloc(count, sizeof *narrow);
        for (size_t i = 0; i < count; i++) {
            narrow[i] = narrow_value(column, &list[i]);
        }
        pg_args_i32_array(args, narrow, count);
        mem_free(narrow);
        return;
    }
    int64_t *wide = mem_calloc(count, sizeof *wide);
    for (size_t i = 0; i < count; i++) {
        wide[i] = wide_value(column, &list[i]);
    }
    if (column == WRITE_CHANGED_AT) {
        pg_args_time_us_array(args, wide, count);
    } else {
        pg_args_i64_array(args, wide, count);
    }
    mem_free(wide);
}

void level_args_values(struct pg_args *args, const struct level_write *list, size_t count)
{
    static const enum write_column KEPT[] = {WRITE_ITEM,     WRITE_LOCATION, WRITE_PRODUCT,
                                             WRITE_QUANTITY, WRITE_REVISION, WRITE_DESIRED,
                                             WRITE_RAW,      WRITE_MISSING,  WRITE_RESERVED};
    for (size_t i = 0; i < sizeof KEPT / sizeof KEPT[0]; i++) {
        level_args_column(args, KEPT[i], list, count);
    }
}

double level_args_raw(const struct pg_rows *rows, int row, int column)
{
    return pg_is_null(rows, row, column) ? (double)NAN : pg_f64(rows, row, column);
}

void level_args_keys(struct pg_args *args, const struct level_key *keys, size_t count)
{
    int64_t *numbers = mem_calloc(count, sizeof *numbers);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = keys[i].item;
    }
    pg_args_i64_array(args, numbers, count);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = keys[i].location;
    }
    pg_args_i64_array(args, numbers, count);
    mem_free(numbers);
}
