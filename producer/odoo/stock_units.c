#include "producer/odoo/stock_units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/model/quantity.h"
#include "producer/odoo/kit_explode.h"
#include "producer/odoo/kit_number.h"

/* Lists of ids: the products of one read and their components. */
#define ARGS_MAX_BYTES ((size_t)64 * 1024 * 1024)

static const char UNITS[] = STOCK_UNIT_COLUMNS STOCK_UNIT_TABLES;

/* The components that limit a kit, or whose stock is added up. */
static const char PARTS[] =
    "SELECT kit_id, component_id, need, yield, own FROM stocksync.kit_component"
    " WHERE kit_id = ANY ($1::integer[]) AND need <> 0";

struct unit {
    int32_t id;
    bool own; /* a kit once more, with its own quants */
    enum kit_kind kind;
    double rounding;
    bool is_service;
    enum { UNIT_OPEN, UNIT_BUSY, UNIT_DONE, UNIT_WITHOUT_NUMBER, UNIT_UNREADABLE } state;
    int32_t culprit; /* UNIT_UNREADABLE: the product whose rows are the reason */
};

struct part {
    int32_t kit_id;
    int32_t component_id;
    double need;
    double yield;
    bool own; /* by its own quants, although it is a kit */
};

struct stock_units {
    struct pg_conn *conn;
    enum kit_rounding kit_rounding;
    bool forecast;
    struct pg_args args;
    struct unit *units; /* by id, once the last was added */
    size_t unit_count, unit_room;
    struct part *parts; /* by kit, once the last was added */
    size_t part_count, part_room;
    struct id_list known;    /* ids of units */
    struct id_list carriers; /* of these, with their own stock */
    struct id_list pending;  /* components of the next level */
    struct id_list kits;     /* units of this level that have components */
    double *values;          /* by unit, group, field */
    size_t value_room;
    size_t group_count;
    struct kit_share *shares;
    size_t share_room;
    const struct unreadable_list *unreadable; /* carriers; borrowed; NULL: none */
};

struct stock_units *
stock_units_new(struct pg_conn *conn, const struct odoo_dialect *dialect, bool forecast)
{
    struct stock_units *u = mem_calloc(1, sizeof *u);
    u->conn = conn;
    u->kit_rounding = dialect->kit_rounding;
    u->forecast = forecast;
    pg_args_init(&u->args, ARGS_MAX_BYTES);
    return u;
}

void stock_units_free(struct stock_units *units)
{
    if (units == NULL) {
        return;
    }
    pg_args_release(&units->args);
    mem_free(units->units);
    mem_free(units->parts);
    id_list_release(&units->known);
    id_list_release(&units->carriers);
    id_list_release(&units->pending);
    id_list_release(&units->kits);
    mem_free(units->values);
    mem_free(units->shares);
    mem_free(units);
}

void stock_units_begin(struct stock_units *units, const int32_t *ids, size_t count)
{
    units->unit_count = 0;
    units->part_count = 0;
    units->unreadable = NULL;
    id_list_reset(&units->carriers);
    id_list_reset(&units->kits);
    id_list_reset(&units->known);
    id_list_add_all(&units->known, ids, count);
}

void stock_units_add(struct stock_units *units, const struct pg_rows *rows, int row)
{
    struct unit unit = {.id = pg_i32(rows, row, 0),
                        .kind = (enum kit_kind)pg_i32(rows, row, 1),
                        .state = pg_bool(rows, row, 2) ? UNIT_WITHOUT_NUMBER : UNIT_OPEN,
                        .is_service = pg_bool(rows, row, 3),
                        .rounding = pg_f64(rows, row, 4)};
    MEM_ADD(units, units, unit_count, unit_room, &unit);
    if (unit.kind != KIT_NONE && unit.state == UNIT_OPEN) {
        id_list_add(&units->kits, unit.id);
    } else if (unit.kind == KIT_NONE && !unit.is_service) {
        id_list_add(&units->carriers, unit.id);
    }
}

/* --- components --- */

static enum status read_parts(struct stock_units *u, struct err *err)
{
    struct pg_rows rows = {0};
    pg_args_reset(&u->args);
    pg_args_i32_array(&u->args, u->kits.ids, u->kits.count);
    enum status rc = pg_query(u->conn, PARTS, &u->args, "iiddb", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        struct part part = {.kit_id = pg_i32(&rows, i, 0),
                            .component_id = pg_i32(&rows, i, 1),
                            .need = pg_f64(&rows, i, 2),
                            .yield = pg_f64(&rows, i, 3),
                            .own = pg_bool(&rows, i, 4)};
        MEM_ADD(u, parts, part_count, part_room, &part);
        id_list_add(&u->pending, part.component_id);
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status read_units(struct stock_units *u, struct err *err)
{
    struct pg_rows rows = {0};
    pg_args_reset(&u->args);
    pg_args_i32_array(&u->args, u->pending.ids, u->pending.count);
    id_list_reset(&u->kits);
    enum status rc = pg_query(u->conn, UNITS, &u->args, STOCK_UNIT_SHAPE, &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        stock_units_add(u, &rows, i);
    }
    pg_rows_release(&rows);
    return rc;
}

static int by_id(const void *left, const void *right)
{
    const struct unit *a = left;
    const struct unit *b = right;
    return a->id != b->id ? (a->id > b->id) - (a->id < b->id) : a->own - b->own;
}

static int by_kit(const void *left, const void *right)
{
    const struct part *a = left;
    const struct part *b = right;
    if (a->kit_id != b->kit_id) {
        return a->kit_id < b->kit_id ? -1 : 1;
    }
    return (a->component_id > b->component_id) - (a->component_id < b->component_id);
}

static enum status read_level(struct stock_units *u, struct err *err)
{
    id_list_reset(&u->pending);
    enum status rc = read_parts(u, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    id_list_sort(&u->pending);
    id_list_subtract(&u->pending, &u->known);
    rc = read_units(u, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    id_list_add_all(&u->known, u->pending.ids, u->pending.count);
    id_list_sort(&u->known);
    return STATUS_OK;
}

/* unit_count: not found. */
static size_t find_unit(const struct stock_units *u, int32_t id, bool own)
{
    struct unit key = {.id = id, .own = own};
    const struct unit *found = bsearch(&key, u->units, u->unit_count, sizeof key, by_id);
    return found != NULL ? (size_t)(found - u->units) : u->unit_count;
}

static void sort_units(struct stock_units *u)
{
    qsort(u->units, u->unit_count, sizeof *u->units, by_id);
}

/* Adds the kits that count by their own quants a second time, as plain products. */
static void add_own_units(struct stock_units *u)
{
    const size_t known = u->unit_count;
    id_list_reset(&u->pending);
    for (size_t i = 0; i < u->part_count; i++) {
        if (u->parts[i].own) {
            id_list_add(&u->pending, u->parts[i].component_id);
        }
    }
    id_list_sort(&u->pending);
    for (size_t i = 0; i < u->pending.count; i++) {
        size_t at = find_unit(u, u->pending.ids[i], false);
        if (at < known && u->units[at].kind != KIT_NONE) {
            struct unit own = u->units[at];
            own.own = true;
            own.kind = KIT_NONE;
            own.state = UNIT_OPEN;
            MEM_ADD(u, units, unit_count, unit_room, &own);
            id_list_add(&u->carriers, own.id);
        }
    }
    sort_units(u);
}

enum status stock_units_read_components(struct stock_units *units, struct err *err)
{
    while (units->kits.count > 0) {
        enum status rc = read_level(units, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    if (units->part_count > 0) {
        sort_units(units);
        qsort(units->parts, units->part_count, sizeof *units->parts, by_kit);
        add_own_units(units);
    }
    id_list_sort(&units->carriers);
    return STATUS_OK;
}

const struct id_list *stock_units_carriers(const struct stock_units *units)
{
    return &units->carriers;
}

void stock_units_note_unreadable(struct stock_units *units, const struct unreadable_list *list)
{
    units->unreadable = list;
    for (size_t i = 0; i < units->unit_count; i++) {
        struct unit *unit = &units->units[i];
        if (unit->kind == KIT_NONE && unreadable_find(list, unit->id) != NULL) {
            unit->state = UNIT_UNREADABLE;
            unit->culprit = unit->id;
        }
    }
}

/* --- quantities --- */

/* The unit that a part counts; unit_count: not found. */
static size_t unit_of(const struct stock_units *u, const struct part *part)
{
    size_t own = part->own ? find_unit(u, part->component_id, true) : u->unit_count;
    return own < u->unit_count ? own : find_unit(u, part->component_id, false);
}

static double *values_of(const struct stock_units *u, size_t unit, size_t group)
{
    return u->values + (unit * u->group_count + group) * STOCK_FIELD_COUNT;
}

/*
 * Free stock, less what moves out of the group have not reserved yet. Where a delivery takes several
 * steps, the picking inside the warehouse has reserved the units and the delivery waits for them:
 * free has lost them already. So reservations inside the group count for the moves out of it. The
 * result is never above what is on hand less all that goes out.
 */
static double free_confirmed(const double *sum)
{
    return sum[STOCK_QUANTITY] - sum[STOCK_RESERVED] -
           fmax(sum[STOCK_UNRESERVED] - sum[STOCK_INSIDE], 0);
}

/* From sums to Odoo's quantities, in Odoo's order of operations: the forecast adds rounded moves to
 * the unrounded stock. */
static void
fill_plain(struct stock_units *u, const struct stock_sums *sums, size_t unit, size_t carrier)
{
    double rounding = u->units[unit].rounding;
    for (size_t g = 0; g < u->group_count; g++) {
        const double *sum = stock_sums_of(sums, carrier, g);
        double *v = values_of(u, unit, g);
        v[STOCK_FIELD_ON_HAND] = quantity_round_half_up(sum[STOCK_QUANTITY], rounding);
        v[STOCK_FIELD_FREE] =
            quantity_round_half_up(sum[STOCK_QUANTITY] - sum[STOCK_RESERVED], rounding);
        if (u->forecast) {
            v[STOCK_FIELD_INCOMING] = quantity_round_half_up(sum[STOCK_INCOMING], rounding);
            v[STOCK_FIELD_OUTGOING] = quantity_round_half_up(sum[STOCK_OUTGOING], rounding);
            v[STOCK_FIELD_FORECAST] = quantity_round_half_up(
                sum[STOCK_QUANTITY] + v[STOCK_FIELD_INCOMING] - v[STOCK_FIELD_OUTGOING], rounding);
            v[STOCK_FIELD_FREE_CONFIRMED] = quantity_round_half_up(free_confirmed(sum), rounding);
        }
    }
}

static size_t first_part(const struct stock_units *u, int32_t kit_id)
{
    size_t low = 0;
    size_t high = u->part_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (u->parts[middle].kit_id < kit_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Odoo's columns can hold NaN and infinity, and large numbers add up to one. A least over
 * components would pass over it, and no quantity is rounded to it. */
static void check_values(struct stock_units *u, size_t at)
{
    struct unit *unit = &u->units[at];
    const double *values = values_of(u, at, 0);
    bool finite = isfinite(unit->rounding);
    for (size_t i = 0; i < u->group_count * STOCK_FIELD_COUNT; i++) {
        finite = finite && isfinite(values[i]);
    }
    if (!finite) {
        unit->state = UNIT_UNREADABLE;
        unit->culprit = unit->id;
    }
}

static void fill_kit(struct stock_units *u, size_t unit);

/* True when the unit has quantities. */
static bool fill_unit(struct stock_units *u, size_t at)
{
    struct unit *unit = &u->units[at];
    if (unit->state == UNIT_OPEN && unit->kind != KIT_NONE) {
        unit->state = UNIT_BUSY;
        fill_kit(u, at);
    }
    /* busy: it is needed for its own quantity */
    return unit->state == UNIT_DONE;
}

static void number_kit(struct stock_units *u, size_t unit, size_t first, size_t count)
{
    const struct part *parts = u->parts + first;
    size_t fields = u->forecast ? STOCK_FIELD_COUNT : STOCK_FIELD_INCOMING;
    if (count > u->share_room) {
        u->share_room = mem_grow_capacity(u->share_room, count);
        u->shares = mem_realloc(u->shares, u->share_room, sizeof *u->shares);
    }
    for (size_t g = 0; g < u->group_count; g++) {
        for (size_t i = 0; i < count; i++) {
            size_t component = unit_of(u, &parts[i]);
            u->shares[i] = (struct kit_share){.values = values_of(u, component, g),
                                              .need = parts[i].need,
                                              .rounding = u->units[component].rounding};
        }
        if (u->units[unit].kind == KIT_COMMINGLED) {
            kit_number_sum(u->shares, count, fields, values_of(u, unit, g));
        } else {
            kit_number_least(u->shares, count, count > 0 ? parts[0].yield : 1, u->kit_rounding,
                             fields, values_of(u, unit, g));
        }
    }
}

static void fill_kit(struct stock_units *u, size_t unit)
{
    struct unit *kit = &u->units[unit];
    int32_t kit_id = kit->id;
    size_t first = first_part(u, kit_id);
    size_t count = 0;
    for (; first + count < u->part_count && u->parts[first + count].kit_id == kit_id; count++) {
        size_t component = unit_of(u, &u->parts[first + count]);
        if (component == u->unit_count || !fill_unit(u, component)) {
            const struct unit *part = component < u->unit_count ? &u->units[component] : NULL;
            bool unreadable = part != NULL && part->state == UNIT_UNREADABLE;
            kit->state = unreadable ? UNIT_UNREADABLE : UNIT_WITHOUT_NUMBER;
            kit->culprit = unreadable ? part->culprit : 0;
            return;
        }
    }
    number_kit(u, unit, first, count);
    kit->state = UNIT_DONE;
    check_values(u, unit);
}

/* Room for all quantities, all 0. */
static void clear_values(struct stock_units *u)
{
    size_t values = u->unit_count * u->group_count * STOCK_FIELD_COUNT;
    if (values > u->value_room) {
        u->value_room = mem_grow_capacity(u->value_room, values);
        u->values = mem_realloc(u->values, u->value_room, sizeof *u->values);
    }
    if (values > 0) {
        memset(u->values, 0, values * sizeof *u->values);
    }
}

void stock_units_compute(struct stock_units *units,
                         const struct stock_sums *sums,
                         size_t group_count)
{
    size_t carrier = 0;
    units->group_count = group_count;
    clear_values(units);
    for (size_t i = 0; i < units->unit_count; i++) {
        if (units->units[i].kind == KIT_NONE && units->units[i].state != UNIT_UNREADABLE) {
            units->units[i].state = UNIT_DONE;
            if (!units->units[i].is_service) {
                fill_plain(units, sums, i, carrier++);
                check_values(units, i);
            }
        }
    }
    for (size_t i = 0; i < units->unit_count; i++) {
        (void)fill_unit(units, i);
    }
}

/* --- results --- */

size_t stock_units_find(const struct stock_units *units, int32_t product_id)
{
    size_t at = find_unit(units, product_id, false);
    INVARIANT(at < units->unit_count, "product %d was not added", product_id);
    return at;
}

const double *stock_units_values(const struct stock_units *units, size_t unit, size_t group)
{
    return units->units[unit].state == UNIT_DONE ? values_of(units, unit, group) : NULL;
}

bool stock_units_unreadable(const struct stock_units *units,
                            size_t unit,
                            struct unreadable_list *list)
{
    const struct unit *u = &units->units[unit];
    char why[200];
    if (u->state != UNIT_UNREADABLE) {
        return false;
    }
    const struct unreadable *culprit =
        units->unreadable != NULL ? unreadable_find(units->unreadable, u->culprit) : NULL;
    const char *text =
        culprit != NULL ? culprit->why : "a quantity or its unit's rounding is no finite number";
    if (u->culprit == u->id) {
        (void)snprintf(why, sizeof why, "%s", text);
    } else {
        (void)snprintf(why, sizeof why, "component %d: %s", u->culprit, text);
    }
    unreadable_add(list, u->id, u->culprit, why);
    return true;
}
