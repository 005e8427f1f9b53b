#include <stdio.h>

#include "common/kafka/kafka_assignor.h"
#include "common/kafka/kafka_topic.h"
#include "consumer/app/commands.h"
#include "consumer/lane/option_pairs.h"
#include "consumer/parents/parents.h"
#include "consumer/shopify/catalog.h"

#define KAFKA_TIMEOUT_MS 10000
#define NOTES_MAX_BYTES  ((size_t)64 * 1024)

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

static void print_option_pair(void *arg, const char *text)
{
    (void)printf("WARNING store %s: %s\n", (const char *)arg, text);
}

static void print_company(const struct rule_facts *facts, const struct store_rules *rules)
{
    for (size_t i = 0; i < facts->warehouse_count && rules->company_id != 0; i++) {
        if (facts->warehouses[i].company_id == rules->company_id) {
            (void)printf("        company: %s (%d); products of others are excluded\n",
                         facts->warehouses[i].company, rules->company_id);
            return;
        }
    }
}

static enum status check_rules(const struct consumer_conf *conf,
                               struct graphql *g,
                               const struct store_conf *store_conf,
                               struct err *err)
{
    struct shop_location *locations = NULL;
    struct state_warehouse *warehouses = NULL;
    struct rule_facts facts = {0};
    struct store_rules rules = {0};
    struct state *state = state_new(conf_state_dsn(&conf->shared), store_conf->instance.name);
    enum status rc = catalog_locations(g, -1, &locations, &facts.location_count, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = state_open(state, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = state_warehouses(state, &warehouses, &facts.warehouse_count, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    facts.locations = locations;
    facts.warehouses = warehouses;
    rc = rule_table_build(store_conf, &facts, &rules, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    option_pairs_check(store_conf, &facts, &rules, print_option_pair, store_conf->instance.name);
    print_company(&facts, &rules);
    rc = cmd_print_catalogue(state, "        ", err);
out:
    rule_table_release(&rules);
    state_warehouses_release(warehouses, facts.warehouse_count);
    catalog_locations_release(locations, facts.location_count);
    state_free(state);
    return rc;
}

static enum status
check_store(const struct consumer_conf *conf, const struct store_conf *store_conf, struct err *err)
{
    struct store store;
    struct graphql *g = NULL;
    store_conf_fill_store(store_conf, &store);
    enum status rc = token_read(&store.token, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = graphql_new(&store, &g, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = catalog_check_access(g, &store, -1, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = check_rules(conf, g, store_conf, err);
out:
    graphql_free(g);
    token_release(&store.token);
    return rc;
}

/* A held store stays held when the consumer starts. */
static enum status check_guard(const struct consumer_conf *conf, const char *store, struct err *err)
{
    struct state_guard guard = {0};
    struct state *state = state_new(conf_state_dsn(&conf->shared), store);
    enum status rc = state_guard_read(state, &guard, err);
    if (rc == STATUS_OK && guard.held_at_us != 0) {
        rc = err_set(err, STATUS_STORE_MISCONFIGURED, "held: %s", guard.detail);
    }
    state_free(state);
    return rc;
}

struct report {
    enum status first; /* failure */
    struct err *err;   /* of it */
};

/* Prints one line, and remembers the first failure. */
static void
add_line(struct report *report, const char *subject, enum status rc, const struct err *err)
{
    if (rc == STATUS_OK) {
        (void)printf("ok      %s\n", subject);
        return;
    }
    (void)printf("FAILED  %s: %s\n", subject, err->msg);
    if (report->first == STATUS_OK) {
        report->first = rc;
        *report->err = *err;
    }
}

static void
add_store(struct report *report, const struct consumer_conf *conf, const struct store_conf *store)
{
    struct err err = {0};
    char subject[96];
    const char *name = store->instance.name;
    (void)snprintf(subject, sizeof subject,
                   "store %s: credentials, scopes, API version, locations, warehouses", name);
    add_line(report, subject, check_store(conf, store, &err), &err);
    (void)snprintf(subject, sizeof subject, "store %s: not held", name);
    add_line(report, subject, check_guard(conf, name, &err), &err);
}

/* A risk that the operator may take is no failure. */
static void print_assignor(const struct consumer_conf *conf)
{
    const struct kafka_assignor a = kafka_assignor_of(&conf->shared.kafka);
    (void)printf("%s consumer groups: %s with librdkafka %s: %s\n",
                 a.may_abort ? "WARNING" : "ok     ", a.strategy, a.library,
                 kafka_assignor_reason(&a));
}

enum status cmd_check(const struct cli_call *call, const void *root, struct err *err)
{
    (void)call;
    const struct consumer_conf *conf = root;
    struct err one = {0};
    bool has_odoo = conf->shared.odoo.dsn != NULL;
    struct report report = {.err = err};
    report.first = has_odoo ? STATUS_OK : consumer_conf_need_store(conf, err);
    if (report.first != STATUS_OK) {
        (void)printf("FAILED  configuration: no store\n");
    } else {
        (void)printf("ok      configuration%s\n",
                     conf->stores.count == 0 ? ": no store, so only --role parents can run" : "");
    }
    if (has_odoo) {
        add_line(&report, "parents: kits and marks in Odoo's database", check_parents(conf, &one),
                 &one);
    }
    add_line(&report, "state: schema stocksync", check_state(conf, &one), &one);
    add_line(&report, "topic", check_topic(conf, &one), &one);
    print_assignor(conf);
    for (size_t i = 0; i < conf->stores.count; i++) {
        add_store(&report, conf, consumer_conf_store(conf, i));
    }
    return report.first;
}
