#include "consumer/shopify/catalog.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "common/core/backoff.h"
#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/strbuf.h"
#include "consumer/shopify/gid.h"
#include "consumer/shopify/pages.h"
#include "consumer/shopify/reading.h"

/* Tries for one page: an empty bucket fills within 20 seconds; an outage is left to the caller's
 * back-off. */
#define THROTTLED_TRIES 100U
#define PAGE_TRIES      5U
#define FETCH_TRIES     3U

/* A fetch checks its stop descriptor at least this often. */
#define FETCH_TURN_MS 1000

/* 250 each. Shopify allows 1,000 locations a store. */
#define LOCATION_PAGES_MAX 40U

#define VARIABLES_MAX_BYTES ((size_t)PAGE_CURSOR_BYTES * 8)

/* --- waiting --- */

static enum status pause_ms(int64_t ms, int stop_fd, struct err *err)
{
    struct pollfd stop = {.fd = stop_fd, .events = POLLIN}; /* a negative one is ignored */
    int64_t deadline = clock_monotonic_us() + ms * 1000;
    for (int left = clock_left_ms(deadline); left > 0; left = clock_left_ms(deadline)) {
        if (poll(&stop, 1, left) > 0) {
            return err_set(err, STATUS_STOPPING, "%s", status_text(STATUS_STOPPING));
        }
    }
    return STATUS_OK;
}

/* Ms until the bucket holds the cost of another call of the same kind. */
static int64_t refill_ms(const struct answer *answer)
{
    double missing = answer->cost_requested - answer->available;
    bool known = answer->maximum > 0 && answer->restore_rate > 0;
    return known && missing > 0 ? (int64_t)(missing / answer->restore_rate * 1000) + 1 : 0;
}

/* Waits when throttled, and retries after a transient failure, up to `tries` tries in all. */
static enum status call_patiently(struct graphql *g,
                                  enum operation op,
                                  const char *variables,
                                  unsigned tries,
                                  int stop_fd,
                                  struct answer *answer,
                                  struct err *err)
{
    struct backoff backoff;
    unsigned failures = 0;
    unsigned waits = 0;
    backoff_init(&backoff, 500, 10000, (uint64_t)clock_monotonic_us());
    for (;;) {
        enum status rc = graphql_call(g, op, variables, stop_fd, answer, err);
        if (rc == STATUS_OK || answer->class != ANSWER_RETRY_SAME) {
            return rc;
        }
        bool give_up = answer->throttled ? ++waits >= THROTTLED_TRIES : ++failures >= tries;
        int64_t wait_ms =
            answer->throttled ? answer->wait_ms : backoff_next_ms(&backoff, answer->wait_ms);
        if (give_up) {
            return rc;
        }
        answer_release(answer);
        rc = pause_ms(wait_ms, stop_fd, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
}

/* --- access --- */

static bool has_scope(const json_t *scopes, const char *name)
{
    size_t i = 0;
    const json_t *scope = NULL;
    json_array_foreach(scopes, i, scope)
    {
        const char *handle = json_string_value(json_object_get(scope, "handle"));
        if (handle != NULL && strcmp(handle, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A write scope contains its read scope, and may be listed alone. Locations need read_locations or
 * read_inventory, so write_inventory covers them. */
static enum status check_scopes(const json_t *data, struct err *err)
{
    static const struct {
        const char *scope;
        const char *wider; /* NULL: none */
    } NEEDED[] = {{"write_inventory", NULL}, {"read_products", "write_products"}};
    const json_t *scopes =
        json_object_get(json_object_get(data, "currentAppInstallation"), "accessScopes");
    char missing[128] = "";
    size_t used = 0;
    if (!json_is_array(scopes)) {
        return err_set(err, STATUS_OUTCOME_UNKNOWN, "the store does not list the access scopes");
    }
    for (size_t i = 0; i < sizeof NEEDED / sizeof NEEDED[0]; i++) {
        if (has_scope(scopes, NEEDED[i].scope) ||
            (NEEDED[i].wider != NULL && has_scope(scopes, NEEDED[i].wider))) {
            continue;
        }
        int n = snprintf(missing + used, sizeof missing - used, "%s%s", used > 0 ? ", " : "",
                         NEEDED[i].scope);
        used += n > 0 ? (size_t)n : 0;
    }
    return used == 0 ? STATUS_OK
                     : err_set(err, STATUS_STORE_MISCONFIGURED,
                               "the access token lacks the scopes %s: grant them to the app and "
                               "install it again",
                               missing);
}

/* graphql.c checks with every answer that this version was served. */
static enum status check_version(const json_t *data, const char *name, struct err *err)
{
    size_t i = 0;
    const json_t *version = NULL;
    bool supported = false;
    json_array_foreach(json_object_get(data, "publicApiVersions"), i, version)
    {
        const char *handle = json_string_value(json_object_get(version, "handle"));
        if (handle != NULL && strcmp(handle, name) == 0) {
            supported = json_is_true(json_object_get(version, "supported"));
        }
    }
    return supported ? STATUS_OK
                     : err_set(err, STATUS_STORE_MISCONFIGURED,
                               "API version %s is not supported by the store", name);
}

static enum status check_domain(const json_t *data, const struct store *store, struct err *err)
{
    const char *domain =
        json_string_value(json_object_get(json_object_get(data, "shop"), "myshopifyDomain"));
    if (domain == NULL) {
        return err_set(err, STATUS_OUTCOME_UNKNOWN, "the store does not name its domain");
    }
    /* A simulator or a proxy may go by another name. */
    if (store->api_url != NULL || strcasecmp(domain, store->shop_domain) == 0) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_STORE_MISCONFIGURED,
                   "the access token belongs to '%.200s', but shop_domain is '%.200s'", domain,
                   store->shop_domain);
}

enum status
catalog_check_access(struct graphql *g, const struct store *store, int stop_fd, struct err *err)
{
    struct answer answer;
    enum status rc = call_patiently(g, OP_START_CHECK, "{}", 1, stop_fd, &answer, err);
    const json_t *data = json_object_get(answer.json, "data");
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = check_domain(data, store, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = check_version(data, store->api_version, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = check_scopes(data, err);
out:
    answer_release(&answer);
    return rc;
}

/* --- locations --- */

struct location_list {
    struct shop_location *list;
    size_t count;
    size_t capacity;
};

static enum status take_location(void *arg, const void *node, struct err *err)
{
    struct location_list *l = arg;
    const char *name = json_string_value(json_object_get(node, "name"));
    const char *gid = json_string_value(json_object_get(node, "id"));
    const json_t *active = json_object_get(node, "isActive");
    const json_t *service = json_object_get(node, "isFulfillmentService");
    int64_t id = 0;
    if (name == NULL || !json_is_boolean(active) || !json_is_boolean(service)) {
        return page_other_shape(err);
    }
    enum status rc = gid_parse(gid, "Location", &id, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (l->count == l->capacity) {
        l->capacity = mem_grow_capacity(l->capacity, l->count + 1);
        l->list = mem_realloc(l->list, l->capacity, sizeof *l->list);
    }
    l->list[l->count++] = (struct shop_location){.id = id,
                                                 .name = mem_strdup(name),
                                                 .active = json_is_true(active),
                                                 .fulfilment_service = json_is_true(service)};
    return STATUS_OK;
}

static enum status read_location_page(struct graphql *g,
                                      int stop_fd,
                                      struct page_cursor *cursor,
                                      struct location_list *found,
                                      struct err *err)
{
    struct answer answer;
    struct strbuf variables;
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    strbuf_append_char(&variables, '{');
    page_append_after(cursor, &variables);
    strbuf_append_char(&variables, '}');
    enum status rc = call_patiently(g, OP_LOCATIONS, variables.ptr, 1, stop_fd, &answer, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = page_take(cursor, &answer, "locations", take_location, found, err);
out:
    answer_release(&answer);
    strbuf_release(&variables);
    return rc;
}

enum status catalog_locations(
    struct graphql *g, int stop_fd, struct shop_location **list, size_t *count, struct err *err)
{
    struct location_list found = {0};
    struct page_cursor cursor = {0};
    *list = NULL;
    *count = 0;
    while (!cursor.ended) {
        enum status rc =
            cursor.pages == LOCATION_PAGES_MAX
                ? err_set(err, STATUS_STORE_MISCONFIGURED,
                          "the store has more than %u pages of locations", LOCATION_PAGES_MAX)
                : read_location_page(g, stop_fd, &cursor, &found, err);
        if (rc != STATUS_OK) {
            catalog_locations_release(found.list, found.count);
            return rc;
        }
    }
    *list = found.list;
    *count = found.count;
    return STATUS_OK;
}

void catalog_locations_release(struct shop_location *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(list[i].name);
    }
    mem_free(list);
}

/* --- variants --- */

static enum status ask_next(struct graphql *g, int stop_fd, struct reading *r, struct err *err)
{
    struct answer answer;
    struct strbuf variables;
    enum status rc = pause_ms(reading_wait_ms(r), stop_fd, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    reading_append_variables(r, &variables);
    rc = call_patiently(g, reading_operation(r), variables.ptr, PAGE_TRIES, stop_fd, &answer, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = reading_take(r, &answer, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    if (r->phase == READING_PAGES) {
        rc = pause_ms(refill_ms(&answer), stop_fd, err);
    }
out:
    answer_release(&answer);
    strbuf_release(&variables);
    return rc;
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return fd >= 0 && poll(&p, 1, 0) > 0;
}

static enum status fetch_once(struct graphql *g, int stop_fd, struct reading *r, struct err *err)
{
    struct answer answer;
    enum status rc = graphql_fetch(g, reading_url(r), reading_feed, r, r, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    while (!graphql_next(g, &answer)) {
        if (is_readable(stop_fd)) {
            graphql_cancel(g, r);
            return err_set(err, STATUS_STOPPING, "%s", status_text(STATUS_STOPPING));
        }
        graphql_wait(g, &stop_fd, stop_fd >= 0 ? 1 : 0, FETCH_TURN_MS);
    }
    rc = answer_status(&answer, err);
    answer_release(&answer);
    return rc == STATUS_OK ? reading_fetched(r, err) : rc;
}

static enum status fetch(struct graphql *g, int stop_fd, struct reading *r, struct err *err)
{
    enum status rc = fetch_once(g, stop_fd, r, err);
    for (unsigned tries = 1; tries < FETCH_TRIES && rc != STATUS_OK && rc != STATUS_STOPPING;
         tries++) {
        reading_fetch_again(r);
        rc = fetch_once(g, stop_fd, r, err);
    }
    return rc;
}

/* The failure may concern the bulk operation alone: pages are left. */
static bool may_fall_back(enum status rc)
{
    return rc != STATUS_STOPPING && rc != STATUS_AUTH && rc != STATUS_STORE_CLOSED;
}

enum status catalog_load(struct graphql *g,
                         enum match match,
                         int stop_fd,
                         struct sku_index **index,
                         void (*progress)(void *arg, size_t variants),
                         void *arg,
                         struct err *err)
{
    struct reading r;
    enum status rc = STATUS_OK;
    reading_init(&r, match);
    *index = NULL;
    while (r.phase != READING_DONE) {
        rc = r.phase == READING_FETCH ? fetch(g, stop_fd, &r, err) : ask_next(g, stop_fd, &r, err);
        if (rc != STATUS_OK && may_fall_back(rc) && reading_fall_back(&r)) {
            log_failure(LOG_WARN, "catalog", "bulk_given_up", err,
                        LOG_FIELDS(LF_MSG("the catalogue is read page by page")));
            rc = STATUS_OK;
        }
        if (rc != STATUS_OK) {
            goto out;
        }
        if (progress != NULL && r.variants.count > 0) {
            progress(arg, r.variants.count);
        }
    }
    *index = reading_take_index(&r);
out:
    reading_release(&r);
    return rc;
}
