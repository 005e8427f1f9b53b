#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "common/core/thread.h"
#include "consumer/shopify/catalog.h"
#include "tests/unit/shopify/canned_store.h"

static struct graphql *open_store(struct store *store)
{
    struct graphql *g = NULL;
    struct err err = {0};
    assert_int_equal(graphql_new(store, &g, &err), STATUS_OK);
    return g;
}

/* --- access --- */

#define CHECK(scopes, versions)                                                                    \
    "{\"data\":{\"currentAppInstallation\":{\"accessScopes\":[" scopes                             \
    "]},\"publicApiVersions\":[" versions                                                          \
    "],\"shop\":{\"myshopifyDomain\":\"canned.myshopify.com\"}}}"
#define SCOPE(name)    "{\"handle\":\"" name "\"}"
#define VERSION(yesno) "{\"handle\":\"2026-10\",\"supported\":" yesno "}"
#define ALL_SCOPES                                                                                 \
    SCOPE("read_products")                                                                         \
    "," SCOPE("read_inventory") "," SCOPE("write_inventory") "," SCOPE("read_locations")

static void access_is_refused_for_a_reason_that_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        const char *body;
        enum status rc;
        const char *said; /* in the message */
    } cases[] = {
        {NULL, CHECK(ALL_SCOPES, VERSION("true")), STATUS_OK, NULL},
        {"HTTP/1.1 200 OK\r\nX-Shopify-API-Version: 2026-10\r\n",
         CHECK(ALL_SCOPES, VERSION("true")), STATUS_OK, NULL},
        {NULL, CHECK(SCOPE("write_inventory") "," SCOPE("write_products"), VERSION("true")),
         STATUS_OK, NULL},
        {"HTTP/1.1 200 OK\r\nX-Shopify-API-Version: 2027-01\r\n",
         CHECK(ALL_SCOPES, VERSION("true")), STATUS_STORE_MISCONFIGURED, "2027-01"},
        {NULL, CHECK(ALL_SCOPES, VERSION("false")), STATUS_STORE_MISCONFIGURED, "2026-10"},
        {NULL, CHECK(ALL_SCOPES, ""), STATUS_STORE_MISCONFIGURED, "2026-10"},
        {NULL, CHECK(SCOPE("read_products") "," SCOPE("read_inventory"), VERSION("true")),
         STATUS_STORE_MISCONFIGURED, "write_inventory"},
        {NULL, CHECK("", VERSION("true")), STATUS_STORE_MISCONFIGURED,
         "write_inventory, read_products"},
        {NULL,
         "{\"data\":{\"shop\":{\"myshopifyDomain\":\"a\"},\"publicApiVersions\":[" VERSION(
             "true") "]}}",
         STATUS_OUTCOME_UNKNOWN, "scopes"},
        {NULL, "{\"data\":{\"shop\":{}}}", STATUS_OUTCOME_UNKNOWN, "domain"},
        {"HTTP/1.1 401 Unauthorized\r\n", "{\"errors\":\"invalid access token\"}", STATUS_AUTH,
         "invalid access token"},
        {"HTTP/1.1 502 Bad Gateway\r\n", "<html>", STATUS_OUTCOME_UNKNOWN, "HTTP_502"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct canned_store s;
        struct err err = {0};
        canned_store_start_head(&s, "a", cases[i].head, &cases[i].body, 1);
        struct graphql *g = open_store(&s.store);
        enum status rc = catalog_check_access(g, &s.store, -1, &err);
        if (rc != cases[i].rc ||
            (cases[i].said != NULL && strstr(err.msg, cases[i].said) == NULL)) {
            fail_msg("case %zu gave %s %s", i, status_name(rc), err.msg);
        }
        graphql_free(g);
        canned_store_stop(&s);
    }
}

/* --- locations --- */

#define PAGE(field, nodes, more, cursor)                                                           \
    "{\"data\":{\"" field "\":{\"nodes\":[" nodes "],\"pageInfo\":{\"hasNextPage\":" more          \
    ",\"endCursor\":" cursor "}}}}"
#define LOCATION(id, name, active, service)                                                        \
    "{\"id\":\"gid://shopify/Location/" id "\",\"name\":\"" name "\",\"isActive\":" active         \
    ",\"isFulfillmentService\":" service "}"

static void locations_of_all_pages_are_listed(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        PAGE("locations", LOCATION("7001", "Berlin", "true", "false"), "true", "\"c\\\"1\""),
        PAGE("locations",
             LOCATION("7002", "M\\u00fcnchen", "false", "false") "," LOCATION("7003", "Service",
                                                                              "true", "true"),
             "false", "null"),
    };
    struct canned_store s;
    struct shop_location *list = NULL;
    size_t count = 0;
    struct err err = {0};
    canned_store_start(&s, "a", bodies, 2);
    struct graphql *g = open_store(&s.store);
    assert_int_equal(catalog_locations(g, -1, &list, &count, &err), STATUS_OK);
    assert_int_equal(count, 3);
    assert_true(list[0].id == 7001 && list[0].active && !list[0].fulfilment_service);
    assert_string_equal(list[1].name, "M\xc3\xbcnchen");
    assert_true(list[1].id == 7002 && !list[1].active);
    assert_true(list[2].fulfilment_service);
    assert_non_null(strstr(canned_server_request(s.server, 0), "\"variables\":{\"after\":null}"));
    assert_non_null(
        strstr(canned_server_request(s.server, 1), "\"variables\":{\"after\":\"c\\\"1\"}"));
    catalog_locations_release(list, count);
    graphql_free(g);
    canned_store_stop(&s);
}

static void page_of_another_shape_is_a_failure_and_not_an_empty_list(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{\"data\":{\"locations\":{}}}",
        "{\"data\":{\"locations\":{\"nodes\":[]}}}",
        "{\"data\":{\"locations\":{\"nodes\":null,\"pageInfo\":{\"hasNextPage\":false}}}}",
        PAGE("locations", "", "null", "null"),
        PAGE("locations", "", "true", "null"),
        PAGE("locations", "", "true", "\"always the same\""),
        PAGE("locations", "null", "false", "null"),
        PAGE("locations", "{\"id\":\"gid://shopify/Location/7001\"}", "false", "null"),
        PAGE("locations", LOCATION("0", "Berlin", "true", "false"), "false", "null"),
        PAGE("locations", LOCATION("1", "Berlin", "\"yes\"", "false"), "false", "null"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct canned_store s;
        struct shop_location *list = NULL;
        size_t count = 0;
        struct err err = {0};
        canned_store_start(&s, "a", &cases[i], 1);
        struct graphql *g = open_store(&s.store);
        enum status rc = catalog_locations(g, -1, &list, &count, &err);
        if (rc != STATUS_OUTCOME_UNKNOWN || list != NULL || count != 0) {
            fail_msg("case %zu gave %s", i, status_name(rc));
        }
        graphql_free(g);
        canned_store_stop(&s);
    }
}

/* --- the SKU index --- */

#define VARIANT(sku, barcode, item, tracked, bundle)                                               \
    "{\"sku\":" sku ",\"barcode\":" barcode ",\"requiresComponents\":" bundle                      \
    ",\"inventoryItem\":{\"id\":\"gid://shopify/InventoryItem/" item "\",\"tracked\":" tracked     \
    "}}"

static const char FIRST_PAGE[] =
    PAGE("productVariants",
         VARIANT("\"ABC-1\"", "\"4001\"", "4401", "true", "false") "," VARIANT(
             "\"abc-1\"", "null", "4402", "false", "false"),
         "true",
         "\"c1\"");
static const char LAST_PAGE[] = PAGE(
    "productVariants",
    VARIANT("\"DUP\"", "\"4003\"", "4403", "true", "false") "," VARIANT(
        "\"DUP\"", "\"\"", "4404", "true", "false") "," VARIANT("null",
                                                                "\"4005\"",
                                                                "4405",
                                                                "true",
                                                                "true") "," VARIANT("\"a\\u0000b\"",
                                                                                    "null",
                                                                                    "4406",
                                                                                    "true",
                                                                                    "false"),
    "false",
    "null");
#define COUNT(count) "{\"data\":{\"productVariantsCount\":{\"count\":" count "}}}"
static const char *const CATALOGUE[] = {COUNT("6"), FIRST_PAGE, LAST_PAGE};

static void count_variants(void *arg, size_t variants)
{
    size_t *seen = arg;
    assert_true(variants > *seen);
    *seen = variants;
}

static void catalogue_maps_skus_byte_by_byte_over_all_pages(void **state)
{
    (void)state;
    struct canned_store s;
    struct sku_index *index = NULL;
    struct mapped_item item = {0};
    struct err err = {0};
    size_t seen = 0;
    canned_store_start(&s, "a", CATALOGUE, 3);
    struct graphql *g = open_store(&s.store);
    assert_int_equal(catalog_load(g, MATCH_SKU, -1, &index, count_variants, &seen, &err),
                     STATUS_OK);
    assert_int_equal(seen, 6);
    assert_int_equal(sku_index_find(index, "ABC-1", &item), SKU_INDEX_FOUND);
    assert_true(item.item == 4401 && item.tracked && !item.bundle);
    assert_int_equal(sku_index_find(index, "abc-1", &item), SKU_INDEX_FOUND);
    assert_true(item.item == 4402 && !item.tracked);
    assert_int_equal(sku_index_find(index, "DUP", &item), SKU_INDEX_AMBIGUOUS);
    assert_int_equal(sku_index_find(index, "a", &item), SKU_INDEX_MISSING);
    assert_int_equal(sku_index_count(index), 3);
    sku_index_free(index);
    graphql_free(g);
    canned_store_stop(&s);
}

static void catalogue_can_be_mapped_by_barcode(void **state)
{
    (void)state;
    struct canned_store s;
    struct sku_index *index = NULL;
    struct mapped_item item = {0};
    struct err err = {0};
    canned_store_start(&s, "a", CATALOGUE, 3);
    struct graphql *g = open_store(&s.store);
    assert_int_equal(catalog_load(g, MATCH_BARCODE, -1, &index, NULL, NULL, &err), STATUS_OK);
    assert_int_equal(sku_index_count(index), 3);
    assert_int_equal(sku_index_find(index, "4005", &item), SKU_INDEX_FOUND);
    assert_true(item.item == 4405 && item.bundle);
    sku_index_free(index);
    graphql_free(g);
    canned_store_stop(&s);
}

static void search_warning_fails_the_whole_load(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        COUNT("1"),
        "{\"data\":{\"productVariants\":{\"nodes\":[],\"pageInfo\":{\"hasNextPage\":false}}},"
        "\"extensions\":{\"search\":[{\"warnings\":[{\"field\":\"skuu\"}]}]}}"};
    struct canned_store s;
    struct sku_index *index = NULL;
    struct err err = {0};
    canned_store_start(&s, "a", bodies, 2);
    struct graphql *g = open_store(&s.store);
    assert_int_equal(catalog_load(g, MATCH_SKU, -1, &index, NULL, NULL, &err),
                     STATUS_STORE_MISCONFIGURED);
    sku_index_free(index);
    graphql_free(g);
    canned_store_stop(&s);
}

static void page_that_fails_once_is_read_again(void **state)
{
    (void)state;
    static const char *const bodies[] = {COUNT("6"), FIRST_PAGE,
                                         "{\"errors\":[{\"message\":\"a\",\"extensions\":{\"code\":"
                                         "\"INTERNAL_SERVER_ERROR\"}}]}",
                                         LAST_PAGE};
    struct canned_store s;
    struct sku_index *index = NULL;
    struct err err = {0};
    canned_store_start(&s, "a", bodies, 4);
    struct graphql *g = open_store(&s.store);
    assert_int_equal(catalog_load(g, MATCH_SKU, -1, &index, NULL, NULL, &err), STATUS_OK);
    assert_int_equal(sku_index_count(index), 3);
    assert_non_null(strstr(canned_server_request(s.server, 3), "\"after\":\"c1\""));
    sku_index_free(index);
    graphql_free(g);
    canned_store_stop(&s);
}

struct stopper {
    int fd;
    struct canned_server *server;
};

/* Asks to stop when the first request was answered: the reader then waits its 30 seconds. */
static void stop_after_first_request(struct thread *self, void *arg)
{
    const struct stopper *stopper = arg;
    const uint64_t one = 1;
    (void)self;
    while (canned_server_request_count(stopper->server) == 0) {
        (void)poll(NULL, 0, 1);
    }
    (void)poll(NULL, 0, 50);
    assert_int_equal(write(stopper->fd, &one, sizeof one), sizeof one);
}

static void throttled_page_waits_as_the_store_asks_and_stops_when_asked(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"errors\":[{\"message\":\"Throttled\",\"extensions\":{\"code\":\"THROTTLED\"}}],"
        "\"extensions\":{\"cost\":{\"requestedQueryCost\":300,\"throttleStatus\":{"
        "\"maximumAvailable\":1000,\"currentlyAvailable\":0,\"restoreRate\":10}}}}"};
    struct canned_store s;
    struct sku_index *index = NULL;
    struct err err = {0};
    canned_store_start(&s, "a", bodies, 1);
    struct graphql *g = open_store(&s.store);
    int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct stopper stopper = {.fd = stop_fd, .server = s.server};
    struct thread thread = {0};
    assert_int_equal(thread_start(&thread, "stopper", stop_after_first_request, &stopper, &err),
                     STATUS_OK);
    int64_t begun = clock_monotonic_us();
    assert_int_equal(catalog_load(g, MATCH_SKU, stop_fd, &index, NULL, NULL, &err),
                     STATUS_STOPPING);
    assert_true(clock_monotonic_us() - begun < 5000000);
    assert_int_equal(canned_server_request_count(s.server), 1);
    thread_join(&thread);
    (void)close(stop_fd);
    sku_index_free(index);
    graphql_free(g);
    canned_store_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_is_refused_for_a_reason_that_is_named),
        cmocka_unit_test(locations_of_all_pages_are_listed),
        cmocka_unit_test(page_of_another_shape_is_a_failure_and_not_an_empty_list),
        cmocka_unit_test(catalogue_maps_skus_byte_by_byte_over_all_pages),
        cmocka_unit_test(catalogue_can_be_mapped_by_barcode),
        cmocka_unit_test(search_warning_fails_the_whole_load),
        cmocka_unit_test(page_that_fails_once_is_read_again),
        cmocka_unit_test(throttled_page_waits_as_the_store_asks_and_stops_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
