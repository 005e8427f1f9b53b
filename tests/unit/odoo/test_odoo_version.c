/*
 * The schemas of Odoo 15 to 18 on a real server: what is required of each, and that the statements
 * that read kits and stock name nothing else.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "embedded/odoo_schema.h"
#include "producer/odoo/kit_explode.h"
#include "producer/odoo/kit_source.h"
#include "producer/odoo/odoo_version.h"
#include "producer/odoo/stock_reader.h"
#include "tests/unit/pg/server.h"

static const struct {
    const char *sql;
    int major;
    bool has_priority;
} VERSIONS[] = {
    {odoo_schema_15, 15, true},
    {odoo_schema_16, 16, true},
    {odoo_schema_17, 17, true},
    {odoo_schema_18, 18, false},
};
#define VERSION_COUNT (sizeof VERSIONS / sizeof VERSIONS[0])

static int open_all(void **fixture)
{
    (void)fixture;
    (void)open_server();
    return 0;
}

static int close_all(void **fixture)
{
    (void)fixture;
    return close_server("SELECT");
}

/* Each test runs in a transaction that is rolled back. */
static void begin(size_t version)
{
    run_sql("BEGIN");
    run_sql(VERSIONS[version].sql);
}

static void reads_version(size_t version, bool has_priority)
{
    struct err err = {0};
    struct odoo_shape shape;
    ok(odoo_version_read(admin, true, &shape, &err), &err);
    assert_non_null(shape.dialect);
    assert_int_equal(shape.dialect->major, VERSIONS[version].major);
    assert_int_equal(shape.has_priority, has_priority);
    assert_true(shape.has_mrp);
}

static void each_schema_is_read(void **state)
{
    (void)state;
    NEEDS_SERVER();
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        begin(i);
        reads_version(i, VERSIONS[i].has_priority);
        run_sql("ROLLBACK");
    }
}

static void a_favourite_serves_17_in_place_of_the_priority(void **state)
{
    (void)state;
    NEEDS_SERVER();
    begin(2);
    run_sql("ALTER TABLE public.product_template DROP COLUMN priority, ADD is_favorite boolean");
    reads_version(2, false);
    run_sql("ROLLBACK");
}

/* One column less: it is named, unless another serves. */
static void expect_missing(size_t version, const struct odoo_column *column)
{
    char text[256];
    struct err err = {0};
    struct odoo_shape shape;
    run_sql("SAVEPOINT whole");
    (void)snprintf(text, sizeof text, "ALTER TABLE public.%s DROP COLUMN %s CASCADE", column->table,
                   column->column);
    run_sql(text);
    if (strcmp(column->column, "latest_version") != 0) {
        enum status rc = odoo_version_read(admin, true, &shape, &err);
        (void)snprintf(text, sizeof text, "column %s.%s", column->table, column->column);
        if (rc != STATUS_DATABASE_UNFIT || strstr(err.msg, text) == NULL) {
            fail_msg("%d without %s: %s, %s", VERSIONS[version].major, text, status_name(rc),
                     err.msg);
        }
    }
    run_sql("ROLLBACK TO whole");
}

static void every_column_of_a_version_is_required_and_named(void **state)
{
    (void)state;
    NEEDS_SERVER();
    size_t count = 0;
    const struct odoo_column *all = odoo_dialect_columns(&count);
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        const struct odoo_dialect *dialect = odoo_dialect_of(VERSIONS[i].major);
        begin(i);
        run_sql("CREATE TABLE public.product_commingled (parent_product_id int, product_id int)");
        for (size_t c = 0; c < count; c++) {
            bool before_version = strcmp(all[c].table, "ir_module_module") == 0;
            if (odoo_dialect_has(dialect, &all[c]) && !before_version) {
                expect_missing(i, &all[c]);
            }
        }
        run_sql("ROLLBACK");
    }
}

static void without_forecast_moves_are_not_required(void **state)
{
    (void)state;
    NEEDS_SERVER();
    struct err err = {0};
    struct odoo_shape shape;
    begin(3);
    run_sql("DROP TABLE public.stock_move, public.stock_move_line");
    ok(odoo_version_read(admin, false, &shape, &err), &err);
    assert_int_equal(odoo_version_read(admin, true, &shape, &err), STATUS_DATABASE_UNFIT);
    assert_non_null(strstr(err.msg, "table stock_move, table stock_move_line"));
    run_sql("ROLLBACK");
}

/* The column of a move line that holds what it has reserved. */
static const char *const RESERVED[VERSION_COUNT] = {"product_qty", "reserved_qty",
                                                    "quantity_product_uom", "quantity_product_uom"};

/* A kit of 2 of product 1, for variants with value 5. */
static const char ROWS[] =
    "INSERT INTO public.product_template (id, type, uom_id) VALUES (1, 'consu', 1), (2, 'consu', "
    "1);"
    "INSERT INTO public.product_product (id, product_tmpl_id, active) VALUES (1, 1, true), (2, 2, "
    "true);"
    "INSERT INTO public.uom_uom (id, category_id, factor, rounding) VALUES (1, 1, 1, 0.01);"
    "INSERT INTO public.mrp_bom (id, type, active, product_tmpl_id, product_qty, product_uom_id)"
    " VALUES (1, 'phantom', true, 2, 1, 1);"
    "INSERT INTO public.mrp_bom_line (id, bom_id, product_id, product_qty, product_uom_id)"
    " VALUES (1, 1, 1, 2, 1);"
    "INSERT INTO public.product_template_attribute_line (id, value_count) VALUES (3, 2);"
    "INSERT INTO public.product_template_attribute_value (id, attribute_line_id) VALUES (5, 3);"
    "INSERT INTO public.mrp_bom_line_product_template_attribute_value_rel VALUES (1, 5);"
    "INSERT INTO public.product_variant_combination VALUES (2, 5);"
    "INSERT INTO public.res_company (id, name) VALUES (1, 'one');"
    "INSERT INTO public.stock_location (id, usage, parent_path) VALUES (7, 'view', '7/'),"
    " (8, 'internal', '7/8/'), (9, 'supplier', '9/'), (10, 'transit', '10/');"
    "INSERT INTO public.stock_warehouse (id, code, active, company_id, view_location_id, "
    "lot_stock_id)"
    " VALUES (1, 'WH', true, 1, 7, 8);"
    "INSERT INTO public.stock_quant (id, product_id, location_id, quantity, reserved_quantity)"
    " VALUES (1, 1, 8, 5, 1);"
    "INSERT INTO public.stock_move (id, product_id, product_qty, state, location_id, "
    "location_dest_id)"
    " VALUES (1, 1, 3, 'assigned', 9, 8), (2, 1, 4, 'assigned', 9, 10)";

/* 18: what is stored is a flag, and a move ends where its final location says. */
static const char ROWS_18[] = "UPDATE public.product_template SET is_storable = true WHERE id = 1;"
                              "UPDATE public.stock_move SET location_final_id = 8 WHERE id = 2";

static const char KIT_TABLE[] = "CREATE SCHEMA stocksync; CREATE TABLE stocksync.kit"
                                " (kit_id integer, kind smallint, bom_id integer, problem text)";

static void reads_kit(const struct odoo_shape *shape)
{
    static const int32_t ids[] = {1, 2};
    struct err err = {0};
    struct kit_rows rows = {0};
    struct kit_needs needs = {0};
    struct kit_source *source = kit_source_new(admin, shape);
    ok(kit_source_load(source, ids, 2, &rows, &err), &err);
    kit_explode(&rows, 2, &needs);
    assert_int_equal(needs.kind, KIT_PHANTOM);
    assert_int_equal(needs.count, 1);
    assert_int_equal(needs.parts[0].role, KIT_ROLE_LIMITS);
    assert_true(needs.parts[0].need == 2);
    kit_needs_release(&needs);
    kit_rows_release(&rows);
    kit_source_free(source);
}

static void reads_stock(const struct odoo_shape *shape, double incoming)
{
    static const int32_t ids[] = {1};
    const struct stock_reader_options options = {.forecast = true};
    struct err err = {0};
    struct stock_batch batch;
    struct stock_reader *reader = stock_reader_new(admin, shape, &options);
    ok(stock_reader_read(reader, ids, 1, &batch, &err), &err);
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.list[0].warehouse_count, 1);
    assert_true(batch.list[0].warehouses[0].free == 4);
    assert_true(batch.list[0].warehouses[0].incoming == incoming);
    stock_reader_free(reader);
}

/*
 * What happens to 50.5 units in the stock of a warehouse with a stock location 8 and an output 11:
 * moves of (quantity, state, from, to, reserved by its lines) change free_confirmed. Location 9 is
 * outside.
 */
static const struct {
    const char *name;
    const char *moves;    /* rows of id, quantity, state, from, to */
    const char *lines;    /* rows of move, reserved; "": none */
    const char *reserved; /* of the quant */
    double free, expected;
} CONFIRMED[] = {
    {"nothing planned", "(1, 0, 'done', 8, 9)", "", "0", 50.5, 50.5},
    {"confirmed", "(1, 4, 'confirmed', 8, 9)", "", "0", 50.5, 46.5},
    {"waiting", "(1, 4, 'waiting', 8, 9)", "", "0", 50.5, 46.5},
    {"fractions", "(1, 0.1, 'confirmed', 8, 9), (2, 0.2, 'confirmed', 8, 9)", "", "0", 50.5, 50.2},
    {"draft, done and cancelled do not count",
     "(1, 1, 'draft', 8, 9), (2, 2, 'done', 8, 9), (3, 4, 'cancel', 8, 9)", "", "0", 50.5, 50.5},
    {"reserved", "(1, 4, 'assigned', 8, 9)", "(1, 4)", "4", 46.5, 46.5},
    {"partly reserved", "(1, 4, 'partially_available', 8, 9)", "(1, 1), (1, 0.5)", "1.5", 49, 46.5},
    {"some reserved, some not", "(1, 4, 'assigned', 8, 9), (2, 3, 'confirmed', 8, 9)", "(1, 4)",
     "4", 46.5, 43.5},
    {"reserved by a hand of no move", "(1, 4, 'confirmed', 8, 9)", "", "2", 48.5, 44.5},
    {"incoming does not count", "(1, 4, 'confirmed', 9, 8)", "", "0", 50.5, 50.5},
    {"inside the warehouse does not count", "(1, 4, 'confirmed', 8, 11)", "", "0", 50.5, 50.5},
    {"two steps, the picking has not reserved",
     "(1, 4, 'confirmed', 8, 11), (2, 4, 'waiting', 11, 9)", "", "0", 50.5, 46.5},
    {"two steps, the picking has reserved: once",
     "(1, 4, 'assigned', 8, 11), (2, 4, 'waiting', 11, 9)", "(1, 4)", "4", 46.5, 46.5},
    {"two steps, the picking has reserved a part",
     "(1, 4, 'partially_available', 8, 11), (2, 4, 'waiting', 11, 9)", "(1, 3)", "3", 47.5, 46.5},
    {"more moves inside than go out", "(1, 9, 'assigned', 8, 11), (2, 4, 'waiting', 11, 9)",
     "(1, 9)", "9", 41.5, 41.5},
};

static void expect_confirmed(const struct odoo_shape *shape, size_t c)
{
    static const int32_t ids[] = {1};
    const struct stock_reader_options options = {.forecast = true};
    struct err err = {0};
    struct stock_batch batch;
    struct stock_reader *reader = stock_reader_new(admin, shape, &options);
    ok(stock_reader_read(reader, ids, 1, &batch, &err), &err);
    const struct warehouse_stock *w = &batch.list[0].warehouses[0];
    assert_true(w->has_free_confirmed);
    if (fabs(w->free - CONFIRMED[c].free) > 1e-9 ||
        fabs(w->free_confirmed - CONFIRMED[c].expected) > 1e-9) {
        fail_msg("%d, %s: free %g, free_confirmed %g, expected %g", shape->dialect->major,
                 CONFIRMED[c].name, w->free, w->free_confirmed, CONFIRMED[c].expected);
    }
    stock_reader_free(reader);
}

static void free_confirmed_is_less_what_moves_have_not_reserved(void **state)
{
    (void)state;
    NEEDS_SERVER();
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        struct err err = {0};
        struct odoo_shape shape;
        begin(i);
        run_sql(ROWS);
        run_sql(KIT_TABLE);
        run_sql("DELETE FROM public.stock_move;"
                "INSERT INTO public.stock_location (id, usage, parent_path)"
                " VALUES (11, 'internal', '7/11/')");
        ok(odoo_version_read(admin, true, &shape, &err), &err);
        for (size_t c = 0; c < sizeof CONFIRMED / sizeof CONFIRMED[0]; c++) {
            char sql[640];
            run_sql("SAVEPOINT whole");
            (void)snprintf(sql, sizeof sql,
                           "UPDATE public.stock_quant SET quantity = 50.5, reserved_quantity = %s;"
                           "INSERT INTO public.stock_move (id, product_id, product_qty, state,"
                           " location_id, location_dest_id) SELECT m.i, 1, m.q, m.s, m.f, m.t"
                           " FROM (VALUES %s) AS m(i, q, s, f, t);",
                           CONFIRMED[c].reserved, CONFIRMED[c].moves);
            run_sql(sql);
            if (CONFIRMED[c].lines[0] != '\0') {
                (void)snprintf(sql, sizeof sql,
                               "INSERT INTO public.stock_move_line (move_id, %s) VALUES %s",
                               RESERVED[i], CONFIRMED[c].lines);
                run_sql(sql);
            }
            expect_confirmed(&shape, c);
            run_sql("ROLLBACK TO whole");
        }
        run_sql("ROLLBACK");
    }
}

static void each_schema_serves_every_statement(void **state)
{
    (void)state;
    NEEDS_SERVER();
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        struct err err = {0};
        struct odoo_shape shape;
        bool is_18 = VERSIONS[i].major == 18;
        begin(i);
        run_sql(ROWS);
        run_sql(is_18 ? ROWS_18
                      : "UPDATE public.product_template SET type = 'product' WHERE id = 1");
        run_sql(KIT_TABLE);
        ok(odoo_version_read(admin, true, &shape, &err), &err);
        reads_kit(&shape);
        reads_stock(&shape, is_18 ? 7 : 3);
        run_sql("ROLLBACK");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_schema_is_read),
        cmocka_unit_test(a_favourite_serves_17_in_place_of_the_priority),
        cmocka_unit_test(every_column_of_a_version_is_required_and_named),
        cmocka_unit_test(without_forecast_moves_are_not_required),
        cmocka_unit_test(each_schema_serves_every_statement),
        cmocka_unit_test(free_confirmed_is_less_what_moves_have_not_reserved),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
