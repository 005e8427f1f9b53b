#include "consumer/lane/lane.h"

#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/utf8.h"
#include "consumer/lane/lane_internal.h"
#include "consumer/shopify/levels.h"

#define MOD "lane"

#define COMMIT_EVERY_US  INT64_C(1000000)
#define ADOPT_EVERY_US   INT64_C(5000000)
#define IDLE_WAIT_MS     1000
#define CLOSE_LIMIT_MS   5000
#define STATUS_MAX_BYTES ((size_t)256 * 1024)
/* A run with --once gives up when it could not even begin for so long, or has not gone on. */
#define ONCE_PATIENCE_US INT64_C(30000000)

static const char *const STATE_NAMES[] = {
#define LANE_STATE_TEXT(name, text) [LANE_##name] = (text),
    LANE_STATE_MAP(LANE_STATE_TEXT)
#undef LANE_STATE_TEXT
};

const char *lane_state_name(enum lane_state state)
{
    return STATE_NAMES[state];
}

static void append_examples(struct strbuf *out, const char *name, const char (*list)[80])
{
    strbuf_appendf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < LANE_EXAMPLES && list[i][0] != '\0'; i++) {
        strbuf_append_text(out, i > 0 ? "," : "");
        strbuf_append_json(out, list[i]);
    }
    strbuf_append_text(out, "]");
}

static void append_catalogue(const struct lane_view *v, struct strbuf *out)
{
    char read_at[CLOCK_TEXT_SIZE];
    if (v->catalogue_us > 0) {
        strbuf_appendf(out, ",\"catalogue_read\":\"%s\"",
                       clock_format_utc(v->catalogue_us, read_at));
    }
    strbuf_appendf(out, ",\"catalogue_reading\":%s,\"skus_searched\":%zu",
                   v->catalogue_reading ? "true" : "false", v->searched);
    append_examples(out, "ambiguous", v->ambiguous_sku);
    append_examples(out, "untracked", v->untracked_sku);
    append_examples(out, "searched", v->searched_sku);
}

static void append_status(const struct lane *l, struct strbuf *out)
{
    char since[CLOCK_TEXT_SIZE];
    const struct lane_view *v = &l->view;
    strbuf_append_text(out, "{\"store\":");
    strbuf_append_json(out, l->store.name);
    strbuf_appendf(out, ",\"state\":\"%s\",\"since\":\"%s\",\"why\":", lane_state_name(v->state),
                   clock_format_utc(v->since_us, since));
    strbuf_append_json(out, v->why);
    strbuf_appendf(out,
                   ",\"partitions\":%zu,\"records\":%llu,\"applied\":%llu,\"pending\":%zu,\"in_"
                   "flight\":%zu,\"unfinished\":%zu,\"parked\":%zu,\"unimported_levels\":%zu",
                   v->partitions, (unsigned long long)v->records, (unsigned long long)v->applied,
                   v->pending, v->in_flight, v->unfinished, v->parked, v->unimported_levels);
    strbuf_appendf(out,
                   ",\"skus\":%zu,\"skus_ambiguous\":%zu,\"items_untracked\":%zu,\"points\":%.0f,"
                   "\"points_maximum\":%.0f,\"restore_rate\":%.0f,\"breaker\":\"%s\"",
                   v->mapped, v->ambiguous, v->untracked, v->points, v->points_maximum,
                   v->restore_rate, breaker_state_name(v->breaker));
    append_catalogue(v, out);
    if (l->dry) {
        strbuf_append_text(out, ",\"dry_run\":true");
    }
    if (v->database[0] != '\0') {
        strbuf_append_text(out, ",\"database\":");
        strbuf_append_json(out, v->database);
    }
    lane_hold_append_status(&v->hold, out);
    if (v->token_left_s >= 0) {
        strbuf_appendf(out, ",\"token_left_s\":%lld", (long long)v->token_left_s);
    }
    if (v->token_problem[0] != '\0') {
        strbuf_append_text(out, ",\"token_problem\":");
        strbuf_append_json(out, v->token_problem);
    }
    strbuf_append_text(out, "}");
}

static void show(const struct lane *l)
{
    struct strbuf json;
    enum lane_state s = l->view.state;
    bool ready = l->view.joined || s == LANE_UNAUTHORISED || s == LANE_CLOSED ||
                 s == LANE_MISCONFIGURED || s == LANE_HELD;
    strbuf_init(&json, STATUS_MAX_BYTES);
    append_status(l, &json);
    l->options.view.publish(l->options.view.arg, ready, json.ptr);
    strbuf_release(&json);
}

static bool is_trouble(enum lane_state state)
{
    return state == LANE_BROKEN || state == LANE_UNAUTHORISED || state == LANE_CLOSED ||
           state == LANE_MISCONFIGURED || state == LANE_HELD;
}

static void set_why(struct lane *l, const char *why)
{
    (void)snprintf(l->view.why, sizeof l->view.why, "%s", why);
    show(l);
}

void lane_set_state(struct lane *l, enum lane_state state, const char *why)
{
    enum lane_state old = l->view.state;
    if (old == LANE_STOPPED) {
        return;
    }
    if (l->hold.on && (state == LANE_CATCHING_UP || state == LANE_RUNNING ||
                       state == LANE_THROTTLED || state == LANE_HELD)) {
        state = LANE_HELD;
        why = l->hold.detail;
    }
    if (old == state) {
        if (is_trouble(state)) {
            set_why(l, why); /* one trouble may follow another */
        }
        return;
    }
    INVARIANT(old != LANE_DRAINING || state == LANE_STOPPED, "lane %s: %s after draining",
              l->store.name, STATE_NAMES[state]);
    l->view.state = state;
    l->view.since_us = clock_wall_us();
    (void)snprintf(l->view.why, sizeof l->view.why, "%s", why);
    show(l);
    metric_set(l->m.state, (double)state);
    char change[48];
    (void)snprintf(change, sizeof change, "%s->%s", STATE_NAMES[old], STATE_NAMES[state]);
    log_info(MOD, "state", LF_TEXT("store", l->store.name), LF_TEXT("state", change),
             LF_TEXT("why", why));
}

static void copy_examples(char (*list)[80], const char *const *texts, size_t count)
{
    for (size_t i = 0; i < LANE_EXAMPLES; i++) {
        utf8_copy(list[i], sizeof list[i], i < count ? texts[i] : "");
    }
}

static void view_catalogue(const struct lane *l, struct lane_view *v)
{
    const struct lane_catalogue *c = &l->catalogue;
    const char *texts[LANE_EXAMPLES];
    v->mapped = sku_index_count(l->mapping);
    v->ambiguous = sku_index_ambiguous_count(l->mapping);
    v->untracked = sku_index_untracked_count(l->mapping);
    copy_examples(v->ambiguous_sku, texts,
                  sku_index_ambiguous_examples(l->mapping, texts, LANE_EXAMPLES));
    copy_examples(v->untracked_sku, texts,
                  sku_index_untracked_examples(l->mapping, texts, LANE_EXAMPLES));
    copy_examples(v->searched_sku, texts,
                  sku_search_due(c->unmapped, INT64_MAX, texts, LANE_EXAMPLES));
    v->searched = sku_search_count(c->unmapped);
    v->catalogue_us = c->read_wall_us;
    v->catalogue_reading = c->is_reading;
}

void lane_publish_view(struct lane *l)
{
    struct lane_view *v = &l->view;
    v->pending = coalescer_total(l->coalescer);
    v->in_flight = lane_in_flight(l);
    v->unfinished = offset_ledger_unfinished(l->ledger);
    v->partitions = record_source_assigned_count(l->source);
    v->joined = v->joined || v->partitions > 0;
    view_catalogue(l, v);
    v->parked = parked_set_count(l->parked);
    v->unimported_levels = l->unimported_levels;
    v->records = (uint64_t)metric_value(l->m.records);
    v->applied = (uint64_t)metric_value(l->m.applied);
    v->points = l->budget.level;
    v->points_maximum = l->budget.maximum;
    v->restore_rate = l->budget.restore_rate;
    v->breaker = l->breaker.state;
    v->token_left_s = token_left_s(&l->store.token, clock_monotonic_us());
    v->hold = l->hold;
    memcpy(v->database, l->database, sizeof v->database);
    (void)snprintf(v->token_problem, sizeof v->token_problem, "%.239s", l->store.token.failure.msg);
    show(l);
    int64_t oldest = coalescer_oldest_changed_at_us(l->coalescer);
    int64_t age = oldest > 0 ? clock_wall_us() - oldest : 0;
    metric_set(l->m.pending, (double)v->pending);
    metric_set(l->m.unfinished, (double)v->unfinished);
    metric_set(l->m.age, age > 0 ? (double)age / 1e6 : 0);
    metric_set(l->m.parked_now, (double)v->parked);
    metric_set(l->m.in_flight_levels, (double)v->unimported_levels);
    metric_set(l->m.untracked_now, (double)v->untracked);
    metric_set(l->m.catalogue_age, (double)(clock_wall_us() - v->catalogue_us) / 1e6);
}

/* --- the loop of a session --- */

bool lane_is_at_end(const struct lane *l)
{
    size_t ends = 0;
    for (size_t i = 0; i < l->at_end_size; i++) {
        ends += l->at_end[i] != 0 && offset_ledger_is_open(l->ledger, (int32_t)i);
    }
    size_t assigned = record_source_assigned_count(l->source);
    return assigned > 0 && ends >= assigned;
}

static bool is_drained(const struct lane *l)
{
    return lane_is_at_end(l) && coalescer_total(l->coalescer) == 0 && lane_in_flight(l) == 0 &&
           l->adopted_next == l->adopted_count && lane_retries_done(l);
}

static void read_credentials(struct lane *l)
{
    struct err err = {0};
    if (token_read(&l->store.token, &err) != STATUS_OK) {
        log_failure(LOG_ERROR, MOD, "credentials_unreadable", &err,
                    LOG_FIELDS(LF_TEXT("store", l->store.name)));
    }
}

/* A person says that something was cured: no probe need wait. */
static void reload(struct lane *l)
{
    read_credentials(l);
    token_reset(&l->store.token);
    lane_probe_now(l);
}

static int wait_ms(const struct lane *l, bool busy)
{
    int64_t now = clock_monotonic_us();
    int64_t next = lane_next_deadline_us(l);
    int64_t catalogue = lane_catalogue_deadline_us(l);
    next = l->in_flight_at_us < next ? l->in_flight_at_us : next;
    next = lane_retries_due_us(l) < next ? lane_retries_due_us(l) : next;
    next = catalogue < next ? catalogue : next;
    if (busy || next <= now) {
        return 0;
    }
    if (offset_ledger_unfinished(l->ledger) > 0 && l->commit_at_us < next) {
        next = l->commit_at_us;
    }
    return next == INT64_MAX || next - now > IDLE_WAIT_MS * INT64_C(1000) ? IDLE_WAIT_MS
                                                                          : clock_left_ms(next);
}

static enum status commit_if_due(struct lane *l, struct err *err)
{
    int64_t now = clock_monotonic_us();
    if (now < l->commit_at_us) {
        return STATUS_OK;
    }
    l->commit_at_us = now + COMMIT_EVERY_US;
    lane_publish_view(l);
    if (now >= l->adopt_at_us) {
        /* a process that died a moment ago may not have lost its lock when its partitions came here
         */
        l->adopt_at_us = now + ADOPT_EVERY_US;
        enum status rc = lane_adopt_attempts(l, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return lane_commit(l, false, err);
}

static enum status turn(struct lane *l, bool *busy, struct err *err)
{
    enum status rc = lane_take_records(l, busy, err);
    if (rc == STATUS_OK) {
        rc = lane_end_graces(l, err);
    }
    if (rc == STATUS_OK) {
        rc = lane_dispatch(l, err);
    }
    if (rc == STATUS_OK) {
        rc = lane_take_answers(l, err);
    }
    if (rc == STATUS_OK) {
        rc = lane_tend_parked(l, err);
    }
    if (rc == STATUS_OK) {
        rc = lane_catalogue_turn(l, err);
    }
    return rc == STATUS_OK ? commit_if_due(l, err) : rc;
}

/* Where a run with --once ends, while another waits for the store or for a person. */
static enum status is_hopeless(const struct lane *l, struct err *err)
{
    if (l->hold.on && lane_is_at_end(l) && l->hold.calm_us == 0) {
        return err_set(err, STATUS_STORE_MISCONFIGURED, "held: %s", l->hold.detail);
    }
    if (lane_is_held(l) && clock_wall_us() - l->view.since_us > ONCE_PATIENCE_US) {
        return err_set(err, STATUS_STORE_LOST, "%s: %s", lane_state_name(l->view.state),
                       l->view.why);
    }
    return STATUS_OK;
}

static enum status run_session(struct lane *l, bool *worked, struct err *err)
{
    enum status rc = STATUS_OK;
    bool busy = true;
    lane_set_state(l, LANE_CATCHING_UP, "reading the topic");
    lane_publish_view(l);
    while (!thread_is_stopping(l->thread)) {
        int fds[2] = {l->thread->wake_fd, record_source_fd(l->source)};
        graphql_wait(l->graphql, fds, 2, wait_ms(l, busy));
        if (thread_take_reload(l->thread)) {
            reload(l);
        }
        rc = turn(l, &busy, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        *worked = true;
        if (l->view.state == LANE_CATCHING_UP && lane_is_at_end(l)) {
            lane_set_state(l, LANE_RUNNING, "at the end of the topic");
        }
        if (l->view.state == LANE_THROTTLED && clock_monotonic_us() >= l->budget.blocked_until_us) {
            lane_set_state(l, lane_is_at_end(l) ? LANE_RUNNING : LANE_CATCHING_UP,
                           "the wait is over");
        }
        if (l->options.once && is_drained(l)) {
            break;
        }
        rc = l->options.once ? is_hopeless(l, err) : STATUS_OK;
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

/* No new input; what is on its way is finished, recorded and committed. */
static void drain(struct lane *l)
{
    struct err err = {0};
    lane_set_state(l, LANE_DRAINING, "asked to stop");
    enum status rc = lane_finish_requests(l, l->options.shared.drain_ms, &err);
    if (rc == STATUS_OK) {
        rc = lane_settle_retries(l, &err);
    }
    if (rc == STATUS_OK) {
        rc = lane_commit(l, true, &err);
    }
    size_t left = coalescer_total(l->coalescer);
    lane_publish_view(l);
    if (rc != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "drain_incomplete", &err,
                    LOG_FIELDS(LF_TEXT("store", l->store.name), LF_INT("count", left)));
    } else {
        log_info(
            MOD, "drained", LF_TEXT("store", l->store.name), LF_INT("count", left),
            LF_MSG(left > 0
                       ? "levels not written yet: their records are not committed and come again"
                       : "nothing is left"));
    }
}

/* --- sessions, one after the other --- */

static enum lane_state state_of_failure(enum status rc)
{
    switch (status_class(rc)) {
    case CLASS_STORE:
        if (rc == STATUS_AUTH) {
            return LANE_UNAUTHORISED;
        }
        return rc == STATUS_STORE_CLOSED ? LANE_CLOSED : LANE_MISCONFIGURED;
    case CLASS_FATAL:
        return LANE_MISCONFIGURED;
    case CLASS_NONE:
    case CLASS_TRANSIENT:
    case CLASS_RECORD:
        break;
    }
    return LANE_BROKEN;
}

enum status lane_session(void *lane, struct thread *thread, bool *worked, struct err *err)
{
    struct lane *l = lane;
    l->thread = thread;
    read_credentials(l);
    enum status rc = lane_session_open(l, err);
    if (rc == STATUS_OK) {
        rc = run_session(l, worked, err);
    }
    if (rc == STATUS_OK) {
        drain(l);
        if (l->dry) {
            lane_dry_run_end(l);
        }
    }
    lane_session_close(l, CLOSE_LIMIT_MS);
    if (rc == STATUS_RENEW) {
        log_info(MOD, "session_renewed", LF_TEXT("store", l->store.name), LF_MSG(err->msg));
    }
    if (rc == STATUS_STORE_MISCONFIGURED) {
        token_mark_uncertain(&l->store.token); /* scopes granted later may need a new token */
    }
    return rc;
}

void lane_failed(void *lane, enum status rc, const struct err *err, int64_t pause_ms)
{
    struct lane *l = lane;
    log_failure(LOG_ERROR, MOD, "session_failed", err,
                LOG_FIELDS(LF_TEXT("store", l->store.name), LF_INT("backoff_ms", pause_ms)));
    lane_set_state(l, state_of_failure(rc), err->msg);
}

void lane_reloaded(void *lane)
{
    struct lane *l = lane;
    token_reset(&l->store.token);
}

void lane_stopped(void *lane)
{
    lane_set_state(lane, LANE_STOPPED, "");
}

/* --- life cycle --- */

static const char LABEL[] = "store"; /* of every metric */

static void register_metrics(struct lane *l)
{
    const char *s = l->store.name;
    struct lane_metrics *m = &l->m;
    m->records =
        metric_counter("stocksync_store_records_total", "Records read from the topic.", LABEL, s);
    m->applied =
        metric_counter("stocksync_store_applied_total", "Levels written to Shopify.", LABEL, s);
    m->unchanged = metric_counter("stocksync_store_unchanged_total",
                                  "Levels that Shopify held already: nothing sent.", LABEL, s);
    m->superseded =
        metric_counter("stocksync_store_superseded_total",
                       "Wanted values replaced by a newer one before they were sent.", LABEL, s);
    for (int i = 0; i < EXCLUSION_COUNT; i++) {
        char name[80];
        (void)snprintf(name, sizeof name, "stocksync_store_excluded_%s_total",
                       exclusion_name((enum exclusion)i));
        m->excluded[i] =
            i == EXCLUDED_NOT
                ? NULL
                : metric_counter(name, "Records that are no business of this store, by reason.",
                                 LABEL, s);
    }
    m->parked = metric_counter("stocksync_store_parked_total",
                               "Products, levels and records parked with a reason.", LABEL, s);
    m->parked_again = metric_counter("stocksync_store_parked_again_total",
                                     "Tries of parked rows that failed again.", LABEL, s);
    m->cured = metric_counter("stocksync_store_cured_total",
                              "Parked rows taken off the list: applied, or decided by a later "
                              "record.",
                              LABEL, s);
    m->requests = metric_counter("stocksync_store_requests_total", "Mutations sent.", LABEL, s);
    m->reads = metric_counter("stocksync_store_reads_total", "Reads of levels sent.", LABEL, s);
    m->throttled =
        metric_counter("stocksync_store_throttled_total", "Answers that said wait.", LABEL, s);
    m->stale = metric_counter("stocksync_store_stale_total",
                              "Levels that somebody else had changed: read again.", LABEL, s);
    m->unknown =
        metric_counter("stocksync_store_unknown_outcome_total",
                       "Requests without a usable answer, sent again with the same key.", LABEL, s);
    m->refused =
        metric_counter("stocksync_store_refused_total", "Levels that Shopify refused.", LABEL, s);
    m->halved =
        metric_counter("stocksync_store_halved_total",
                       "Requests refused without naming a level: sent again in halves.", LABEL, s);
    m->odd_codes = metric_counter("stocksync_store_odd_codes_total",
                                  "Error codes that are unknown, or that our own checks should "
                                  "have prevented: see odd_code in the log.",
                                  LABEL, s);
}

static void register_gauges(struct lane *l)
{
    struct lane_metrics *m = &l->m;
    const char *s = l->store.name;
    m->state = metric_gauge(
        "stocksync_store_state",
        "State of the lane: 0 starting, 1 catching_up, 2 running, 3 throttled, 4 broken, "
        "5 unauthorised, 6 closed, 7 misconfigured, 8 draining, 9 stopped, 10 held.",
        LABEL, s);
    m->pending = metric_gauge("stocksync_store_pending_levels", "Levels that wait for their write.",
                              LABEL, s);
    m->age = metric_gauge("stocksync_store_oldest_pending_age_seconds",
                          "Age of the oldest change not yet in Shopify.", LABEL, s);
    m->unfinished = metric_gauge("stocksync_store_unfinished_records",
                                 "Records that hold back the committed offset.", LABEL, s);
    m->parked_now =
        metric_gauge("stocksync_store_parked_products", "Products parked now.", LABEL, s);
    m->in_flight_levels =
        metric_gauge("stocksync_store_in_flight_levels",
                     "Levels of the store with units held back: sold there, their orders not yet "
                     "imported.",
                     LABEL, s);
    m->unimported_seen =
        metric_counter("stocksync_store_in_flight_seen_total",
                       "Times that a level was found below what was written.", LABEL, s);
    m->in_flight_units = metric_counter("stocksync_store_in_flight_units_total",
                                        "Units that were missing then.", LABEL, s);
    m->activated =
        metric_counter("stocksync_store_activated_total",
                       "Levels activated, because they were missing or inactive.", LABEL, s);
    m->tracked = metric_counter("stocksync_store_tracked_total",
                                "Items whose tracking was switched on.", LABEL, s);
    m->untracked_now =
        metric_gauge("stocksync_store_untracked_items",
                     "SKUs that the store does not track, and so sells without limit.", LABEL, s);
    m->catalogue_age =
        metric_gauge("stocksync_store_catalogue_age_seconds",
                     "Age of the reading of the store's catalogue that is in use.", LABEL, s);
    m->points =
        metric_gauge("stocksync_store_points",
                     "Query-cost points in the store's bucket at the last answer.", LABEL, s);
    m->charged = metric_counter("stocksync_store_points_charged_total",
                                "Query-cost points that our requests were charged.", LABEL, s);
    m->throttle_wait = metric_counter("stocksync_store_throttle_wait_milliseconds_total",
                                      "Waits that throttled answers asked for.", LABEL, s);
    m->breaker = metric_gauge("stocksync_store_breaker",
                              "Circuit breaker: 0 closed, 1 half open (a probe is on its way), 2 "
                              "open: the store does not answer.",
                              LABEL, s);
    m->commit_to_applied = metric_histogram("stocksync_store_commit_to_applied_seconds",
                                            "From the mark in Odoo to Shopify's answer.", LABEL, s);
    lane_brake_register(l);
}

enum status lane_new(const struct lane_options *options, struct lane **lane, struct err *err)
{
    const struct store_conf *store = options->store_conf;
    struct lane *l = mem_calloc(1, sizeof *l);
    (void)err;
    l->sc = store;
    l->options = *options;
    l->dry = options->dry_run || store->dry_run;
    store_conf_fill_store(store, &l->store);
    (void)snprintf(l->group_id, sizeof l->group_id, STORE_GROUP_PREFIX "%s%s", l->store.name,
                   l->dry ? DRY_RUN_GROUP_SUFFIX : "");
    (void)snprintf(l->client_id, sizeof l->client_id, "stocksync-store-%s", l->store.name);
    l->costs[OP_STOCK_SET] = INVENTORY_SET_COST;
    l->costs[OP_LEVELS_READ] = INVENTORY_READ_COST;
    l->costs[OP_ITEM_TRACK] = LEVELS_TRACK_COST;
    l->costs[OP_LEVEL_ACTIVATE] = LEVELS_ACTIVATE_COST;
    l->grace_us =
        store->quantity == QUANTITY_AVAILABLE ? store->unimported_sale_grace_ms * 1000 : 0;
    l->view.since_us = clock_wall_us();
    l->view.token_left_s = -1;
    register_metrics(l);
    register_gauges(l);
    show(l);
    *lane = l;
    return STATUS_OK;
}

void lane_free(struct lane *lane)
{
    if (lane == NULL) {
        return;
    }
    graphql_free(lane->graphql);
    lane_catalogue_release(lane);
    catalog_locations_release(lane->locations, lane->location_count);
    token_release(&lane->store.token);
    mem_free(lane);
}
