/**
 * fuzz_token: any bytes as the answer to the asking for an access token. Whatever comes, a token in
 * force is one line of printable ASCII with a bounded life, and texts are whole and never hold the
 * secret.
 *
 * Byte 0 chooses the status ('2': 200, '4': 400, else 503), the rest is the body.
 */
#include <string.h>

#include "common/core/mem.h"
#include "common/core/utf8.h"
#include "consumer/shopify/token.h"
#include "tests/fuzz/fuzz_target.h"

#define NOW_US INT64_C(5000000)

static void check_token(const struct token *t)
{
    const char *value = secret_reveal(&t->value);
    INVARIANT(t->value.len > 0 && t->value.len <= 2048, "a token of %zu bytes", t->value.len);
    for (const char *c = value; *c != '\0'; c++) {
        INVARIANT(*c > ' ' && *c <= '~', "byte %d in a token", *c);
    }
    INVARIANT(t->renew_at_us > NOW_US && t->renew_at_us < t->expires_at_us, "renewed too late");
    INVARIANT(token_left_s(t, NOW_US) >= 1 && token_left_s(t, NOW_US) <= INT64_C(30) * 86400,
              "a life of %lld s", (long long)token_left_s(t, NOW_US));
    INVARIANT(token_step(t, NOW_US) == TOKEN_USE, "a new token is not used");
}

static void check_text(const char *text, size_t size)
{
    INVARIANT(memchr(text, '\0', size) != NULL, "a text without an end");
    struct bytes rest = bytes_text(text);
    while (rest.len > 0) {
        size_t n = utf8_sequence(rest);
        INVARIANT(n > 0, "a text that is not UTF-8");
        rest = bytes_of(rest.ptr + n, rest.len - n);
    }
}

static void check_failure(const struct token *t, enum status rc, const struct err *err)
{
    INVARIANT(rc == err->status && err->msg[0] != '\0', "status %s", status_name(rc));
    INVARIANT(strstr(err->msg, secret_reveal(&t->client_secret)) == NULL, "the secret is shown");
    INVARIANT(!secret_is_set(&t->value), "a token in spite of %s", status_name(rc));
    INVARIANT(token_wait_ms(t, NOW_US) > 0 && token_wait_ms(t, NOW_US) <= 300000, "wait");
    INVARIANT(token_step(t, NOW_US) == TOKEN_FAILED, "asked again at once");
    check_text(err->msg, sizeof err->msg);
    check_text(err->origin, sizeof err->origin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct token t = {.client_id = "id"};
    struct err err = {0};
    if (size < 1) {
        return 0;
    }
    long status = data[0] == '2' ? 200 : 503;
    const struct http_answer http = {.outcome = HTTP_ANSWERED,
                                     .status = data[0] == '4' ? 400 : status,
                                     .body = bytes_of(data + 1, size - 1),
                                     .retry_after_s = -1};
    token_init(&t, 1);
    secret_set(&t.client_secret, "s3cr3t");
    enum status rc = token_answered(&t, &http, NOW_US, &err);
    if (rc == STATUS_OK) {
        check_token(&t);
    } else {
        check_failure(&t, rc, &err);
    }
    token_release(&t);
    return 0;
}
