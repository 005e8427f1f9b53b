#include "consumer/lane/catalogue_store.h"

#include "common/core/mem.h"

struct state_catalogue catalogue_store_key(const struct lane_context *c)
{
    bool by_barcode = c->options->store_conf->match == MATCH_BARCODE;
    return (struct state_catalogue){.match = by_barcode ? "barcode" : "sku",
                                    .domain = c->store->shop_domain};
}

static void load_item(void *arg, const struct state_item *row)
{
    const struct mapped_item item = {
        .item = row->item, .tracked = row->tracked, .bundle = row->bundle, .known = row->known};
    sku_index_add(arg, row->text, &item);
}

enum status
catalogue_store_load(const struct lane_context *c, struct sku_index **index, struct err *err)
{
    *index = sku_index_new();
    enum status rc = c->ports->state->catalogue.items_load(c->state, load_item, *index, err);
    if (rc != STATUS_OK) {
        sku_index_free(*index);
        *index = NULL;
    }
    return rc;
}

struct item_list {
    struct state_item *list;
    size_t count, room;
    const struct sku_index *other; /* items that are there as well are left out */
};

static void
list_difference(struct item_list *diff, const char *text, const struct mapped_item *item)
{
    if (!sku_index_has(diff->other, text, item)) {
        const struct state_item row = {.text = text,
                                       .item = item->item,
                                       .tracked = item->tracked,
                                       .bundle = item->bundle,
                                       .known = item->known};
        MEM_ADD(diff, list, count, room, &row);
    }
}

static void list_known(void *arg, const char *text, const struct mapped_item *item)
{
    if (item->known) {
        list_difference(arg, text, item);
    }
}

static void list_other(void *arg, const char *text, const struct mapped_item *item)
{
    if (!item->known) {
        list_difference(arg, text, item);
    }
}

struct item_search {
    int64_t item;
    bool found;
};

static void match_item(void *arg, const char *text, const struct mapped_item *item)
{
    struct item_search *search = arg;
    (void)text;
    search->found = search->found || item->item == search->item;
}

static void list_gone(void *arg, const char *text, const struct mapped_item *item)
{
    struct item_list *gone = arg;
    struct item_search search = {.item = item->item};
    sku_index_each_of(gone->other, text, match_item, &search);
    if (!search.found) {
        const struct state_item row = {.text = text, .item = item->item};
        MEM_ADD(gone, list, count, room, &row);
    }
}

static enum status store_lists(const struct lane_context *c,
                               const struct item_list *gone,
                               const struct item_list *changed,
                               int64_t read_us,
                               struct err *err)
{
    const struct catalogue_port *port = &c->ports->state->catalogue;
    struct state_catalogue key = catalogue_store_key(c);
    enum status rc = port->items_remove(c->state, gone->list, gone->count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = port->items_store(c->state, changed->list, changed->count, err);
    return rc == STATUS_OK ? port->read(c->state, &key, read_us, err) : rc;
}

enum status catalogue_store_reading(const struct lane_context *c,
                                    const struct sku_index *old,
                                    const struct sku_index *fresh,
                                    int64_t read_us,
                                    struct err *err)
{
    struct item_list gone = {.other = fresh};
    struct item_list changed = {.other = old};
    sku_index_each(old, list_gone, &gone);
    /* first: what is stored of a text before a crash must not make it ambiguous */
    sku_index_each(fresh, list_known, &changed);
    sku_index_each(fresh, list_other, &changed);
    enum status rc = store_lists(c, &gone, &changed, read_us, err);
    mem_free(gone.list);
    mem_free(changed.list);
    return rc;
}
