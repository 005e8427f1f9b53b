#include "consumer/lane/rule_table.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"

/* What names are looked up in. */
struct lookup {
    const char *store;
    const struct shop_location *locations;
    size_t location_count;
    struct state_warehouse *warehouses;
    size_t warehouse_count;
};

/* By its numeric id; else by its name, which several may have. */
static const struct shop_location *
find_location(const struct lookup *l, const char *name_or_id, size_t *found)
{
    char *end = NULL;
    long long id = strtoll(name_or_id, &end, 10);
    bool numeric = end != name_or_id && *end == '\0';
    const struct shop_location *named = NULL;
    *found = 0;
    for (size_t i = 0; i < l->location_count; i++) {
        const struct shop_location *s = &l->locations[i];
        if (numeric && s->id == id) {
            *found = 1;
            return s;
        }
        if (strcmp(s->name, name_or_id) == 0) {
            named = s;
            *found += 1;
        }
    }
    return named;
}

/* Whether its levels can be written at all. */
static enum status check_location(const struct lookup *l,
                                  const char *name,
                                  const struct shop_location *location,
                                  size_t found,
                                  struct err *err)
{
    if (found > 1) {
        return err_set(err, STATUS_STORE_MISCONFIGURED,
                       "[store.%s] location.%s: %zu locations of the store have this name; write "
                       "the numeric id instead, of one of them: %lld",
                       l->store, name, found, (long long)location->id);
    }
    if (!location->active) {
        return err_set(err, STATUS_STORE_MISCONFIGURED,
                       "[store.%s] location.%s is deactivated in the store", l->store, name);
    }
    if (location->fulfilment_service) {
        return err_set(err, STATUS_STORE_MISCONFIGURED,
                       "[store.%s] location.%s belongs to a fulfilment service, which keeps its "
                       "own stock",
                       l->store, name);
    }
    return STATUS_OK;
}

static enum status unknown_location(const struct lookup *l, const char *name, struct err *err)
{
    struct strbuf known;
    strbuf_init(&known, 200);
    for (size_t i = 0; i < l->location_count; i++) {
        strbuf_appendf(&known, "%s%s", i > 0 ? ", " : "", l->locations[i].name);
    }
    enum status rc = err_set(err, STATUS_STORE_MISCONFIGURED,
                             "[store.%s] location.%s: the store has no such location; it has: %s",
                             l->store, name, known.ptr);
    strbuf_release(&known);
    return rc;
}

/* "code" or "company/code", without blanks around. */
static enum status
find_warehouse(const struct lookup *l, const char *text, int32_t *id, struct err *err)
{
    const char *slash = strrchr(text, '/');
    const char *code = slash != NULL ? slash + 1 : text;
    size_t company_len = slash != NULL ? (size_t)(slash - text) : 0;
    const struct state_warehouse *found = NULL;
    for (size_t i = 0; i < l->warehouse_count; i++) {
        const struct state_warehouse *w = &l->warehouses[i];
        bool company_fits = slash == NULL || (strlen(w->company) == company_len &&
                                              strncmp(w->company, text, company_len) == 0);
        if (!w->active || strcmp(w->code, code) != 0 || !company_fits) {
            continue;
        }
        if (found != NULL) {
            return err_set(err, STATUS_STORE_MISCONFIGURED,
                           "[store.%s] warehouse '%s' exists in '%s' and in '%s': write COMPANY/%s",
                           l->store, text, found->company, w->company, code);
        }
        found = w;
    }
    if (found == NULL && l->warehouse_count == 0) {
        return err_set(err, STATUS_SOURCE_BUSY,
                       "[store.%s] warehouse '%s' is not known yet: the producer has not run on "
                       "this state so far",
                       l->store, text);
    }
    if (found == NULL) {
        return err_set(err, STATUS_STORE_MISCONFIGURED,
                       "[store.%s] warehouse '%s' does not exist in Odoo or is archived", l->store,
                       text);
    }
    *id = found->id;
    return STATUS_OK;
}

static enum status bind_warehouses(const struct lookup *l,
                                   const struct conf_pair *pair,
                                   struct location_rule *rule,
                                   struct err *err)
{
    enum status rc = STATUS_OK;
    char *copy = mem_strdup(pair->value);
    char *rest = copy;
    while (rest != NULL && rc == STATUS_OK) {
        char *comma = strchr(rest, ',');
        if (comma != NULL) {
            *comma = '\0';
        }
        char *start = rest + strspn(rest, " \t");
        size_t len = strlen(start);
        while (len > 0 && (start[len - 1] == ' ' || start[len - 1] == '\t')) {
            start[--len] = '\0';
        }
        if (len > 0) {
            rule->warehouse_ids = mem_realloc(rule->warehouse_ids, rule->warehouse_count + 1,
                                              sizeof *rule->warehouse_ids);
            rc = find_warehouse(l, start, &rule->warehouse_ids[rule->warehouse_count], err);
            rule->warehouse_count++;
        }
        rest = comma != NULL ? comma + 1 : NULL;
    }
    mem_free(copy);
    return rc;
}

void rule_table_release(struct store_rules *rules)
{
    for (size_t i = 0; i < rules->location_count; i++) {
        mem_free(rules->locations[i].warehouse_ids);
    }
    mem_free(rules->locations);
    *rules = (struct store_rules){0};
}

static enum status bind_location(
    const struct lookup *l, const char *name, struct store_rules *rules, size_t at, struct err *err)
{
    size_t found = 0;
    const struct shop_location *location = find_location(l, name, &found);
    if (location == NULL) {
        return unknown_location(l, name, err);
    }
    enum status rc = check_location(l, name, location, found, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rules->locations[at].location = location->id;
    for (size_t i = 0; i < at; i++) {
        if (rules->locations[i].location == location->id) {
            return err_set(err, STATUS_STORE_MISCONFIGURED,
                           "[store.%s] location.%s is a location that was given before", l->store,
                           name);
        }
    }
    return STATUS_OK;
}

enum status rule_table_build(const struct store_conf *store,
                             struct state *state,
                             const struct shop_location *locations,
                             size_t location_count,
                             struct store_rules *rules,
                             struct err *err)
{
    struct lookup l = {
        .store = store->instance.name, .locations = locations, .location_count = location_count};
    *rules = (struct store_rules){
        .basis = (enum basis)store->basis,
        .match = (enum match)store->match,
        .buffer = store->buffer,
        .percent = store->offer_percent,
        .cap = store->cap,
        .locations = mem_calloc(store->locations.count, sizeof(struct location_rule)),
        .location_count = store->locations.count};
    enum status rc = state_warehouses(state, &l.warehouses, &l.warehouse_count, err);
    for (size_t i = 0; i < store->locations.count && rc == STATUS_OK; i++) {
        rc = bind_location(&l, store->locations.list[i].name, rules, i, err);
    }
    for (size_t i = 0; i < store->locations.count && rc == STATUS_OK; i++) {
        rc = bind_warehouses(&l, &store->locations.list[i], &rules->locations[i], err);
    }
    state_warehouses_release(l.warehouses, l.warehouse_count);
    return rc;
}
