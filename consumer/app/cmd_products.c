#include "consumer/app/cmd_products.h"

#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"

/* Products of one SKU that are named on standard error. */
#define NAMED_MAX_BYTES ((size_t)4096)

enum status
cmd_products_read(const struct cli_call *call, struct product_names *names, struct err *err)
{
    const char *sku = NULL;
    *names = (struct product_names){0};
    while ((sku = cli_value(call, "--sku", names->sku_count)) != NULL) {
        names->skus[names->sku_count++] = sku;
    }
    for (;;) {
        long id = 0;
        enum status rc = cli_number(call, "--product", names->id_count, 1, INT32_MAX, &id, err);
        if (rc == STATUS_NOT_FOUND) {
            return STATUS_OK;
        }
        if (rc != STATUS_OK) {
            return rc;
        }
        names->ids[names->id_count++] = (int32_t)id;
    }
}

bool cmd_products_any(const struct product_names *names)
{
    return names->sku_count + names->id_count > 0;
}

struct product_names cmd_products_skus(const struct product_names *names)
{
    struct product_names skus = *names;
    skus.id_count = 0;
    return skus;
}

void product_ids_add(struct product_ids *ids, int32_t product_id)
{
    size_t at = 0;
    while (at < ids->count && ids->list[at] < product_id) {
        at++;
    }
    if (at < ids->count && ids->list[at] == product_id) {
        return;
    }
    if (ids->count == ids->capacity) {
        ids->capacity = mem_grow_capacity(ids->capacity, ids->count + 1);
        ids->list = mem_realloc(ids->list, ids->capacity, sizeof *ids->list);
    }
    memmove(ids->list + at + 1, ids->list + at, (ids->count - at) * sizeof *ids->list);
    ids->list[at] = product_id;
    ids->count++;
}

void product_ids_release(struct product_ids *ids)
{
    mem_free(ids->list);
    *ids = (struct product_ids){0};
}

struct search {
    struct product_ids *ids;
    size_t sku_hits[CLI_MAX_VALUES];
    bool id_hits[CLI_MAX_VALUES];
    struct state_named *all;
    size_t count, capacity;
};

static void take(void *arg, const struct state_named *named)
{
    struct search *s = arg;
    if (named->text >= 0) {
        s->sku_hits[named->text]++;
    } else {
        s->id_hits[named->id] = true;
    }
    if (s->count == s->capacity) {
        s->capacity = mem_grow_capacity(s->capacity, s->count + 1);
        s->all = mem_realloc(s->all, s->capacity, sizeof *s->all);
    }
    s->all[s->count++] = *named;
    product_ids_add(s->ids, named->product_id);
}

static enum status check_known(const struct product_names *names,
                               const struct search *s,
                               const char *store,
                               struct err *err)
{
    char whose[100];
    (void)snprintf(whose, sizeof whose, "%s%s%s", store != NULL ? "store '" : "no store",
                   store != NULL ? store : "", store != NULL ? "' does not know" : " knows");
    for (size_t i = 0; i < names->sku_count; i++) {
        if (s->sku_hits[i] == 0) {
            return err_set(err, STATUS_USAGE,
                           "%s the SKU '%s'; 'stocksync-producer stock --sku' shows whether Odoo "
                           "has it",
                           whose, names->skus[i]);
        }
    }
    for (size_t i = 0; i < names->id_count; i++) {
        if (!s->id_hits[i]) {
            return err_set(err, STATUS_USAGE,
                           "%s product %d; 'stocksync-producer stock --product %d' shows whether "
                           "Odoo has it",
                           whose, (int)names->ids[i], (int)names->ids[i]);
        }
    }
    return STATUS_OK;
}

/* A SKU that several products share. */
static void name_shared(const struct product_names *names, const struct search *s)
{
    for (size_t i = 0; i < names->sku_count; i++) {
        struct strbuf text;
        if (s->sku_hits[i] < 2) {
            continue;
        }
        strbuf_init(&text, NAMED_MAX_BYTES);
        for (size_t k = 0; k < s->count; k++) {
            if (s->all[k].text == (int32_t)i) {
                strbuf_appendf(&text, "%s%d", text.len > 0 ? ", " : "", (int)s->all[k].product_id);
            }
        }
        (void)fprintf(stderr, "SKU %s: products %s\n", names->skus[i], text.ptr);
        strbuf_release(&text);
    }
}

static enum status find(const struct product_names *names,
                        struct state *state,
                        const char *store,
                        struct search *s,
                        struct err *err)
{
    const struct state_names wanted = {.texts = names->skus,
                                       .text_count = names->sku_count,
                                       .ids = names->ids,
                                       .id_count = names->id_count};
    s->ids->count = 0;
    return state_products_find(state, store, &wanted, take, s, err);
}

enum status cmd_products_find(const struct product_names *names,
                              struct state *state,
                              const char *store,
                              struct product_ids *ids,
                              struct err *err)
{
    struct search s = {.ids = ids};
    enum status rc = find(names, state, store, &s, err);
    if (rc == STATUS_OK) {
        rc = check_known(names, &s, store, err);
    }
    if (rc == STATUS_OK) {
        name_shared(names, &s);
    }
    mem_free(s.all);
    return rc;
}

enum status cmd_products_find_known(const struct product_names *names,
                                    struct state *state,
                                    const char *store,
                                    struct product_ids *ids,
                                    struct err *err)
{
    struct search s = {.ids = ids};
    enum status rc = find(names, state, store, &s, err);
    mem_free(s.all);
    return rc;
}
