#include "consumer/shopify/answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/core/mem.h"
#include "common/core/utf8.h"

/* Longest wait that the peer may ask for: a far date must not stop a lane. */
#define WAIT_MAX_MS 300000

/* Bytes of a foreign message in err.msg, so that the whole text fits into a parked row. */
#define MESSAGE_BYTES 110

/* --- texts --- */

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text != NULL ? text : "";
}

/* --- reactions --- */

/* Class of the whole answer, and the least wait where the table names none. Shopify recommends a
 * second after a throttled answer. */
static const struct {
    enum answer_class class;
    enum status status;
    int64_t wait_ms;
} OUTCOMES[] = {
    [REACTION_THROTTLED] = {ANSWER_RETRY_SAME, STATUS_THROTTLED, 1000},
    [REACTION_NEW_KEY] = {ANSWER_RETRY_NEW, STATUS_ENTRY_REFUSED, 0},
    [REACTION_READ] = {ANSWER_RETRY_NEW, STATUS_ENTRY_REFUSED, 0},
    [REACTION_PARK] = {ANSWER_ENTRIES, STATUS_ENTRY_REFUSED, 0},
    [REACTION_ACTIVATE] = {ANSWER_ENTRIES, STATUS_ENTRY_REFUSED, 0},
    [REACTION_FIND] = {ANSWER_ENTRIES, STATUS_ENTRY_REFUSED, 0},
    [REACTION_SAME_KEY] = {ANSWER_RETRY_SAME, STATUS_OUTCOME_UNKNOWN, 500},
    [REACTION_CONFIG] = {ANSWER_CONFIG, STATUS_STORE_MISCONFIGURED, 5000},
    [REACTION_CREDENTIALS] = {ANSWER_AUTH, STATUS_AUTH, 5000},
    [REACTION_CLOSED] = {ANSWER_CLOSED, STATUS_STORE_CLOSED, 60000},
};

/* a->code is set, or empty. */
static void fail(struct answer *a, enum reaction reaction, const char *text)
{
    char origin[sizeof a->err.origin];
    char message[MESSAGE_BYTES];
    utf8_copy(origin, sizeof origin, a->code);
    utf8_copy(message, sizeof message, text);
    enum status rc = OUTCOMES[reaction].status;
    a->class = OUTCOMES[reaction].class;
    a->throttled = reaction == REACTION_THROTTLED;
    a->may_have_executed = reaction == REACTION_SAME_KEY;
    a->wait_ms = OUTCOMES[reaction].wait_ms;
    if (a->code[0] != '\0') {
        (void)err_set_origin(&a->err, rc, origin, "the store answered %s: %s", a->code, message);
    } else {
        (void)err_set(&a->err, rc, "the store answered: %s", message);
    }
}

/* There is no code: the shape of the answer decides. */
static void fail_unknown(struct answer *a, const char *text)
{
    fail(a, REACTION_SAME_KEY, text);
}

/* a->code is set: its row of the table decides. */
static void fail_by_rule(struct answer *a, enum reaction_channel channel, const char *text)
{
    a->rule = reaction_find(channel, a->code);
    fail(a, a->rule->reaction, text);
    a->wait_ms = a->rule->wait_ms > 0 ? a->rule->wait_ms : a->wait_ms;
}

/* --- transport and HTTP --- */

static int64_t wait_ms_of(double seconds)
{
    return seconds * 1000 < WAIT_MAX_MS ? (int64_t)ceil(seconds * 1000) : WAIT_MAX_MS;
}

/* Outside 200 "errors" is a text, and the body may be no JSON at all. */
static void copy_http_text(char *out, size_t size, const struct http_answer *http)
{
    json_t *body = json_loadb((const char *)http->body.ptr, http->body.len, 0, NULL);
    const char *text = text_of(body, "errors");
    utf8_copy(out, size, text[0] != '\0' ? text : "no reason given");
    json_decref(body);
}

static void classify_http(const struct http_answer *http, struct answer *a)
{
    char text[MESSAGE_BYTES];
    copy_http_text(text, sizeof text, http);
    (void)snprintf(a->code, sizeof a->code, "HTTP_%ld", http->status);
    fail_by_rule(a, REACTION_HTTP, text);
    if (http->retry_after_s < 0) {
        return;
    }
    int64_t asked_ms = wait_ms_of(http->retry_after_s);
    if (a->throttled || (a->class == ANSWER_RETRY_SAME && asked_ms > a->wait_ms)) {
        a->wait_ms = asked_ms;
    }
}

static void classify_lost(const struct http_answer *http, struct answer *a)
{
    bool untrusted = http->err.status == STATUS_STORE_MISCONFIGURED; /* a certificate */
    a->class = untrusted ? ANSWER_CONFIG : ANSWER_RETRY_SAME;
    a->may_have_executed = http->outcome != HTTP_NOT_SENT;
    a->wait_ms = OUTCOMES[untrusted ? REACTION_CONFIG : REACTION_SAME_KEY].wait_ms;
    a->err = http->err;
    if (!untrusted) {
        a->err.status = a->may_have_executed ? STATUS_OUTCOME_UNKNOWN : STATUS_STORE_LOST;
    }
    utf8_copy(a->code, sizeof a->code, http->err.origin);
}

/* --- cost --- */

/* Numbers arrive as 2000 or as 2000.0. Negative: not a number. */
static double number_of(const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);
    return json_is_number(value) ? json_number_value(value) : -1;
}

static void read_cost(const json_t *extensions, struct answer *a)
{
    const json_t *cost = json_object_get(extensions, "cost");
    const json_t *throttle = json_object_get(cost, "throttleStatus");
    double requested = number_of(cost, "requestedQueryCost");
    double maximum = number_of(throttle, "maximumAvailable");
    double rate = number_of(throttle, "restoreRate");
    const json_t *available = json_object_get(throttle, "currentlyAvailable");
    const json_t *actual = json_object_get(cost, "actualQueryCost");
    a->cost_requested = requested > 0 ? requested : 0;
    a->cost_actual = json_is_null(actual) ? 0 : number_of(cost, "actualQueryCost");
    if (maximum > 0 && rate > 0 && json_is_number(available)) {
        a->maximum = maximum;
        a->restore_rate = rate;
        a->available = json_number_value(available);
    }
}

static int64_t throttle_wait_ms(const struct answer *a)
{
    int64_t least_ms = OUTCOMES[REACTION_THROTTLED].wait_ms;
    if (a->maximum <= 0 || a->cost_requested <= a->available) {
        return least_ms;
    }
    int64_t ms = wait_ms_of((a->cost_requested - a->available) / a->restore_rate);
    return ms > least_ms ? ms : least_ms;
}

/* --- top-level errors --- */

static const char *code_of(const json_t *error)
{
    return text_of(json_object_get(error, "extensions"), "code");
}

static void classify_top_level(const json_t *errors, struct answer *a)
{
    const json_t *gravest = NULL;
    enum reaction worst = REACTION_THROTTLED;
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *error = json_array_get(errors, i);
        enum reaction reaction = reaction_find(REACTION_TOP_LEVEL, code_of(error))->reaction;
        if (i == 0 || reaction > worst) {
            gravest = error;
            worst = reaction;
        }
    }
    /* When a scope is missing, a person needs its name. */
    const char *scope = text_of(json_object_get(gravest, "extensions"), "requiredAccess");
    utf8_copy(a->code, sizeof a->code, code_of(gravest));
    fail_by_rule(a, REACTION_TOP_LEVEL, scope[0] != '\0' ? scope : text_of(gravest, "message"));
    if (a->throttled) {
        a->wait_ms = throttle_wait_ms(a);
    }
}

/* --- user errors --- */

/* The number of an entry: a text of digits by the schema, a number elsewhere. */
static bool number_of_entry(const json_t *part, size_t *index)
{
    const char *text = json_string_value(part);
    if (json_is_integer(part)) {
        json_int_t value = json_integer_value(part);
        *index = value >= 0 ? (size_t)value : SIZE_MAX;
    } else if (text != NULL) {
        size_t len = strlen(text);
        bool digits = len > 0 && len <= 3 && strspn(text, "0123456789") == len;
        *index = digits ? (size_t)strtoul(text, NULL, 10) : SIZE_MAX;
    } else {
        *index = SIZE_MAX;
    }
    return *index < INVENTORY_MAX_ENTRIES;
}

/* ["input", "quantities", "7", …]. @return false: no entry is named */
static bool index_of(enum operation op, const json_t *field, size_t *index)
{
    const char *entries = op == OP_STOCK_ADJUST ? "changes" : "quantities";
    const char *input = json_string_value(json_array_get(field, 0));
    const char *list = json_string_value(json_array_get(field, 1));
    return input != NULL && list != NULL && strcmp(input, "input") == 0 &&
           strcmp(list, entries) == 0 && number_of_entry(json_array_get(field, 2), index);
}

static int compare_size(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

/* By entry, and within one the code that decides comes last. */
static int compare_entries(const void *left, const void *right)
{
    const struct entry_error *a = left;
    const struct entry_error *b = right;
    int order = compare_size(a->index, b->index);
    if (order == 0) {
        order = compare_size(a->rule->reaction, b->rule->reaction);
    }
    return order != 0 ? order : strcmp(a->code, b->code);
}

static void
add_entry(struct answer *a, const json_t *error, const struct reaction_rule *rule, size_t index)
{
    struct entry_error *e = &a->entries[a->entry_count++];
    e->index = index;
    e->rule = rule;
    utf8_copy(e->code, sizeof e->code, text_of(error, "code"));
    utf8_copy(e->msg, sizeof e->msg, text_of(error, "message"));
}

static void classify_user_errors(enum operation op, const json_t *errors, struct answer *a)
{
    size_t count = json_array_size(errors);
    const json_t *deciding = NULL;
    enum reaction gravest = REACTION_THROTTLED;
    count = count < ANSWER_MAX_ENTRY_ERRORS ? count : ANSWER_MAX_ENTRY_ERRORS;
    a->entries = mem_calloc(count, sizeof *a->entries);
    for (size_t i = 0; i < count; i++) {
        const json_t *error = json_array_get(errors, i);
        const struct reaction_rule *rule =
            reaction_find(REACTION_USER_ERRORS, text_of(error, "code"));
        size_t index = 0;
        if (deciding == NULL || rule->reaction > gravest) {
            deciding = error;
            gravest = rule->reaction;
        }
        if (reaction_is_of_entry(rule->reaction) &&
            index_of(op, json_object_get(error, "field"), &index)) {
            add_entry(a, error, rule, index);
        }
    }
    utf8_copy(a->code, sizeof a->code, text_of(deciding, "code"));
    fail_by_rule(a, REACTION_USER_ERRORS, text_of(deciding, "message"));
    if (a->class != ANSWER_ENTRIES && a->class != ANSWER_RETRY_NEW) {
        a->entry_count = 0; /* it concerns the request as a whole */
    }
    if (a->entry_count > 1) {
        qsort(a->entries, a->entry_count, sizeof *a->entries, compare_entries);
    }
}

/* --- the body of an HTTP 200 --- */

static bool has_search_warnings(const json_t *extensions)
{
    size_t i = 0;
    const json_t *search = NULL;
    json_array_foreach(json_object_get(extensions, "search"), i, search)
    {
        if (json_array_size(json_object_get(search, "warnings")) > 0) {
            return true;
        }
    }
    return false;
}

static void classify_data(enum operation op, json_t *body, struct answer *a)
{
    const json_t *root = json_object_get(json_object_get(body, "data"), operation_root(op));
    const json_t *user_errors = json_object_get(root, "userErrors");
    if (!json_is_object(root) && !json_is_array(root)) {
        fail_unknown(a, "no errors, and no data either");
    } else if (has_search_warnings(json_object_get(body, "extensions"))) {
        fail(a, REACTION_CONFIG, "the search was not understood, and everything was returned");
        a->search_refused = true;
    } else if (operation_has_user_errors(op) && !json_is_array(user_errors)) {
        fail_unknown(a, "the list of user errors is missing");
    } else if (operation_has_user_errors(op) && json_array_size(user_errors) > 0) {
        classify_user_errors(op, user_errors, a);
        a->item_missing =
            op == OP_ITEM_TRACK && json_is_null(json_object_get(root, "inventoryItem"));
    } else {
        a->class = ANSWER_DONE;
        a->noop = operation_is_write(op) &&
                  json_is_null(json_object_get(root, "inventoryAdjustmentGroup"));
        a->json = json_incref(body);
    }
}

static void classify_body(enum operation op, const struct http_answer *http, struct answer *a)
{
    json_error_t error;
    /* U+0000 in the text of one product must not fail a page of 250. */
    json_t *body = json_loadb((const char *)http->body.ptr, http->body.len, JSON_ALLOW_NUL, &error);
    const json_t *errors = json_object_get(body, "errors");
    if (!json_is_object(body)) {
        fail_unknown(a, body == NULL ? error.text : "not a JSON object");
        json_decref(body);
        return;
    }
    read_cost(json_object_get(body, "extensions"), a);
    if (errors == NULL || json_is_null(errors) ||
        (json_is_array(errors) && json_array_size(errors) == 0)) {
        classify_data(op, body, a);
    } else if (json_is_array(errors)) {
        classify_top_level(errors, a);
    } else {
        const char *text = json_string_value(errors);
        fail_unknown(a, text != NULL ? text : "errors of an unknown shape");
    }
    json_decref(body);
}

/* --- entry points --- */

void answer_classify(enum operation op, const struct http_answer *http, struct answer *answer)
{
    *answer = (struct answer){.elapsed_us = http->elapsed_us, .cost_actual = -1};
    (void)memcpy(answer->api_version, http->api_version, sizeof answer->api_version);
    (void)memcpy(answer->request_id, http->request_id, sizeof answer->request_id);
    if (http->outcome != HTTP_ANSWERED) {
        classify_lost(http, answer);
    } else if (http->status != 200) {
        classify_http(http, answer);
    } else {
        classify_body(op, http, answer);
    }
}

void answer_distrust(struct answer *answer, const struct err *why)
{
    json_decref(answer->json);
    answer->json = NULL;
    answer->class = ANSWER_CONFIG;
    answer->wait_ms = OUTCOMES[REACTION_CONFIG].wait_ms;
    answer->err = *why;
}

void answer_release(struct answer *answer)
{
    mem_free(answer->entries);
    json_decref(answer->json);
    *answer = (struct answer){0};
}

enum status answer_status(const struct answer *answer, struct err *err)
{
    if (answer->class == ANSWER_DONE) {
        return STATUS_OK;
    }
    *err = answer->err;
    return err->status;
}
