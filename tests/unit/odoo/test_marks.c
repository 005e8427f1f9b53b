/*
 * Both tables of marks on a real server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "embedded/marks_test_sql.h"
#include "producer/odoo/marks.h"
#include "producer/odoo/source_snapshot.h"
#include "tests/unit/pg/server.h"

#define MARKS  "public.stock_availability_dirty_shopify"
#define QUANTS "public.stock_availability_dirty_shopify_quant"

static struct pg_conn *tail;
static struct pg_conn *other;
static enum marks_path path; /* all tests run over both */

static struct pg_conn *connect_as(const char *name, const char *session_sql)
{
    struct err err = {0};
    struct pg_conn *conn = pg_conn_new(&(struct pg_conn_options){
        .dsn = dsn, .application_name = name, .session_sql = session_sql});
    ok(pg_conn_open(conn, &err), &err);
    return conn;
}

static int open_all(void **fixture)
{
    (void)fixture;
    if (open_server()) {
        tail = connect_as("tail", MARKS_SESSION_SQL);
        other = connect_as("other", NULL);
    }
    return 0;
}

static int close_all(void **fixture)
{
    (void)fixture;
    pg_conn_free(tail);
    pg_conn_free(other);
    return close_server("SELECT");
}

/* Tables as install leaves them: the statements come as rows. */
static int make_tables(void **fixture)
{
    (void)fixture;
    if (dsn != NULL) {
        struct pg_rows rows = {0};
        struct err err = {0};
        run_sql(marks_test_sql_marks_create);
        ok(pg_query(admin, marks_test_sql_odoo_marks, NULL, "ttbtt", &rows, &err), &err);
        for (int i = 0; i < rows.count; i++) {
            run_sql(pg_text(&rows, i, 0));
        }
        pg_rows_release(&rows);
    }
    return 0;
}

static int drop_tables(void **fixture)
{
    (void)fixture;
    if (dsn != NULL) {
        run_sql("DROP TABLE " MARKS ", " QUANTS);
    }
    return 0;
}

static void run_on(struct pg_conn *conn, const char *sql)
{
    struct err err = {0};
    if (pg_exec(conn, sql, &err) != STATUS_OK) {
        fail_msg("%s: %s", sql, err.msg);
    }
}

struct page_read {
    size_t limit;
    const struct mark_skip *skip;
    struct marks_page *page;
    struct mark_list *marks;
};

static enum status read_in_snapshot(void *arg, struct err *err)
{
    struct page_read *r = arg;
    return marks_read(tail, r->limit, r->skip, r->page, r->marks, err);
}

/* One page in one snapshot. */
static void read_page(size_t limit,
                      const struct mark_skip *skip,
                      struct marks_page *page,
                      struct mark_list *marks)
{
    struct err err = {0};
    struct page_read r = {.limit = limit, .skip = skip, .page = page, .marks = marks};
    page->path = path;
    page->has_cursor = false;
    ok(source_snapshot(tail, read_in_snapshot, &r, &err), &err);
}

static size_t count_of(const struct mark_list *marks, int32_t product_id)
{
    size_t count = 0;
    for (size_t i = 0; i < marks->count; i++) {
        count += marks->list[i].product_id == product_id;
    }
    return count;
}

static void delete_all(const struct mark_list *marks)
{
    struct err err = {0};
    int64_t *ids = mem_calloc(marks->count + 1, sizeof *ids);
    for (size_t i = 0; i < marks->count; i++) {
        ids[i] = marks->list[i].id;
    }
    ok(marks_delete(tail, ids, marks->count, &err), &err);
    mem_free(ids);
}

/* --- reading --- */

static void marks_read_takes_both_tables(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct mark_list marks = {0};
    struct marks_page page = {0};
    run_sql("INSERT INTO " MARKS " (product_id, cause, date_added)"
            " VALUES (1, 2, 'epoch'::timestamptz + interval '1 s');"
            "INSERT INTO " QUANTS " VALUES (2, 'epoch'::timestamptz + interval '2 s'),"
            " (2, 'epoch'::timestamptz + interval '3 s')");
    read_page(10, NULL, &page, &marks);
    assert_int_equal(marks.count, 3);
    assert_false(page.full);
    assert_int_equal(page.last_id, 1);
    for (size_t i = 0; i < 3; i++) {
        const struct mark *mark = &marks.list[i];
        bool quant = mark->product_id == 2;
        assert_int_equal(mark_id_is_quant(mark->id), quant);
        assert_int_equal(mark->cause, quant ? CAUSE_STOCK : CAUSE_BOM);
        assert_int_equal(mark->look, quant ? MARK_LOOK_STOCK : MARK_LOOK_ALL);
    }
    assert_int_equal(marks.list[0].date_added_us, 2000000);
    assert_int_equal(marks.list[1].date_added_us, 3000000);
    assert_int_equal(marks.list[2].date_added_us, 1000000);
    mark_list_release(&marks);
}

struct paged_read {
    size_t seen[2001]; /* marks of each product */
    int pages;
};

static enum status read_all_pages(void *arg, struct err *err)
{
    struct paged_read *r = arg;
    struct mark_list marks = {0};
    struct marks_page page = {.path = path};
    enum status rc = STATUS_OK;
    do {
        rc = marks_read(tail, 100, NULL, &page, &marks, err);
        page.from.id = page.last_id;
        for (size_t i = 0; rc == STATUS_OK && i < marks.count; i++) {
            r->seen[marks.list[i].product_id]++;
        }
        r->pages++;
    } while (rc == STATUS_OK && page.full);
    mark_list_release(&marks);
    return rc;
}

static void marks_read_goes_on_page_after_page(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct paged_read r = {0};
    run_sql("INSERT INTO " MARKS " (product_id) SELECT generate_series(1, 700);"
            "INSERT INTO " QUANTS " SELECT generate_series(701, 2000)");
    ok(source_snapshot(tail, read_all_pages, &r, &err), &err);
    assert_int_equal(r.pages, 14); /* 13 full ones of 100 of stock_quant's, and an empty one */
    for (int product = 1; product <= 2000; product++) {
        assert_int_equal(r.seen[product], 1);
    }
}

/* The same read over both paths, in one snapshot, page by page. */
struct both {
    struct marks_page page[2];
    struct mark_list seen[2];
};

static enum status read_both(void *arg, struct err *err)
{
    static const char INSERT[] = "INSERT INTO " QUANTS " SELECT generate_series(5001, 5200)";
    static const char DELETE[] = "DELETE FROM " QUANTS " WHERE product_id % 3 = 0";
    static const char VACUUM[] = "VACUUM " QUANTS;
    static const char *const meanwhile[] = {INSERT, DELETE, VACUUM};
    struct both *b = arg;
    struct mark_list marks = {0};
    enum status rc = STATUS_OK;
    for (int turn = 0; rc == STATUS_OK && (b->page[0].full || b->page[1].full); turn++) {
        for (int i = 0; rc == STATUS_OK && i < 2; i++) {
            if (b->page[i].full) {
                rc = marks_read(tail, 171, NULL, &b->page[i], &marks, err);
                b->page[i].from.id = b->page[i].last_id;
            }
            for (size_t m = 0; rc == STATUS_OK && m < marks.count; m++) {
                mark_list_add(&b->seen[i], &marks.list[m]);
            }
            marks.count = 0;
        }
        run_on(other, meanwhile[turn % 3]);
    }
    mark_list_release(&marks);
    return rc;
}

/* Also while others insert, delete and vacuum; and a later read continues where these ended. */
static void marks_read_is_the_same_by_cursor(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct both b = {
        .page = {{.path = MARKS_BY_PLACES, .full = true}, {.path = MARKS_BY_CURSOR, .full = true}}};
    run_sql("INSERT INTO " MARKS " (product_id) SELECT generate_series(1, 100);"
            "INSERT INTO " QUANTS " SELECT generate_series(101, 4000);"
            "DELETE FROM " QUANTS " WHERE product_id % 5 = 0");
    ok(source_snapshot(tail, read_both, &b, &err), &err);
    assert_int_equal(b.seen[0].count, 100 + 3120);
    assert_int_equal(b.seen[1].count, b.seen[0].count);
    for (size_t i = 0; i < b.seen[0].count; i++) {
        assert_int_equal(b.seen[1].list[i].id, b.seen[0].list[i].id);
    }
    struct mark_place end[2] = {marks_page_end(&b.page[0]), marks_page_end(&b.page[1])};
    assert_int_equal(end[1].id, end[0].id);
    assert_int_equal(end[1].xid, end[0].xid);
    b.page[0] = (struct marks_page){.from = end[0], .path = MARKS_BY_PLACES, .full = true};
    b.page[1] = (struct marks_page){.from = end[1], .path = MARKS_BY_CURSOR, .full = true};
    b.seen[0].count = 0;
    b.seen[1].count = 0;
    ok(source_snapshot(tail, read_both, &b, &err), &err);
    assert_true(b.seen[0].count > 0);
    assert_int_equal(b.seen[1].count, b.seen[0].count);
    mark_list_release(&b.seen[0]);
    mark_list_release(&b.seen[1]);
}

static void marks_path_is_the_servers(void **fixture)
{
    (void)fixture;
    assert_int_equal(marks_path_of(120022), MARKS_BY_CURSOR);
    assert_int_equal(marks_path_of(130018), MARKS_BY_CURSOR);
    assert_int_equal(marks_path_of(140000), MARKS_BY_PLACES);
    assert_int_equal(marks_path_of(150018), MARKS_BY_PLACES);
}

static bool is_low(const void *arg, int64_t id)
{
    (void)arg;
    return mark_id_is_quant(id) ? mark_id_place(id).offset <= 90 : id <= 90;
}

/* Skipped rows do not use up the page, however many there are. */
static void marks_read_skips_and_reads_on(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct mark_list marks = {0};
    struct marks_page page = {0};
    const struct mark_skip skip = {.has = is_low, .count = 5};
    run_sql("INSERT INTO " MARKS " (product_id) SELECT generate_series(1, 100);"
            "INSERT INTO " QUANTS " SELECT generate_series(101, 200)");
    read_page(8, &skip, &page, &marks);
    assert_int_equal(marks.count, 16);
    assert_true(page.full);
    assert_int_equal(page.last_id, 98);
    assert_int_equal(count_of(&marks, 91) + count_of(&marks, 191), 2);
    mark_list_release(&marks);
}

/* Anybody may insert any id: such a mark is read once, under an id of the sequence. */
static void marks_read_gives_strays_an_id(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct mark_list marks = {0};
    struct marks_page page = {0};
    run_sql("INSERT INTO " MARKS " (id, product_id, cause) VALUES (0, 1, 2), (-5, 2, 0),"
            " (-9223372036854775808, 3, 0), (4611686018427387904, 4, 1),"
            " (9223372036854775807, 5, 0), (4611686018427387903, 6, 0);"
            "INSERT INTO " MARKS " (product_id) VALUES (7)");
    read_page(10, NULL, &page, &marks);
    assert_int_equal(count_of(&marks, 6) + count_of(&marks, 7), marks.count);
    page = (struct marks_page){0};
    read_page(10, NULL, &page, &marks);
    assert_int_equal(marks.count, 7);
    for (size_t i = 0; i < marks.count; i++) {
        const struct mark *mark = &marks.list[i];
        assert_false(mark_id_is_quant(mark->id));
        assert_int_equal(mark->look, mark->product_id == 1   ? MARK_LOOK_ALL
                                     : mark->product_id == 4 ? MARK_LOOK_SELF
                                                             : MARK_LOOK_STOCK);
    }
    delete_all(&marks);
    assert_int_equal(number("SELECT count(*) FROM " MARKS), 0);
    mark_list_release(&marks);
}

/* The horizon is exact: what a late transaction commits is found by a read that begins there. */
static void marks_read_from_the_horizon_finds_late_commits(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct mark_list marks = {0};
    struct marks_page page = {0};
    run_sql("INSERT INTO " QUANTS " VALUES (1)");
    run_on(other, "BEGIN; INSERT INTO " QUANTS " VALUES (2); SAVEPOINT s;"
                  " INSERT INTO " QUANTS " VALUES (3)");
    run_sql("INSERT INTO " QUANTS " VALUES (4)");
    read_page(10, NULL, &page, &marks);
    assert_int_equal(marks.count, 2);
    run_on(other, "COMMIT");
    page = (struct marks_page){.from = marks_page_end(&page)};
    read_page(10, NULL, &page, &marks);
    assert_int_equal(count_of(&marks, 2) + count_of(&marks, 3), 2);
    assert_int_equal(count_of(&marks, 1), 0);
    page = (struct marks_page){.from = marks_page_end(&page)};
    read_page(10, NULL, &page, &marks);
    assert_int_equal(marks.count, 0);
    run_sql("INSERT INTO " QUANTS " VALUES (5)");
    read_page(10, NULL, &page, &marks);
    assert_int_equal(count_of(&marks, 5), 1);
    assert_int_equal(marks.count, 1);
    mark_list_release(&marks);
}

/* After a page that was cut short the rest is not taken for known, and what is known is not read
 * over and over: a backlog may be millions. */
static void marks_page_end_of_a_full_page_is_its_place(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct mark_list marks = {0};
    struct marks_page page = {0};
    run_sql("INSERT INTO " QUANTS " SELECT generate_series(1, 5)");
    read_page(2, NULL, &page, &marks);
    assert_true(page.full);
    assert_int_equal(count_of(&marks, 1) + count_of(&marks, 2), 2);
    page = (struct marks_page){.from = marks_page_end(&page)};
    read_page(10, NULL, &page, &marks);
    assert_int_equal(count_of(&marks, 3) + count_of(&marks, 4) + count_of(&marks, 5), 3);
    assert_int_equal(marks.count, 3);
    mark_list_release(&marks);
}

/* What came before that place meanwhile is unknown to a read that began there: its end is no
 * horizon, and a read from the start finds all. */
static void marks_page_end_of_a_read_from_a_place_is_no_horizon(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct mark_list marks = {0};
    struct marks_page page = {0};
    run_on(other, "BEGIN; INSERT INTO " QUANTS " VALUES (1)");
    run_sql("INSERT INTO " QUANTS " VALUES (2), (3), (4)");
    read_page(2, NULL, &page, &marks);
    assert_true(page.full);
    run_on(other, "COMMIT");
    page = (struct marks_page){.from = marks_page_end(&page)};
    read_page(10, NULL, &page, &marks);
    assert_int_equal(marks.count, 1);
    assert_int_equal(count_of(&marks, 4), 1);
    struct mark_place end = marks_page_end(&page);
    assert_int_equal(end.xid, 0);
    assert_int_equal(end.quant.offset, 4);
    page = (struct marks_page){.from = {.id = end.id, .xid = end.xid}};
    read_page(10, NULL, &page, &marks);
    assert_int_equal(marks.count, 4);
    mark_list_release(&marks);
}

/* --- snapshots --- */

static enum status count_twice(void *arg, struct err *err)
{
    int64_t *counts = arg;
    struct pg_rows rows = {0};
    enum status rc = STATUS_OK;
    for (int i = 0; rc == STATUS_OK && i < 2; i++) {
        rc = pg_query(tail, "SELECT count(*) FROM " MARKS, NULL, "l", &rows, err);
        counts[i] = rc == STATUS_OK ? pg_i64(&rows, 0, 0) : -1;
        pg_rows_release(&rows);
        run_on(other, "INSERT INTO " MARKS " (product_id) VALUES (1)");
    }
    return rc;
}

static void source_snapshot_reads_one_state(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    int64_t counts[2] = {7, 7};
    ok(source_snapshot(tail, count_twice, counts, &err), &err);
    assert_int_equal(counts[0], 0);
    assert_int_equal(counts[1], 0);
    ok(source_snapshot(tail, count_twice, counts, &err), &err);
    assert_int_equal(counts[0], 2);
}

static enum status insert_and_fail(void *arg, struct err *err)
{
    (void)arg;
    enum status rc =
        pg_query(tail, "INSERT INTO " MARKS " (product_id) VALUES (1)", NULL, "", NULL, err);
    return rc == STATUS_OK ? err_set(err, STATUS_RECORD_INVALID, "refused") : rc;
}

static void source_snapshot_rolls_back_when_read_fails(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    int64_t counts[2] = {7, 7};
    assert_int_equal(source_snapshot(tail, insert_and_fail, NULL, &err), STATUS_RECORD_INVALID);
    assert_string_equal(err.msg, "refused");
    assert_int_equal(number("SELECT count(*) FROM " MARKS), 0);
    ok(source_snapshot(tail, count_twice, counts, &err), &err);
}

/* --- deleting --- */

static void marks_delete_takes_exactly_what_was_read(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct mark_list marks = {0};
    struct marks_page page = {0};
    run_sql("INSERT INTO " MARKS " (product_id) SELECT generate_series(1, 100);"
            "DELETE FROM " MARKS " WHERE id % 7 = 0;"
            "INSERT INTO " QUANTS " SELECT generate_series(101, 400)");
    read_page(1000, NULL, &page, &marks);
    run_sql("INSERT INTO " MARKS " (product_id) VALUES (1);"
            "INSERT INTO " QUANTS " VALUES (101), (102)");
    delete_all(&marks);
    assert_int_equal(number("SELECT count(*) FROM " MARKS), 1);
    assert_int_equal(number("SELECT count(*) FROM " QUANTS), 2);
    delete_all(&marks); /* gone: fine */
    assert_int_equal(number("SELECT count(*) FROM " QUANTS), 2);
    mark_list_release(&marks);
}

/* Somebody else deleted the mark, and vacuum gave its place to a new one: that one stays. */
static void marks_delete_leaves_a_later_mark_in_the_same_place(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct mark_list marks = {0};
    struct marks_page page = {0};
    run_sql("INSERT INTO " QUANTS " VALUES (1)");
    read_page(10, NULL, &page, &marks);
    run_sql("DELETE FROM " QUANTS);
    run_sql("VACUUM " QUANTS);
    run_sql("INSERT INTO " QUANTS " VALUES (2)");
    assert_int_equal(number("SELECT count(*) FROM " QUANTS " WHERE ctid = '(0,1)'"), 1);
    assert_int_equal(mark_id_place(marks.list[0].id).offset, 1);
    delete_all(&marks);
    assert_int_equal(number("SELECT count(*) FROM " QUANTS), 1);
    mark_list_release(&marks);
}

/* VACUUM FULL gives other marks of the same transaction the places that were read: all of them stay,
 * and a later read finds them. */
static void marks_delete_leaves_what_was_moved(const char *rewrite)
{
    struct mark_list marks = {0};
    struct marks_page page = {0};
    run_sql("INSERT INTO " QUANTS " SELECT 1 FROM generate_series(1, 100);"
            "DELETE FROM " QUANTS ";"
            "INSERT INTO " QUANTS " SELECT generate_series(1, 200)");
    read_page(50, NULL, &page, &marks);
    run_sql(rewrite);
    assert_int_equal(number("SELECT count(*) FROM " QUANTS), 200);
    delete_all(&marks);
    assert_int_equal(number("SELECT count(*) FROM " QUANTS), 200);
    page = (struct marks_page){0};
    read_page(1000, NULL, &page, &marks);
    assert_int_equal(marks.count, 200);
    delete_all(&marks);
    assert_int_equal(number("SELECT count(*) FROM " QUANTS), 0);
    mark_list_release(&marks);
}

static void marks_delete_leaves_what_vacuum_full_moved(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    marks_delete_leaves_what_was_moved("VACUUM FULL " QUANTS);
}

static void marks_delete_leaves_what_a_rewrite_moved(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    marks_delete_leaves_what_was_moved("CREATE INDEX by_product ON " QUANTS
                                       " (product_id); CLUSTER " QUANTS " USING by_product");
}

/* Places are looked up; a walk over the table for each transaction would take seconds. */
static void marks_delete_does_not_walk_over_the_table(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct mark_list marks = {0};
    struct marks_page page = {0};
    run_sql("INSERT INTO " QUANTS " SELECT generate_series(1, 50000)");
    run_sql("ANALYZE " QUANTS);
    read_page(1000, NULL, &page, &marks);
    delete_all(&marks);
    run_on(tail, "SELECT pg_stat_force_next_flush()");
    assert_true(number("SELECT pg_stat_get_tuples_returned('" QUANTS "'::regclass)") < 10000);
    assert_int_equal(number("SELECT count(*) FROM " QUANTS), 49000);
    mark_list_release(&marks);
}

/* --- watching --- */

static void marks_summary_counts_both_tables(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct marks_summary summary;
    int64_t oldest_us = 7;
    struct err err = {0};
    ok(marks_summary_read(tail, &summary, &err), &err);
    ok(marks_oldest(tail, &oldest_us, &err), &err);
    assert_int_equal(summary.count, 0);
    assert_int_equal(summary.oldest_us, 0);
    assert_int_equal(oldest_us, 0);
    run_sql("INSERT INTO " MARKS " (product_id, date_added)"
            " VALUES (1, 'epoch'::timestamptz + interval '9 s')");
    run_sql("INSERT INTO " QUANTS " VALUES (1, 'epoch'::timestamptz + interval '8 s'),"
            " (2, now())");
    ok(marks_summary_read(tail, &summary, &err), &err);
    ok(marks_oldest(tail, &oldest_us, &err), &err);
    assert_int_equal(summary.count, 3);
    assert_int_equal(summary.oldest_us, 8000000);
    assert_int_equal(oldest_us, 8000000);
}

#define TABLES(test) cmocka_unit_test_setup_teardown(test, make_tables, drop_tables)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLES(marks_read_takes_both_tables),
        TABLES(marks_read_goes_on_page_after_page),
        cmocka_unit_test(marks_path_is_the_servers),
        TABLES(marks_read_is_the_same_by_cursor),
        TABLES(marks_read_skips_and_reads_on),
        TABLES(marks_read_gives_strays_an_id),
        TABLES(marks_read_from_the_horizon_finds_late_commits),
        TABLES(marks_page_end_of_a_full_page_is_its_place),
        TABLES(marks_page_end_of_a_read_from_a_place_is_no_horizon),
        TABLES(source_snapshot_reads_one_state),
        TABLES(source_snapshot_rolls_back_when_read_fails),
        TABLES(marks_delete_takes_exactly_what_was_read),
        TABLES(marks_delete_leaves_a_later_mark_in_the_same_place),
        TABLES(marks_delete_leaves_what_vacuum_full_moved),
        TABLES(marks_delete_leaves_what_a_rewrite_moved),
        TABLES(marks_delete_does_not_walk_over_the_table),
        TABLES(marks_summary_counts_both_tables),
    };
    int failed = 0;
    for (path = MARKS_BY_PLACES; path <= MARKS_BY_CURSOR; path++) {
        failed += cmocka_run_group_tests(tests, open_all, close_all);
    }
    return failed;
}
