#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "consumer/shopify/answer.h"
#include "consumer/shopify/variants.h"
#include "embedded/test_search.h"

#define VARIANT(sku, item)                                                                         \
    "{\"sku\":\"" sku "\",\"barcode\":null,\"requiresComponents\":false,"                          \
    "\"inventoryItem\":{\"id\":\"gid://shopify/InventoryItem/" item "\",\"tracked\":true}}"
#define PAGE(nodes, more, cursor)                                                                  \
    "{\"data\":{\"productVariants\":{\"nodes\":[" nodes "],\"pageInfo\":{\"hasNextPage\":" more    \
    ",\"endCursor\":" cursor "}}}}"

static enum status take(struct variants *v, const char *body)
{
    struct http_answer http = {.outcome = HTTP_ANSWERED, .status = 200, .body = bytes_text(body)};
    struct answer answer;
    struct err err = {0};
    answer_classify(variants_operation(v), &http, &answer);
    assert_int_equal(answer.class, ANSWER_DONE);
    enum status rc = variants_take(v, &answer, &err);
    answer_release(&answer);
    return rc;
}

static void search_variables_are_these_bytes(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"ABC-1", "it's", "back\\slash"};
    struct strbuf query;
    struct strbuf out;
    struct variants v;
    strbuf_init(&query, VARIANTS_QUERY_MAX_BYTES);
    strbuf_init(&out, 4096);
    assert_int_equal(variants_query(MATCH_SKU, TEXTS, 3, &query), 3);
    variants_init(&v, MATCH_SKU, query.ptr, NULL);
    assert_int_equal(variants_operation(&v), OP_VARIANTS_SEARCH);
    variants_append_variables(&v, &out);
    strbuf_append_char(&out, '\n');
    assert_string_equal(out.ptr, test_search_variants_search);
    variants_release(&v);
    strbuf_release(&out);
    strbuf_release(&query);
}

static void query_quotes_what_the_search_would_understand(void **state)
{
    (void)state;
    static const struct {
        enum match match;
        const char *text;
        const char *query;
    } cases[] = {
        {MATCH_BARCODE, "4001", "barcode:'4001'"},
        {MATCH_SKU, "a OR b:(c)* -d", "sku:'a OR b:(c)* -d'"},
        {MATCH_SKU, "'", "sku:'\\''"},
        {MATCH_SKU, "\\'", "sku:'\\\\\\''"},
        {MATCH_SKU, "say \"hi\"", "sku:'say \"hi\"'"},
        {MATCH_SKU,
         "Gr\xC3\xB6\xC3\x9F"
         "e",
         "sku:'Gr\xC3\xB6\xC3\x9F"
         "e'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct strbuf query;
        strbuf_init(&query, VARIANTS_QUERY_MAX_BYTES);
        assert_int_equal(variants_query(cases[i].match, &cases[i].text, 1, &query), 1);
        assert_string_equal(query.ptr, cases[i].query);
        strbuf_release(&query);
    }
}

static void query_takes_as_many_texts_as_fit(void **state)
{
    (void)state;
    char *longest = mem_alloc(VARIANTS_QUERY_MAX_BYTES + 1);
    const char *texts[VARIANTS_MAX_TEXTS + 5];
    struct strbuf query;
    strbuf_init(&query, VARIANTS_QUERY_MAX_BYTES);
    for (size_t i = 0; i < VARIANTS_MAX_TEXTS + 5; i++) {
        texts[i] = "A";
    }
    assert_int_equal(variants_query(MATCH_SKU, texts, VARIANTS_MAX_TEXTS + 5, &query),
                     VARIANTS_MAX_TEXTS);
    memset(longest, '\'', VARIANTS_QUERY_MAX_BYTES);
    longest[VARIANTS_QUERY_MAX_BYTES] = '\0';
    strbuf_reset(&query);
    texts[2] = longest;
    assert_int_equal(variants_query(MATCH_SKU, texts, 5, &query), 2);
    assert_string_equal(query.ptr, "sku:'A' OR sku:'A'");
    strbuf_reset(&query);
    assert_int_equal(variants_query(MATCH_SKU, texts + 2, 3, &query), 0);
    strbuf_release(&query);
    mem_free(longest);
}

static void pages_go_into_the_index_until_the_last_one(void **state)
{
    (void)state;
    struct sku_index *m = sku_index_new();
    struct mapped_item item;
    struct variants v;
    struct strbuf out;
    strbuf_init(&out, 4096);
    variants_init(&v, MATCH_SKU, NULL, m);
    assert_int_equal(variants_operation(&v), OP_VARIANTS_PAGE);
    assert_int_equal(take(&v, PAGE(VARIANT("A", "1") "," VARIANT("B", "2"), "true", "\"c1\"")),
                     STATUS_OK);
    assert_false(v.cursor.ended);
    variants_append_variables(&v, &out);
    assert_string_equal(out.ptr, "{\"after\":\"c1\"}");
    assert_int_equal(take(&v, PAGE(VARIANT("A", "3"), "false", "null")), STATUS_OK);
    assert_true(v.cursor.ended);
    assert_int_equal(v.count, 3);
    assert_int_equal(sku_index_find(m, "A", &item), SKU_INDEX_AMBIGUOUS);
    assert_int_equal(sku_index_find(m, "B", &item), SKU_INDEX_FOUND);
    variants_release(&v);
    strbuf_release(&out);
    sku_index_free(m);
}

static void search_of_too_many_pages_is_given_up(void **state)
{
    (void)state;
    struct sku_index *m = sku_index_new();
    struct variants v;
    char body[200];
    enum status rc = STATUS_OK;
    unsigned pages = 0;
    variants_init(&v, MATCH_SKU, "sku:'A'", m);
    while (rc == STATUS_OK) {
        (void)snprintf(body, sizeof body, PAGE("", "true", "\"c%u\""), pages++);
        rc = take(&v, body);
    }
    assert_int_equal(rc, STATUS_STORE_MISCONFIGURED);
    assert_int_equal(pages, VARIANTS_MAX_SEARCH_PAGES);
    variants_release(&v);
    sku_index_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_variables_are_these_bytes),
        cmocka_unit_test(query_quotes_what_the_search_would_understand),
        cmocka_unit_test(query_takes_as_many_texts_as_fit),
        cmocka_unit_test(pages_go_into_the_index_until_the_last_one),
        cmocka_unit_test(search_of_too_many_pages_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
