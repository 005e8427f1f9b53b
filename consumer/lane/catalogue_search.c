/* Texts that the mapping does not have are searched for in the store: how a new product gets its
 * number without a whole reading. */
#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/lane_internal.h"

#define MOD "lane"

void lane_search_want(struct lane *l, const char *text)
{
    if (!sku_search_want(l->catalogue.unmapped, text, clock_monotonic_us())) {
        l->catalogue.suspect = true; /* too many to search for: read them all */
    }
}

/* A whole reading may have found some meanwhile. @return true: the texts that are due are others
 * now
 */
static bool forget_mapped(struct lane *l, const char *const *texts, size_t count)
{
    struct mapped_item item;
    bool any = false;
    for (size_t i = 0; i < count && !any; i++) {
        if (sku_index_find(l->mapping, texts[i], &item) != SKU_INDEX_MISSING) {
            sku_search_found(l->catalogue.unmapped, texts[i]);
            any = true;
        }
    }
    return any;
}

void lane_search_begin(struct lane *l)
{
    struct lane_catalogue *c = &l->catalogue;
    const char *due[VARIANTS_MAX_TEXTS];
    int64_t now = clock_monotonic_us();
    struct strbuf query;
    if (c->found != NULL || c->is_sent) {
        return;
    }
    size_t count = 0;
    do {
        count = sku_search_due(c->unmapped, now, due, VARIANTS_MAX_TEXTS);
    } while (forget_mapped(l, due, count));
    if (count == 0) {
        return;
    }
    strbuf_init(&query, VARIANTS_QUERY_MAX_BYTES);
    c->text_count = variants_query(l->rules.match, due, count, &query);
    if (c->text_count == 0) {
        sku_search_missed(c->unmapped, due[0], now); /* longer than a query may be */
    } else {
        c->texts = mem_calloc(c->text_count, sizeof *c->texts);
        for (size_t i = 0; i < c->text_count; i++) {
            c->texts[i] = mem_strdup(due[i]);
        }
        c->found = sku_index_new();
        variants_init(&c->search, l->rules.match, query.ptr, c->found);
    }
    strbuf_release(&query);
}

static void end_search(struct lane_catalogue *c)
{
    for (size_t i = 0; i < c->text_count; i++) {
        mem_free(c->texts[i]);
    }
    mem_free(c->texts);
    c->texts = NULL;
    c->text_count = 0;
    sku_index_free(c->found);
    c->found = NULL;
    variants_release(&c->search);
}

void lane_search_abandon(struct lane *l)
{
    struct lane_catalogue *c = &l->catalogue;
    for (size_t i = 0; i < c->text_count; i++) {
        sku_search_missed(c->unmapped, c->texts[i], clock_monotonic_us());
    }
    end_search(c);
}

struct found_items {
    struct lane *lane;
    struct state_item *list;
    size_t count, room;
};

static void take_found(void *arg, const char *text, const struct mapped_item *item)
{
    struct found_items *found = arg;
    const struct state_item row = {
        .text = text, .item = item->item, .tracked = item->tracked, .bundle = item->bundle};
    MEM_ADD(found, list, count, room, &row);
    sku_index_add(found->lane->mapping, text, item);
    /* A whole reading that is going on may have passed its place before it was there. */
    if (found->lane->catalogue.is_reading) {
        sku_index_add(found->lane->catalogue.reading.variants.into, text, item);
    }
    if (found->lane->catalogue.next != NULL) {
        sku_index_add(found->lane->catalogue.next, text, item);
    }
}

enum status lane_search_finish(struct lane *l, struct err *err)
{
    struct lane_catalogue *c = &l->catalogue;
    struct found_items found = {.lane = l};
    size_t texts = 0;
    for (size_t i = 0; i < c->text_count; i++) {
        size_t before = found.count;
        sku_index_each_of(c->found, c->texts[i], take_found, &found);
        if (found.count > before) {
            sku_search_found(c->unmapped, c->texts[i]);
            texts++;
        } else {
            sku_search_missed(c->unmapped, c->texts[i], clock_monotonic_us());
        }
    }
    enum status rc = state_items_store(l->state, found.list, found.count, err);
    mem_free(found.list);
    end_search(c);
    if (rc != STATUS_OK || texts == 0) {
        return rc;
    }
    log_info(MOD, "skus_found", LF_TEXT("store", l->store.name), LF_INT("count", texts),
             LF_MSG("new in the store's catalogue"));
    return lane_catalogue_retry(l, err);
}
