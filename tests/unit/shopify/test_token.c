#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "consumer/shopify/token.h"

#define SECOND_US INT64_C(1000000)
#define NOW_US    INT64_C(1000000000)
#define GRANT     "{\"access_token\":\"shpat_1\",\"scope\":\"write_inventory\",\"expires_in\":86399}"

static struct token client(void)
{
    struct token t = {.client_id = "id"};
    token_init(&t, 7);
    secret_set(&t.client_secret, "s3cr3t");
    return t;
}

static enum status
answered(struct token *t, long http_status, const char *body, int64_t now_us, struct err *err)
{
    const struct http_answer http = {.outcome = HTTP_ANSWERED,
                                     .status = http_status,
                                     .body = bytes_text(body),
                                     .retry_after_s = -1};
    *err = (struct err){0};
    return token_answered(t, &http, now_us, err);
}

static void grant(struct token *t, const char *body, int64_t now_us)
{
    struct err err;
    assert_int_equal(answered(t, 200, body, now_us, &err), STATUS_OK);
}

/* --- a static token --- */

static void static_token_is_used_at_any_time(void **state)
{
    (void)state;
    struct token t = {0};
    struct err err = {0};
    token_init(&t, 1);
    assert_int_equal(token_step(&t, 0), TOKEN_FAILED);
    token_failure(&t, &err);
    assert_int_equal(err.status, STATUS_AUTH);
    secret_set(&t.value, "shpat_fixed");
    token_mark_uncertain(&t);
    assert_int_equal(token_step(&t, INT64_MAX), TOKEN_USE);
    assert_int_equal(token_left_s(&t, 0), -1);
    assert_false(token_refused(&t, t.generation));
    assert_int_equal(token_step(&t, 0), TOKEN_USE);
    token_release(&t);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void refused_token_is_read_again_and_sent_again_only_when_it_changed(void **state)
{
    (void)state;
    char path[] = "/tmp/test_token_XXXXXX";
    int fd = mkstemp(path);
    struct token t = {.file = path};
    struct err err = {0};
    assert_true(fd >= 0 && close(fd) == 0);
    token_init(&t, 1);
    write_file(path, "shpat_a\n");
    assert_int_equal(token_read(&t, &err), STATUS_OK);
    assert_string_equal(secret_reveal(&t.value), "shpat_a");
    unsigned first = t.generation;
    assert_false(token_refused(&t, first));
    write_file(path, "shpat_b\n");
    assert_true(token_refused(&t, first));
    assert_string_equal(secret_reveal(&t.value), "shpat_b");
    assert_true(token_refused(&t, first)); /* one that was on its way with the old token */
    assert_false(token_refused(&t, t.generation));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(token_read(&t, &err), STATUS_STORE_MISCONFIGURED);
    assert_non_null(strstr(err.msg, path));
    assert_false(token_refused(&t, t.generation));
    assert_int_equal(token_step(&t, 0), TOKEN_USE); /* what is in memory stays */
    token_release(&t);
}

static void missing_file_is_the_reason_that_is_given(void **state)
{
    (void)state;
    struct token t = {.file = "/nowhere/outlet.token"};
    struct err err = {0};
    token_init(&t, 1);
    assert_int_equal(token_read(&t, &err), STATUS_STORE_MISCONFIGURED);
    assert_int_equal(token_step(&t, 0), TOKEN_FAILED);
    token_failure(&t, &err);
    assert_non_null(strstr(err.msg, "/nowhere/outlet.token"));
    token_release(&t);
}

/* --- the policy --- */

static void steps_follow_the_life_of_a_token(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t at_s; /* after the grant */
        bool refused;
        enum token_step step;
    } cases[] = {
        {"just granted", 0, false, TOKEN_USE},
        {"half its life", 43200, false, TOKEN_USE},
        {"a second before three quarters", 64798, false, TOKEN_USE},
        {"after 85 %", 73441, false, TOKEN_USE_AND_ASK},
        {"its last second", 86398, false, TOKEN_USE_AND_ASK},
        {"too old", 86399, false, TOKEN_ASK},
        {"long past", 900000, false, TOKEN_ASK},
        {"refused at once", 1, true, TOKEN_FAILED},
        {"refused later", 3600, true, TOKEN_ASK},
        {"refused while renewal is due", 80000, true, TOKEN_ASK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct token t = client();
        grant(&t, GRANT, NOW_US);
        if (cases[i].refused) {
            assert_true(token_refused(&t, t.generation));
        }
        if (token_step(&t, NOW_US + cases[i].at_s * SECOND_US) != cases[i].step) {
            fail_msg("%s: %d", cases[i].name,
                     (int)token_step(&t, NOW_US + cases[i].at_s * SECOND_US));
        }
        token_release(&t);
    }
}

static void renewals_of_many_stores_are_spread(void **state)
{
    (void)state;
    int64_t least = INT64_MAX;
    int64_t most = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct token t = {.client_id = "id"};
        token_init(&t, seed);
        grant(&t, "{\"access_token\":\"t\",\"expires_in\":1000}", NOW_US);
        int64_t after_s = (t.renew_at_us - NOW_US) / SECOND_US;
        least = after_s < least ? after_s : least;
        most = after_s > most ? after_s : most;
        token_release(&t);
    }
    assert_in_range(least, 750, 765);
    assert_in_range(most, 835, 850);
}

static void first_token_is_requested_at_once(void **state)
{
    (void)state;
    struct token t = client();
    assert_int_equal(token_step(&t, 0), TOKEN_ASK);
    assert_int_equal(token_left_s(&t, 0), -1);
    grant(&t, GRANT, NOW_US);
    assert_string_equal(secret_reveal(&t.value), "shpat_1");
    assert_int_equal(token_left_s(&t, NOW_US), 86399);
    token_release(&t);
}

static void old_token_is_used_while_renewals_fail(void **state)
{
    (void)state;
    struct token t = client();
    struct err err;
    grant(&t, GRANT, NOW_US);
    int64_t due = NOW_US + 80000 * SECOND_US;
    assert_int_equal(token_step(&t, due), TOKEN_USE_AND_ASK);
    assert_int_equal(answered(&t, 503, "", due, &err), STATUS_STORE_LOST);
    assert_int_equal(token_step(&t, due), TOKEN_USE);
    int64_t next = due + token_wait_ms(&t, due) * 1000;
    assert_true(next > due && next <= due + SECOND_US);
    assert_int_equal(token_step(&t, next), TOKEN_USE_AND_ASK);
    assert_int_equal(answered(&t, 400, "{\"error\":\"app_not_installed\"}", next, &err),
                     STATUS_AUTH);
    assert_string_equal(secret_reveal(&t.value), "shpat_1");
    assert_true(token_wait_ms(&t, next) >= 5000);
    assert_int_equal(token_step(&t, next), TOKEN_USE);
    grant(&t, "{\"access_token\":\"shpat_2\",\"expires_in\":60}", next + 60 * SECOND_US);
    assert_string_equal(secret_reveal(&t.value), "shpat_2");
    token_failure(&t, &err); /* nothing is left of the failure */
    assert_null(strstr(err.msg, "app_not_installed"));
    token_release(&t);
}

static void failed_token_requests_are_spaced_out_until_a_person_acts(void **state)
{
    (void)state;
    struct token t = client();
    struct err err;
    int64_t now = NOW_US;
    int asked = 0;
    while (now < NOW_US + 3600 * SECOND_US) {
        assert_int_equal(token_step(&t, now), TOKEN_ASK);
        assert_int_equal(answered(&t, 401, "{\"error\":\"invalid_client\"}", now, &err),
                         STATUS_AUTH);
        assert_int_equal(token_step(&t, now), TOKEN_FAILED);
        now += token_wait_ms(&t, now) * 1000;
        asked++;
    }
    assert_in_range(asked, 60, 260); /* 5 to 60 s apart */
    assert_int_equal(answered(&t, 401, "{\"error\":\"invalid_client\"}", now, &err), STATUS_AUTH);
    token_reset(&t);
    assert_int_equal(token_step(&t, now), TOKEN_ASK);
    token_release(&t);
}

static void store_that_refuses_its_own_new_token_is_not_hammered(void **state)
{
    (void)state;
    struct token t = client();
    struct err err = {0};
    grant(&t, GRANT, NOW_US);
    assert_true(token_refused(&t, t.generation));
    assert_int_equal(token_step(&t, NOW_US + SECOND_US), TOKEN_FAILED);
    token_failure(&t, &err);
    assert_int_equal(err.status, STATUS_AUTH);
    assert_int_equal(token_step(&t, NOW_US + 5 * SECOND_US), TOKEN_ASK);
    token_release(&t);
}

static void new_secret_in_the_file_is_used_at_once(void **state)
{
    (void)state;
    char path[] = "/tmp/test_token_XXXXXX";
    int fd = mkstemp(path);
    struct token t = {.client_id = "id", .client_secret_file = path};
    struct err err = {0};
    assert_true(fd >= 0 && close(fd) == 0);
    token_init(&t, 1);
    write_file(path, "old");
    assert_int_equal(token_read(&t, &err), STATUS_OK);
    assert_int_equal(answered(&t, 400, "{\"error\":\"invalid_client\"}", NOW_US, &err),
                     STATUS_AUTH);
    assert_int_equal(token_read(&t, &err), STATUS_OK);
    assert_int_equal(token_step(&t, NOW_US), TOKEN_FAILED); /* nothing new in it */
    write_file(path, "new");
    assert_int_equal(token_read(&t, &err), STATUS_OK);
    assert_int_equal(token_step(&t, NOW_US), TOKEN_ASK);
    assert_string_equal(secret_reveal(&t.client_secret), "new");
    assert_int_equal(unlink(path), 0);
    token_release(&t);
}

/* --- request and answers --- */

static void request_is_a_form_with_everything_escaped(void **state)
{
    (void)state;
    struct token t = {.client_id = "a b&c"};
    struct secret body = {0};
    secret_set(&t.client_secret, "x=y&z%/+~-._\xc3\xa9");
    token_request(&t, &body);
    assert_string_equal(secret_reveal(&body), "grant_type=client_credentials&client_id=a%20b%26c"
                                              "&client_secret=x%3Dy%26z%25%2F%2B~-._%C3%A9");
    assert_int_equal(body.len, strlen(body.value));
    secret_release(&body);
    token_release(&t);
}

static void refusals_are_reported_as_they_came(void **state)
{
    (void)state;
    static const struct {
        long status;
        const char *body;
        enum status rc;
        const char *word, *origin;
    } cases[] = {
        {400,
         "{\"error\":\"shop_not_permitted\",\"error_description\":\"client credentials are not "
         "allowed for this shop\"}",
         STATUS_AUTH, "shop_not_permitted: client credentials are not allowed for this shop",
         "shop_not_permitted"},
        {401, "{\"error\":\"invalid_client\"}", STATUS_AUTH, "invalid_client", "invalid_client"},
        {400, "<html>Oauth error</html>", STATUS_AUTH, "HTTP 400", "HTTP 400"},
        {402, "{\"errors\":\"shop is frozen\"}", STATUS_STORE_CLOSED, "shop is frozen", "HTTP 402"},
        {403, "", STATUS_STORE_CLOSED, "HTTP 403", "HTTP 403"},
        {423, "", STATUS_STORE_CLOSED, "HTTP 423", "HTTP 423"},
        {430, "", STATUS_STORE_CLOSED, "HTTP 430", "HTTP 430"},
        {404, "", STATUS_STORE_MISCONFIGURED, "HTTP 404", "HTTP 404"},
        {302, "", STATUS_STORE_MISCONFIGURED, "HTTP 302", "HTTP 302"},
        {429, "", STATUS_THROTTLED, "HTTP 429", "HTTP 429"},
        {408, "", STATUS_STORE_LOST, "HTTP 408", "HTTP 408"},
        {500, "<html>", STATUS_STORE_LOST, "HTTP 500", "HTTP 500"},
        {204, "", STATUS_STORE_LOST, "HTTP 204", "HTTP 204"},
        {200, "", STATUS_STORE_LOST, "another shape", ""},
        {200, "{\"access_token\":null}", STATUS_STORE_LOST, "another shape", ""},
        {200, "{\"access_token\":\"a b\"}", STATUS_STORE_LOST, "another shape", ""},
        {200, "{\"access_token\":\"a\",\"expires_in\":0}", STATUS_STORE_LOST, "another shape", ""},
        {200, "{\"access_token\":\"a\",\"expires_in\":\"60\"}", STATUS_STORE_LOST, "another shape",
         ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct token t = client();
        struct err err;
        enum status rc = answered(&t, cases[i].status, cases[i].body, NOW_US, &err);
        if (rc != cases[i].rc || strstr(err.msg, cases[i].word) == NULL ||
            strcmp(err.origin, cases[i].origin) != 0 || secret_is_set(&t.value)) {
            fail_msg("case %zu: %s, '%s', origin '%s'", i, status_name(rc), err.msg, err.origin);
        }
        token_release(&t);
    }
}

static void secret_that_the_peer_repeats_is_not_shown(void **state)
{
    (void)state;
    struct token t = client();
    struct err err;
    assert_int_equal(answered(&t, 400,
                              "{\"error\":\"s3cr3t\",\"error_description\":\"no s3cr3t here\"}",
                              NOW_US, &err),
                     STATUS_AUTH);
    assert_null(strstr(err.msg, "s3cr3t"));
    assert_null(strstr(err.origin, "s3cr3t"));
    token_release(&t);
}

static void life_is_a_day_by_default_and_a_month_at_most(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int64_t left_s;
    } cases[] = {
        {"{\"access_token\":\"t\"}", 86400},
        {"{\"access_token\":\"t\",\"expires_in\":null}", 86400},
        {"{\"access_token\":\"t\",\"expires_in\":60.9}", 60},
        {"{\"access_token\":\"t\",\"expires_in\":1}", 1},
        {"{\"access_token\":\"t\",\"expires_in\":999999999999}", 2592000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct token t = client();
        grant(&t, cases[i].body, NOW_US);
        assert_int_equal(token_left_s(&t, NOW_US), cases[i].left_s);
        token_release(&t);
    }
}

static void peer_may_ask_for_a_longer_wait_within_bounds(void **state)
{
    (void)state;
    static const struct {
        double retry_after_s;
        int64_t least_ms, most_ms;
    } cases[] = {{4.5, 4500, 4500}, {1e9, 300000, 300000}, {-1, 500, 1000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct token t = client();
        struct err err = {0};
        const struct http_answer http = {.outcome = HTTP_ANSWERED,
                                         .status = 429,
                                         .body = bytes_text(""),
                                         .retry_after_s = cases[i].retry_after_s};
        assert_int_equal(token_answered(&t, &http, NOW_US, &err), STATUS_THROTTLED);
        assert_in_range(token_wait_ms(&t, NOW_US), cases[i].least_ms, cases[i].most_ms);
        token_release(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(static_token_is_used_at_any_time),
        cmocka_unit_test(refused_token_is_read_again_and_sent_again_only_when_it_changed),
        cmocka_unit_test(missing_file_is_the_reason_that_is_given),
        cmocka_unit_test(steps_follow_the_life_of_a_token),
        cmocka_unit_test(renewals_of_many_stores_are_spread),
        cmocka_unit_test(first_token_is_requested_at_once),
        cmocka_unit_test(old_token_is_used_while_renewals_fail),
        cmocka_unit_test(failed_token_requests_are_spaced_out_until_a_person_acts),
        cmocka_unit_test(store_that_refuses_its_own_new_token_is_not_hammered),
        cmocka_unit_test(new_secret_in_the_file_is_used_at_once),
        cmocka_unit_test(request_is_a_form_with_everything_escaped),
        cmocka_unit_test(refusals_are_reported_as_they_came),
        cmocka_unit_test(secret_that_the_peer_repeats_is_not_shown),
        cmocka_unit_test(life_is_a_day_by_default_and_a_month_at_most),
        cmocka_unit_test(peer_may_ask_for_a_longer_wait_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
