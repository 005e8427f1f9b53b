#include "consumer/shopify/token.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "common/core/mem.h"
#include "common/core/utf8.h"

/* Life of a token whose answer does not state it, and the longest that is accepted. */
#define LIFE_DEFAULT_S 86400
#define LIFE_MAX_S     (INT64_C(30) * 86400)

#define TOKEN_MAX_BYTES 2048

/* Waits between two token requests: after a success, so that a store that refuses its own new
 * tokens is not flooded; after a refusal, which only a person can fix; after other failures. Last,
 * the longest wait that the peer may ask for. */
#define ASK_PAUSE_MS   INT64_C(5000)
#define REFUSED_MIN_MS INT64_C(5000)
#define WAIT_MIN_MS    INT64_C(500)
#define WAIT_MAX_MS    INT64_C(300000)

#define CODE_BYTES        64
#define DESCRIPTION_BYTES 140

void token_init(struct token *t, uint64_t seed)
{
    backoff_init(&t->backoff, 1000, 60000, seed);
}

void token_release(struct token *t)
{
    secret_release(&t->client_secret);
    secret_release(&t->value);
}

static bool is_client(const struct token *t)
{
    return t->client_id != NULL;
}

/* --- configuration --- */

enum status token_read(struct token *t, struct err *err)
{
    const char *path = is_client(t) ? t->client_secret_file : t->file;
    struct secret *kept = is_client(t) ? &t->client_secret : &t->value;
    struct secret fresh = {0};
    if (path == NULL) {
        return STATUS_OK;
    }
    enum status rc = secret_read_file(&fresh, path, err);
    if (rc != STATUS_OK) {
        /* The file of one store must not end the process. */
        err->status = STATUS_STORE_MISCONFIGURED;
        if (!secret_is_set(kept)) {
            t->failure = *err;
        }
        return err->status;
    }
    if (!secret_is_set(kept) || strcmp(secret_reveal(&fresh), secret_reveal(kept)) != 0) {
        secret_release(kept);
        *kept = fresh;
        fresh = (struct secret){0};
        token_reset(t);
        token_mark_uncertain(t);
        if (!is_client(t)) {
            t->generation++;
            t->refused = false;
            t->failure = (struct err){0};
        }
    }
    secret_release(&fresh);
    return STATUS_OK;
}

void token_reset(struct token *t)
{
    t->ask_at_us = 0;
    backoff_reset(&t->backoff);
}

void token_mark_uncertain(struct token *t)
{
    t->renew_at_us = 0;
}

/* --- steps --- */

static bool is_live(const struct token *t, int64_t now_us)
{
    return secret_is_set(&t->value) && !t->refused && now_us < t->expires_at_us;
}

enum token_step token_step(const struct token *t, int64_t now_us)
{
    if (!is_client(t)) {
        /* Also after a 401: only the store can accept it again. */
        return secret_is_set(&t->value) ? TOKEN_USE : TOKEN_FAILED;
    }
    bool may_ask = now_us >= t->ask_at_us;
    if (!is_live(t, now_us)) {
        return may_ask ? TOKEN_ASK : TOKEN_FAILED;
    }
    return may_ask && now_us >= t->renew_at_us ? TOKEN_USE_AND_ASK : TOKEN_USE;
}

void token_failure(const struct token *t, struct err *err)
{
    *err = t->failure;
    if (err->status == STATUS_OK) {
        (void)err_set(err, STATUS_AUTH, "there is no access token");
    }
}

int64_t token_wait_ms(const struct token *t, int64_t now_us)
{
    return now_us < t->ask_at_us ? (t->ask_at_us - now_us + 999) / 1000 : 0;
}

int64_t token_left_s(const struct token *t, int64_t now_us)
{
    if (!is_client(t) || !secret_is_set(&t->value)) {
        return -1;
    }
    return is_live(t, now_us) ? (t->expires_at_us - now_us) / 1000000 : 0;
}

bool token_refused(struct token *t, unsigned generation)
{
    struct err unreadable = {0};
    if (generation != t->generation) {
        return true;
    }
    if (!is_client(t)) {
        return token_read(t, &unreadable) == STATUS_OK && t->generation != generation;
    }
    t->refused = true;
    (void)err_set(&t->failure, STATUS_AUTH,
                  "the store refuses the access token that it has just given");
    return true;
}

/* --- asking --- */

/* RFC 3986: unreserved characters, which need no escape. */
static bool is_plain(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static char *append_escaped(char *out, const char *text)
{
    static const char HEX[] = "0123456789ABCDEF";
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (is_plain(*c)) {
            *out++ = (char)*c;
        } else {
            *out++ = '%';
            *out++ = HEX[*c >> 4U];
            *out++ = HEX[*c & 15U];
        }
    }
    return out;
}

static char *append_plain(char *out, const char *text)
{
    while (*text != '\0') {
        *out++ = *text++;
    }
    return out;
}

void token_request(const struct token *t, struct secret *body)
{
    static const char HEAD[] = "grant_type=client_credentials&client_id=";
    static const char MIDDLE[] = "&client_secret=";
    size_t size = sizeof HEAD + sizeof MIDDLE + 3 * (strlen(t->client_id) + t->client_secret.len);
    char *text = mem_alloc(size);
    char *end = append_plain(text, HEAD);
    end = append_escaped(end, t->client_id);
    end = append_plain(end, MIDDLE);
    end = append_escaped(end, secret_reveal(&t->client_secret));
    *end = '\0';
    secret_release(body);
    *body = (struct secret){.value = text, .len = (size_t)(end - text)};
}

/* --- the answer --- */

static void wait_before_asking(struct token *t, int64_t least_ms, int64_t now_us)
{
    t->ask_at_us = now_us + backoff_next_ms(&t->backoff, least_ms) * 1000;
}

void token_not_asked(struct token *t, const struct err *why, int64_t now_us)
{
    t->failure = *why;
    wait_before_asking(t, REFUSED_MIN_MS, now_us);
}

/* Printable ASCII without space: it becomes a header. */
static bool is_token(const json_t *value)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (text == NULL || len == 0 || len > TOKEN_MAX_BYTES) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    return true;
}

/* @return 0: no such number */
static int64_t life_of(const json_t *value)
{
    if (value == NULL || json_is_null(value)) {
        return LIFE_DEFAULT_S;
    }
    double seconds = json_is_number(value) ? json_number_value(value) : 0;
    if (seconds < 1) {
        return 0;
    }
    return seconds < (double)LIFE_MAX_S ? (int64_t)seconds : LIFE_MAX_S;
}

/* A back-off that cannot grow is a plain random number. */
static int64_t random_up_to(struct token *t, int64_t max)
{
    struct backoff spread;
    backoff_init(&spread, max, max, t->backoff.seed);
    int64_t value = backoff_next_ms(&spread, 0);
    t->backoff.seed = spread.seed;
    return value;
}

static enum status take_token(struct token *t, const json_t *body, int64_t now_us, struct err *err)
{
    const json_t *value = json_object_get(body, "access_token");
    int64_t lives_us = life_of(json_object_get(body, "expires_in")) * 1000000;
    if (!is_token(value) || lives_us == 0) {
        return err_set(err, STATUS_STORE_LOST,
                       "the answer to the request for an access token has another shape");
    }
    secret_set(&t->value, json_string_value(value));
    t->generation++;
    t->refused = false;
    t->failure = (struct err){0};
    t->renew_at_us = now_us + lives_us / 4 * 3 + random_up_to(t, lives_us / 10);
    t->expires_at_us = now_us + lives_us;
    backoff_reset(&t->backoff);
    t->ask_at_us = now_us + ASK_PAUSE_MS * 1000;
    return STATUS_OK;
}

/* If the peer repeats our secret, it must not reach our logs. */
static void copy_foreign(const struct token *t, const char *text, char *out, size_t size)
{
    bool leaks =
        secret_is_set(&t->client_secret) && strstr(text, secret_reveal(&t->client_secret)) != NULL;
    utf8_copy(out, size, leaks ? "(not shown: it holds the secret)" : text);
}

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static enum status status_of(long http_status)
{
    switch (http_status) {
    case 400:
    case 401:
        return STATUS_AUTH;
    case 402:
    case 403:
    case 423:
    case 430:
        return STATUS_STORE_CLOSED;
    case 429:
        return STATUS_THROTTLED;
    case 408:
        return STATUS_STORE_LOST;
    default:
        return http_status >= 300 && http_status < 500 ? STATUS_STORE_MISCONFIGURED
                                                       : STATUS_STORE_LOST;
    }
}

/* Code and text as they came, so that a person can look them up. */
static enum status
explain(const struct token *t, const struct http_answer *http, const json_t *body, struct err *err)
{
    char code[CODE_BYTES];
    char text[DESCRIPTION_BYTES];
    char origin[sizeof err->origin];
    const char *described = member(body, "error_description");
    copy_foreign(t, member(body, "error"), code, sizeof code);
    copy_foreign(t, described[0] != '\0' ? described : member(body, "errors"), text, sizeof text);
    if (code[0] == '\0') {
        (void)snprintf(code, sizeof code, "HTTP %ld", http->status);
    }
    utf8_copy(origin, sizeof origin, code);
    return err_set_origin(err, status_of(http->status), origin, "no access token: %s%s%s", code,
                          text[0] != '\0' ? ": " : "", text);
}

static enum status
judge(struct token *t, const struct http_answer *http, int64_t now_us, struct err *err)
{
    if (http->outcome != HTTP_ANSWERED) {
        enum status rc =
            http->err.status == STATUS_STORE_MISCONFIGURED ? http->err.status : STATUS_STORE_LOST;
        return err_set_origin(err, rc, http->err.origin, "no access token: %.400s", http->err.msg);
    }
    json_t *body = json_loadb((const char *)http->body.ptr, http->body.len, 0, NULL);
    enum status rc =
        http->status == 200 ? take_token(t, body, now_us, err) : explain(t, http, body, err);
    json_decref(body);
    return rc;
}

enum status
token_answered(struct token *t, const struct http_answer *http, int64_t now_us, struct err *err)
{
    enum status rc = judge(t, http, now_us, err);
    if (rc == STATUS_OK) {
        return rc;
    }
    int64_t least_ms = status_class(rc) == CLASS_STORE ? REFUSED_MIN_MS : WAIT_MIN_MS;
    if (http->retry_after_s >= 0) {
        double asked_ms = ceil(http->retry_after_s * 1000);
        int64_t bounded_ms = asked_ms < (double)WAIT_MAX_MS ? (int64_t)asked_ms : WAIT_MAX_MS;
        least_ms = bounded_ms > least_ms ? bounded_ms : least_ms;
    }
    t->failure = *err;
    wait_before_asking(t, least_ms, now_us);
    return rc;
}
