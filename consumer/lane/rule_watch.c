#include "consumer/lane/rule_watch.h"

#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "consumer/lane/rule_table.h"

#define MOD "lane"

#define PERIOD_US INT64_C(5000000)

void rule_watch_open(struct rule_watch *w,
                     const struct lane_context *c,
                     struct shop_location *locations,
                     size_t location_count)
{
    *w = (struct rule_watch){.c = c,
                             .locations = locations,
                             .location_count = location_count,
                             .due_us = clock_monotonic_us() + PERIOD_US};
    (void)rules_digest(&c->rules, c->store->quantity_name, w->digest);
}

void rule_watch_close(struct rule_watch *w)
{
    catalog_locations_release(w->locations, w->location_count);
    *w = (struct rule_watch){0};
}

static enum status read_digest(const struct rule_watch *w,
                               char digest[RULES_DIGEST_SIZE],
                               struct err *problem,
                               struct err *err)
{
    const struct lane_context *c = w->c;
    struct state_warehouse *warehouses = NULL;
    size_t count = 0;
    struct store_rules rules = {0};
    enum status rc = c->ports->state->warehouses(c->state, &warehouses, &count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    const struct rule_facts facts = {.locations = w->locations,
                                     .location_count = w->location_count,
                                     .warehouses = warehouses,
                                     .warehouse_count = count};
    if (rule_table_build(c->options->store_conf, &facts, &rules, problem) == STATUS_OK) {
        (void)rules_digest(&rules, c->store->quantity_name, digest);
    }
    rule_table_release(&rules);
    state_warehouses_release(warehouses, count);
    return STATUS_OK;
}

static void note_problem(struct rule_watch *w, const struct err *problem)
{
    const char *store = w->c->store->name;
    bool is_news =
        problem->status != w->problem.status || strcmp(problem->msg, w->problem.msg) != 0;
    if (is_news && problem->status == STATUS_OK) {
        log_info(MOD, "options_fit", LF_TEXT("store", store),
                 LF_MSG("the store's options name existing warehouses again"));
    } else if (is_news) {
        log_failure(LOG_ERROR, MOD, "options_outdated", problem,
                    LOG_FIELDS(LF_TEXT("store", store),
                               LF_MSG("continuing with the rules as they were; a restart would "
                                      "find the store misconfigured")));
    }
    w->problem = *problem;
}

enum status rule_watch_turn(struct rule_watch *w, struct err *err)
{
    char digest[RULES_DIGEST_SIZE];
    struct err problem = {0};
    int64_t now = clock_monotonic_us();
    if (now < w->due_us) {
        return STATUS_OK;
    }
    w->due_us = now + PERIOD_US;
    enum status rc = read_digest(w, digest, &problem, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    note_problem(w, &problem);
    if (problem.status == STATUS_OK && strcmp(digest, w->digest) != 0) {
        return err_set(err, STATUS_RENEW,
                       "Odoo's warehouses changed what the store's options mean");
    }
    return STATUS_OK;
}
