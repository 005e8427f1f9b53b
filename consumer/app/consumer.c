/*
 * The run command: one lane for each store, one for role parents, the HTTP responder, and the wait
 * for a signal.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/service.h"
#include "common/core/signals.h"
#include "common/http/http_server.h"
#include "consumer/app/commands.h"
#include "consumer/lane/lane.h"
#include "consumer/parents/parents_lane.h"

#define MOD "consumer"

#define TICK_MS 200

struct consumer {
    struct lane **lanes;
    size_t count;
    struct parents_lane *parents; /* NULL: not run here */
};

/* Which of the roles this process runs. */
struct roles {
    bool stores;
    bool parents;
};

/* --- HTTP --- */

static unsigned show_ready(void *context, struct strbuf *body)
{
    const struct consumer *c = context;
    size_t ready = 0;
    for (size_t i = 0; i < c->count; i++) {
        ready += lane_is_ready(c->lanes[i]);
    }
    bool parents = c->parents == NULL || parents_lane_is_ready(c->parents);
    strbuf_appendf(body, "%zu of %zu stores are served, or wait for a person: see /status\n", ready,
                   c->count);
    if (c->parents != NULL) {
        strbuf_append_text(body, parents ? "parents of kits are marked, or wait for a person\n"
                                         : "parents of kits are not marked yet\n");
    }
    return ready == c->count && parents ? 200 : 503;
}

static unsigned show_status(void *context, struct strbuf *body)
{
    const struct consumer *c = context;
    strbuf_append_text(body, "{\"service\":\"stocksync-consumer\",\"version\":\"" STOCKSYNC_VERSION
                             "\",\"stores\":[");
    for (size_t i = 0; i < c->count; i++) {
        strbuf_append_text(body, i > 0 ? "," : "");
        lane_append_status(c->lanes[i], body);
    }
    strbuf_append_text(body, "]");
    if (c->parents != NULL) {
        strbuf_append_text(body, ",\"parents\":");
        parents_lane_append_status(c->parents, body);
    }
    strbuf_append_text(body, "}\n");
    return 200;
}

static unsigned show_index(void *context, struct strbuf *body)
{
    (void)context;
    strbuf_append_text(body, "stocksync-consumer " STOCKSYNC_VERSION
                             "\n\n/status   stores, parents: states, counts (JSON)\n"
                             "/metrics  Prometheus\n"
                             "/readyz   200 when every store and role parents is served, or in a "
                             "state that only a person can cure\n/healthz  200 "
                             "while the process lives\n");
    return 200;
}

static const struct http_route ROUTES[] = {
    {"/metrics", HTTP_METRICS_TYPE, http_server_show_metrics},
    {"/healthz", "text/plain", http_server_show_health},
    {"/readyz", "text/plain", show_ready},
    {"/status", "application/json", show_status},
    {"/", "text/plain; charset=utf-8", show_index},
};

/* --- lanes --- */

static bool has_role(const struct cli_call *call, const char *name)
{
    const char *wanted = NULL;
    for (size_t i = 0; (wanted = cli_value(call, "--role", i)) != NULL; i++) {
        if (strcmp(wanted, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum status choose_roles(const struct cli_call *call,
                                const struct consumer_conf *conf,
                                struct roles *roles,
                                struct err *err)
{
    bool all = !cli_has(call, "--role") && !cli_has(call, "--store");
    const char *wanted = NULL;
    for (size_t i = 0; (wanted = cli_value(call, "--role", i)) != NULL; i++) {
        if (strcmp(wanted, "stores") != 0 && strcmp(wanted, "parents") != 0) {
            return err_set(err, STATUS_USAGE, "--role %s: the roles are stores and parents",
                           wanted);
        }
    }
    roles->stores = all || cli_has(call, "--store") || has_role(call, "stores");
    roles->parents = all || has_role(call, "parents");
    if (cli_has(call, "--dry-run")) {
        roles->parents = false; /* it writes marks */
        if (!roles->stores) {
            return err_set(err, STATUS_USAGE, "--dry-run is for stores, not for --role parents");
        }
    }
    if (roles->parents && conf->shared.odoo.dsn == NULL) {
        if (!all) {
            return err_set(err, STATUS_CONFIG,
                           "--role parents marks kits in Odoo's database: set [odoo] dsn");
        }
        roles->parents = false;
        log_info(MOD, "parents", LF_MSG("parents not run here: no [odoo] dsn"));
    }
    return roles->stores ? consumer_conf_need_store(conf, err) : STATUS_OK;
}

static bool is_chosen(const struct cli_call *call, const char *name)
{
    const char *wanted = NULL;
    if (!cli_has(call, "--store")) {
        return true;
    }
    for (size_t i = 0; (wanted = cli_value(call, "--store", i)) != NULL; i++) {
        if (strcmp(wanted, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum status
check_choice(const struct cli_call *call, const struct consumer_conf *conf, struct err *err)
{
    const char *wanted = NULL;
    for (size_t i = 0; (wanted = cli_value(call, "--store", i)) != NULL; i++) {
        bool known = false;
        for (size_t k = 0; k < conf->stores.count; k++) {
            known = known || strcmp(consumer_conf_store(conf, k)->instance.name, wanted) == 0;
        }
        if (!known) {
            return err_set(err, STATUS_USAGE, "--store %s: there is no section [store.%s]", wanted,
                           wanted);
        }
    }
    return STATUS_OK;
}

static enum status start_lanes(struct consumer *c,
                               const struct cli_call *call,
                               const struct consumer_conf *conf,
                               struct err *err)
{
    enum status rc = STATUS_OK;
    bool dry_run = cli_has(call, "--dry-run");
    struct lane_options options = {.once = cli_has(call, "--once"),
                                   .dry_run = dry_run,
                                   .print = dry_run ? dry_run_print : NULL};
    c->lanes = mem_calloc(conf->stores.count, sizeof(struct lane *));
    for (size_t i = 0; i < conf->stores.count && rc == STATUS_OK; i++) {
        const struct store_conf *store = consumer_conf_store(conf, i);
        if (is_chosen(call, store->instance.name)) {
            rc = lane_start(conf, store, &options, &c->lanes[c->count], err);
            c->count += rc == STATUS_OK;
        }
    }
    return rc;
}

static bool all_done(const struct consumer *c)
{
    for (size_t i = 0; i < c->count; i++) {
        if (!lane_is_done(c->lanes[i])) {
            return false;
        }
    }
    return c->parents == NULL || parents_lane_is_done(c->parents);
}

static bool all_ready(const struct consumer *c)
{
    for (size_t i = 0; i < c->count; i++) {
        if (!lane_is_ready(c->lanes[i])) {
            return false;
        }
    }
    return c->parents == NULL || parents_lane_is_ready(c->parents);
}

static void ask_reload(const struct consumer *c)
{
    log_info(MOD, "reload", LF_MSG("credentials are read again, what stands is tried at once"));
    for (size_t i = 0; i < c->count; i++) {
        lane_ask_reload(c->lanes[i]);
    }
    if (c->parents != NULL) {
        parents_lane_ask_reload(c->parents);
    }
}

/* Asks every lane to finish and waits until all have. */
static void stop_all(const struct consumer *c)
{
    for (size_t i = 0; i < c->count; i++) {
        lane_ask_stop(c->lanes[i]);
    }
    if (c->parents != NULL) {
        parents_lane_ask_stop(c->parents);
    }
    while (!all_done(c)) {
        struct timespec nap = {.tv_nsec = 20000000};
        (void)nanosleep(&nap, NULL);
    }
}

static void wait_for_end(struct consumer *c)
{
    bool ready = false;
    while (!all_done(c) && signals_sleep(TICK_MS)) {
        if (signals_take_reload()) {
            ask_reload(c);
        }
        bool joined = all_ready(c);
        if (joined && !ready) {
            service_ready();
        }
        ready = ready || joined;
        service_alive();
    }
    service_stopping();
}

static enum status worst_result(const struct consumer *c, struct err *err)
{
    enum status worst = STATUS_OK;
    for (size_t i = 0; i < c->count; i++) {
        struct err one = {0};
        enum status rc = lane_result(c->lanes[i], &one);
        if (rc != STATUS_OK && worst == STATUS_OK) {
            worst = rc;
            *err = one;
        }
    }
    return worst == STATUS_OK && c->parents != NULL ? parents_lane_result(c->parents, err) : worst;
}

enum status cmd_run(const struct cli_call *call, const void *root, struct err *err)
{
    const struct consumer_conf *conf = root;
    struct consumer c = {0};
    struct http_server *server = NULL;
    struct roles roles = {0};
    enum status rc = choose_roles(call, conf, &roles, err);
    if (rc == STATUS_OK) {
        rc = check_choice(call, conf, err);
    }
    if (rc == STATUS_OK) {
        rc = signals_install(err);
    }
    if (rc == STATUS_OK && roles.stores) {
        rc = start_lanes(&c, call, conf, err);
    }
    if (rc == STATUS_OK && roles.parents) {
        rc = parents_lane_start(conf, cli_has(call, "--once"), &c.parents, err);
    }
    if (rc == STATUS_OK) {
        /* the address belongs to the consumer beside which a dry run may work */
        rc = http_server_start(cli_has(call, "--dry-run") ? NULL : conf->consumer.listen, ROUTES,
                               sizeof ROUTES / sizeof ROUTES[0], &c, &server, err);
    }
    if (rc == STATUS_OK) {
        log_info(MOD, "started", LF_TEXT("version", STOCKSYNC_VERSION), LF_INT("count", c.count),
                 LF_TEXT("listen", http_server_address(server)),
                 LF_TEXT("topic", conf->shared.topic.name));
        wait_for_end(&c);
    }
    stop_all(&c);
    http_server_free(server);
    if (rc == STATUS_OK) {
        rc = worst_result(&c, err);
    }
    for (size_t i = 0; i < c.count; i++) {
        lane_free(c.lanes[i]);
    }
    parents_lane_free(c.parents);
    mem_free(c.lanes);
    log_info(MOD, "stopped", LF_TEXT("status", status_name(rc)));
    return rc;
}
