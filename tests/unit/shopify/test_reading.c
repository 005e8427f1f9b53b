#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "consumer/shopify/answer.h"
#include "consumer/shopify/reading.h"
#include "embedded/test_bulk.h"

#define COUNT(count) "{\"data\":{\"productVariantsCount\":{\"count\":" count "}}}"
#define STARTED                                                                                    \
    "{\"data\":{\"bulkOperationRunQuery\":{\"bulkOperation\":"                                     \
    "{\"id\":\"gid://shopify/BulkOperation/6001\"},\"userErrors\":[]}}}"
#define POLLED(status, error, count, url)                                                          \
    "{\"data\":{\"bulkOperation\":{\"status\":\"" status "\",\"errorCode\":" error                 \
    ",\"objectCount\":" count ",\"url\":" url "}}}"
#define LINE(sku, item)                                                                            \
    "{\"id\":\"gid://shopify/ProductVariant/1\",\"sku\":\"" sku "\",\"barcode\":null,"             \
    "\"requiresComponents\":false,\"inventoryItem\":"                                              \
    "{\"id\":\"gid://shopify/InventoryItem/" item "\",\"tracked\":true}}"
#define PAGE(more, cursor)                                                                         \
    "{\"data\":{\"productVariants\":{\"nodes\":[" LINE("P", "9") "],\"pageInfo\":"                 \
                                                                 "{\"hasNextPage\":" more          \
                                                                 ",\"endCursor\":" cursor "}}}}"

static enum status take(struct reading *r, const char *body, struct err *err)
{
    struct http_answer http = {.outcome = HTTP_ANSWERED, .status = 200, .body = bytes_text(body)};
    struct answer answer;
    answer_classify(reading_operation(r), &http, &answer);
    assert_int_equal(answer.class, ANSWER_DONE);
    enum status rc = reading_take(r, &answer, err);
    answer_release(&answer);
    return rc;
}

static void ok(struct reading *r, const char *body, enum reading_phase phase)
{
    struct err err = {0};
    if (take(r, body, &err) != STATUS_OK) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(r->phase, phase);
}

static void assert_variables(const struct reading *r, const char *expected)
{
    struct strbuf out;
    strbuf_init(&out, 65536);
    reading_append_variables(r, &out);
    strbuf_append_char(&out, '\n');
    assert_string_equal(out.ptr, expected);
    strbuf_release(&out);
}

/* Up to the file of `count` lines. */
static void begin_fetch(struct reading *r, const char *polled)
{
    reading_init(r, MATCH_SKU);
    ok(r, COUNT("10000"), READING_START);
    ok(r, STARTED, READING_POLL);
    ok(r, polled, READING_FETCH);
    assert_string_equal(reading_url(r), "https://storage.example.com/x");
}

static void few_variants_are_read_by_pages(void **state)
{
    (void)state;
    struct reading r;
    reading_init(&r, MATCH_SKU);
    assert_variables(&r, "{}\n");
    ok(&r, COUNT("9999"), READING_PAGES);
    ok(&r, PAGE("true", "\"c1\""), READING_PAGES);
    assert_variables(&r, "{\"after\":\"c1\"}\n");
    ok(&r, PAGE("false", "null"), READING_DONE);
    struct sku_index *index = reading_take_index(&r);
    assert_int_equal(sku_index_count(index), 1);
    sku_index_free(index);
    reading_release(&r);
}

static void many_variants_are_read_by_a_bulk_operation(void **state)
{
    (void)state;
    struct reading r;
    reading_init(&r, MATCH_SKU);
    ok(&r, COUNT("10000"), READING_START);
    assert_int_equal(reading_operation(&r), OP_BULK_START);
    assert_variables(&r, test_bulk_bulk_start);
    ok(&r, STARTED, READING_POLL);
    assert_variables(&r, test_bulk_bulk_poll);
    int64_t first = reading_wait_ms(&r);
    ok(&r, POLLED("CREATED", "null", "\"0\"", "null"), READING_POLL);
    ok(&r, POLLED("RUNNING", "null", "\"0\"", "null"), READING_POLL);
    assert_true(reading_wait_ms(&r) > first);
    ok(&r, POLLED("COMPLETED", "null", "\"0\"", "null"), READING_DONE);
    reading_release(&r);
}

struct lines_case {
    const char *name;
    const char *text;
    enum status rc;
    const char *said; /* in the message */
    size_t texts, ambiguous;
};

static const struct lines_case LINES[] = {
    {"two", LINE("A", "1") "\n" LINE("B", "2") "\n", STATUS_OK, NULL, 2, 0},
    {"without a last line end", LINE("A", "1") "\n" LINE("B", "2"), STATUS_OK, NULL, 2, 0},
    {"empty lines", "\n\n" LINE("A", "1") "\n\n" LINE("B", "2") "\n\n", STATUS_OK, NULL, 2, 0},
    {"one text on two items", LINE("A", "1") "\n" LINE("A", "2") "\n", STATUS_OK, NULL, 1, 1},
    {"no SKU", LINE("", "1") "\n" LINE("B", "2") "\n", STATUS_OK, NULL, 1, 0},
    {"one is missing", LINE("A", "1") "\n", STATUS_OUTCOME_UNKNOWN, "1 lines of 2", 0, 0},
    {"nothing", "", STATUS_OUTCOME_UNKNOWN, "0 lines of 2", 0, 0},
    {"one too many", LINE("A", "1") "\n" LINE("B", "2") "\n" LINE("C", "3") "\n",
     STATUS_OUTCOME_UNKNOWN, "3 lines of 2", 0, 0},
    {"cut", LINE("A", "1") "\n{\"id\":\"gid", STATUS_OUTCOME_UNKNOWN, "shape", 0, 0},
    {"no JSON", "<html>\n", STATUS_OUTCOME_UNKNOWN, "shape", 0, 0},
    {"another object", "{\"id\":1}\n", STATUS_OUTCOME_UNKNOWN, "shape", 0, 0},
};

/* All of a text, in pieces. */
static enum status feed(struct reading *r, const char *text, size_t size, struct err *err)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += size) {
        size_t n = len - at < size ? len - at : size;
        if (!reading_feed(r, bytes_of((const unsigned char *)text + at, n))) {
            return err_set(err, STATUS_OUTCOME_UNKNOWN, "a line of another shape");
        }
    }
    return reading_fetched(r, err);
}

static void check_lines(const struct lines_case *c, size_t size)
{
    struct reading r;
    struct err err = {0};
    begin_fetch(&r, POLLED("COMPLETED", "null", "\"2\"", "\"https://storage.example.com/x\""));
    enum status rc = feed(&r, c->text, size, &err);
    if (rc != c->rc || (c->said != NULL && strstr(err.msg, c->said) == NULL)) {
        fail_msg("%s in pieces of %zu: %s %s", c->name, size, status_name(rc), err.msg);
    }
    if (rc == STATUS_OK) {
        assert_int_equal(r.phase, READING_DONE);
        assert_int_equal(sku_index_count(r.variants.into), c->texts);
        assert_int_equal(sku_index_ambiguous_count(r.variants.into), c->ambiguous);
    }
    reading_release(&r);
}

static void lines_may_be_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        for (size_t size = 1; size < 80; size += 13) {
            check_lines(&LINES[i], size);
        }
    }
}

static void line_without_an_end_is_bounded(void **state)
{
    (void)state;
    struct reading r;
    char piece[1000];
    size_t fed = 0;
    memset(piece, 'x', sizeof piece);
    begin_fetch(&r, POLLED("COMPLETED", "null", "\"2\"", "\"https://storage.example.com/x\""));
    while (reading_feed(&r, bytes_of((const unsigned char *)piece, sizeof piece))) {
        fed += sizeof piece;
        assert_true(fed < 1000000);
    }
    reading_release(&r);
}

static void failed_bulk_operation_leads_to_pages_from_nothing(void **state)
{
    (void)state;
    static const char *const FAILED[] = {
        POLLED("FAILED", "\"INTERNAL_SERVER_ERROR\"", "\"1\"", "null"),
        POLLED("CANCELED", "null", "\"0\"", "null"),
        POLLED("EXPIRED", "null", "\"0\"", "null"),
        POLLED("SOMETHING_NEW", "null", "\"0\"", "null"),
        POLLED("COMPLETED", "null", "\"4\"", "null"),
        POLLED("COMPLETED", "null", "\"many\"", "null"),
        POLLED("COMPLETED", "null", "4", "null"),
    };
    for (size_t i = 0; i < sizeof FAILED / sizeof FAILED[0]; i++) {
        struct reading r;
        struct err err = {0};
        reading_init(&r, MATCH_SKU);
        ok(&r, COUNT("10000"), READING_START);
        ok(&r, STARTED, READING_POLL);
        assert_int_not_equal(take(&r, FAILED[i], &err), STATUS_OK);
        assert_true(reading_fall_back(&r));
        assert_int_equal(reading_operation(&r), OP_VARIANTS_PAGE);
        ok(&r, PAGE("false", "null"), READING_DONE);
        reading_release(&r);
    }
}

static void file_that_broke_off_is_fetched_from_its_beginning(void **state)
{
    (void)state;
    static const char FIRST[] = LINE("A", "1") "\n{\"id\":";
    static const char ALL[] = LINE("B", "2") "\n" LINE("A", "1") "\n";
    struct reading r;
    struct err err = {0};
    begin_fetch(&r, POLLED("COMPLETED", "null", "\"2\"", "\"https://storage.example.com/x\""));
    assert_true(reading_feed(&r, bytes_text(FIRST)));
    reading_fetch_again(&r);
    assert_true(reading_feed(&r, bytes_text(ALL)));
    assert_int_equal(reading_fetched(&r, &err), STATUS_OK);
    assert_int_equal(sku_index_count(r.variants.into), 2);
    reading_release(&r);
    /* or given up: nothing of it stays */
    begin_fetch(&r, POLLED("COMPLETED", "null", "\"2\"", "\"https://storage.example.com/x\""));
    assert_true(reading_feed(&r, bytes_text(FIRST)));
    assert_true(reading_fall_back(&r));
    ok(&r, PAGE("false", "null"), READING_DONE);
    assert_int_equal(sku_index_count(r.variants.into), 1);
    assert_false(reading_fall_back(&(struct reading){.phase = READING_PAGES}));
    reading_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_variants_are_read_by_pages),
        cmocka_unit_test(many_variants_are_read_by_a_bulk_operation),
        cmocka_unit_test(lines_may_be_cut_anywhere),
        cmocka_unit_test(line_without_an_end_is_bounded),
        cmocka_unit_test(failed_bulk_operation_leads_to_pages_from_nothing),
        cmocka_unit_test(file_that_broke_off_is_fetched_from_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
