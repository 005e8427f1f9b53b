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
#include "common/core/metric.h"
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

/* --- tokens that are bought --- */

#define ANSWER(status, body)                                                                       \
    "HTTP/1.1 " status "\r\nContent-Type: application/json\r\nContent-Length: " body
#define EMPTY_PAGE                                                                                 \
    "74\r\n\r\n{\"data\":{\"locations\":{\"nodes\":[],\"pageInfo\":{\"hasNextPage\":false}}}}    " \
    "  "
#define TOKEN(n) "45\r\n\r\n{\"access_token\":\"shpat_" n "\",\"expires_in\":86399}"
#define REFUSED  "34\r\n\r\n{\"errors\":\"invalid access token\"} "

static const char PAGE[] = ANSWER("200 OK", EMPTY_PAGE);
static const char TOKEN_1[] = ANSWER("200 OK", TOKEN("1"));
static const char TOKEN_2[] = ANSWER("200 OK", TOKEN("2"));
static const char UNAUTHORIZED[] = ANSWER("401 Unauthorized", REFUSED);

struct bought {
    struct canned_server *server;
    struct store store;
    struct graphql *g;
};

static void bought_open(struct bought *b, const struct canned_reply *replies, size_t count)
{
    b->server = canned_server_start(replies, count);
    b->store = (struct store){.name = "bought",
                              .shop_domain = "a.myshopify.com",
                              .api_url = canned_server_url(b->server),
                              .api_version = "2026-10",
                              .token.client_id = "id"};
    token_init(&b->store.token, 1);
    secret_set(&b->store.token.client_secret, "s3cr3t");
    b->g = open_store(&b->store);
}

static void bought_close(struct bought *b)
{
    graphql_free(b->g);
    canned_server_stop(b->server);
    token_release(&b->store.token);
}

static void expect_request(struct bought *b, size_t i, const char *path, const char *word)
{
    const char *got = canned_server_request(b->server, i);
    char line[64];
    (void)snprintf(line, sizeof line, "POST %s HTTP/1.1\r\n", path);
    if (strncmp(got, line, strlen(line)) != 0 || strstr(got, word) == NULL) {
        fail_msg("request %zu: no '%s' to %s: %.300s", i, word, path, got);
    }
}

static const char ASK_PATH[] = "/admin/oauth/access_token";
static const char API_PATH[] = "/admin/api/2026-10/graphql.json";

static void first_request_waits_for_its_token(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {{.bytes = TOKEN_1}, {.bytes = PAGE}};
    struct bought b;
    struct answer answer;
    struct err err = {0};
    bought_open(&b, replies, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(graphql_call(b.g, OP_LOCATIONS, "{}", -1, &answer, &err), STATUS_OK);
        answer_release(&answer);
    }
    assert_int_equal(canned_server_request_count(b.server), 3);
    expect_request(&b, 0, ASK_PATH, "\r\nContent-Type: application/x-www-form-urlencoded\r\n");
    expect_request(&b, 0, ASK_PATH, "\r\nAccept: application/json\r\n");
    expect_request(&b, 0, ASK_PATH,
                   "\r\n\r\ngrant_type=client_credentials&client_id=id&client_secret=s3cr3t");
    assert_null(strstr(canned_server_request(b.server, 0), "X-Shopify-Access-Token"));
    expect_request(&b, 1, API_PATH, "\r\nX-Shopify-Access-Token: shpat_1\r\n");
    expect_request(&b, 2, API_PATH, "\r\nX-Shopify-Access-Token: shpat_1\r\n");
    assert_null(strstr(canned_server_request(b.server, 1), "s3cr3t"));
    bought_close(&b);
}

static void refused_token_is_replaced_and_the_same_bytes_go_out_again(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {
        {.bytes = UNAUTHORIZED}, {.bytes = TOKEN_2}, {.bytes = PAGE}};
    struct bought b;
    struct answer answer;
    struct err err = {0};
    bought_open(&b, replies, 3);
    secret_set(&b.store.token.value, "shpat_1");
    b.store.token.expires_at_us = INT64_MAX;
    b.store.token.renew_at_us = INT64_MAX;
    assert_int_equal(graphql_call(b.g, OP_LOCATIONS, "{\"after\":\"x\"}", -1, &answer, &err),
                     STATUS_OK);
    answer_release(&answer);
    assert_int_equal(canned_server_request_count(b.server), 3);
    expect_request(&b, 0, API_PATH, "\r\nX-Shopify-Access-Token: shpat_1\r\n");
    expect_request(&b, 1, ASK_PATH, "client_secret=s3cr3t");
    expect_request(&b, 2, API_PATH, "\r\nX-Shopify-Access-Token: shpat_2\r\n");
    assert_string_equal(strstr(canned_server_request(b.server, 0), "\r\n\r\n"),
                        strstr(canned_server_request(b.server, 2), "\r\n\r\n"));
    bought_close(&b);
}

static void second_refusal_is_the_callers_and_the_store_is_not_asked_again_at_once(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {
        {.bytes = TOKEN_1}, {.bytes = UNAUTHORIZED}, {.bytes = TOKEN_2}, {.bytes = UNAUTHORIZED}};
    struct bought b;
    struct answer answer;
    struct err err = {0};
    bought_open(&b, replies, 4);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(graphql_call(b.g, OP_LOCATIONS, "{}", -1, &answer, &err), STATUS_AUTH);
        assert_int_equal(answer.class, ANSWER_AUTH);
        answer_release(&answer);
    }
    assert_int_equal(canned_server_request_count(b.server), 2);
    bought_close(&b);
}

static void waiting_requests_share_one_token_request(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {{.bytes = TOKEN_1, .end = CANNED_CLOSE},
                                                  {.bytes = PAGE, .end = CANNED_CLOSE}};
    struct bought b;
    struct answer answer;
    struct err err = {0};
    int owners[3];
    bool seen[3] = {false};
    bought_open(&b, replies, 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(graphql_send(b.g, OP_LOCATIONS, "{}", &owners[i], &err), STATUS_OK);
    }
    assert_int_equal(graphql_running(b.g), 3);
    for (int i = 0; i < 50 && graphql_running(b.g) > 0; i++) {
        graphql_wait(b.g, NULL, 0, 1000);
        while (graphql_next(b.g, &answer)) {
            assert_int_equal(answer.class, ANSWER_DONE);
            seen[(int *)answer.owner - owners] = true;
            answer_release(&answer);
        }
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    assert_int_equal(canned_server_request_count(b.server), 4);
    expect_request(&b, 0, ASK_PATH, "client_credentials");
    for (size_t i = 1; i < 4; i++) {
        expect_request(&b, i, API_PATH, "shpat_1");
    }
    bought_close(&b);
}

static void refusal_to_sell_reaches_every_request_that_waits(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {
        {.bytes = ANSWER("400 Bad Request", "88\r\n\r\n{\"error\":\"app_not_installed\","
                                            "\"error_description\":\"install it in the shop "
                                            "first, please\"}")}};
    struct bought b;
    struct answer answer;
    struct err err = {0};
    bought_open(&b, replies, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(graphql_send(b.g, OP_LOCATIONS, "{}", NULL, &err), STATUS_OK);
    }
    int taken = 0;
    for (int i = 0; i < 50 && taken < 2; i++) {
        graphql_wait(b.g, NULL, 0, 1000);
        while (graphql_next(b.g, &answer)) {
            assert_int_equal(answer.class, ANSWER_AUTH);
            assert_string_equal(answer.code, "app_not_installed");
            assert_non_null(strstr(answer.err.msg, "install it in the shop first"));
            assert_true(answer.wait_ms >= 4000);
            assert_false(answer.may_have_executed);
            answer_release(&answer);
            taken++;
        }
    }
    assert_int_equal(taken, 2);
    /* the next one fails at once, without another asking */
    assert_int_equal(graphql_call(b.g, OP_LOCATIONS, "{}", -1, &answer, &err), STATUS_AUTH);
    answer_release(&answer);
    assert_int_equal(canned_server_request_count(b.server), 1);
    bought_close(&b);
}

static void store_that_is_away_is_a_transient_failure(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {{.bytes = NULL, .end = CANNED_CLOSE}};
    struct bought b;
    struct answer answer;
    struct err err = {0};
    bought_open(&b, replies, 1);
    assert_int_equal(graphql_call(b.g, OP_LOCATIONS, "{}", -1, &answer, &err), STATUS_STORE_LOST);
    assert_int_equal(answer.class, ANSWER_RETRY_SAME);
    assert_false(answer.may_have_executed); /* the token's request was lost, not this one */
    answer_release(&answer);
    bought_close(&b);
}

static void token_is_renewed_while_requests_use_the_old_one(void **state)
{
    (void)state;
    static const struct canned_reply replies[] = {{.bytes = TOKEN_2}, {.bytes = PAGE}};
    struct bought b;
    struct answer answer;
    struct err err = {0};
    bought_open(&b, replies, 2);
    secret_set(&b.store.token.value, "shpat_1");
    b.store.token.expires_at_us = INT64_MAX; /* alive, and due */
    assert_int_equal(graphql_call(b.g, OP_LOCATIONS, "{}", -1, &answer, &err), STATUS_OK);
    answer_release(&answer);
    assert_int_equal(graphql_call(b.g, OP_LOCATIONS, "{}", -1, &answer, &err), STATUS_OK);
    answer_release(&answer);
    assert_int_equal(canned_server_request_count(b.server), 3);
    expect_request(&b, 0, ASK_PATH, "client_credentials");
    expect_request(&b, 1, API_PATH, "shpat_1");
    expect_request(&b, 2, API_PATH, "shpat_2");
    bought_close(&b);
}

static void secret_does_not_follow_a_redirect(void **state)
{
    (void)state;
    struct canned_store lure;
    char redirect[300];
    struct bought b;
    struct answer answer;
    struct err err = {0};
    canned_store_start(&lure, "lure", NO_LOCATIONS, 1);
    (void)snprintf(redirect, sizeof redirect,
                   "HTTP/1.1 307 Temporary Redirect\r\nLocation: %s/admin/oauth/access_token\r\n"
                   "Content-Length: 0\r\n\r\n",
                   lure.api_url);
    const struct canned_reply replies[] = {{.bytes = redirect}};
    bought_open(&b, replies, 1);
    assert_int_equal(graphql_call(b.g, OP_LOCATIONS, "{}", -1, &answer, &err),
                     STATUS_STORE_MISCONFIGURED);
    assert_int_equal(answer.class, ANSWER_CONFIG);
    answer_release(&answer);
    assert_int_equal(canned_server_request_count(b.server), 1);
    assert_int_equal(canned_server_connection_count(lure.server), 0);
    bought_close(&b);
    canned_store_stop(&lure);
}

/* --- what is watched on every answer --- */

#define HEAD_2027 "HTTP/1.1 200 OK\r\nX-Shopify-API-Version: 2027-01\r\n"

static void other_version_spoils_a_read_and_marks_a_mutation(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"data\":{\"locations\":{\"nodes\":[],\"pageInfo\":{\"hasNextPage\":false}}}}",
        "{\"data\":{\"inventorySetQuantities\":{\"inventoryAdjustmentGroup\":null,"
        "\"userErrors\":[]}}}"};
    struct canned_store s;
    struct answer answer;
    struct err err = {0};
    canned_store_start_head(&s, "a", HEAD_2027, bodies, 2);
    struct graphql *g = open_store(&s.store);
    assert_int_equal(graphql_call(g, OP_LOCATIONS, "{}", -1, &answer, &err),
                     STATUS_STORE_MISCONFIGURED);
    assert_int_equal(answer.class, ANSWER_CONFIG);
    assert_null(answer.json);
    assert_true(answer.other_version);
    assert_non_null(strstr(err.msg, "2027-01"));
    assert_non_null(strstr(err.msg, "2026-10"));
    answer_release(&answer);
    assert_int_equal(graphql_call(g, OP_STOCK_SET, "{}", -1, &answer, &err), STATUS_OK);
    assert_true(answer.other_version); /* it was executed all the same */
    assert_int_equal(graphql_check_version(g, &answer, &err), STATUS_STORE_MISCONFIGURED);
    answer_release(&answer);
    graphql_free(g);
    canned_store_stop(&s);
}

static struct metric *deprecations_of(const char *store)
{
    struct metric *cells[3] = {NULL};
    assert_int_equal(graphql_metric_table.count, 3);
    metric_table_register(&graphql_metric_table, store, cells);
    return cells[0];
}

static void deprecations_are_counted(void **state)
{
    (void)state;
    struct canned_store s;
    struct answer answer;
    struct err err = {0};
    canned_store_start_head(&s, "deprecated",
                            "HTTP/1.1 200 OK\r\nX-Shopify-API-Deprecated-Reason: use another\r\n"
                            "X-Shopify-API-Version: 2026-10\r\n",
                            NO_LOCATIONS, 1);
    struct graphql *g = open_store(&s.store);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(graphql_call(g, OP_LOCATIONS, "{}", -1, &answer, &err), STATUS_OK);
        assert_false(answer.other_version);
        answer_release(&answer);
    }
    assert_int_equal((int)metric_value(deprecations_of("deprecated")), 3);
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
        cmocka_unit_test(first_request_waits_for_its_token),
        cmocka_unit_test(refused_token_is_replaced_and_the_same_bytes_go_out_again),
        cmocka_unit_test(second_refusal_is_the_callers_and_the_store_is_not_asked_again_at_once),
        cmocka_unit_test(waiting_requests_share_one_token_request),
        cmocka_unit_test(refusal_to_sell_reaches_every_request_that_waits),
        cmocka_unit_test(store_that_is_away_is_a_transient_failure),
        cmocka_unit_test(token_is_renewed_while_requests_use_the_old_one),
        cmocka_unit_test(secret_does_not_follow_a_redirect),
        cmocka_unit_test(other_version_spoils_a_read_and_marks_a_mutation),
        cmocka_unit_test(deprecations_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
