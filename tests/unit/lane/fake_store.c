#include "tests/unit/lane/fake_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/core/mem.h"
#include "tests/unit/lane/fake_clock.h"
#include "tests/unit/lane/fake_source.h"

#define BODY_MAX ((size_t)1 << 20)
/* A lane that takes this many turns without time passing does not wait for anything. */
#define SPINS_MAX 2000

struct fake_store fake_store;

struct graphql {
    const struct store *store;
};

/* A request in flight and its answer. */
struct flight {
    enum operation op;
    void *owner;
    int64_t due_us; /* INT64_MAX: never */
    enum http_outcome outcome;
    long status;
    double retry_after_s;
    char version[16];
    char *body; /* owned */
    bool is_fetch, broken;
    size_t number;
};

static struct graphql the_client;
static void (*on_wait)(void);
static unsigned spins;

static struct {
    struct flight *list;
    size_t count, room;
} flights;

void fake_store_release(void)
{
    for (size_t i = 0; i < flights.count; i++) {
        mem_free(flights.list[i].body);
    }
    mem_free(flights.list);
    memset(&flights, 0, sizeof flights);
    for (size_t i = 0; i < fake_store.request_count; i++) {
        mem_free(fake_store.requests[i].variables);
    }
    mem_free(fake_store.requests);
    fake_store.requests = NULL;
    fake_store.request_count = fake_store.request_room = 0;
}

void fake_store_reset(void)
{
    fake_store_release();
    fake_store = (struct fake_store){.latency_us = 20000, .points = 2000};
    on_wait = NULL;
    spins = 0;
}

void fake_store_fault(const struct fake_fault *fault)
{
    assert_true(fake_store.fault_count < FAKE_FAULTS);
    fake_store.faults[fake_store.fault_count++] = *fault;
}

void fake_store_clear_faults(void)
{
    fake_store.fault_count = 0;
}

size_t fake_store_sent(enum operation op)
{
    size_t count = 0;
    for (size_t i = 0; i < fake_store.request_count; i++) {
        count += fake_store.requests[i].op == op;
    }
    return count;
}

const struct fake_request *fake_store_request(enum operation op, size_t number)
{
    for (size_t i = 0; i < fake_store.request_count; i++) {
        if (fake_store.requests[i].op == op && number-- == 0) {
            return &fake_store.requests[i];
        }
    }
    fail_msg("no such request");
    return NULL;
}

size_t fake_store_running(void)
{
    return flights.count;
}

void fake_store_on_wait(void (*act)(void))
{
    on_wait = act;
}

/* --- start --- */

static enum status store_open(struct store *store, struct graphql **client, struct err *err)
{
    if (fake_store.open_rc != STATUS_OK) {
        return err_set(err, fake_store.open_rc, "no client");
    }
    the_client.store = store;
    *client = &the_client;
    return STATUS_OK;
}

static enum status
check_access(struct graphql *client, const struct store *store, int stop_fd, struct err *err)
{
    (void)stop_fd;
    assert_ptr_equal(client->store, store);
    fake_store.accesses++;
    return fake_store.access_rc == STATUS_OK ? STATUS_OK
                                             : err_set(err, fake_store.access_rc, "no access");
}

static enum status locations(struct graphql *client,
                             int stop_fd,
                             struct shop_location **list,
                             size_t *count,
                             struct err *err)
{
    (void)stop_fd;
    assert_ptr_equal(client, &the_client);
    if (fake_store.locations_rc != STATUS_OK) {
        return err_set(err, fake_store.locations_rc, "no locations");
    }
    *list = mem_calloc(2, sizeof **list);
    (*list)[0] = (struct shop_location){
        .id = FAKE_LOCATION, .name = mem_strdup("Main"), .active = !fake_store.location_inactive};
    (*list)[1] =
        (struct shop_location){.id = FAKE_OTHER_PLACE, .name = mem_strdup("Other"), .active = true};
    *count = 2;
    return STATUS_OK;
}

static enum status load_catalogue(struct graphql *client,
                                  enum match match,
                                  int stop_fd,
                                  struct sku_index **index,
                                  void (*progress)(void *arg, size_t variants),
                                  void *arg,
                                  struct err *err)
{
    (void)stop_fd;
    assert_ptr_equal(client, &the_client);
    assert_int_equal(match, MATCH_SKU);
    fake_store.loads++;
    *index = NULL;
    if (fake_store.load_rc != STATUS_OK) {
        return err_set(err, fake_store.load_rc, "no catalogue");
    }
    *index = sku_index_new();
    for (size_t i = 0; i < fake_shop.count; i++) {
        const struct fake_level *l = &fake_shop.list[i];
        const struct mapped_item item = {
            .item = l->item, .tracked = l->tracked, .bundle = l->bundle};
        if (!l->gone) {
            sku_index_add(*index, l->sku, &item);
        }
    }
    progress(arg, fake_shop.count);
    return STATUS_OK;
}

/* --- requests --- */

static void note_request(enum operation op, const char *variables)
{
    struct fake_request r = {
        .op = op, .variables = mem_strdup(variables), .sent_us = clock_monotonic_us()};
    json_t *json = json_loads(variables, 0, NULL);
    assert_non_null(json);
    const char *key = json_string_value(json_object_get(json, "key"));
    (void)snprintf(r.key, sizeof r.key, "%s", key != NULL ? key : "");
    r.entries = op == OP_STOCK_SET
                    ? json_array_size(json_object_get(json_object_get(json, "input"), "quantities"))
                    : json_array_size(json_object_get(json, "ids"));
    json_decref(json);
    MEM_ADD(&fake_store, requests, request_count, request_room, &r);
}

static struct fake_fault *fault_of(enum operation op)
{
    for (size_t i = 0; i < fake_store.fault_count; i++) {
        struct fake_fault *f = &fake_store.faults[i];
        if (f->op == op && f->times > 0) {
            f->times--;
            return f;
        }
    }
    return NULL;
}

static bool is_odd(enum operation op, const char *variables)
{
    return op == OP_VARIANTS_SEARCH && fake_shop.odd_sku != NULL &&
           strstr(variables, fake_shop.odd_sku) != NULL;
}

static void append_warning(struct strbuf *body)
{
    strbuf_append_text(body, ",\"extensions\":{\"search\":[{\"path\":[\"productVariants\"],"
                             "\"warnings\":[{\"message\":\"unknown filter\"}]}]}}");
}

static void append_cost(enum operation op, struct strbuf *body)
{
    strbuf_appendf(body,
                   ",\"extensions\":{\"cost\":{\"requestedQueryCost\":%d,\"actualQueryCost\":10,"
                   "\"throttleStatus\":{\"maximumAvailable\":2000,\"currentlyAvailable\":%.0f,"
                   "\"restoreRate\":100}}}}",
                   op == OP_LEVELS_READ ? 60 : 10, fake_store.points);
}

static void append_user_error(enum operation op, const struct fake_fault *f, struct strbuf *body)
{
    strbuf_appendf(body,
                   "{\"data\":{\"%s\":{\"userErrors\":[{\"code\":\"%s\",\"message\":\"no\","
                   "\"field\":",
                   operation_root(op), f->code);
    if (f->entry > 0) {
        strbuf_appendf(body, "[\"input\",\"quantities\",\"%d\"]}]}}", f->entry - 1);
    } else {
        strbuf_append_text(body, "null}]}}");
    }
}

static void append_body(enum operation op,
                        const char *variables,
                        const struct fake_fault *f,
                        struct strbuf *body)
{
    struct strbuf data;
    strbuf_init(&data, BODY_MAX);
    bool changes_answer = f != NULL && (f->cut || f->unsent || f->silent || f->status > 0 ||
                                        f->code != NULL || f->body != NULL);
    if (!changes_answer || f->executed) {
        fake_shop_execute(op, variables, &data);
    }
    if (f != NULL && f->body != NULL) {
        strbuf_append_text(body, f->body);
    } else if (f != NULL && f->status > 0 && f->status != 200) {
        strbuf_append_text(body, "{\"errors\":\"no\"}");
    } else if (f != NULL && f->code != NULL && f->user_error) {
        append_user_error(op, f, body);
        append_cost(op, body);
    } else if (f != NULL && f->code != NULL) {
        strbuf_appendf(body, "{\"errors\":[{\"message\":\"no\",\"extensions\":{\"code\":\"%s\"}}]",
                       f->code);
        append_cost(op, body);
    } else {
        strbuf_appendf(body, "{\"data\":%s", data.len > 0 ? data.ptr : "null");
        if (is_odd(op, variables)) {
            append_warning(body);
        } else {
            append_cost(op, body);
        }
    }
    strbuf_release(&data);
}

static void take_fault(struct flight *flight, const struct fake_fault *f)
{
    if (f == NULL) {
        return;
    }
    flight->due_us = f->silent ? INT64_MAX : flight->due_us + f->delay_us;
    flight->outcome = f->cut ? HTTP_UNKNOWN : flight->outcome;
    flight->outcome = f->unsent ? HTTP_NOT_SENT : flight->outcome;
    flight->status = f->status > 0 ? f->status : flight->status;
    flight->retry_after_s = f->retry_after_s > 0 ? f->retry_after_s : -1;
    if (f->version != NULL) {
        (void)snprintf(flight->version, sizeof flight->version, "%s", f->version);
    }
}

static enum status store_send(
    struct graphql *client, enum operation op, const char *variables, void *owner, struct err *err)
{
    (void)err;
    assert_ptr_equal(client, &the_client);
    struct strbuf body;
    const struct fake_fault *fault = fault_of(op);
    note_request(op, variables);
    strbuf_init(&body, BODY_MAX);
    append_body(op, variables, fault, &body);
    struct flight flight = {.op = op,
                            .owner = owner,
                            .due_us = clock_monotonic_us() + fake_store.latency_us,
                            .status = 200,
                            .retry_after_s = -1,
                            .version = FAKE_API_VERSION,
                            .number = fake_store.request_count};
    take_fault(&flight, fault);
    flight.body = strbuf_take(&body);
    strbuf_release(&body);
    MEM_ADD(&flights, list, count, room, &flight);
    return STATUS_OK;
}

/* The whole file comes at once, or its first half. */
static enum status store_fetch(struct graphql *client,
                               const char *url,
                               bool (*take)(void *arg, struct bytes piece),
                               void *arg,
                               void *owner,
                               struct err *err)
{
    struct strbuf lines;
    (void)err;
    assert_ptr_equal(client, &the_client);
    assert_string_equal(url, "https://files.example/bulk");
    fake_store.fetches++;
    strbuf_init(&lines, BODY_MAX);
    fake_shop_append_lines(&lines);
    bool breaks = fake_store.broken_fetches > 0;
    fake_store.broken_fetches -= breaks;
    struct bytes all = strbuf_bytes(&lines);
    bool taken = take(arg, bytes_of(all.ptr, breaks ? all.len / 2 : all.len));
    strbuf_release(&lines);
    const struct flight flight = {.owner = owner,
                                  .due_us = clock_monotonic_us() + fake_store.latency_us,
                                  .is_fetch = true,
                                  .broken = !taken || breaks};
    MEM_ADD(&flights, list, count, room, &flight);
    return STATUS_OK;
}

static void remove_flight(size_t at)
{
    mem_free(flights.list[at].body);
    flights.count--;
    memmove(&flights.list[at], &flights.list[at + 1], (flights.count - at) * sizeof *flights.list);
}

static void store_cancel(struct graphql *client, const void *owner)
{
    assert_ptr_equal(client, &the_client);
    for (size_t i = flights.count; i > 0; i--) {
        if (flights.list[i - 1].owner == owner) {
            remove_flight(i - 1);
        }
    }
}

static size_t store_running(const struct graphql *client)
{
    assert_ptr_equal(client, &the_client);
    return flights.count;
}

/* --- answers --- */

/* Time passes until an answer is due, the topic has something, or the wait is over. */
static void store_wait(struct graphql *client, const int *fds, size_t fd_count, int timeout_ms)
{
    (void)fds;
    assert_ptr_equal(client, &the_client);
    int64_t before = clock_monotonic_us();
    int64_t until = before + timeout_ms * INT64_C(1000);
    int64_t readable = fd_count > 1 ? fake_source_readable_us() : INT64_MAX;
    until = readable < until ? readable : until;
    for (size_t i = 0; i < flights.count; i++) {
        until = flights.list[i].due_us < until ? flights.list[i].due_us : until;
    }
    fake_clock_pass_until_us(until);
    spins = clock_monotonic_us() > before ? 0 : spins + 1;
    if (spins > SPINS_MAX) {
        fail_msg("the lane goes round without waiting");
    }
    if (on_wait != NULL) {
        on_wait();
    }
}

/* The answer that comes next; flights.count: none is due. */
static size_t next_due(void)
{
    size_t found = flights.count;
    for (size_t i = 0; i < flights.count; i++) {
        const struct flight *f = &flights.list[i];
        if (f->due_us > clock_monotonic_us()) {
            continue;
        }
        bool earlier = found == flights.count || f->due_us < flights.list[found].due_us;
        found = earlier || fake_store.newest_first ? i : found;
    }
    return found;
}

static void classify(const struct flight *f, struct answer *answer)
{
    struct http_answer http = {.outcome = f->outcome,
                               .status = f->status,
                               .retry_after_s = f->retry_after_s,
                               .elapsed_us = fake_store.latency_us};
    if (f->outcome == HTTP_ANSWERED) {
        http.body = bytes_text(f->body);
        memcpy(http.api_version, f->version, sizeof http.api_version);
        (void)snprintf(http.request_id, sizeof http.request_id, "request-%zu", f->number);
    } else {
        (void)err_set_origin(&http.err, STATUS_STORE_LOST, "CURL_56", "the connection was cut");
    }
    answer_classify(f->op, &http, answer);
}

static enum status
check_version(const struct graphql *client, const struct answer *answer, struct err *err)
{
    if (!answer->other_version) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_STORE_MISCONFIGURED, "API version %s was asked for, %s was served",
                   client->store->api_version, answer->api_version);
}

/* As graphql.c: a read under the rules of another version cannot be relied on. */
static void judge_version(const struct flight *f, struct answer *answer)
{
    struct err why = {0};
    answer->other_version = answer->api_version[0] != '\0' &&
                            strcmp(answer->api_version, the_client.store->api_version) != 0;
    if (answer->class == ANSWER_DONE && !operation_is_mutation(f->op) &&
        check_version(&the_client, answer, &why) != STATUS_OK) {
        answer_distrust(answer, &why);
    }
}

static bool store_next(struct graphql *client, struct answer *answer)
{
    assert_ptr_equal(client, &the_client);
    size_t at = next_due();
    if (at == flights.count) {
        return false;
    }
    const struct flight *f = &flights.list[at];
    if (f->is_fetch) {
        *answer = (struct answer){.class = f->broken ? ANSWER_RETRY_SAME : ANSWER_DONE};
    } else {
        classify(f, answer);
        judge_version(f, answer);
    }
    answer->owner = f->owner;
    remove_flight(at);
    return true;
}

static void store_close(struct graphql *client)
{
    (void)client;
    while (flights.count > 0) {
        remove_flight(flights.count - 1);
    }
}

const struct store_port fake_store_port = {.open = store_open,
                                           .check_access = check_access,
                                           .locations = locations,
                                           .load_catalogue = load_catalogue,
                                           .send = store_send,
                                           .fetch = store_fetch,
                                           .cancel = store_cancel,
                                           .running = store_running,
                                           .wait = store_wait,
                                           .next = store_next,
                                           .check_version = check_version,
                                           .close = store_close};
