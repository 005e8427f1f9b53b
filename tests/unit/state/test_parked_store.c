/* Needs an empty database in STOCKSYNC_TEST_DSN, in which it makes the schema stocksync and drops
 * it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/pg/pg_query.h"
#include "consumer/state/parked_store.h"
#include "tests/unit/state/server.h"

#define SERVER_TEST(function) cmocka_unit_test_setup(function, empty_tables)

static int empty_tables(void **fixture)
{
    (void)fixture;
    if (dsn != NULL) {
        run_sql("TRUNCATE stocksync.level, stocksync.attempt, stocksync.product, stocksync.parked,"
                " stocksync.warehouse");
    }
    return 0;
}

static struct state *state_of(const char *store)
{
    struct err err = {0};
    struct state *s = state_new(dsn, store);
    ok(state_open(s, &err), &err);
    return s;
}

/* --- rows --- */

static void state_subjects_are_unique_and_fit(void **fixture)
{
    (void)fixture;
    char subject[160];
    char other[160];
    char topic[250];
    state_subject_product(subject, INT32_MIN);
    assert_string_equal(subject, "product/-2147483648");
    state_subject_level(subject, (struct level_key){INT64_MAX, 7});
    assert_string_equal(subject, "level/9223372036854775807/7");
    state_subject_record(subject, "odoo.stock.product.v1", 3, 42);
    assert_string_equal(subject, "record/odoo.stock.product.v1/3/42");
    for (size_t len = 100; len < sizeof topic; len++) { /* 249 is Kafka's limit */
        memset(topic, 'x', len);
        topic[len] = '\0';
        state_subject_record(subject, topic, INT32_MAX, INT64_MAX);
        assert_non_null(strstr(subject, "/2147483647/9223372036854775807"));
        topic[len - 1] = 'y';
        state_subject_record(other, topic, INT32_MAX, INT64_MAX);
        assert_string_not_equal(subject, other);
    }
}

/* The partitions of the process that these tests play. */
static const int32_t PARTITIONS[] = {0, 2};
static const struct state_share MINE = {
    .partitions = PARTITIONS, .partition_count = 2, .max = STATE_RETRY_MAX};

struct collected {
    struct state_parked rows[4];
    char texts[4][8][64]; /* topic, reason, code, detail, request_id, key, value */
    size_t count;
};

static const char *keep(char *to, const char *text)
{
    (void)snprintf(to, 64, "%s", text != NULL ? text : "");
    return text != NULL ? to : NULL;
}

static struct bytes keep_bytes(char *to, struct bytes bytes)
{
    assert_true(bytes.len <= 64);
    if (bytes.len > 0) {
        memcpy(to, bytes.ptr, bytes.len);
    }
    return bytes_of(bytes.ptr != NULL ? to : NULL, bytes.len);
}

static void collect(void *arg, const struct state_parked *row)
{
    struct collected *c = arg;
    size_t i = c->count++;
    assert_true(i < 4);
    struct state_parked *r = &c->rows[i];
    *r = *row;
    r->topic = keep(c->texts[i][0], row->topic);
    r->reason = keep(c->texts[i][1], row->reason);
    r->code = keep(c->texts[i][2], row->code);
    r->detail = keep(c->texts[i][3], row->detail);
    r->request_id = keep(c->texts[i][4], row->request_id);
    r->record_key = keep_bytes(c->texts[i][5], row->record_key);
    r->record_value = keep_bytes(c->texts[i][6], row->record_value);
}

/* The result points into itself, so it is not copied. */
static size_t parked_of(struct state *s, const char *const *reasons, struct collected *c)
{
    struct err err = {0};
    *c = (struct collected){0};
    struct state_rescan rescan = {.reasons = reasons};
    size_t count = 0;
    ok(state_parked_rescan(s, &MINE, &rescan, collect, c, &count, &err), &err);
    assert_int_equal(count, c->count);
    return c->count;
}

static struct state_parked
parked_product(int32_t product_id, int64_t revision, const char *reason, const char *value)
{
    struct state_parked p = {.product_id = product_id,
                             .topic = "odoo.stock.product.v1",
                             .partition = 0,
                             .offset = 12,
                             .revision = revision,
                             .reason = reason,
                             .detail = "the product has no SKU in Odoo",
                             .record_key = bytes_text("17"),
                             .record_value = bytes_text(value)};
    state_subject_product(p.subject, product_id);
    return p;
}

static void state_parked_rows_come_back_as_they_were(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    static const unsigned char binary[] = {0x00, 0xC3, 0x01, 0x00, 0xFF, '\\', 0x00};
    struct err err = {0};
    struct state *s = state_of("outlet");
    struct state *other = state_of("other");
    struct state_parked list[3] = {{.key = {4401, 7001},
                                    .product_id = 18,
                                    .partition = -1,
                                    .offset = -1,
                                    .revision = 5,
                                    .quantity = -4,
                                    .reason = "stale",
                                    .code = "CHANGE_FROM_QUANTITY_STALE",
                                    .detail = "cut in the middle of \xC3",
                                    .request_id = "req-9"},
                                   parked_product(17, 100, "no_sku", "value"),
                                   {.topic = "t",
                                    .partition = 2,
                                    .offset = INT64_MAX,
                                    .reason = "undecodable",
                                    .detail = "",
                                    .record_key = bytes_of(binary, 0),
                                    .record_value = bytes_of(binary, sizeof binary)}};
    state_subject_level(list[0].subject, list[0].key);
    state_subject_record(list[2].subject, list[2].topic, 2, INT64_MAX);
    ok(state_park(s, list, 3, &err), &err);
    struct collected c;
    assert_int_equal(parked_of(s, NULL, &c), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(c.rows[i].subject, list[i].subject);
        assert_int_equal(c.rows[i].product_id, list[i].product_id);
        assert_int_equal(c.rows[i].key.item, list[i].key.item);
        assert_int_equal(c.rows[i].key.location, list[i].key.location);
        assert_int_equal(c.rows[i].partition, list[i].partition);
        assert_int_equal(c.rows[i].offset, list[i].offset);
        assert_int_equal(c.rows[i].revision, list[i].revision);
        assert_int_equal(c.rows[i].quantity, list[i].quantity);
        assert_string_equal(c.rows[i].reason, list[i].reason);
        assert_int_equal(c.rows[i].record_value.len, list[i].record_value.len);
        assert_int_equal(c.rows[i].record_value.ptr == NULL, list[i].record_value.ptr == NULL);
        assert_int_equal(c.rows[i].attempts, 1);
        assert_true(list[i].first);
    }
    assert_string_equal(c.rows[1].topic, "odoo.stock.product.v1");
    assert_memory_equal(c.rows[1].record_key.ptr, "17", 2);
    assert_memory_equal(c.rows[1].record_value.ptr, "value", 5);
    assert_null(c.rows[1].code);
    assert_null(c.rows[0].topic);
    assert_string_equal(c.rows[0].code, "CHANGE_FROM_QUANTITY_STALE");
    assert_string_equal(c.rows[0].detail, "cut in the middle of ?");
    assert_string_equal(c.rows[0].request_id, "req-9");
    assert_null(c.rows[0].record_key.ptr);
    assert_non_null(c.rows[2].record_key.ptr);
    assert_int_equal(c.rows[2].record_key.len, 0);
    assert_memory_equal(c.rows[2].record_value.ptr, binary, sizeof binary);
    assert_int_equal(parked_of(other, NULL, &c), 0);
    state_free(s);
    state_free(other);
}

static void state_parked_rows_are_filtered_by_reason_and_deleted(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    static const char *const one[] = {"unmapped", NULL};
    static const char *const two[] = {"no_sku", "unmapped", "no_such", NULL};
    static const char *const none[] = {"no_such", NULL};
    static const char *const gone[] = {"product/1", "product/77"};
    struct collected c;
    struct err err = {0};
    struct state *s = state_of("outlet");
    struct state_parked list[] = {parked_product(1, 1, "no_sku", "a"),
                                  parked_product(2, 1, "unmapped", "b"),
                                  parked_product(3, 1, "bundle", "c")};
    ok(state_park(s, list, 3, &err), &err);
    assert_int_equal(parked_of(s, one, &c), 1);
    assert_int_equal(parked_of(s, two, &c), 2);
    assert_int_equal(parked_of(s, none, &c), 0);
    ok(state_unpark(s, gone, 2, &err), &err);
    ok(state_unpark(s, NULL, 0, &err), &err);
    ok(state_park(s, NULL, 0, &err), &err);
    assert_int_equal(parked_of(s, two, &c), 1);
    assert_int_equal(c.rows[0].product_id, 2);
    state_free(s);
}

static void state_park_keeps_the_first_time_and_the_newest_revision(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct state *s = state_of("outlet");
    struct state_parked row = parked_product(1, 100, "no_sku", "a");
    ok(state_park(s, &row, 1, &err), &err);
    run_sql("UPDATE stocksync.parked SET first_at = '2020-01-01', last_at = '2020-01-01'");
    row = parked_product(1, 99, "unmapped", "older");
    ok(state_park(s, &row, 1, &err), &err);
    assert_int_equal(
        number("SELECT count(*) FROM stocksync.parked WHERE attempts = 1 AND reason = 'no_sku'"),
        1);
    struct state_parked twice[] = {parked_product(1, 102, "bundle", "newest"),
                                   parked_product(1, 101, "unmapped", "newer")};
    ok(state_park(s, twice, 2, &err), &err);
    assert_int_equal(
        number(
            "SELECT count(*) FROM stocksync.parked WHERE attempts = 1 AND reason = 'bundle' AND "
            "revision = 102"
            " AND record_value = 'newest' AND first_at = '2020-01-01' AND last_at > '2021-01-01'"),
        1);
    state_free(s);
}

struct rescan {
    struct state *state;
    size_t count;
    enum status rc;
    struct err err;
};

static void unpark_it(void *arg, const struct state_parked *row)
{
    struct rescan *rescan = arg;
    const char *subject = row->subject;
    rescan->count++;
    if (rescan->rc == STATUS_OK) {
        rescan->rc = state_unpark(rescan->state, &subject, 1, &rescan->err);
    }
}

static void state_parked_rescan_rescans_page_by_page_while_rows_are_deleted(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    enum { COUNT = 2345 };
    static struct state_parked list[COUNT];
    struct err err = {0};
    struct state *s = state_of("outlet");
    for (int32_t i = 0; i < COUNT; i++) {
        list[i] = parked_product(i + 1, 1, "no_sku", "value");
    }
    ok(state_park(s, list, COUNT, &err), &err);
    struct rescan rescan = {.state = s};
    struct state_rescan pages = {0};
    size_t count = 0;
    do {
        ok(state_parked_rescan(s, &MINE, &pages, unpark_it, &rescan, &count, &err), &err);
        assert_true(count <= STATE_RETRY_MAX);
    } while (count == STATE_RETRY_MAX);
    ok(rescan.rc, &rescan.err);
    assert_int_equal(rescan.count, COUNT);
    assert_int_equal(number("SELECT count(*) FROM stocksync.parked"), 0);
    state_free(s);
}

static void state_parked_rescan_skips_rows_parked_lately(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct collected c = {0};
    struct state *s = state_of("outlet");
    struct state_parked list[2] = {parked_product(17, 1, "no_sku", "old"),
                                   parked_product(18, 1, "no_sku", "new")};
    struct state_rescan rescan = {.rested_ms = 60000};
    size_t count = 0;
    ok(state_park(s, list, 2, &err), &err);
    run_sql("UPDATE stocksync.parked SET last_at = now() - interval '61 s' WHERE product_id = 17");
    ok(state_parked_rescan(s, &MINE, &rescan, collect, &c, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(c.rows[0].product_id, 17);
    state_free(s);
}

static void state_park_splits_lists_too_large_for_one_statement(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    enum { COUNT = 40, BYTES = 1 << 20 };
    static struct state_parked list[COUNT];
    char *value = mem_alloc(BYTES);
    struct err err = {0};
    struct state *s = state_of("outlet");
    memset(value, 0xA5, BYTES);
    for (int32_t i = 0; i < COUNT; i++) {
        list[i] = parked_product(i + 1, 1, "no_sku", "");
        list[i].record_value = bytes_of(value, (size_t)(BYTES - i));
    }
    ok(state_park(s, list, COUNT, &err), &err);
    assert_int_equal(number("SELECT sum(length(record_value)) FROM stocksync.parked"),
                     (int64_t)COUNT * BYTES - COUNT * (COUNT - 1) / 2);
    assert_int_equal(number("SELECT count(*) FROM stocksync.parked WHERE record_key = '17'"),
                     COUNT);
    mem_free(value);
    state_free(s);
}

/* --- retries --- */

/* Seconds until a product is tried again, as the state says; -1: not before a start. */
static int64_t wait_of_product_1(void)
{
    return number("SELECT coalesce(extract(epoch FROM retry_at - last_at), -1)::bigint"
                  " FROM stocksync.parked WHERE subject = 'product/1'");
}

static void park_one(struct state *s, struct state_parked *row)
{
    struct err err = {0};
    ok(state_park(s, row, 1, &err), &err);
}

static void state_park_doubles_the_wait_up_to_six_hours(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct state *s = state_of("outlet");
    struct state_parked row = parked_product(1, 100, "refused", "a");
    const int64_t most = 21600; /* six hours */
    int64_t expected = 60;
    row.wait_s = 60;
    for (int tries = 1; tries <= 20; tries++) {
        park_one(s, &row);
        assert_int_equal(row.first, tries == 1);
        int64_t wait = wait_of_product_1();
        if (wait < expected * 3 / 4 - 1 || wait > expected * 5 / 4 + 1 || wait > most) {
            fail_msg("try %d: %lld s, about %lld expected", tries, (long long)wait,
                     (long long)expected);
        }
        expected = expected * 2 < most ? expected * 2 : most;
    }
    row.wait_s = 0;
    park_one(s, &row);
    assert_int_equal(wait_of_product_1(), -1);
    row.wait_s = 60;
    park_one(s, &row);
    assert_true(wait_of_product_1() > 0);
    state_free(s);
}

/* Only the reason is news: what is needed to try it again must not go. */
static void state_park_without_record_keeps_the_record_and_its_place(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct collected c;
    struct state *s = state_of("outlet");
    struct state_parked row = parked_product(1, 100, "unmapped", "value");
    struct state_parked shared = {.product_id = 1,
                                  .partition = -1,
                                  .offset = -1,
                                  .revision = 105,
                                  .reason = "sku_shared_in_odoo",
                                  .detail = ""};
    state_subject_product(shared.subject, 1);
    park_one(s, &row);
    ok(state_park(s, &shared, 1, &err), &err);
    assert_false(shared.first);
    assert_int_equal(parked_of(s, NULL, &c), 1);
    assert_string_equal(c.rows[0].reason, "sku_shared_in_odoo");
    assert_int_equal(c.rows[0].revision, 105);
    assert_int_equal(c.rows[0].partition, 0);
    assert_int_equal(c.rows[0].offset, 12);
    assert_string_equal(c.rows[0].topic, "odoo.stock.product.v1");
    assert_memory_equal(c.rows[0].record_value.ptr, "value", 5);
    assert_int_equal(c.rows[0].attempts, 1); /* of this revision */
    state_free(s);
}

/* Product 3's partition is not known yet. */
static int32_t place_of(void *arg, int32_t product_id)
{
    (void)arg;
    return product_id == 3 ? -1 : product_id + 10;
}

static void state_parked_place_gives_rows_the_partition_of_their_product(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct state *s = state_of("outlet");
    struct state_parked rows[3];
    for (int32_t i = 0; i < 3; i++) {
        rows[i] = parked_product(i + 1, 100, "unmapped", "value");
        rows[i].partition = i == 0 ? 5 : -1;
        park_one(s, &rows[i]);
    }
    ok(state_parked_place(s, place_of, NULL, &err), &err);
    assert_int_equal(number("SELECT partition::bigint FROM stocksync.parked WHERE product_id = 1"),
                     5);
    assert_int_equal(number("SELECT partition::bigint FROM stocksync.parked WHERE product_id = 2"),
                     12);
    assert_int_equal(
        number("SELECT count(*) FROM stocksync.parked WHERE product_id = 3 AND partition IS NULL"),
        1);
    state_free(s);
}

static size_t due(struct state *s, const struct state_share *share)
{
    struct err err = {0};
    struct collected c = {0};
    size_t count = 0;
    ok(state_parked_due(s, share, collect, &c, &count, &err), &err);
    assert_int_equal(count, c.count);
    return count;
}

/* Of two processes one gets the row; who it is goes by the partition. */
static void state_parked_due_gives_a_row_once_to_the_owner_of_its_partition(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    static const int32_t others[] = {1, 3};
    const struct state_share theirs = {.partitions = others, .partition_count = 2, .max = 10};
    struct state *s = state_of("outlet");
    struct state *other = state_of("outlet");
    struct state_parked row = parked_product(1, 100, "refused", "a");
    struct state_parked placeless = {.product_id = 2,
                                     .partition = -1,
                                     .offset = -1,
                                     .reason = "sku_shared_in_odoo",
                                     .detail = "",
                                     .wait_s = 60};
    state_subject_product(placeless.subject, 2);
    row.wait_s = 60;
    park_one(s, &row);
    park_one(s, &placeless);
    assert_int_equal(due(s, &MINE), 0);
    run_sql("UPDATE stocksync.parked SET retry_at = now() - interval '1 second'");
    assert_int_equal(due(other, &theirs), 1); /* the one without a partition */
    assert_int_equal(due(s, &MINE), 1);
    assert_int_equal(due(s, &MINE), 0);
    assert_int_equal(due(other, &theirs), 0);
    /* the process that got it may have died */
    run_sql("UPDATE stocksync.parked SET retry_at = retry_at - interval '61 seconds'");
    assert_int_equal(due(s, &MINE), 2);
    state_free(s);
    state_free(other);
}

static void state_parked_settle_deletes_rows_not_parked_again(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct state *s = state_of("outlet");
    struct state_tried tried[5] = {{.subject = "product/1"},
                                   {.subject = "product/2"},
                                   {.subject = "product/3"},
                                   {.subject = "product/4"},
                                   {.subject = "product/5"}};
    for (int32_t i = 0; i < 5; i++) {
        struct state_parked row = parked_product(i + 1, 100, "unmapped", "a");
        park_one(s, &row);
        tried[i].revision = 100;
        tried[i].attempts = 1;
    }
    struct state_parked again = parked_product(2, 100, "unmapped", "a");
    park_one(s, &again);
    /* deleted, then parked by a later record: the present row was never tried */
    const char *third = tried[2].subject;
    ok(state_unpark(s, &third, 1, &err), &err);
    struct state_parked newer = parked_product(3, 101, "no_sku", "b");
    park_one(s, &newer);
    const char *fourth = tried[3].subject;
    ok(state_unpark(s, &fourth, 1, &err), &err);
    ok(state_parked_settle(s, tried, 4, &err), &err);
    assert_true(tried[0].fixed);
    assert_false(tried[1].fixed);
    assert_false(tried[2].fixed);
    assert_true(tried[3].fixed);
    assert_int_equal(number("SELECT count(*) FROM stocksync.parked WHERE product_id IN (2, 3, 5)"),
                     3);
    assert_int_equal(number("SELECT count(*) FROM stocksync.parked"), 3);
    ok(state_parked_settle(s, NULL, 0, &err), &err);
    state_free(s);
}

static void add_product(void *arg, int32_t product_id)
{
    int32_t *last = arg;
    assert_true(product_id > *last);
    *last = product_id;
}

static void state_parked_products_leave_levels_and_records_out(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    int32_t last = 0;
    struct state *s = state_of("outlet");
    struct state_parked rows[] = {parked_product(7, 1, "no_sku", "a"),
                                  {.key = {1, 2},
                                   .product_id = 9,
                                   .partition = -1,
                                   .offset = -1,
                                   .reason = "stale",
                                   .detail = ""}};
    state_subject_level(rows[1].subject, rows[1].key);
    ok(state_park(s, rows, 2, &err), &err);
    ok(state_parked_products(s, add_product, &last, &err), &err);
    assert_int_equal(last, 7);
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_subjects_are_unique_and_fit),
        SERVER_TEST(state_parked_rows_come_back_as_they_were),
        SERVER_TEST(state_parked_rows_are_filtered_by_reason_and_deleted),
        SERVER_TEST(state_park_keeps_the_first_time_and_the_newest_revision),
        SERVER_TEST(state_parked_place_gives_rows_the_partition_of_their_product),
        SERVER_TEST(state_parked_rescan_rescans_page_by_page_while_rows_are_deleted),
        SERVER_TEST(state_parked_rescan_skips_rows_parked_lately),
        SERVER_TEST(state_park_splits_lists_too_large_for_one_statement),
        SERVER_TEST(state_park_doubles_the_wait_up_to_six_hours),
        SERVER_TEST(state_park_without_record_keeps_the_record_and_its_place),
        SERVER_TEST(state_parked_due_gives_a_row_once_to_the_owner_of_its_partition),
        SERVER_TEST(state_parked_settle_deletes_rows_not_parked_again),
        SERVER_TEST(state_parked_products_leave_levels_and_records_out),
    };
    return cmocka_run_group_tests(tests, make_schema, drop_schema);
}
