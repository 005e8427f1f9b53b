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
#include "consumer/shopify/graphql.h"
#include "tests/unit/shopify/canned_store.h"

static const char *const NO_LOCATIONS[] = {
    "{\"data\":{\"locations\":{\"nodes\":[],\"pageInfo\":{\"hasNextPage\":false}}}}"};

static struct graphql *open_store(struct store *store)
{
    struct graphql *g = NULL;
    struct err err = {0};
    assert_int_equal(graphql_new(store, &g, &err), STATUS_OK);
    return g;
}

static void request_has_path_token_document_and_variables(void **state)
{
    (void)state;
    struct canned_store s;
    struct answer answer;
    struct err err = {0};
    canned_store_start(&s, "a", NO_LOCATIONS, 1);
    struct graphql *g = open_store(&s.store);
    assert_int_equal(graphql_call(g, OP_LOCATIONS, "{\"after\":null}", -1, &answer, &err),
                     STATUS_OK);
    assert_int_equal(answer.class, ANSWER_DONE);
    answer_release(&answer);
    const char *got = canned_server_request(s.server, 0);
    assert_memory_equal(got, "POST /admin/api/2026-10/graphql.json HTTP/1.1\r\n", 47);
    assert_non_null(strstr(got, "\r\nX-Shopify-Access-Token: shpat_a\r\n"));
    assert_non_null(strstr(got, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(got, "\r\n\r\n{\"query\":\"query Locations($after: String) {\\n"));
    assert_non_null(
        strstr(got, "\",\"operationName\":\"Locations\",\"variables\":{\"after\":null}}"));
    graphql_free(g);
    canned_store_stop(&s);
}

static void api_url_may_have_a_path_and_a_slash_at_its_end(void **state)
{
    (void)state;
    struct canned_store s;
    struct answer answer;
    struct err err = {0};
    char url[160];
    canned_store_start(&s, "a", NO_LOCATIONS, 1);
    (void)snprintf(url, sizeof url, "%s/shops/a/", s.api_url);
    s.store.api_url = url;
    struct graphql *g = open_store(&s.store);
    assert_int_equal(graphql_call(g, OP_LOCATIONS, "{}", -1, &answer, &err), STATUS_OK);
    answer_release(&answer);
    assert_memory_equal(canned_server_request(s.server, 0),
                        "POST /shops/a/admin/api/2026-10/graphql.json HTTP/1.1\r\n", 55);
    graphql_free(g);
    canned_store_stop(&s);
}

static void address_that_is_no_shop_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *domain;
        const char *api_url;
        const char *version;
    } cases[] = {
        {"", NULL, "2026-10"},
        {"shop.myshopify.com/x", NULL, "2026-10"},
        {"shop.myshopify.com:443", NULL, "2026-10"},
        {"user@shop.myshopify.com", NULL, "2026-10"},
        {"https://shop.myshopify.com", NULL, "2026-10"},
        {"shop.myshopify.com?", NULL, "2026-10"},
        {"shop.myshopify.com", NULL, ""},
        {"shop.myshopify.com", NULL, "2026-10/../../x"},
        {"shop.myshopify.com", "http://shop.myshopify.com", "2026-10"},
        {"shop.myshopify.com", "https://user:pw@proxy.example", "2026-10"},
        {"shop.myshopify.com", "proxy.example", "2026-10"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct store store = {.name = "a",
                              .shop_domain = cases[i].domain,
                              .api_url = cases[i].api_url,
                              .api_version = cases[i].version};
        struct graphql *g = NULL;
        struct answer answer = {0};
        struct err err = {0};
        secret_set(&store.token.value, "shpat_a");
        enum status rc = graphql_new(&store, &g, &err);
        if (rc == STATUS_OK) {
            rc = graphql_call(g, OP_LOCATIONS, "{}", -1, &answer, &err);
        }
        if (rc != STATUS_CONFIG) {
            fail_msg("case %zu gave %s", i, status_name(rc));
        }
        answer_release(&answer);
        graphql_free(g);
        token_release(&store.token);
    }
}

static void tokens_reach_their_own_store_alone(void **state)
{
    (void)state;
    struct canned_store a;
    struct canned_store b;
    struct canned_store lure;
    struct answer answer;
    struct err err = {0};
    char redirect[256];
    canned_store_start(&lure, "lure", NO_LOCATIONS, 1);
    (void)snprintf(
        redirect, sizeof redirect,
        "HTTP/1.1 308 Permanent Redirect\r\nLocation: %s/admin/api/2026-10/graphql.json\r\n",
        lure.api_url);
    canned_store_start(&a, "a", NO_LOCATIONS, 1);
    canned_store_start_head(&b, "b", redirect, NO_LOCATIONS, 1);
    struct graphql *ga = open_store(&a.store);
    struct graphql *gb = open_store(&b.store);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(graphql_call(ga, OP_LOCATIONS, "{}", -1, &answer, &err), STATUS_OK);
        answer_release(&answer);
        assert_int_equal(graphql_call(gb, OP_LOCATIONS, "{}", -1, &answer, &err),
                         STATUS_STORE_MISCONFIGURED);
        answer_release(&answer);
    }
    assert_int_equal(canned_server_request_count(a.server), 3);
    assert_int_equal(canned_server_request_count(b.server), 3);
    assert_int_equal(canned_server_connection_count(lure.server), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(strstr(canned_server_request(a.server, i), "shpat_a"));
        assert_null(strstr(canned_server_request(a.server, i), "shpat_b"));
        assert_non_null(strstr(canned_server_request(b.server, i), "shpat_b"));
        assert_null(strstr(canned_server_request(b.server, i), "shpat_a"));
    }
    graphql_free(ga);
    graphql_free(gb);
    canned_store_stop(&a);
    canned_store_stop(&b);
    canned_store_stop(&lure);
}

static void new_token_is_used_from_the_next_request_on(void **state)
{
    (void)state;
    struct canned_store s;
    struct answer answer;
    struct err err = {0};
    canned_store_start(&s, "old", NO_LOCATIONS, 1);
    struct graphql *g = open_store(&s.store);
    assert_int_equal(graphql_call(g, OP_LOCATIONS, "{}", -1, &answer, &err), STATUS_OK);
    answer_release(&answer);
    secret_set(&s.store.token.value, "shpat_new");
    assert_int_equal(graphql_call(g, OP_LOCATIONS, "{}", -1, &answer, &err), STATUS_OK);
    answer_release(&answer);
    assert_non_null(strstr(canned_server_request(s.server, 0), "shpat_old"));
    assert_non_null(strstr(canned_server_request(s.server, 1), "shpat_new"));
    graphql_free(g);
    canned_store_stop(&s);
}

static void answers_come_with_the_owner_of_their_request(void **state)
{
    (void)state;
    struct canned_store s;
    struct answer answer;
    struct err err = {0};
    int owner = 0;
    canned_store_start(&s, "a", NO_LOCATIONS, 1);
    struct graphql *g = open_store(&s.store);
    assert_int_equal(graphql_send(g, OP_LOCATIONS, "{}", &owner, &err), STATUS_OK);
    assert_int_equal(graphql_running(g), 1);
    assert_false(graphql_next(g, &answer));
    graphql_wait(g, NULL, 0, 5000);
    assert_true(graphql_next(g, &answer));
    assert_ptr_equal(answer.owner, &owner);
    assert_int_equal(graphql_running(g), 0);
    answer_release(&answer);
    graphql_free(g);
    canned_store_stop(&s);
}

static void call_ends_when_asked_to_stop_and_leaves_nothing_behind(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {{.bytes = NULL, .end = CANNED_HANG}};
    struct canned_server *server = canned_server_start(replies, 1);
    struct store store = {.name = "a",
                          .shop_domain = "a.myshopify.com",
                          .api_url = canned_server_url(server),
                          .api_version = "2026-10"};
    struct graphql *g = open_store(&store);
    struct answer answer;
    struct err err = {0};
    secret_set(&store.token.value, "shpat_a");
    int stop_fd = eventfd(1, EFD_CLOEXEC);
    int64_t begun = clock_monotonic_us();
    assert_int_equal(graphql_call(g, OP_LOCATIONS, "{}", stop_fd, &answer, &err), STATUS_STOPPING);
    assert_true(clock_monotonic_us() - begun < 2000000);
    assert_int_equal(graphql_running(g), 0);
    answer_release(&answer);
    /* one that is still running when the client goes is cut off */
    assert_int_equal(graphql_send(g, OP_LOCATIONS, "{}", NULL, &err), STATUS_OK);
    graphql_wait(g, NULL, 0, 10);
    graphql_free(g);
    (void)close(stop_fd);
    token_release(&store.token);
    canned_server_stop(server);
}

static void request_over_its_limit_is_not_sent(void **state)
{
    (void)state;
    static char variables[1100000];
    struct canned_store s;
    struct err err = {0};
    canned_store_start(&s, "a", NO_LOCATIONS, 1);
    struct graphql *g = open_store(&s.store);
    (void)memset(variables, ' ', sizeof variables - 1);
    assert_int_equal(graphql_send(g, OP_LOCATIONS, variables, NULL, &err), STATUS_TOO_LARGE);
    assert_int_equal(graphql_running(g), 0);
    graphql_free(g);
    canned_store_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_has_path_token_document_and_variables),
        cmocka_unit_test(api_url_may_have_a_path_and_a_slash_at_its_end),
        cmocka_unit_test(address_that_is_no_shop_is_refused),
        cmocka_unit_test(tokens_reach_their_own_store_alone),
        cmocka_unit_test(new_token_is_used_from_the_next_request_on),
        cmocka_unit_test(answers_come_with_the_owner_of_their_request),
        cmocka_unit_test(call_ends_when_asked_to_stop_and_leaves_nothing_behind),
        cmocka_unit_test(request_over_its_limit_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
