#include "consumer/lane/catalogue.h"

#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/lane_internal.h"

#define MOD "lane"

#define LOOK_EVERY_US INT64_C(5000000)
/* Assumed before the first answer tells. */
#define PAGE_COST 30
/* A page that fails so often in a row ends its reading. */
#define PAGE_TRIES 5U
/* While levels wait for their write, a page must not take their points: about one a second. */
#define BUSY_PAUSE_US INT64_C(1000000)
/* Whatever the reason, readings beyond the schedule cost a hundredth of the time. */
#define READ_SHARE        100
#define READ_PAUSE_MIN_US INT64_C(60000000)
/* Between two tries while another process reads. */
#define OTHER_READER_US INT64_C(5000000)
#define GONE_AGAIN_US   INT64_C(3600000000)

#define VARIABLES_MAX_BYTES ((size_t)256 * 1024)

/* --- what is stored --- */

static struct state_catalogue catalogue_of(const struct lane *l)
{
    return (struct state_catalogue){.match = l->sc->match == MATCH_BARCODE ? "barcode" : "sku",
                                    .domain = l->store.shop_domain};
}

static void load_item(void *arg, const struct state_item *row)
{
    const struct mapped_item item = {
        .item = row->item, .tracked = row->tracked, .bundle = row->bundle};
    sku_index_add(arg, row->text, &item);
}

struct item_list {
    struct state_item *list;
    size_t count, room;
    const struct sku_index *other; /* what is there as well is left out */
};

static void list_difference(void *arg, const char *text, const struct mapped_item *item)
{
    struct item_list *diff = arg;
    if (!sku_index_has(diff->other, text, item)) {
        const struct state_item row = {
            .text = text, .item = item->item, .tracked = item->tracked, .bundle = item->bundle};
        MEM_ADD(diff, list, count, room, &row);
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

/* Only what differs is written: of a catalogue of a million, a handful a day. */
static enum status store_reading(struct lane *l,
                                 const struct sku_index *old,
                                 const struct sku_index *new,
                                 int64_t at,
                                 struct err *err)
{
    struct item_list gone = {.other = new};
    struct item_list changed = {.other = old};
    struct state_catalogue which = catalogue_of(l);
    sku_index_each(old, list_gone, &gone);
    sku_index_each(new, list_difference, &changed);
    enum status rc = state_items_remove(l->state, gone.list, gone.count, err);
    if (rc == STATUS_OK) {
        rc = state_items_store(l->state, changed.list, changed.count, err);
    }
    if (rc == STATUS_OK) {
        rc = state_catalogue_read(l->state, &which, at, err);
    }
    mem_free(gone.list);
    mem_free(changed.list);
    return rc;
}

/* --- the first mapping --- */

static void report_mapping(const struct lane *l, const char *event)
{
    const char *examples[3] = {NULL, NULL, NULL};
    size_t ambiguous = sku_index_ambiguous_count(l->mapping);
    size_t untracked = sku_index_untracked_count(l->mapping);
    log_info(MOD, event, LF_TEXT("store", l->store.name),
             LF_INT("count", sku_index_count(l->mapping)), LF_INT("ambiguous", ambiguous),
             LF_INT("untracked", untracked));
    if (sku_index_ambiguous_examples(l->mapping, examples, 3) > 0) {
        log_warn(MOD, "catalogue_ambiguous", LF_TEXT("store", l->store.name),
                 LF_INT("count", ambiguous), LF_TEXT("sku", examples[0]),
                 LF_TEXT("sku", examples[1]), LF_TEXT("sku", examples[2]),
                 LF_MSG("several inventory items share these: none of them is written; make them "
                        "unique in the store"));
    }
    memset(examples, 0, sizeof examples);
    if (sku_index_untracked_examples(l->mapping, examples, 3) > 0) {
        log_warn(MOD, "catalogue_untracked", LF_TEXT("store", l->store.name),
                 LF_INT("count", untracked), LF_TEXT("sku", examples[0]),
                 LF_TEXT("sku", examples[1]), LF_TEXT("sku", examples[2]),
                 LF_MSG(l->sc->track_items
                            ? "the store does not track these items: tracking is switched "
                              "on when their number is written"
                            : "the store does not track these items and sells them "
                              "without limit, whatever is written: see option track_items"));
    }
}

static void show_progress(void *arg, size_t variants)
{
    const struct lane *l = arg;
    if (variants % 25000 < 250) {
        log_info(MOD, "catalogue", LF_TEXT("store", l->store.name), LF_INT("count", variants),
                 LF_MSG("reading variants"));
    }
}

/* Not sooner after a reading than a hundred times its length. */
static int64_t rest_until_us(const struct lane_catalogue *c)
{
    int64_t now = clock_monotonic_us();
    int64_t pause = (now - c->begun_us) * READ_SHARE;
    return now + (pause > READ_PAUSE_MIN_US ? pause : READ_PAUSE_MIN_US);
}

/* There is nothing to work with before it ends, so this one is waited for. */
static enum status read_first(struct lane *l, struct err *err)
{
    int64_t begun_wall = 0;
    l->catalogue.begun_us = clock_monotonic_us();
    bool mine = false; /* if not: another process reads as well, which does no harm */
    struct sku_index *nothing = sku_index_new();
    struct sku_index *fresh = NULL;
    enum status rc = state_catalogue_lock(l->state, &mine, &begun_wall, err);
    if (rc == STATUS_OK) {
        rc = state_items_clear(l->state, err);
    }
    if (rc == STATUS_OK) {
        rc = catalog_load(l->graphql, (enum match)l->sc->match, l->thread->wake_fd, &fresh,
                          show_progress, l, err);
    }
    budget_mark_uncertain(&l->budget);
    if (rc == STATUS_OK) {
        rc = store_reading(l, nothing, fresh, begun_wall, err);
    }
    if (rc == STATUS_OK && mine) {
        rc = state_catalogue_unlock(l->state, err);
    }
    sku_index_free(nothing);
    if (rc != STATUS_OK) {
        sku_index_free(fresh);
        return rc;
    }
    l->mapping = fresh;
    l->catalogue.read_wall_us = begun_wall;
    l->catalogue.suspect_not_before_us = rest_until_us(&l->catalogue);
    report_mapping(l, "catalogue_read");
    return STATUS_OK;
}

enum status lane_catalogue_open(struct lane *l, struct err *err)
{
    struct lane_catalogue *c = &l->catalogue;
    struct state_catalogue which = catalogue_of(l);
    bool wanted = false;
    int64_t read_wall_us = 0;
    c->look_at_us = 0;
    c->page_cost = c->page_cost > 0 ? c->page_cost : PAGE_COST;
    if (c->unmapped == NULL) {
        c->unmapped = sku_search_new();
        backoff_init(&c->backoff, 500, 10000, (uint64_t)clock_wall_us());
    }
    if (l->mapping != NULL) {
        return STATUS_OK;
    }
    enum status rc = state_catalogue_look(l->state, &which, &read_wall_us, &wanted, err);
    if (rc != STATUS_OK || read_wall_us == 0) {
        return rc == STATUS_OK ? read_first(l, err) : rc;
    }
    struct sku_index *stored = sku_index_new();
    rc = state_items_load(l->state, load_item, stored, err);
    if (rc != STATUS_OK) {
        sku_index_free(stored);
        return rc;
    }
    l->mapping = stored;
    c->read_wall_us = read_wall_us;
    report_mapping(l, "catalogue_loaded");
    return STATUS_OK;
}

/* --- ends --- */

static void drop_reading(struct lane_catalogue *c)
{
    reading_release(&c->reading);
    c->is_reading = false;
}

void lane_catalogue_close(struct lane *l)
{
    struct lane_catalogue *c = &l->catalogue;
    drop_reading(c);
    sku_index_free(c->next);
    c->next = NULL;
    c->holding = false;
    if (c->found != NULL) {
        lane_search_abandon(l);
    }
    lost_list_release(&c->gone);
    c->is_sent = false;
    c->failures = 0;
    c->send_at_us = 0;
}

void lane_catalogue_release(struct lane *l)
{
    lane_catalogue_close(l);
    sku_search_free(l->catalogue.unmapped);
    sku_index_free(l->mapping);
}

/* --- readings --- */

/* Another process may have read, or a person may have asked. */
static enum status look(struct lane *l, struct err *err)
{
    struct lane_catalogue *c = &l->catalogue;
    struct state_catalogue which = catalogue_of(l);
    int64_t read_wall_us = 0;
    bool wanted = false;
    c->look_at_us = clock_monotonic_us() + LOOK_EVERY_US;
    enum status rc = state_catalogue_look(l->state, &which, &read_wall_us, &wanted, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (wanted && !c->wanted) {
        c->read_not_before_us = 0;
    }
    c->wanted = wanted;
    if (read_wall_us <= c->read_wall_us || c->is_reading || c->next != NULL) {
        return STATUS_OK;
    }
    c->next = sku_index_new();
    c->next_wall_us = read_wall_us;
    c->next_is_ours = false;
    return state_items_load(l->state, load_item, c->next, err);
}

static enum status begin_reading(struct lane *l, struct err *err)
{
    struct lane_catalogue *c = &l->catalogue;
    int64_t now = clock_monotonic_us();
    bool old = clock_wall_us() - c->read_wall_us > l->options.shared.reload_catalogue_ms * 1000;
    bool mine = false;
    bool suspect = c->suspect && now >= c->suspect_not_before_us;
    if (!(old || suspect || c->wanted) || now < c->read_not_before_us || c->is_reading ||
        c->next != NULL) {
        return STATUS_OK;
    }
    enum status rc = state_catalogue_lock(l->state, &mine, &c->begun_wall_us, err);
    if (rc != STATUS_OK || !mine) {
        c->read_not_before_us = now + OTHER_READER_US;
        return rc;
    }
    rc = look(l, err); /* who had the lock may just have finished */
    if (rc != STATUS_OK || c->next != NULL) {
        return rc == STATUS_OK ? state_catalogue_unlock(l->state, err) : rc;
    }
    c->is_reading = true;
    reading_init(&c->reading, (enum match)l->sc->match);
    c->begun_us = now;
    c->suspect = false; /* what comes now makes the next one due */
    return STATUS_OK;
}

static void finish_reading(struct lane_catalogue *c)
{
    c->next = reading_take_mapping(&c->reading);
    c->next_wall_us = c->begun_wall_us;
    c->next_is_ours = true;
    drop_reading(c);
    c->suspect_not_before_us = rest_until_us(c);
}

/* A reading by a bulk operation goes on page by page. */
static enum status abandon(struct lane *l, const struct err *why, struct err *err)
{
    struct lane_catalogue *c = &l->catalogue;
    c->failures = 0;
    backoff_reset(&c->backoff);
    log_failure(
        LOG_WARN, MOD, c->is_search ? "search_failed" : "catalogue_not_read", why,
        LOG_FIELDS(LF_TEXT("store", l->store.name), LF_MSG("the mapping in memory stays in use")));
    if (c->is_search) {
        lane_search_abandon(l);
        return STATUS_OK;
    }
    if (reading_fall_back(&c->reading)) {
        return STATUS_OK;
    }
    drop_reading(c);
    c->read_not_before_us = rest_until_us(c);
    return state_catalogue_unlock(l->state, err);
}

/* --- taking over --- */

struct comparison {
    const struct sku_index *new;
    struct lost_list *lost;
    const struct sku_index *old;
};

static void list_lost(void *arg, const char *text, const struct mapped_item *item)
{
    const struct comparison *c = arg;
    struct mapped_item before;
    struct mapped_item after;
    if (sku_index_find(c->old, text, &before) == SKU_INDEX_FOUND &&
        (sku_index_find(c->new, text, &after) != SKU_INDEX_FOUND || after.item != item->item)) {
        lost_list_add(c->lost, item->item, text);
    }
}

static enum status take_over(struct lane *l, const struct lost_list *lost, struct err *err)
{
    struct lane_catalogue *c = &l->catalogue;
    enum status rc = lane_moves_orphan(l, lost, err);
    if (rc == STATUS_OK && c->next_is_ours) {
        rc = store_reading(l, l->mapping, c->next, c->next_wall_us, err);
    }
    if (rc == STATUS_OK && c->next_is_ours) {
        rc = state_catalogue_unlock(l->state, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    sku_index_free(l->mapping);
    l->mapping = c->next;
    c->next = NULL;
    c->holding = false;
    c->read_wall_us = c->next_wall_us;
    c->wanted = false;
    report_mapping(l, c->next_is_ours ? "catalogue_read" : "catalogue_loaded");
    rc = lane_moves_pending(l, lost, err);
    if (rc == STATUS_OK) {
        bool suspect = c->suspect; /* what is missing in a new mapping asks for no newer one */
        rc = lane_catalogue_retry(l, err);
        c->suspect = suspect;
    }
    return rc;
}

/*
 * When a SKU went from one item to another, a request on its way may still write to the old one. So
 * nothing new is sent until the last answer is there; then the mapping changes between two
 * requests.
 */
static enum status try_take_over(struct lane *l, struct err *err)
{
    struct lane_catalogue *c = &l->catalogue;
    struct lost_list lost = {0};
    struct comparison comparison = {.old = l->mapping, .new = c->next, .lost = &lost};
    enum status rc = STATUS_OK;
    if (c->holding && lane_in_flight(l) > 0) {
        return STATUS_OK;
    }
    sku_index_each(l->mapping, list_lost, &comparison);
    c->holding = lost.count > 0;
    if (!c->holding || lane_in_flight(l) == 0) {
        rc = take_over(l, &lost, err);
    }
    lost_list_release(&lost);
    return rc;
}

enum status lane_catalogue_retry(struct lane *l, struct err *err)
{
    static const char *const NOW_CURABLE[] = {
        "unmapped",     "sku_shared_in_shopify", "bundle",  "tracking_locked",
        "item_changed", "item_missing",          "refused", NULL};
    return lane_retry_parked(l, NOW_CURABLE, err);
}

/* --- items that are gone --- */

/* Found gone a while ago, and found again since: a search alone would go round in circles. */
static bool was_gone_before(struct lane_catalogue *c, int64_t item)
{
    int64_t now = clock_monotonic_us();
    size_t count = c->gone_count < CATALOGUE_GONE_MAX ? c->gone_count : CATALOGUE_GONE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (c->gone_before[i].item == item && now - c->gone_before[i].at_us < GONE_AGAIN_US) {
            return true;
        }
    }
    c->gone_before[c->gone_count % CATALOGUE_GONE_MAX].item = item;
    c->gone_before[c->gone_count++ % CATALOGUE_GONE_MAX].at_us = now;
    return false;
}

void lane_catalogue_gone(struct lane *l, const struct level *level)
{
    struct mapped_item item;
    const char *text = sku_claims_text(l->identity, level->desired.product_id);
    if (text == NULL || sku_index_find(l->mapping, text, &item) != SKU_INDEX_FOUND ||
        item.item != level->key.item) {
        return; /* its SKU is elsewhere already */
    }
    sku_index_drop(l->mapping, text);
    lost_list_add(&l->catalogue.gone, level->key.item, text);
}

static enum status forget_gone(struct lane *l, struct err *err)
{
    struct lane_catalogue *c = &l->catalogue;
    struct lost_list gone = c->gone;
    if (gone.count == 0) {
        return STATUS_OK;
    }
    c->gone = (struct lost_list){0};
    struct state_item *rows = mem_calloc(gone.count, sizeof *rows);
    for (size_t i = 0; i < gone.count; i++) {
        rows[i] = (struct state_item){.text = gone.list[i].text, .item = gone.list[i].item};
        if (was_gone_before(c, gone.list[i].item)) {
            c->suspect = true;
        } else {
            lane_search_want(l, gone.list[i].text);
        }
    }
    enum status rc = state_items_remove(l->state, rows, gone.count, err);
    if (rc == STATUS_OK) {
        rc = lane_moves_orphan(l, &gone, err);
    }
    if (rc == STATUS_OK) {
        rc = lane_moves_pending(l, &gone, err);
    }
    mem_free(rows);
    lost_list_release(&gone);
    return rc;
}

/* --- the one request --- */

static bool has_work(const struct lane_catalogue *c)
{
    return !c->is_sent && (c->found != NULL || c->is_reading);
}

/* Points that the next step asks for. */
static double next_cost(const struct lane_catalogue *c)
{
    if (c->found == NULL && c->reading.phase == READING_FETCH) {
        return 0;
    }
    bool page = c->found != NULL || c->reading.phase == READING_PAGES;
    return page ? c->page_cost : READING_STEP_COST;
}

static enum status send_request(struct lane *l, struct err *err)
{
    struct lane_catalogue *c = &l->catalogue;
    struct strbuf variables;
    enum operation op =
        c->is_search ? variants_operation(&c->search) : reading_operation(&c->reading);
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    if (c->is_search) {
        variants_append_variables(&c->search, &variables);
    } else {
        reading_append_variables(&c->reading, &variables);
    }
    enum status rc = graphql_send(l->graphql, op, variables.ptr, c, err);
    strbuf_release(&variables);
    if (rc == STATUS_OK) {
        budget_sent(&l->budget, c->cost, clock_monotonic_us(), &c->ticket);
    }
    return rc;
}

static enum status send_next(struct lane *l, struct err *err)
{
    struct lane_catalogue *c = &l->catalogue;
    int64_t now = clock_monotonic_us();
    if (!has_work(c) || now < c->send_at_us || !budget_allows(&l->budget, next_cost(c), now)) {
        return STATUS_OK;
    }
    struct err why = {0};
    enum status rc = STATUS_OK;
    c->is_search = c->found != NULL; /* short, and somebody waits for it */
    c->cost = next_cost(c);
    if (c->cost > 0) {
        rc = send_request(l, err);
    } else if (graphql_fetch(l->graphql, reading_url(&c->reading), reading_feed, &c->reading, c,
                             &why) != STATUS_OK) {
        return abandon(l, &why, err);
    }
    c->is_sent = rc == STATUS_OK;
    return rc;
}

/* Half of what the store restores, when nothing else wants it. */
static int64_t pause_us(const struct lane *l)
{
    const struct lane_catalogue *c = &l->catalogue;
    double rate = l->budget.restore_rate;
    if (c->is_search || c->reading.phase != READING_PAGES) {
        return c->is_search ? 0 : reading_wait_ms(&c->reading) * 1000;
    }
    if (coalescer_total(l->coalescer) > 0) {
        return BUSY_PAUSE_US;
    }
    return rate > 0 ? (int64_t)(c->page_cost / rate * 2e6) : 0;
}

static enum status take_answer(struct lane *l, const struct answer *answer, struct err *err)
{
    struct lane_catalogue *c = &l->catalogue;
    struct err why = {0};
    enum status rc = c->is_search   ? variants_take(&c->search, answer, &why)
                     : c->cost == 0 ? reading_fetched(&c->reading, &why)
                                    : reading_take(&c->reading, answer, &why);
    if (rc != STATUS_OK) {
        return abandon(l, &why, err);
    }
    c->failures = 0;
    backoff_reset(&c->backoff);
    c->send_at_us = clock_monotonic_us() + pause_us(l);
    if (c->is_search) {
        return c->search.cursor.ended ? lane_search_finish(l, err) : STATUS_OK;
    }
    if (c->reading.phase == READING_DONE) {
        finish_reading(c);
    }
    return STATUS_OK;
}

/* No usable answer: the same again, but a file from its beginning. */
static void try_again(struct lane_catalogue *c, int64_t wait_ms)
{
    c->send_at_us = clock_monotonic_us() + wait_ms * 1000;
    if (c->is_reading && c->reading.phase == READING_FETCH && !c->is_search) {
        reading_fetch_again(&c->reading);
    }
}

static void note_cost(struct lane *l, const struct answer *answer)
{
    struct lane_catalogue *c = &l->catalogue;
    const struct budget_report told = {.maximum = answer->maximum,
                                       .restore_rate = answer->restore_rate,
                                       .level = answer->available,
                                       .charged = answer->cost_actual};
    budget_answered(&l->budget, &c->ticket, &told, clock_monotonic_us());
    if (answer->cost_requested > 0 && (c->is_search || c->reading.phase == READING_PAGES)) {
        c->page_cost = answer->cost_requested;
    }
}

enum status lane_catalogue_answered(struct lane *l, const struct answer *answer, struct err *err)
{
    struct lane_catalogue *c = &l->catalogue;
    c->is_sent = false;
    if (c->cost > 0) {
        note_cost(l, answer);
    }
    if (answer->class == ANSWER_DONE) {
        return take_answer(l, answer, err);
    }
    if (answer->throttled) {
        budget_block(&l->budget, answer->wait_ms * 1000, clock_monotonic_us());
        metric_add(l->m.throttled, 1);
        return STATUS_OK;
    }
    if (answer->class == ANSWER_RETRY_SAME && ++c->failures < PAGE_TRIES) {
        try_again(c, backoff_next_ms(&c->backoff, answer->wait_ms));
        return STATUS_OK;
    }
    return abandon(l, &answer->err, err);
}

void lane_catalogue_hold(struct lane *l)
{
    struct lane_catalogue *c = &l->catalogue;
    if (!c->is_sent) {
        return;
    }
    graphql_cancel(l->graphql, c);
    c->is_sent = false;
    if (c->cost > 0) {
        budget_answered(&l->budget, &c->ticket, &(struct budget_report){0}, clock_monotonic_us());
    }
    try_again(c, 0);
}

/* --- the turn --- */

enum status lane_catalogue_turn(struct lane *l, struct err *err)
{
    struct lane_catalogue *c = &l->catalogue;
    enum status rc = forget_gone(l, err);
    if (rc == STATUS_OK && clock_monotonic_us() >= c->look_at_us) {
        rc = look(l, err);
    }
    if (rc == STATUS_OK && c->next != NULL) {
        rc = try_take_over(l, err);
    }
    if (rc != STATUS_OK || lane_is_held(l)) {
        return rc;
    }
    rc = begin_reading(l, err);
    if (rc == STATUS_OK) {
        lane_search_begin(l);
        rc = send_next(l, err);
    }
    return rc;
}

int64_t lane_catalogue_deadline_us(const struct lane *l)
{
    const struct lane_catalogue *c = &l->catalogue;
    int64_t next = c->look_at_us;
    if (lane_is_held(l)) {
        return next;
    }
    if (has_work(c)) {
        int64_t allowed = budget_next_us(&l->budget, next_cost(c), clock_monotonic_us());
        allowed = allowed > c->send_at_us ? allowed : c->send_at_us;
        next = allowed < next ? allowed : next;
    } else if (!c->is_sent) {
        int64_t due = sku_search_next_us(c->unmapped);
        next = due < next ? due : next;
    }
    return next;
}
