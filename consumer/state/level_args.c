#include "consumer/state/level_args.h"

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

static bool is_narrow(enum write_column column)
{
    return column == WRITE_PRODUCT || column == WRITE_QUANTITY || column == WRITE_CHANGE_FROM ||
           column == WRITE_DESIRED;
}

static int32_t narrow_value(enum write_column column, const struct level_write *w)
{
    if (column == WRITE_PRODUCT) {
        return w->product_id;
    }
    if (column == WRITE_DESIRED) {
        return w->desired;
    }
    return column == WRITE_QUANTITY ? w->quantity : w->change_from;
}

void level_args_column(struct pg_args *args,
                       enum write_column column,
                       const struct level_write *list,
                       size_t count)
{
    if (is_narrow(column)) {
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
                                             WRITE_QUANTITY, WRITE_REVISION, WRITE_DESIRED};
    for (size_t i = 0; i < sizeof KEPT / sizeof KEPT[0]; i++) {
        level_args_column(args, KEPT[i], list, count);
    }
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
