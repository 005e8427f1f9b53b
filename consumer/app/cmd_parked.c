#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/core/strbuf.h"
#include "consumer/app/cmd_products.h"
#include "consumer/app/commands.h"
#include "consumer/state/parked_list.h"

#define JSON_MAX_BYTES ((size_t)1 << 20)
/* Rows that drop names one by one. */
#define NAMED_MAX 20
/* Times older than this are shown with their year. */
#define YEAR_SHOWN_US (INT64_C(180) * 86400 * 1000000)

enum { CELLS = 7, CELL_SIZE = 256 };

struct line {
    char *cells[CELLS];
};

struct tally {
    char reason[64];
    size_t count;
};

/* The rows of one store, as they are printed. */
struct table {
    struct line *lines;
    size_t count, capacity;
    struct tally *reasons;
    size_t reason_count;
};

/* --- cells --- */

static void write_span(int64_t us, char *text, size_t size)
{
    int64_t s = us > 0 ? us / 1000000 : 0;
    if (s < 120) {
        (void)snprintf(text, size, "%lld s", (long long)s);
    } else if (s < INT64_C(2) * 3600) {
        (void)snprintf(text, size, "%lld min", (long long)(s / 60));
    } else if (s < INT64_C(48) * 3600) {
        (void)snprintf(text, size, "%lld h", (long long)(s / 3600));
    } else {
        (void)snprintf(text, size, "%lld d", (long long)(s / 86400));
    }
}

/* "Nov 26 01:40 (3 h ago)", in the local time zone. */
static void write_time(int64_t wall_us, int64_t now_us, char *text, size_t size)
{
    char span[32];
    char when[40] = "";
    struct tm local;
    time_t seconds = (time_t)(wall_us / 1000000);
    if (localtime_r(&seconds, &local) == NULL) {
        when[0] = '\0';
    } else if (now_us - wall_us > YEAR_SHOWN_US) {
        (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M", &local);
    } else {
        (void)strftime(when, sizeof when, "%b %d %H:%M", &local);
    }
    write_span(now_us - wall_us, span, sizeof span);
    (void)snprintf(text, size, "%s (%s ago)", when, span);
}

static void write_next(const struct parked_entry *e, char *text, size_t size)
{
    char span[32];
    if (e->retry_at_us == 0) {
        (void)snprintf(text, size, "at a start");
    } else if (e->retry_at_us <= e->now_us) {
        (void)snprintf(text, size, "now");
    } else {
        write_span(e->retry_at_us - e->now_us, span, sizeof span);
        (void)snprintf(text, size, "in %s", span);
    }
}

/* Texts from outside must not control the terminal. */
static char *printable(const char *text)
{
    char *copy = mem_strdup(text != NULL ? text : "");
    for (char *c = copy; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            *c = '?';
        }
    }
    return copy;
}

/* Characters, not bytes: UTF-8. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (const char *c = text; *c != '\0'; c++) {
        n += ((unsigned char)*c & 0xC0) != 0x80;
    }
    return n;
}

/* --- the table --- */

static void tally(struct table *t, const char *reason)
{
    size_t i = 0;
    while (i < t->reason_count && strcmp(t->reasons[i].reason, reason) != 0) {
        i++;
    }
    if (i == t->reason_count) {
        t->reasons = mem_realloc(t->reasons, i + 1, sizeof *t->reasons);
        t->reasons[i] = (struct tally){0};
        (void)snprintf(t->reasons[i].reason, sizeof t->reasons[i].reason, "%.63s", reason);
        t->reason_count++;
    }
    t->reasons[i].count++;
}

static void add_line(void *arg, const struct parked_entry *e)
{
    struct table *t = arg;
    char since[CELL_SIZE];
    char next[CELL_SIZE];
    char tried[CELL_SIZE];
    char what[2 * CELL_SIZE];
    if (t->count == t->capacity) {
        t->capacity = mem_grow_capacity(t->capacity, t->count + 1);
        t->lines = mem_realloc(t->lines, t->capacity, sizeof *t->lines);
    }
    write_time(e->first_at_us, e->now_us, since, sizeof since);
    write_next(e, next, sizeof next);
    (void)snprintf(tried, sizeof tried, "%d", e->row.attempts);
    (void)snprintf(what, sizeof what, "%s%s%s", e->row.code != NULL ? e->row.code : "",
                   e->row.code != NULL ? ": " : "", e->row.detail);
    t->lines[t->count++] =
        (struct line){{printable(e->row.subject), printable(e->text), printable(e->row.reason),
                       printable(since), printable(tried), printable(next), printable(what)}};
    tally(t, e->row.reason);
}

static void print_line(const struct line *line, const size_t *widths)
{
    for (size_t c = 0; c < CELLS; c++) {
        size_t pad = c + 1 < CELLS ? widths[c] - width_of(line->cells[c]) + 2 : 0;
        (void)printf("%s%*s", line->cells[c], (int)pad, "");
    }
    (void)printf("\n");
}

static void print_table(const char *store, const struct table *t)
{
    static char titles[CELLS][12] = {"subject", "sku", "reason", "since", "tried", "next", "what"};
    struct line head;
    size_t widths[CELLS];
    (void)printf("[%s]\n", store);
    for (size_t c = 0; c < CELLS; c++) {
        head.cells[c] = titles[c];
        widths[c] = width_of(titles[c]);
        for (size_t i = 0; i < t->count; i++) {
            size_t width = width_of(t->lines[i].cells[c]);
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (size_t i = 0; i < t->count; i++) {
        if (i == 0) {
            print_line(&head, widths);
        }
        print_line(&t->lines[i], widths);
    }
    (void)printf("%zu parked", t->count);
    for (size_t i = 0; i < t->reason_count; i++) {
        (void)printf("%s %zu %s", i == 0 ? ":" : ",", t->reasons[i].count, t->reasons[i].reason);
    }
    (void)printf("\n\n");
}

static void release_table(struct table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        for (size_t c = 0; c < CELLS; c++) {
            mem_free(t->lines[i].cells[c]);
        }
    }
    mem_free(t->lines);
    mem_free(t->reasons);
}

/* --- JSON --- */

struct json_list {
    const char *store;
    struct strbuf line;
};

static void json_text(struct strbuf *out, const char *name, const char *text)
{
    strbuf_appendf(out, ",\"%s\":", name);
    if (text != NULL) {
        strbuf_append_json(out, text);
    } else {
        strbuf_append_text(out, "null");
    }
}

static void json_time(struct strbuf *out, const char *name, int64_t wall_us)
{
    char when[CLOCK_TEXT_SIZE];
    json_text(out, name, wall_us != 0 ? clock_format_utc(wall_us, when) : NULL);
}

static void print_json(void *arg, const struct parked_entry *e)
{
    struct json_list *json = arg;
    struct strbuf *out = &json->line;
    const struct state_parked *row = &e->row;
    strbuf_reset(out);
    strbuf_append_text(out, "{\"store\":");
    strbuf_append_json(out, json->store);
    json_text(out, "subject", row->subject);
    json_text(out, "sku", e->text);
    json_text(out, "reason", row->reason);
    json_text(out, "code", row->code);
    json_text(out, "detail", row->detail);
    json_text(out, "request_id", row->request_id);
    json_time(out, "first_at", e->first_at_us);
    json_time(out, "last_at", e->last_at_us);
    json_time(out, "retry_at", e->retry_at_us);
    strbuf_appendf(out, ",\"attempts\":%d,\"revision\":%lld", row->attempts,
                   (long long)row->revision);
    if (row->product_id != 0) {
        strbuf_appendf(out, ",\"product\":%d", row->product_id);
    }
    if (row->key.item != 0) {
        strbuf_appendf(out, ",\"item\":%lld,\"location\":%lld,\"quantity\":%d",
                       (long long)row->key.item, (long long)row->key.location, row->quantity);
    }
    if (row->partition >= 0) {
        json_text(out, "topic", row->topic);
        strbuf_appendf(out, ",\"partition\":%d", row->partition);
        if (row->offset >= 0) {
            strbuf_appendf(out, ",\"offset\":%lld", (long long)row->offset);
        }
    }
    strbuf_append_text(out, "}\n");
    (void)fwrite(out->ptr, 1, out->len, stdout);
}

/* --- verbs --- */

struct order {
    const struct cli_call *call;
    struct parked_filter filter;
    struct product_names names;
    struct product_ids ids; /* of the present store */
};

static enum status
list_store(struct state *state, const char *store, const struct order *order, struct err *err)
{
    if (cli_has(order->call, "--json")) {
        struct json_list json = {.store = store};
        strbuf_init(&json.line, JSON_MAX_BYTES);
        enum status rc = parked_list_each(state, &order->filter, print_json, &json, err);
        strbuf_release(&json.line);
        return rc;
    }
    struct table table = {0};
    enum status rc = parked_list_each(state, &order->filter, add_line, &table, err);
    if (rc == STATUS_OK) {
        print_table(store, &table);
    }
    release_table(&table);
    return rc;
}

static enum status
retry_store(struct state *state, const char *store, const struct order *order, struct err *err)
{
    size_t count = 0;
    enum status rc = parked_list_retry_now(state, &order->filter, &count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (count == 0) {
        (void)printf("[%s] no parked row matches\n", store);
    } else {
        (void)printf("[%s] %zu row%s will be retried by the running consumer\n", store, count,
                     count == 1 ? "" : "s");
    }
    return STATUS_OK;
}

static void name_dropped(void *arg, const char *subject, const char *reason)
{
    size_t *named = arg;
    if (*named < NAMED_MAX) {
        (void)printf("  %s (%s)\n", subject, reason);
    }
    *named += 1;
}

static enum status
drop_store(struct state *state, const char *store, const struct order *order, struct err *err)
{
    size_t count = 0;
    size_t named = 0;
    (void)printf("[%s] dropped:\n", store);
    enum status rc = parked_list_drop(state, &order->filter, name_dropped, &named, &count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (count == 0) {
        (void)printf("  nothing: no parked row matches\n");
        return STATUS_OK;
    }
    if (count > NAMED_MAX) {
        (void)printf("  … and %zu more\n", count - NAMED_MAX);
    }
    (void)printf("%zu row%s: not written until a later record of the product comes "
                 "('stocksync-producer backfill --product ID' makes one)\n",
                 count, count == 1 ? "" : "s");
    return STATUS_OK;
}

static enum status
do_verb(struct state *state, const char *name, struct order *order, struct err *err)
{
    if (cli_has(order->call, "retry")) {
        return retry_store(state, name, order, err);
    }
    return cli_has(order->call, "drop") ? drop_store(state, name, order, err)
                                        : list_store(state, name, order, err);
}

static enum status do_store(void *arg,
                            const struct consumer_conf *conf,
                            const struct store_conf *store,
                            struct err *err)
{
    struct order *order = arg;
    const char *name = store->instance.name;
    struct state *state = state_new(conf_state_dsn(&conf->shared), name);
    enum status rc = state_open(state, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    if (order->filter.by_product) {
        rc = cmd_products_find_known(&order->names, state, name, &order->ids, err);
        if (rc != STATUS_OK) {
            goto out;
        }
        order->filter.products = order->ids.list;
        order->filter.product_count = order->ids.count;
    }
    rc = do_verb(state, name, order, err);
out:
    state_free(state);
    return rc;
}

static enum status read_order(struct order *order, struct err *err)
{
    const struct cli_call *call = order->call;
    enum status rc = cmd_products_read(call, &order->names, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    order->filter = (struct parked_filter){.reason = cli_value(call, "--reason", 0),
                                           .subject = cli_value(call, "--subject", 0),
                                           .by_product = cmd_products_any(&order->names)};
    const struct parked_filter *f = &order->filter;
    bool filtered = f->reason != NULL || f->subject != NULL || f->by_product;
    bool drop = cli_has(call, "drop");
    int words = cli_has(call, "list") + cli_has(call, "retry") + drop;
    if (words > 1) {
        return err_set(err, STATUS_USAGE, "one of 'list', 'retry' and 'drop' at a time");
    }
    if (cli_has(call, "--json") && (drop || cli_has(call, "retry"))) {
        return err_set(err, STATUS_USAGE, "--json belongs to 'parked list'");
    }
    if (cli_has(call, "--all") && (!drop || filtered)) {
        return err_set(err, STATUS_USAGE,
                       "--all belongs to 'parked drop', without another flag but --store");
    }
    if (drop && !filtered && !cli_has(call, "--all")) {
        return err_set(err, STATUS_USAGE,
                       "'parked drop' needs --reason, --sku, --product or --subject, or --all");
    }
    return STATUS_OK;
}

/* A name that none of the visited stores knows is an error, before anything is done. */
static enum status check_names(const struct cli_call *call,
                               const struct consumer_conf *conf,
                               const struct order *order,
                               struct err *err)
{
    struct product_ids ids = {0};
    const char *store = cli_value(call, "--store", 0);
    enum status rc = store != NULL ? consumer_conf_need_named(conf, store, err) : STATUS_OK;
    if (rc != STATUS_OK || !order->filter.by_product) {
        return rc;
    }
    struct state *state = state_new_read_only(conf_state_dsn(&conf->shared), "parked");
    rc = cmd_products_find(&order->names, state, store, &ids, err);
    product_ids_release(&ids);
    state_free(state);
    return rc;
}

enum status cmd_parked(const struct cli_call *call, const void *root, struct err *err)
{
    struct order order = {.call = call};
    enum status rc = read_order(&order, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = check_names(call, root, &order, err);
    if (rc == STATUS_OK) {
        rc = cmd_each_store(call, root, do_store, &order, err);
    }
    product_ids_release(&order.ids);
    return rc;
}
