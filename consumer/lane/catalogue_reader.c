#include "consumer/lane/catalogue_reader.h"

#include "common/core/clock.h"
#include "common/core/logger.h"

#define MOD "lane"

/* Assumed before the first answer. */
#define PAGE_COST 30
/* A page that fails this often in a row ends its reading. */
#define PAGE_TRIES 5U
/* While levels wait for their write, a page must not take their points: about one a second. */
#define BUSY_PAUSE_US INT64_C(1000000)
/* Readings beyond the schedule cost a hundredth of the time. */
#define READ_SHARE        100
#define READ_PAUSE_MIN_US INT64_C(60000000)

#define VARIABLES_MAX_BYTES ((size_t)256 * 1024)

/* --- readings --- */

/* Not sooner after a reading than a hundred times its length. */
static int64_t rest_until_us(const struct catalogue_reader *cr)
{
    int64_t now = clock_monotonic_us();
    int64_t pause = (now - cr->begun_us) * READ_SHARE;
    return now + (pause > READ_PAUSE_MIN_US ? pause : READ_PAUSE_MIN_US);
}

void catalogue_reader_drop(struct catalogue_reader *cr)
{
    reading_release(&cr->reading);
    cr->is_reading = false;
}

static void finish_reading(struct catalogue_reader *cr)
{
    cr->next = (struct next_index){.index = reading_take_index(&cr->reading),
                                   .read_wall_us = cr->begun_wall_us,
                                   .is_ours = true};
    catalogue_reader_drop(cr);
    cr->rest_until_us = rest_until_us(cr);
}

/* A reading by a bulk operation goes on page by page. */
static enum status abandon(struct catalogue_reader *cr, const struct err *why, struct err *err)
{
    cr->request.failures = 0;
    backoff_reset(&cr->request.backoff);
    log_failure(LOG_WARN, MOD, cr->request.is_search ? "search_failed" : "catalogue_not_read", why,
                LOG_FIELDS(LF_TEXT("store", cr->c->store->name),
                           LF_MSG("the SKU index in memory stays in use")));
    if (cr->request.is_search) {
        catalogue_search_abandon(&cr->search);
        return STATUS_OK;
    }
    if (reading_fall_back(&cr->reading)) {
        return STATUS_OK;
    }
    catalogue_reader_drop(cr);
    cr->not_before_us = rest_until_us(cr);
    return cr->c->ports->state->catalogue.unlock(cr->c->state, err);
}

/* --- the one request --- */

static bool has_work(const struct catalogue_reader *cr)
{
    return !cr->request.is_sent && (catalogue_search_is_on(&cr->search) || cr->is_reading);
}

/* Points that the next step asks for. */
static double next_cost(const struct catalogue_reader *cr)
{
    bool searching = catalogue_search_is_on(&cr->search);
    if (!searching && cr->reading.phase == READING_FETCH) {
        return 0;
    }
    bool page = searching || cr->reading.phase == READING_PAGES;
    return page ? cr->request.page_cost : READING_STEP_COST;
}

static enum status send_request(struct catalogue_reader *cr, struct err *err)
{
    const struct lane_context *c = cr->c;
    struct catalogue_request *r = &cr->request;
    struct strbuf variables;
    enum operation op =
        r->is_search ? variants_operation(&cr->search.variants) : reading_operation(&cr->reading);
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    if (r->is_search) {
        variants_append_variables(&cr->search.variants, &variables);
    } else {
        reading_append_variables(&cr->reading, &variables);
    }
    enum status rc = c->ports->store->send(c->graphql, op, variables.ptr, cr, err);
    strbuf_release(&variables);
    if (rc != STATUS_OK) {
        return rc;
    }
    budget_sent(&cr->requests->budget, r->cost, clock_monotonic_us(), &r->ticket);
    return STATUS_OK;
}

enum status catalogue_reader_send(struct catalogue_reader *cr, struct err *err)
{
    const struct lane_context *c = cr->c;
    struct catalogue_request *r = &cr->request;
    int64_t now = clock_monotonic_us();
    struct err why = {0};
    if (!has_work(cr) || now < r->send_at_us ||
        !budget_allows(&cr->requests->budget, next_cost(cr), now)) {
        return STATUS_OK;
    }
    r->is_search = catalogue_search_is_on(&cr->search); /* short, and somebody waits for it */
    r->cost = next_cost(cr);
    if (r->cost > 0) {
        enum status rc = send_request(cr, err);
        r->is_sent = rc == STATUS_OK;
        return rc;
    }
    if (c->ports->store->fetch(c->graphql, reading_url(&cr->reading), reading_feed, &cr->reading,
                               cr, &why) != STATUS_OK) {
        return abandon(cr, &why, err);
    }
    r->is_sent = true;
    return STATUS_OK;
}

/* Half of the points that the store restores, when nothing else wants them. */
static int64_t pause_us(const struct catalogue_reader *cr)
{
    double rate = cr->requests->budget.restore_rate;
    if (cr->request.is_search) {
        return 0;
    }
    if (cr->reading.phase != READING_PAGES) {
        return reading_wait_ms(&cr->reading) * 1000;
    }
    if (coalescer_total(cr->c->coalescer) > 0) {
        return BUSY_PAUSE_US;
    }
    return rate > 0 ? (int64_t)(cr->request.page_cost / rate * 2e6) : 0;
}

static enum status finish_search(struct catalogue_reader *cr, bool *found, struct err *err)
{
    struct sku_index *into[3] = {cr->c->index};
    size_t count = 1;
    size_t texts = 0;
    if (cr->is_reading) { /* it may have passed the item's place before it was there */
        into[count++] = cr->reading.variants.into;
    }
    if (cr->next.index != NULL) {
        into[count++] = cr->next.index;
    }
    enum status rc = catalogue_search_finish(&cr->search, cr->c, into, count, &texts, err);
    if (rc != STATUS_OK || texts == 0) {
        return rc;
    }
    log_info(MOD, "skus_found", LF_TEXT("store", cr->c->store->name), LF_INT("count", texts),
             LF_MSG("new in the store's catalogue"));
    *found = true;
    return STATUS_OK;
}

static enum status
take_done(struct catalogue_reader *cr, const struct answer *answer, bool *found, struct err *err)
{
    struct catalogue_request *r = &cr->request;
    struct err why = {0};
    enum status rc = STATUS_OK;
    if (r->is_search) {
        rc = variants_take(&cr->search.variants, answer, &why);
    } else if (r->cost > 0) {
        rc = reading_take(&cr->reading, answer, &why);
    } else {
        rc = reading_fetched(&cr->reading, &why);
    }
    if (rc != STATUS_OK) {
        return abandon(cr, &why, err);
    }
    r->failures = 0;
    backoff_reset(&r->backoff);
    r->send_at_us = clock_monotonic_us() + pause_us(cr);
    if (r->is_search) {
        return cr->search.variants.cursor.ended ? finish_search(cr, found, err) : STATUS_OK;
    }
    if (cr->reading.phase == READING_DONE) {
        finish_reading(cr);
    }
    return STATUS_OK;
}

/* No usable answer: the same again, but a file from its beginning. */
static void try_again(struct catalogue_reader *cr, int64_t wait_ms)
{
    cr->request.send_at_us = clock_monotonic_us() + wait_ms * 1000;
    if (cr->is_reading && cr->reading.phase == READING_FETCH && !cr->request.is_search) {
        reading_fetch_again(&cr->reading);
    }
}

static void note_cost(struct catalogue_reader *cr, const struct answer *answer)
{
    struct catalogue_request *r = &cr->request;
    const struct budget_report report = {.maximum = answer->maximum,
                                         .restore_rate = answer->restore_rate,
                                         .level = answer->available,
                                         .charged = answer->cost_actual};
    budget_answered(&cr->requests->budget, &r->ticket, &report, clock_monotonic_us());
    if (answer->cost_requested > 0 && (r->is_search || cr->reading.phase == READING_PAGES)) {
        r->page_cost = answer->cost_requested;
    }
}

enum status catalogue_reader_take_answer(struct catalogue_reader *cr,
                                         const struct answer *answer,
                                         bool *found,
                                         struct err *err)
{
    struct catalogue_request *r = &cr->request;
    r->is_sent = false;
    if (r->cost > 0) {
        note_cost(cr, answer);
    }
    if (answer->class == ANSWER_DONE) {
        return take_done(cr, answer, found, err);
    }
    if (answer->throttled) {
        budget_block(&cr->requests->budget, answer->wait_ms * 1000, clock_monotonic_us());
        metric_add(cr->c->metrics->request.throttled, 1);
        return STATUS_OK;
    }
    if (answer->class == ANSWER_RETRY_SAME && ++r->failures < PAGE_TRIES) {
        try_again(cr, backoff_next_ms(&r->backoff, answer->wait_ms));
        return STATUS_OK;
    }
    if (r->is_search && answer->search_refused) {
        catalogue_search_narrow(&cr->search, cr->c);
        return STATUS_OK;
    }
    return abandon(cr, &answer->err, err);
}

void catalogue_reader_cancel(struct catalogue_reader *cr)
{
    struct catalogue_request *r = &cr->request;
    if (!r->is_sent) {
        return;
    }
    cr->c->ports->store->cancel(cr->c->graphql, cr);
    r->is_sent = false;
    if (r->cost > 0) {
        budget_answered(&cr->requests->budget, &r->ticket, &(struct budget_report){0},
                        clock_monotonic_us());
    }
    try_again(cr, 0);
}

/* --- life --- */

void catalogue_reader_open(struct catalogue_reader *cr,
                           struct lane_context *c,
                           struct requests *requests)
{
    cr->c = c;
    cr->requests = requests;
    if (cr->search.wanted == NULL) {
        catalogue_search_open(&cr->search);
        cr->request.page_cost = PAGE_COST;
        backoff_init(&cr->request.backoff, 500, 10000, (uint64_t)clock_wall_us());
    }
}

void catalogue_reader_close(struct catalogue_reader *cr)
{
    catalogue_reader_drop(cr);
    sku_index_free(cr->next.index);
    cr->next = (struct next_index){0};
    if (catalogue_search_is_on(&cr->search)) {
        catalogue_search_abandon(&cr->search);
    }
    cr->request.is_sent = false;
    cr->request.failures = 0;
    cr->request.send_at_us = 0;
    cr->c = NULL;
    cr->requests = NULL;
}

void catalogue_reader_rest(struct catalogue_reader *cr)
{
    cr->rest_until_us = rest_until_us(cr);
}

void catalogue_reader_start(struct catalogue_reader *cr)
{
    cr->is_reading = true;
    reading_init(&cr->reading, (enum match)cr->c->options->store_conf->match);
    cr->begun_us = clock_monotonic_us();
}

void catalogue_reader_search(struct catalogue_reader *cr)
{
    if (!cr->request.is_sent) {
        catalogue_search_begin(&cr->search, cr->c);
    }
}

int64_t catalogue_reader_deadline_us(const struct catalogue_reader *cr)
{
    if (has_work(cr)) {
        int64_t allowed =
            budget_next_us(&cr->requests->budget, next_cost(cr), clock_monotonic_us());
        return allowed > cr->request.send_at_us ? allowed : cr->request.send_at_us;
    }
    return cr->request.is_sent ? INT64_MAX : sku_search_next_us(cr->search.wanted);
}
