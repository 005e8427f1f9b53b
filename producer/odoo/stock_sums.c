#include "producer/odoo/stock_sums.h"

#include <math.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/id_list.h"
#include "producer/odoo/place_map.h"
#include "producer/odoo/plans.h"

/* Lists of ids: the products of one read and their components. */
#define ARGS_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* Locations to read in the first trip, before it is known which ones are needed. */
#define USUAL_MAX 200

/* Whole numbers below this add up in doubles without rounding, however many rows there are. */
#define WHOLE_LIMIT 1e12

static const char QUANTS[] = "SELECT product_id, location_id, quantity::float8,"
                             " CASE WHEN reserved_quantity <> 0 THEN reserved_quantity::float8 END"
                             " FROM public.stock_quant WHERE product_id = ANY ($1::integer[])";

#define OPEN_MOVE      "state IN ('waiting', 'confirmed', 'assigned', 'partially_available')"
#define DESTINATION    "location_dest_id"
#define DESTINATION_18 "COALESCE(location_final_id, location_dest_id)"

/* What an open move has reserved. The state says it, but for a part. */
#define RESERVED(column)                                                                           \
    "CASE m.state WHEN 'assigned' THEN m.product_qty WHEN 'partially_available' THEN"              \
    " COALESCE((SELECT sum(l." column ") FROM public.stock_move_line l WHERE l.move_id = m.id), "  \
    "0) ELSE 0 END"
#define RESERVED_15 RESERVED("product_qty")
#define RESERVED_16 RESERVED("reserved_qty")
#define RESERVED_17 RESERVED("quantity_product_uom")

#define MOVES(destination, reserved)                                                               \
    "SELECT product_id, location_id, " destination ", product_qty::float8, (" reserved ")::float8" \
    " FROM public.stock_move m WHERE product_id = ANY ($1::integer[]) AND " OPEN_MOVE

/* By enum odoo_moves. */
static const char *const MOVES_BY_VERSION[ODOO_MOVES_COUNT] = {
    [ODOO_MOVES_15] = MOVES(DESTINATION, RESERVED_15),
    [ODOO_MOVES_16] = MOVES(DESTINATION, RESERVED_16),
    [ODOO_MOVES_17] = MOVES(DESTINATION, RESERVED_17),
    [ODOO_MOVES_18] = MOVES(DESTINATION_18, RESERVED_17),
};

#define PLACES(root)                                                                               \
    "SELECT l.id, w.id FROM public.stock_location l"                                               \
    " JOIN (SELECT sw.id, v.parent_path FROM public.stock_warehouse sw"                            \
    " JOIN public.stock_location v ON v.id = sw." root " WHERE sw.active) w"                       \
    " ON l.parent_path LIKE w.parent_path || '%' WHERE l.id = ANY ($1::integer[])"

/* By enum stock_scope. */
static const char *const PLACES_BY_SCOPE[2] = {PLACES("view_location_id"), PLACES("lot_stock_id")};

/*
 * The same sums in exact numerics, for products whose fractions would add up differently in
 * doubles. $2, $3: warehouses and their groups. OFFSET 0 keeps the planner from dissolving the
 * small relation of locations (MATERIALIZED came with PostgreSQL 12).
 */
#define PLACE(ids, root)                                                                           \
    " place AS (SELECT DISTINCT l.id, w.grp FROM (" ids ") used"                                   \
    " JOIN public.stock_location l ON l.id = used.id"                                              \
    " JOIN (SELECT g.grp, v.parent_path FROM unnest($2::integer[], $3::integer[])"                 \
    " AS g(warehouse, grp) JOIN public.stock_warehouse sw ON sw.id = g.warehouse"                  \
    " JOIN public.stock_location v ON v.id = sw." root ") w"                                       \
    " ON l.parent_path LIKE w.parent_path || '%' OFFSET 0)"

#define EXACT_QUANTS(root)                                                                         \
    "WITH quant AS (SELECT product_id, location_id, quantity, reserved_quantity"                   \
    " FROM public.stock_quant WHERE product_id = ANY ($1::integer[]))," PLACE(                     \
        "SELECT DISTINCT location_id AS id FROM quant",                                            \
        root) " SELECT q.product_id, place.grp, COALESCE(sum(q.quantity), 0)::float8,"             \
              " COALESCE(sum(q.reserved_quantity), 0)::float8"                                     \
              " FROM quant q JOIN place ON place.id = q.location_id GROUP BY 1, 2"

/* Columns: incoming, outgoing, unreserved, inside. */
#define EXACT_MOVES(root, destination, reserved)                                                   \
    "WITH move AS (SELECT product_id, location_id, " destination " AS dest_id, product_qty, "      \
    "(" reserved ") AS reserved"                                                                   \
    " FROM public.stock_move m WHERE product_id = ANY ($1::integer[]) AND " OPEN_MOVE ")," PLACE(  \
        "SELECT location_id AS id FROM move UNION SELECT dest_id FROM move",                       \
        root) " SELECT product_id, grp, COALESCE(sum(a), 0)::float8, COALESCE(sum(b), 0)::float8," \
              " COALESCE(sum(c), 0)::float8, COALESCE(sum(d), 0)::float8 FROM ("                   \
              " SELECT m.product_id, d.grp, m.product_qty AS a, NULL::numeric AS b,"               \
              " NULL::numeric AS c, NULL::numeric AS d"                                            \
              " FROM move m JOIN place d ON d.id = m.dest_id WHERE NOT EXISTS"                     \
              " (SELECT FROM place s WHERE s.id = m.location_id AND s.grp = d.grp)"                \
              " UNION ALL SELECT m.product_id, s.grp, NULL, m.product_qty,"                        \
              " GREATEST(m.product_qty - m.reserved, 0), NULL"                                     \
              " FROM move m JOIN place s ON s.id = m.location_id WHERE NOT EXISTS"                 \
              " (SELECT FROM place d WHERE d.id = m.dest_id AND d.grp = s.grp)"                    \
              " UNION ALL SELECT m.product_id, s.grp, NULL, NULL, NULL, m.reserved"                \
              " FROM move m JOIN place s ON s.id = m.location_id"                                  \
              " JOIN place d ON d.id = m.dest_id AND d.grp = s.grp) x GROUP BY 1, 2"

static const char *const EXACT_QUANTS_BY_SCOPE[2] = {EXACT_QUANTS("view_location_id"),
                                                     EXACT_QUANTS("lot_stock_id")};
#define EXACT_MOVES_BY_VERSION(root)                                                               \
    {                                                                                              \
        [ODOO_MOVES_15] = EXACT_MOVES(root, DESTINATION, RESERVED_15),                             \
        [ODOO_MOVES_16] = EXACT_MOVES(root, DESTINATION, RESERVED_16),                             \
        [ODOO_MOVES_17] = EXACT_MOVES(root, DESTINATION, RESERVED_17),                             \
        [ODOO_MOVES_18] = EXACT_MOVES(root, DESTINATION_18, RESERVED_17),                          \
    }
/* By enum stock_scope, then by enum odoo_moves. */
static const char *const EXACT_MOVES_BY_SCOPE[2][ODOO_MOVES_COUNT] = {
    EXACT_MOVES_BY_VERSION("view_location_id"), EXACT_MOVES_BY_VERSION("lot_stock_id")};

/* Sums of one product in one group while rows are added. */
struct cell {
    double value[STOCK_SUM_COUNT];
    uint8_t seen;      /* bit per sum: a row was added */
    uint8_t fractions; /* bit per sum: one of them was not whole */
};

struct stock_sums {
    struct pg_conn *conn;
    bool forecast;
    enum odoo_moves moves;
    enum stock_scope scope;
    struct pg_args args, place_args;
    struct place_map places;
    struct id_list usual;   /* locations that are read in the first trip */
    struct id_list unusual; /* other locations of the rows */
    /* of the last read */
    const int32_t *ids;
    size_t count;
    const struct stock_place *warehouses;
    size_t warehouse_count;
    size_t group_count;
    struct cell *cells;
    size_t cell_room;
    struct id_list inexact; /* products whose sums are read again as exact numerics */
    size_t last;            /* index of the last row's product: rows of one product come together */
};

struct stock_sums *stock_sums_new(struct pg_conn *conn,
                                  const struct odoo_dialect *dialect,
                                  bool forecast,
                                  enum stock_scope scope)
{
    struct stock_sums *s = mem_calloc(1, sizeof *s);
    s->conn = conn;
    s->forecast = forecast;
    s->moves = dialect->moves;
    s->scope = scope;
    pg_args_init(&s->args, ARGS_MAX_BYTES);
    pg_args_init(&s->place_args, ARGS_MAX_BYTES);
    return s;
}

void stock_sums_free(struct stock_sums *sums)
{
    if (sums == NULL) {
        return;
    }
    pg_args_release(&sums->args);
    pg_args_release(&sums->place_args);
    place_map_release(&sums->places);
    id_list_release(&sums->usual);
    id_list_release(&sums->unusual);
    mem_free(sums->cells);
    id_list_release(&sums->inexact);
    mem_free(sums);
}

const double *stock_sums_of(const struct stock_sums *sums, size_t at, size_t group)
{
    return sums->cells[at * sums->group_count + group].value;
}

/* Index of a product in ids. */
static size_t find_product(struct stock_sums *s, int32_t product_id)
{
    if (s->last >= s->count || s->ids[s->last] != product_id) {
        s->last = id_list_index(s->ids, s->count, product_id);
        INVARIANT(s->last < s->count, "product %d was not asked for", product_id);
    }
    return s->last;
}

static bool is_whole(double value)
{
    return fabs(value) < WHOLE_LIMIT && value == floor(value);
}

/* Adds doubles; notes the product when the sum may be inexact. */
static void
add_to(struct stock_sums *s, size_t product, size_t group, enum stock_sum sum, double value)
{
    struct cell *cell = &s->cells[product * s->group_count + group];
    uint8_t bit = (uint8_t)(1U << sum);
    if (!is_whole(value)) {
        cell->fractions |= bit;
    }
    if ((cell->seen & cell->fractions & bit) != 0) {
        id_list_add(&s->inexact, s->ids[product]);
    }
    cell->seen |= bit;
    cell->value[sum] += value;
}

static void add_quants(struct stock_sums *s, const struct pg_rows *rows)
{
    for (int i = 0; i < rows->count; i++) {
        size_t product = find_product(s, pg_i32(rows, i, 0));
        for (const struct place_link *at = place_map_first(&s->places, pg_i32(rows, i, 1));
             at != NULL; at = place_map_next(&s->places, at)) {
            add_to(s, product, at->warehouse, STOCK_QUANTITY, pg_f64(rows, i, 2));
            if (!pg_is_null(rows, i, 3)) {
                add_to(s, product, at->warehouse, STOCK_RESERVED, pg_f64(rows, i, 3));
            }
        }
    }
}

/* Adds to every group that has `into` and not `from`. */
static void add_move(struct stock_sums *s,
                     size_t product,
                     enum stock_sum sum,
                     int32_t into,
                     int32_t from,
                     double value)
{
    for (const struct place_link *at = place_map_first(&s->places, into); at != NULL;
         at = place_map_next(&s->places, at)) {
        if (!place_map_has(&s->places, from, at->warehouse)) {
            add_to(s, product, at->warehouse, sum, value);
        }
    }
}

/* Adds to every group that has both. */
static void
add_inside(struct stock_sums *s, size_t product, int32_t source, int32_t destination, double value)
{
    for (const struct place_link *at = place_map_first(&s->places, source); at != NULL;
         at = place_map_next(&s->places, at)) {
        if (place_map_has(&s->places, destination, at->warehouse)) {
            add_to(s, product, at->warehouse, STOCK_INSIDE, value);
        }
    }
}

/* Incoming: the destination is in the group, the source is not; outgoing is the mirror image. */
static void add_moves(struct stock_sums *s, const struct pg_rows *rows)
{
    for (int i = 0; i < rows->count; i++) {
        size_t product = find_product(s, pg_i32(rows, i, 0));
        int32_t source = pg_i32(rows, i, 1);
        int32_t destination = pg_i32(rows, i, 2);
        double value = pg_f64(rows, i, 3);
        double reserved = pg_f64(rows, i, 4);
        add_move(s, product, STOCK_INCOMING, destination, source, value);
        add_move(s, product, STOCK_OUTGOING, source, destination, value);
        if (reserved < value) {
            add_move(s, product, STOCK_UNRESERVED, source, destination, value - reserved);
        }
        if (reserved > 0) {
            add_inside(s, product, source, destination, reserved);
        }
    }
}

static const struct stock_place *find_warehouse(const struct stock_sums *s, int32_t warehouse_id)
{
    for (size_t i = 0; i < s->warehouse_count; i++) {
        if (s->warehouses[i].warehouse_id == warehouse_id) {
            return &s->warehouses[i];
        }
    }
    return NULL;
}

static void link_places(struct stock_sums *s, const struct pg_rows *rows)
{
    for (int i = 0; i < rows->count; i++) {
        int32_t location = pg_i32(rows, i, 0);
        const struct stock_place *place = find_warehouse(s, pg_i32(rows, i, 1));
        /* A location of two warehouses of one group counts once. */
        if (place != NULL && !place_map_has(&s->places, location, (size_t)place->group)) {
            place_map_link(&s->places, location, (size_t)place->group);
        }
    }
}

/* Reads the warehouses of locations that are not among the usual ones. */
static enum status read_unusual_places(struct stock_sums *s, struct err *err)
{
    struct pg_rows rows = {0};
    id_list_reset(&s->unusual);
    id_list_add_all(&s->unusual, s->places.ids, s->places.count);
    id_list_sort(&s->unusual);
    id_list_subtract(&s->unusual, &s->usual);
    if (s->unusual.count == 0) {
        return STATUS_OK;
    }
    pg_args_reset(&s->args);
    pg_args_i32_array(&s->args, s->unusual.ids, s->unusual.count);
    enum status rc = pg_query(s->conn, PLACES_BY_SCOPE[s->scope], &s->args, "ii", &rows, err);
    if (rc == STATUS_OK) {
        link_places(s, &rows);
    }
    pg_rows_release(&rows);
    /* The next read includes them in its first trip, as long as they are few. */
    if (s->usual.count + s->unusual.count > USUAL_MAX) {
        id_list_reset(&s->usual);
    }
    if (s->unusual.count <= USUAL_MAX) {
        id_list_add_all(&s->usual, s->unusual.ids, s->unusual.count);
        id_list_sort(&s->usual);
    }
    return rc;
}

static void
note_places(struct stock_sums *s, const struct pg_rows *quants, const struct pg_rows *moves)
{
    place_map_reset(&s->places);
    for (int i = 0; i < quants->count; i++) {
        place_map_add(&s->places, pg_i32(quants, i, 1));
    }
    for (int i = 0; i < moves->count; i++) {
        place_map_add(&s->places, pg_i32(moves, i, 1));
        place_map_add(&s->places, pg_i32(moves, i, 2));
    }
}

static enum status add_rows(struct stock_sums *s,
                            const struct pg_rows *quants,
                            const struct pg_rows *places,
                            const struct pg_rows *moves,
                            struct err *err)
{
    note_places(s, quants, moves);
    link_places(s, places);
    enum status rc = read_unusual_places(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    add_quants(s, quants);
    add_moves(s, moves);
    return STATUS_OK;
}

/* Reads rows together with the warehouses of the usual locations. Only the list of usual locations
 * is older than this snapshot. */
static enum status read_rows(struct stock_sums *s, struct err *err)
{
    struct pg_rows quants = {0};
    struct pg_rows moves = {0};
    struct pg_rows places = {0};
    struct pg_call calls[] = {{QUANTS, &s->args, "iidd", &quants},
                              {PLACES_BY_SCOPE[s->scope], &s->place_args, "ii", &places},
                              {MOVES_BY_VERSION[s->moves], &s->args, "iiidd", &moves}};
    pg_args_reset(&s->args);
    pg_args_i32_array(&s->args, s->ids, s->count);
    pg_args_reset(&s->place_args);
    pg_args_i32_array(&s->place_args, s->usual.ids, s->usual.count);
    enum status rc = pg_query_all(s->conn, calls, s->forecast ? 3 : 2, err);
    if (rc == STATUS_OK) {
        rc = add_rows(s, &quants, &places, &moves, err);
    }
    pg_rows_release(&places);
    pg_rows_release(&moves);
    pg_rows_release(&quants);
    return rc;
}

/* Replaces sums of every cell that the statement names. @param shape  product, group, the sums */
static enum status read_exact(
    struct stock_sums *s, const char *sql, const char *shape, enum stock_sum first, struct err *err)
{
    struct pg_rows rows = {0};
    const int columns = (int)strlen(shape);
    enum status rc = pg_query(s->conn, sql, &s->args, shape, &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        size_t product = find_product(s, pg_i32(&rows, i, 0));
        double *value = s->cells[product * s->group_count + (size_t)pg_i32(&rows, i, 1)].value;
        for (int column = 2; column < columns; column++) {
            value[(int)first + column - 2] = pg_f64(&rows, i, column);
        }
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status read_exact_sums(struct stock_sums *s, struct err *err)
{
    enum status rc = plans_for_sums(s->conn, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = read_exact(s, EXACT_QUANTS_BY_SCOPE[s->scope], "iidd", STOCK_QUANTITY, err);
    if (rc != STATUS_OK || !s->forecast) {
        return rc;
    }
    return read_exact(s, EXACT_MOVES_BY_SCOPE[s->scope][s->moves], "iidddd", STOCK_INCOMING, err);
}

/* Reads the sums of inexact products again, added by the database. */
static enum status read_inexact_again(struct stock_sums *s, struct err *err)
{
    id_list_sort(&s->inexact);
    if (s->inexact.count == 0) {
        return STATUS_OK;
    }
    struct id_list warehouses = {0};
    struct id_list groups = {0};
    for (size_t i = 0; i < s->warehouse_count; i++) {
        id_list_add(&warehouses, s->warehouses[i].warehouse_id);
        id_list_add(&groups, s->warehouses[i].group);
    }
    pg_args_reset(&s->args);
    pg_args_i32_array(&s->args, s->inexact.ids, s->inexact.count);
    pg_args_i32_array(&s->args, warehouses.ids, warehouses.count);
    pg_args_i32_array(&s->args, groups.ids, groups.count);
    enum status rc = read_exact_sums(s, err);
    id_list_release(&warehouses);
    id_list_release(&groups);
    return rc;
}

enum status stock_sums_read(struct stock_sums *sums,
                            const int32_t *ids,
                            size_t count,
                            const struct stock_place *places,
                            size_t place_count,
                            size_t group_count,
                            struct err *err)
{
    size_t cells = count * group_count;
    sums->ids = ids;
    sums->count = count;
    sums->warehouses = places;
    sums->warehouse_count = place_count;
    sums->group_count = group_count;
    sums->last = 0;
    id_list_reset(&sums->inexact);
    if (cells > sums->cell_room) {
        sums->cell_room = mem_grow_capacity(sums->cell_room, cells);
        sums->cells = mem_realloc(sums->cells, sums->cell_room, sizeof *sums->cells);
    }
    if (cells == 0) {
        return STATUS_OK;
    }
    memset(sums->cells, 0, cells * sizeof *sums->cells);
    enum status rc = read_rows(sums, err);
    return rc == STATUS_OK ? read_inexact_again(sums, err) : rc;
}
