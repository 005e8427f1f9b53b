#include <stdio.h>

#include "common/kafka/kafka_topic.h"
#include "consumer/app/commands.h"
#include "consumer/app/consumer_conf.h"
#include "consumer/lane/rule_table.h"
#include "consumer/parents/parents.h"
#include "consumer/shopify/catalog.h"
#include "consumer/state/guard_store.h"
#include "consumer/state/state.h"

#define KAFKA_TIMEOUT_MS 10000
#define NOTES_MAX_BYTES  ((size_t)64 * 1024)

/* Prints one line of the report; remembers the first failure. */
static void report(
    const char *what, enum status rc, const struct err *err, enum status *worst, struct err *first)
{
    if (rc == STATUS_OK) {
        (void)printf("ok      %s\n", what);
        return;
    }
    (void)printf("FAILED  %s: %s\n", what, err->msg);
    if (*worst == STATUS_OK) {
        *worst = rc;
        *first = *err;
    }
}

static enum status check_state(const struct consumer_conf *conf, struct err *err)
{
    struct state *state = state_new(conf_state_dsn(&conf->shared), "check");
    enum status rc = state_open(state, err);
    state_free(state);
    return rc;
}

static enum status check_parents(const struct consumer_conf *conf, struct err *err)
{
    struct parents *parents = parents_new(conf->shared.odoo.dsn);
    enum status rc = parents_open(parents, err);
    parents_free(parents);
    return rc;
}

static enum status check_topic(const struct consumer_conf *conf, struct err *err)
{
    const struct topic_conf *t = &conf->shared.topic;
    struct kafka_topic_design design = kafka_topic_design_of(t);
    struct strbuf notes;
    strbuf_init(&notes, NOTES_MAX_BYTES);
    enum status rc =
        kafka_topic_ensure(&conf->shared.kafka, &design, false, KAFKA_TIMEOUT_MS, &notes, err);
    (void)printf("%s", notes.ptr);
    strbuf_release(&notes);
    return rc;
}

static enum status check_rules(const struct consumer_conf *conf,
                               struct graphql *g,
                               const struct store_conf *sc,
                               struct err *err)
{
    struct shop_location *list = NULL;
    size_t count = 0;
    struct store_rules rules = {0};
    struct state *state = state_new(conf_state_dsn(&conf->shared), sc->instance.name);
    enum status rc = catalog_locations(g, -1, &list, &count, err);
    if (rc == STATUS_OK) {
        rc = state_open(state, err);
    }
    if (rc == STATUS_OK) {
        rc = rule_table_build(sc, state, list, count, &rules, err);
    }
    rule_table_release(&rules);
    catalog_locations_release(list, count);
    if (rc == STATUS_OK) {
        rc = cmd_print_catalogue(state, "        ", err);
    }
    state_free(state);
    return rc;
}

static enum status
check_store(const struct consumer_conf *conf, const struct store_conf *sc, struct err *err)
{
    struct store store;
    struct graphql *g = NULL;
    consumer_conf_fill_store(sc, &store);
    enum status rc = token_read(&store.token, err);
    if (rc == STATUS_OK) {
        rc = graphql_new(&store, &g, err);
    }
    if (rc == STATUS_OK) {
        rc = catalog_check_access(g, &store, -1, err);
    }
    if (rc == STATUS_OK) {
        rc = check_rules(conf, g, sc, err);
    }
    graphql_free(g);
    token_release(&store.token);
    return rc;
}

/* A store that is held would go on being held. */
static enum status check_guard(const struct consumer_conf *conf, const char *store, struct err *err)
{
    struct state_guard guard = {0};
    struct state *state = state_new(conf_state_dsn(&conf->shared), store);
    enum status rc = state_guard_read(state, &guard, err);
    state_free(state);
    return rc == STATUS_OK && guard.held_at_us != 0
               ? err_set(err, STATUS_STORE_MISCONFIGURED, "held: %s", guard.detail)
               : rc;
}

enum status cmd_check(const struct cli_call *call, const void *root, struct err *err)
{
    (void)call;
    const struct consumer_conf *conf = root;
    struct err one = {0};
    bool has_odoo = conf->shared.odoo.dsn != NULL;
    enum status worst = has_odoo ? STATUS_OK : consumer_conf_need_store(conf, err);
    if (worst != STATUS_OK) {
        (void)printf("FAILED  configuration: no store\n");
    } else {
        (void)printf("ok      configuration%s\n",
                     conf->stores.count == 0 ? ": no store, so it is for --role parents only" : "");
    }
    if (has_odoo) {
        report("parents: kits and marks in Odoo's database", check_parents(conf, &one), &one,
               &worst, err);
    }
    report("state: schema stocksync", check_state(conf, &one), &one, &worst, err);
    report("topic", check_topic(conf, &one), &one, &worst, err);
    for (size_t i = 0; i < conf->stores.count; i++) {
        const struct store_conf *sc = consumer_conf_store(conf, i);
        char what[96];
        (void)snprintf(what, sizeof what,
                       "store %s: credentials, scopes, API version, locations, warehouses",
                       sc->instance.name);
        report(what, check_store(conf, sc, &one), &one, &worst, err);
        (void)snprintf(what, sizeof what, "store %s: not held", sc->instance.name);
        report(what, check_guard(conf, sc->instance.name, &one), &one, &worst, err);
    }
    return worst;
}
