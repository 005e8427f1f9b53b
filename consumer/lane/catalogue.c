#include "consumer/lane/catalogue.h"

#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/utf8.h"
#include "consumer/lane/catalogue_store.h"
#include "consumer/lane/newcomers.h"
#include "consumer/lane/resolve.h"

#define MOD "lane"

#define LOOK_EVERY_US INT64_C(5000000)
/* Between two tries while another process reads. */
#define OTHER_READER_US INT64_C(5000000)
#define GONE_AGAIN_US   INT64_C(3600000000)
/* Before a reading that lost too much is repeated. */
#define SUSPECT_AGAIN_US INT64_C(60000000)

const char *const CATALOGUE_FIXABLE[] = {
    "unmapped",     "sku_shared_in_shopify", "bundle",  "tracking_locked",
    "item_changed", "item_missing",          "refused", NULL};

/* --- the first index --- */

static void report_index(const struct catalogue *cat, const char *event)
{
    const char *examples[3] = {NULL, NULL, NULL};
    const struct lane_context *c = cat->c;
    size_t shared = sku_index_shared_count(cat->index);
    size_t ambiguous = sku_index_ambiguous_count(cat->index);
    size_t untracked = sku_index_untracked_count(cat->index);
    log_info(MOD, event, LF_TEXT("store", c->store->name),
             LF_INT("count", sku_index_count(cat->index)), LF_INT("shared", shared),
             LF_INT("ambiguous", ambiguous), LF_INT("untracked", untracked));
    if (sku_index_ambiguous_examples(cat->index, examples, 3) > 0) {
        log_warn(
            MOD, "catalogue_ambiguous", LF_TEXT("store", c->store->name),
            LF_INT("count", ambiguous), LF_TEXT("sku", examples[0]), LF_TEXT("sku", examples[1]),
            LF_TEXT("sku", examples[2]),
            LF_MSG("several inventory items share these SKUs, and none had its SKU alone before, "
                   "so none is written: make them unique in the store"));
    }
    memset(examples, 0, sizeof examples);
    if (sku_index_untracked_examples(cat->index, examples, 3) > 0) {
        log_warn(MOD, "catalogue_untracked", LF_TEXT("store", c->store->name),
                 LF_INT("count", untracked), LF_TEXT("sku", examples[0]),
                 LF_TEXT("sku", examples[1]), LF_TEXT("sku", examples[2]),
                 LF_MSG(c->options->store_conf->track_items
                            ? "the store does not track these items: tracking is switched on "
                              "before their number is written"
                            : "the store does not track these items and sells them without limit: "
                              "see option track_items"));
    }
}

static void show_progress(void *arg, size_t variants)
{
    const struct catalogue *cat = arg;
    if (variants % 25000 < 250) {
        log_info(MOD, "catalogue", LF_TEXT("store", cat->c->store->name), LF_INT("count", variants),
                 LF_MSG("reading variants"));
    }
}

static enum status
load_and_store(struct catalogue *cat, bool *mine, struct sku_index **fresh, struct err *err)
{
    const struct lane_context *c = cat->c;
    const struct catalogue_port *port = &c->ports->state->catalogue;
    enum match match = (enum match)c->options->store_conf->match;
    /* if not mine: another process reads as well, which does no harm */
    enum status rc = port->lock(c->state, mine, &cat->reader.begun_wall_us, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = port->items_clear(c->state, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = c->ports->store->load_catalogue(c->graphql, match, c->stop_fd, fresh, show_progress, cat,
                                         err);
    budget_mark_uncertain(&cat->requests->budget);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct sku_index *nothing = sku_index_new();
    rc = catalogue_store_reading(c, nothing, *fresh, cat->reader.begun_wall_us, err);
    sku_index_free(nothing);
    return rc;
}

/* There is nothing to work with before it ends, so this reading is waited for. */
static enum status read_first(struct catalogue *cat, struct err *err)
{
    struct sku_index *fresh = NULL;
    bool mine = false;
    cat->reader.begun_us = clock_monotonic_us();
    enum status rc = load_and_store(cat, &mine, &fresh, err);
    if (rc == STATUS_OK && mine) {
        rc = cat->c->ports->state->catalogue.unlock(cat->c->state, err);
    }
    if (rc != STATUS_OK) {
        sku_index_free(fresh);
        return rc;
    }
    cat->index = fresh;
    cat->read_wall_us = cat->reader.begun_wall_us;
    catalogue_reader_rest(&cat->reader);
    report_index(cat, "catalogue_read");
    return STATUS_OK;
}

static enum status make_index(struct catalogue *cat, struct err *err)
{
    const struct lane_context *c = cat->c;
    struct state_catalogue key = catalogue_store_key(c);
    bool wanted = false;
    int64_t read_wall_us = 0;
    enum status rc = c->ports->state->catalogue.look(c->state, &key, &read_wall_us, &wanted, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (read_wall_us == 0) {
        return read_first(cat, err);
    }
    rc = catalogue_store_load(c, &cat->index, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    cat->read_wall_us = read_wall_us;
    report_index(cat, "catalogue_loaded");
    return STATUS_OK;
}

enum status catalogue_open(struct catalogue *cat,
                           struct lane_context *c,
                           struct requests *requests,
                           struct err *err)
{
    cat->c = c;
    cat->requests = requests;
    cat->look_at_us = 0;
    catalogue_reader_open(&cat->reader, c, requests);
    enum status rc = cat->index == NULL ? make_index(cat, err) : STATUS_OK;
    c->index = cat->index;
    return rc;
}

/* --- ends --- */

static void end_suspicion(struct catalogue *cat)
{
    sku_losses_free(cat->suspect.losses);
    cat->suspect = (struct suspect_reading){0};
}

void catalogue_close(struct catalogue *cat)
{
    catalogue_reader_close(&cat->reader);
    cat->is_pausing = false;
    lost_list_release(&cat->gone);
    cat->c = NULL;
    cat->requests = NULL;
}

void catalogue_release(struct catalogue *cat)
{
    catalogue_close(cat);
    catalogue_search_release(&cat->reader.search);
    sku_index_free(cat->index);
    cat->index = NULL;
    end_suspicion(cat);
}

/* --- readings --- */

/* Another process may have read, or a person may have asked. */
static enum status look(struct catalogue *cat, struct err *err)
{
    const struct lane_context *c = cat->c;
    struct state_catalogue key = catalogue_store_key(c);
    int64_t read_wall_us = 0;
    bool wanted = false;
    cat->look_at_us = clock_monotonic_us() + LOOK_EVERY_US;
    enum status rc = c->ports->state->catalogue.look(c->state, &key, &read_wall_us, &wanted, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (wanted && !cat->wanted) {
        cat->reader.not_before_us = 0;
    }
    cat->wanted = wanted;
    if (read_wall_us <= cat->read_wall_us || cat->reader.is_reading ||
        cat->reader.next.index != NULL) {
        return STATUS_OK;
    }
    cat->reader.next.read_wall_us = read_wall_us;
    cat->reader.next.is_ours = false;
    return catalogue_store_load(c, &cat->reader.next.index, err);
}

static bool reading_is_due(const struct catalogue *cat, int64_t now_us)
{
    bool may = now_us >= cat->reader.not_before_us && !cat->reader.is_reading &&
               cat->reader.next.index == NULL;
    if (!may || cat->suspect.losses != NULL) { /* a second reading at once proves little */
        return may && now_us >= cat->suspect.again_at_us;
    }
    int64_t reload_us = cat->c->options->shared.reload_catalogue_ms * 1000;
    bool old = clock_wall_us() - cat->read_wall_us > reload_us;
    bool contradicted = (cat->is_contradicted || cat->reader.search.overflowed) &&
                        now_us >= cat->reader.rest_until_us;
    return old || contradicted || cat->wanted;
}

static enum status begin_reading(struct catalogue *cat, struct err *err)
{
    const struct lane_context *c = cat->c;
    const struct catalogue_port *port = &c->ports->state->catalogue;
    int64_t now = clock_monotonic_us();
    bool mine = false;
    if (!reading_is_due(cat, now)) {
        return STATUS_OK;
    }
    enum status rc = port->lock(c->state, &mine, &cat->reader.begun_wall_us, err);
    if (rc != STATUS_OK || !mine) {
        cat->reader.not_before_us = now + OTHER_READER_US;
        return rc;
    }
    rc = look(cat, err); /* the process that had the lock may just have finished */
    if (rc != STATUS_OK) {
        return rc;
    }
    if (cat->reader.next.index != NULL) {
        return port->unlock(c->state, err);
    }
    catalogue_reader_start(&cat->reader);
    cat->is_contradicted = false; /* contradictions from now on ask for the next one */
    cat->reader.search.overflowed = false;
    return STATUS_OK;
}

/* --- believing --- */

static enum status set_aside(struct catalogue *cat, struct sku_losses *losses, struct err *err)
{
    const struct lane_context *c = cat->c;
    log_warn(
        MOD, "catalogue_suspect", LF_TEXT("store", c->store->name),
        LF_INT("count", sku_losses_count(losses)), LF_INT("known", sku_losses_mapped(losses)),
        LF_TEXT("sku", sku_losses_example(losses)),
        LF_MSG("the reading of the store's catalogue has lost too many SKUs to be believed: the "
               "SKUs known before stay in use until a second reading, in a minute, agrees"));
    metric_add(c->metrics->catalogue.suspect, 1);
    end_suspicion(cat);
    cat->suspect = (struct suspect_reading){.losses = losses,
                                            .again_at_us = clock_monotonic_us() + SUSPECT_AGAIN_US};
    sku_index_free(cat->reader.next.index);
    cat->reader.next = (struct next_index){0};
    return c->ports->state->catalogue.unlock(c->state, err);
}

/* A reading of ours may be wrong although it is complete. What other processes stored is believed:
 * they have asked the same question. */
static enum status believe(struct catalogue *cat, struct err *err)
{
    struct next_index *next = &cat->reader.next;
    struct sku_losses *losses = NULL;
    if (next->is_ours) {
        losses = sku_losses_new(cat->index, next->index);
    }
    bool suspect = losses != NULL && sku_losses_are_suspect(losses);
    bool agreed =
        suspect && cat->suspect.losses != NULL && sku_losses_agree(cat->suspect.losses, losses);
    if (suspect && !agreed) {
        return set_aside(cat, losses, err);
    }
    if (cat->suspect.losses != NULL) {
        log_info(MOD, "catalogue_believed", LF_TEXT("store", cat->c->store->name),
                 LF_INT("count", losses != NULL ? sku_losses_count(losses) : 0),
                 LF_MSG(agreed ? "a second reading of the catalogue has lost the same SKUs"
                               : "a later reading of the catalogue has these SKUs"));
    }
    next->is_believed = true;
    end_suspicion(cat);
    sku_losses_free(losses);
    return STATUS_OK;
}

/* --- taking over --- */

struct comparison {
    const struct sku_index *old, *next;
    struct lost_list *lost;
};

static void list_lost(void *arg, const char *text, const struct mapped_item *item)
{
    const struct comparison *comparison = arg;
    struct mapped_item before;
    struct mapped_item after;
    if (sku_index_find(comparison->old, text, &before) == SKU_INDEX_FOUND &&
        (sku_index_find(comparison->next, text, &after) != SKU_INDEX_FOUND ||
         after.item != item->item)) {
        lost_list_add(comparison->lost, item->item, text);
    }
}

static enum status
park_pending(const struct lane_context *c, const struct lost_list *lost, struct err *err)
{
    struct outcomes out = {0};
    catalogue_moves_park_pending(c, lost, &out);
    enum status rc = outcomes_apply(c, &out, err);
    outcomes_release(&out);
    return rc;
}

static enum status store_next(struct catalogue *cat, struct err *err)
{
    const struct lane_context *c = cat->c;
    if (!cat->reader.next.is_ours) {
        return STATUS_OK;
    }
    enum status rc = catalogue_store_reading(c, cat->index, cat->reader.next.index,
                                             cat->reader.next.read_wall_us, err);
    return rc == STATUS_OK ? c->ports->state->catalogue.unlock(c->state, err) : rc;
}

static enum status take_over(struct catalogue *cat,
                             const struct lost_list *lost,
                             struct catalogue_news *news,
                             struct err *err)
{
    bool ours = cat->reader.next.is_ours;
    enum status rc = catalogue_moves_orphan(cat->c, lost, err);
    if (rc == STATUS_OK) { /* before the reading is stored: what failed is repeated with it */
        rc = newcomers_park(cat->c, cat->reader.next.index, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = store_next(cat, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    sku_index_free(cat->index);
    cat->index = cat->c->index = cat->reader.next.index;
    cat->read_wall_us = cat->reader.next.read_wall_us;
    cat->reader.next = (struct next_index){0};
    cat->is_pausing = false;
    cat->wanted = false;
    report_index(cat, ours ? "catalogue_read" : "catalogue_loaded");
    news->retry = news->replaced = true;
    news->was_overflowed = cat->reader.search.overflowed;
    return park_pending(cat->c, lost, err);
}

/*
 * When a SKU went from one item to another, a request in flight may still write to the old one. So
 * nothing new is sent until the last answer is there. Then the index changes between two requests.
 */
static enum status
replace_index(struct catalogue *cat, struct catalogue_news *news, struct err *err)
{
    struct lost_list lost = {0};
    struct comparison comparison = {
        .old = cat->index, .next = cat->reader.next.index, .lost = &lost};
    bool idle = requests_in_flight(cat->requests) == 0;
    enum status rc = STATUS_OK;
    if (cat->is_pausing && !idle) {
        return STATUS_OK;
    }
    sku_index_each(cat->index, list_lost, &comparison);
    cat->is_pausing = lost.count > 0;
    if (!cat->is_pausing || idle) {
        rc = take_over(cat, &lost, news, err);
    }
    lost_list_release(&lost);
    return rc;
}

static enum status
try_take_over(struct catalogue *cat, struct catalogue_news *news, struct err *err)
{
    struct next_index *next = &cat->reader.next;
    if (next->is_ours) {
        sku_index_inherit(next->index, cat->index);
    }
    enum status rc = next->is_believed ? STATUS_OK : believe(cat, err);
    return rc == STATUS_OK && next->index != NULL ? replace_index(cat, news, err) : rc;
}

void catalogue_settle_news(struct catalogue *cat, const struct catalogue_news *news)
{
    if (news->replaced) {
        cat->reader.search.overflowed = news->was_overflowed;
    }
}

/* --- facts from answers --- */

/* Found gone a while ago, and found again since: a search alone would go round in circles. */
static bool was_gone_before(struct gone_ring *ring, int64_t item)
{
    int64_t now = clock_monotonic_us();
    size_t count = ring->count < CATALOGUE_GONE_MAX ? ring->count : CATALOGUE_GONE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (ring->list[i].item == item && now - ring->list[i].at_us < GONE_AGAIN_US) {
            return true;
        }
    }
    ring->list[ring->count % CATALOGUE_GONE_MAX].item = item;
    ring->list[ring->count++ % CATALOGUE_GONE_MAX].at_us = now;
    return false;
}

/* Another item with the text has its numbers from now on, or the text is searched for. */
static void replace_gone(struct catalogue *cat, const struct lost_item *gone, bool *found)
{
    struct mapped_item item;
    if (sku_index_find(cat->index, gone->text, &item) != SKU_INDEX_MISSING) {
        *found = true;
    } else if (was_gone_before(&cat->gone_before, gone->item)) {
        cat->is_contradicted = true;
    } else {
        catalogue_search_want(&cat->reader.search, gone->text);
    }
}

static enum status forget_gone(struct catalogue *cat, bool *found, struct err *err)
{
    const struct lane_context *c = cat->c;
    struct lost_list gone = cat->gone;
    if (gone.count == 0) {
        return STATUS_OK;
    }
    cat->gone = (struct lost_list){0};
    struct state_item *rows = mem_calloc(gone.count, sizeof *rows);
    for (size_t i = 0; i < gone.count; i++) {
        rows[i] = (struct state_item){.text = gone.list[i].text, .item = gone.list[i].item};
        replace_gone(cat, &gone.list[i], found);
    }
    enum status rc = c->ports->state->catalogue.items_remove(c->state, rows, gone.count, err);
    if (rc == STATUS_OK) {
        rc = catalogue_moves_orphan(c, &gone, err);
    }
    if (rc == STATUS_OK) {
        rc = park_pending(c, &gone, err);
    }
    mem_free(rows);
    lost_list_release(&gone);
    return rc;
}

static void learn_gone(struct catalogue *cat, const struct level *level, const char *text)
{
    sku_index_remove(cat->index, text, level->key.item);
    lost_list_add(&cat->gone, level->key.item, text);
}

/* A refusal is remembered until the next reading. */
static enum status learn_tracking(
    struct catalogue *cat, const char *text, struct mapped_item item, bool tracked, struct err *err)
{
    const struct lane_context *c = cat->c;
    item.tracked = tracked;
    item.locked = !tracked;
    sku_index_add(cat->index, text, &item);
    const struct state_item row = {.text = text,
                                   .item = item.item,
                                   .tracked = tracked,
                                   .bundle = item.bundle,
                                   .known = item.known};
    return tracked ? c->ports->state->catalogue.items_store(c->state, &row, 1, err) : STATUS_OK;
}

enum status catalogue_learn(struct catalogue *cat, const struct outcomes *outcomes, struct err *err)
{
    for (size_t i = 0; i < outcomes->count; i++) {
        const struct outcome *one = &outcomes->list[i];
        struct mapped_item item;
        if (one->item == ITEM_UNCHANGED || !resolve_item_of(cat->c, one->level, &item)) {
            continue;
        }
        const char *text = sku_claims_text(cat->c->claims, one->level->desired.product_id);
        if (one->item == ITEM_IS_GONE) {
            learn_gone(cat, one->level, text);
            continue;
        }
        enum status rc = learn_tracking(cat, text, item, one->item == ITEM_IS_TRACKED, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

/* --- the turn --- */

enum status catalogue_take_answer(struct catalogue *cat,
                                  const struct answer *answer,
                                  struct catalogue_news *news,
                                  struct err *err)
{
    return catalogue_reader_take_answer(&cat->reader, answer, &news->retry, err);
}

void catalogue_cancel(struct catalogue *cat)
{
    catalogue_reader_cancel(&cat->reader);
}

enum status
catalogue_turn(struct catalogue *cat, bool blocked, struct catalogue_news *news, struct err *err)
{
    enum status rc = forget_gone(cat, &news->retry, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (clock_monotonic_us() >= cat->look_at_us) {
        rc = look(cat, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    if (cat->reader.next.index != NULL) {
        rc = try_take_over(cat, news, err);
    }
    if (rc != STATUS_OK || blocked) {
        return rc;
    }
    rc = begin_reading(cat, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    catalogue_reader_search(&cat->reader);
    return catalogue_reader_send(&cat->reader, err);
}

int64_t catalogue_deadline_us(const struct catalogue *cat, bool blocked)
{
    int64_t next = blocked ? INT64_MAX : catalogue_reader_deadline_us(&cat->reader);
    return next < cat->look_at_us ? next : cat->look_at_us;
}

/* --- what others see --- */

static void copy_examples(char (*list)[80], const char *const *texts, size_t count)
{
    for (size_t i = 0; i < STATUS_EXAMPLES; i++) {
        utf8_copy(list[i], sizeof list[i], i < count ? texts[i] : "");
    }
}

void catalogue_fill_view(const struct catalogue *cat, struct catalogue_view *view)
{
    const char *texts[STATUS_EXAMPLES];
    view->skus = sku_index_count(cat->index);
    view->shared = sku_index_shared_count(cat->index);
    view->ambiguous = sku_index_ambiguous_count(cat->index);
    view->untracked = sku_index_untracked_count(cat->index);
    view->searched = sku_search_count(cat->reader.search.wanted);
    view->read_wall_us = cat->read_wall_us;
    view->is_reading = cat->reader.is_reading;
    view->suspect = cat->suspect.losses != NULL ? sku_losses_count(cat->suspect.losses) : 0;
    copy_examples(view->shared_sku, texts,
                  sku_index_shared_examples(cat->index, texts, STATUS_EXAMPLES));
    copy_examples(view->ambiguous_sku, texts,
                  sku_index_ambiguous_examples(cat->index, texts, STATUS_EXAMPLES));
    copy_examples(view->untracked_sku, texts,
                  sku_index_untracked_examples(cat->index, texts, STATUS_EXAMPLES));
    copy_examples(view->searched_sku, texts,
                  sku_search_due(cat->reader.search.wanted, INT64_MAX, texts, STATUS_EXAMPLES));
}
