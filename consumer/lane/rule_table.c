#include "consumer/lane/rule_table.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "consumer/state/warehouse_store.h"

/* Names are looked up in these. */
struct lookup {
    const char *store;
    const struct rule_facts *facts;
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
    for (size_t i = 0; i < l->facts->location_count; i++) {
        const struct shop_location *s = &l->facts->locations[i];
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
    for (size_t i = 0; i < l->facts->location_count; i++) {
        strbuf_appendf(&known, "%s%s", i > 0 ? ", " : "", l->facts->locations[i].name);
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
    for (size_t i = 0; i < l->facts->warehouse_count; i++) {
        const struct state_warehouse *w = &l->facts->warehouses[i];
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
    if (found == NULL && l->facts->warehouse_count == 0) {
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

/* --- company --- */

static enum status company_not_noted(const struct lookup *l, const char *code, struct err *err)
{
    return err_set(err, STATUS_SOURCE_BUSY,
                   "[store.%s] the company of warehouse '%s' is not known yet: no producer of this "
                   "version has run on this state so far",
                   l->store, code);
}

static const struct state_warehouse *warehouse_of(const struct lookup *l, int32_t id)
{
    for (size_t i = 0; i < l->facts->warehouse_count; i++) {
        if (l->facts->warehouses[i].id == id) {
            return &l->facts->warehouses[i];
        }
    }
    return NULL;
}

/* The company of all warehouses that the store maps; 0 when they belong to several. */
static enum status
company_of_warehouses(const struct lookup *l, struct store_rules *rules, struct err *err)
{
    bool several = false;
    for (size_t i = 0; i < rules->location_count; i++) {
        const struct location_rule *rule = &rules->locations[i];
        for (size_t k = 0; k < rule->warehouse_count; k++) {
            const struct state_warehouse *w = warehouse_of(l, rule->warehouse_ids[k]);
            if (w->company_id == 0) {
                return company_not_noted(l, w->code, err);
            }
            several = several || (rules->company_id != 0 && rules->company_id != w->company_id);
            rules->company_id = w->company_id;
        }
    }
    if (several) {
        rules->company_id = 0;
    }
    return STATUS_OK;
}

static enum status unknown_company(const struct lookup *l, const char *text, struct err *err)
{
    struct strbuf known;
    strbuf_init(&known, 200);
    for (size_t i = 0; i < l->facts->warehouse_count; i++) {
        const struct state_warehouse *w = &l->facts->warehouses[i];
        bool named = false;
        for (size_t k = 0; k < i && !named; k++) {
            named = l->facts->warehouses[k].company_id == w->company_id;
        }
        if (!named) {
            strbuf_appendf(&known, "%s%s (%d)", i > 0 ? ", " : "", w->company, w->company_id);
        }
    }
    enum status rc = err_set(err, STATUS_STORE_MISCONFIGURED,
                             "[store.%s] company = %s: no warehouse in Odoo belongs to such a "
                             "company; known are: %s",
                             l->store, text, known.ptr);
    strbuf_release(&known);
    return rc;
}

/* By its numeric id, else by its name, which only one has. */
static enum status
find_company(const struct lookup *l, const char *text, int32_t *id, struct err *err)
{
    char *end = NULL;
    long long number = strtoll(text, &end, 10);
    bool numeric = end != text && *end == '\0';
    const struct state_warehouse *named = NULL;
    for (size_t i = 0; i < l->facts->warehouse_count; i++) {
        const struct state_warehouse *w = &l->facts->warehouses[i];
        if (w->company_id == 0) {
            return company_not_noted(l, w->code, err);
        }
        if (numeric && w->company_id == number) {
            *id = w->company_id;
            return STATUS_OK;
        }
        if (strcmp(w->company, text) == 0) {
            named = w;
        }
    }
    if (named == NULL) {
        return unknown_company(l, text, err);
    }
    *id = named->company_id;
    return STATUS_OK;
}

static enum status bind_company(const struct lookup *l,
                                const char *company,
                                struct store_rules *rules,
                                struct err *err)
{
    if (company == NULL) {
        return company_of_warehouses(l, rules, err);
    }
    if (strcmp(company, COMPANY_ANY) == 0) {
        return STATUS_OK;
    }
    return find_company(l, company, &rules->company_id, err);
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

static enum status bind(const struct lookup *l,
                        const struct conf_pairs *locations,
                        struct store_rules *rules,
                        struct err *err)
{
    for (size_t i = 0; i < locations->count; i++) {
        enum status rc = bind_location(l, locations->list[i].name, rules, i, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    for (size_t i = 0; i < locations->count; i++) {
        enum status rc = bind_warehouses(l, &locations->list[i], &rules->locations[i], err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

enum status rule_table_build(const struct store_conf *store,
                             const struct rule_facts *facts,
                             struct store_rules *rules,
                             struct err *err)
{
    const struct lookup l = {.store = store->instance.name, .facts = facts};
    *rules = (struct store_rules){
        .basis = (enum basis)store->basis,
        .match = (enum match)store->match,
        .buffer = store->buffer,
        .percent = store->offer_percent,
        .cap = store->cap,
        .locations = mem_calloc(store->locations.count, sizeof(struct location_rule)),
        .location_count = store->locations.count};
    enum status rc = bind(&l, &store->locations, rules, err);
    return rc == STATUS_OK ? bind_company(&l, store->company, rules, err) : rc;
}
