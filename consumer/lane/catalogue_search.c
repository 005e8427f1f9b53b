#include "consumer/lane/catalogue_search.h"

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"

#define MOD "lane"

void catalogue_search_open(struct catalogue_search *s)
{
    if (s->wanted == NULL) {
        s->wanted = sku_search_new();
    }
}

void catalogue_search_release(struct catalogue_search *s)
{
    if (s->found != NULL) {
        catalogue_search_abandon(s);
    }
    sku_search_free(s->wanted);
    *s = (struct catalogue_search){0};
}

void catalogue_search_want(struct catalogue_search *s, const char *text)
{
    if (!sku_search_want(s->wanted, text, clock_monotonic_us())) {
        s->overflowed = true;
    }
}

bool catalogue_search_is_on(const struct catalogue_search *s)
{
    return s->found != NULL;
}

/* A whole reading may have found some meanwhile. @return true: other texts are due now */
static bool forget_indexed(struct catalogue_search *s,
                           const struct lane_context *c,
                           const char *const *texts,
                           size_t count)
{
    struct mapped_item item;
    for (size_t i = 0; i < count; i++) {
        if (sku_index_find(c->index, texts[i], &item) != SKU_INDEX_MISSING) {
            sku_search_found(s->wanted, texts[i]);
            return true;
        }
    }
    return false;
}

void catalogue_search_begin(struct catalogue_search *s, const struct lane_context *c)
{
    const char *due[VARIANTS_MAX_TEXTS];
    enum match match = (enum match)c->options->store_conf->match;
    int64_t now = clock_monotonic_us();
    struct strbuf query;
    size_t most = s->most > 0 ? s->most : VARIANTS_MAX_TEXTS;
    size_t count = 0;
    if (s->found != NULL) {
        return;
    }
    do {
        count = sku_search_due(s->wanted, now, due, most);
    } while (forget_indexed(s, c, due, count));
    if (count == 0) {
        return;
    }
    strbuf_init(&query, VARIANTS_QUERY_MAX_BYTES);
    s->text_count = variants_query(match, due, count, &query);
    if (s->text_count == 0) {
        sku_search_missed(s->wanted, due[0], now); /* longer than a query may be */
        strbuf_release(&query);
        return;
    }
    s->texts = mem_calloc(s->text_count, sizeof *s->texts);
    for (size_t i = 0; i < s->text_count; i++) {
        s->texts[i] = mem_strdup(due[i]);
    }
    s->found = sku_index_new();
    variants_init(&s->variants, match, query.ptr, s->found);
    strbuf_release(&query);
}

static void end_search(struct catalogue_search *s)
{
    for (size_t i = 0; i < s->text_count; i++) {
        mem_free(s->texts[i]);
    }
    mem_free(s->texts);
    s->texts = NULL;
    s->text_count = 0;
    sku_index_free(s->found);
    s->found = NULL;
    variants_release(&s->variants);
}

void catalogue_search_narrow(struct catalogue_search *s, const struct lane_context *c)
{
    if (s->text_count > 1) { /* all are still due */
        s->most = s->text_count / 2;
        end_search(s);
        return;
    }
    log_warn(MOD, "search_refused", LF_TEXT("store", c->store->name), LF_TEXT("sku", s->texts[0]),
             LF_MSG("the store does not understand a search for this text: it is found by the next "
                    "reading of the catalogue"));
    s->most = 0;
    catalogue_search_abandon(s);
}

void catalogue_search_abandon(struct catalogue_search *s)
{
    for (size_t i = 0; i < s->text_count; i++) {
        sku_search_missed(s->wanted, s->texts[i], clock_monotonic_us());
    }
    end_search(s);
}

struct found_items {
    struct sku_index *const *into;
    size_t into_count;
    struct state_item *list;
    size_t count, room;
};

static void take_found(void *arg, const char *text, const struct mapped_item *item)
{
    struct found_items *found = arg;
    const struct state_item row = {
        .text = text, .item = item->item, .tracked = item->tracked, .bundle = item->bundle};
    MEM_ADD(found, list, count, room, &row);
    for (size_t i = 0; i < found->into_count; i++) {
        sku_index_add(found->into[i], text, item);
    }
}

enum status catalogue_search_finish(struct catalogue_search *s,
                                    const struct lane_context *c,
                                    struct sku_index *const *into,
                                    size_t into_count,
                                    size_t *found,
                                    struct err *err)
{
    struct found_items items = {.into = into, .into_count = into_count};
    *found = 0;
    for (size_t i = 0; i < s->text_count; i++) {
        size_t before = items.count;
        sku_index_each_of(s->found, s->texts[i], take_found, &items);
        if (items.count > before) {
            sku_search_found(s->wanted, s->texts[i]);
            *found += 1;
        } else {
            sku_search_missed(s->wanted, s->texts[i], clock_monotonic_us());
        }
    }
    enum status rc = c->ports->state->catalogue.items_store(c->state, items.list, items.count, err);
    mem_free(items.list);
    s->most = s->most * 2 < VARIANTS_MAX_TEXTS ? s->most * 2 : 0;
    end_search(s);
    return rc;
}
