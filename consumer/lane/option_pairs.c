#include "consumer/lane/option_pairs.h"

#include "common/core/strbuf.h"

#define TEXT_MAX_BYTES 2048

struct findings {
    const struct store_conf *store;
    const struct rule_facts *facts;
    const struct store_rules *rules;
    void (*say)(void *arg, const char *text);
    void *arg;
};

/* Orders take units off twice, or never. Orders that are imported are reserved in Odoo; Shopify
 * takes units that orders commit off what is on hand, and gives the rest as available. */
static void check_basis(const struct findings *f)
{
    struct strbuf text;
    const enum basis basis = f->rules->basis;
    const bool on_hand = f->store->quantity == QUANTITY_ON_HAND;
    if (on_hand == (basis == BASIS_ON_HAND)) {
        return;
    }
    strbuf_init(&text, TEXT_MAX_BYTES);
    if (on_hand) {
        strbuf_appendf(&text,
                       "quantity = on_hand with basis = %s takes units of orders off twice: Odoo's "
                       "number is without them, and Shopify takes them off again. The usual pair "
                       "is quantity = on_hand with basis = on_hand",
                       basis_names[basis]);
    } else {
        strbuf_append_text(&text,
                           "quantity = available with basis = on_hand never takes units of orders "
                           "off once they are imported, so they are sold again. The usual pair is "
                           "quantity = available with basis = free");
    }
    f->say(f->arg, text.ptr);
    strbuf_release(&text);
}

static const char *code_of(const struct findings *f, int32_t warehouse_id)
{
    for (size_t i = 0; i < f->facts->warehouse_count; i++) {
        if (f->facts->warehouses[i].id == warehouse_id) {
            return f->facts->warehouses[i].code;
        }
    }
    return "?";
}

static bool stands_behind(const struct location_rule *rule, size_t count, int32_t warehouse_id)
{
    for (size_t i = 0; i < count; i++) {
        if (rule->warehouse_ids[i] == warehouse_id) {
            return true;
        }
    }
    return false;
}

static void
say_twice(const struct findings *f, int32_t warehouse_id, const char *first, const char *second)
{
    struct strbuf text;
    strbuf_init(&text, TEXT_MAX_BYTES);
    strbuf_appendf(&text, "warehouse '%s' stands behind location.%s ", code_of(f, warehouse_id),
                   first);
    if (first == second) {
        strbuf_append_text(&text, "twice, so its units are counted twice. Name it once");
    } else {
        strbuf_appendf(&text,
                       "and location.%s, so its units are offered twice. The usual way is one "
                       "location for each warehouse",
                       second);
    }
    f->say(f->arg, text.ptr);
    strbuf_release(&text);
}

/* One warehouse, at the first place where it stands a second time. */
static void check_warehouse(const struct findings *f, size_t location, size_t at)
{
    const struct conf_pair *pairs = f->store->locations.list;
    const struct location_rule *rules = f->rules->locations;
    const int32_t id = rules[location].warehouse_ids[at];
    if (stands_behind(&rules[location], at, id)) {
        say_twice(f, id, pairs[location].name, pairs[location].name);
        return;
    }
    for (size_t i = 0; i < location; i++) {
        if (stands_behind(&rules[i], rules[i].warehouse_count, id)) {
            say_twice(f, id, pairs[i].name, pairs[location].name);
            return;
        }
    }
}

void option_pairs_check(const struct store_conf *store,
                        const struct rule_facts *facts,
                        const struct store_rules *rules,
                        void (*say)(void *arg, const char *text),
                        void *arg)
{
    const struct findings f = {
        .store = store, .facts = facts, .rules = rules, .say = say, .arg = arg};
    check_basis(&f);
    for (size_t i = 0; i < rules->location_count; i++) {
        for (size_t k = 0; k < rules->locations[i].warehouse_count; k++) {
            check_warehouse(&f, i, k);
        }
    }
}
