#include "consumer/lane/session.h"

#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/option_pairs.h"

#define MOD "lane"

#define MAX_PARTITIONS 1024
#define COMMIT_WAIT_MS 5000

/* --- opening --- */

static void log_option_pair(void *arg, const char *text)
{
    const struct lane_context *c = arg;
    log_warn(MOD, "option_pair", LF_TEXT("store", c->store->name), LF_MSG(text));
}

static void log_options(struct lane_context *c, const struct rule_facts *facts)
{
    if (c->rules.company_id != 0) {
        log_info(MOD, "company", LF_TEXT("store", c->store->name),
                 LF_INT("company", c->rules.company_id),
                 LF_MSG("products of other companies are excluded"));
    }
    option_pairs_check(c->options->store_conf, facts, &c->rules, log_option_pair, c);
}

static enum status build_rules(struct session *s, bool *logged, struct err *err)
{
    struct lane_context *c = &s->c;
    struct shop_location *locations = NULL;
    struct state_warehouse *warehouses = NULL;
    size_t location_count = 0;
    size_t warehouse_count = 0;
    enum status rc =
        c->ports->store->locations(c->graphql, c->stop_fd, &locations, &location_count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = c->ports->state->warehouses(c->state, &warehouses, &warehouse_count, err);
    if (rc == STATUS_OK) {
        const struct rule_facts facts = {.locations = locations,
                                         .location_count = location_count,
                                         .warehouses = warehouses,
                                         .warehouse_count = warehouse_count};
        rc = rule_table_build(c->options->store_conf, &facts, &c->rules, err);
        if (rc == STATUS_OK && !*logged) {
            log_options(c, &facts);
            *logged = true;
        }
    }
    state_warehouses_release(warehouses, warehouse_count);
    rule_watch_open(&s->rules, c, locations, location_count);
    return rc;
}

/*
 * Access and locations are read again with every session: this is how a lane that was stopped for
 * its scopes, its API version or a location finds out that somebody has fixed it. The catalogue,
 * the long part, is kept in memory and in the state.
 */
static enum status open_store(struct session *s, bool *options_logged, struct err *err)
{
    struct lane_context *c = &s->c;
    enum status rc = c->ports->store->open(c->store, &c->graphql, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = c->ports->store->check_access(c->graphql, c->store, c->stop_fd, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    requests_open(&s->requests, c);
    rc = catalogue_open(s->catalogue, c, &s->requests, err);
    return rc == STATUS_OK ? build_rules(s, options_logged, err) : rc;
}

static void load_product(void *arg, const struct state_product *p)
{
    const struct lane_context *c = arg;
    (void)sku_claims_note(c->claims, p->product_id, p->text, p->sellable, p->revision);
}

static void load_parked(void *arg, int32_t product_id)
{
    const struct lane_context *c = arg;
    parked_set_add(c->parked, product_id);
}

static enum status open_plan(struct session *s, struct err *err)
{
    struct lane_context *c = &s->c;
    const struct store_conf *conf = c->options->store_conf;
    const struct brake_limits limits = {.window_us = conf->brake_window_ms * 1000,
                                        .zero_percent = conf->brake_percent,
                                        .change_percent = conf->brake_change_percent,
                                        .least = conf->brake_least};
    c->ledger = offset_ledger_new();
    c->coalescer = coalescer_new(c->ledger);
    c->claims = sku_claims_new();
    c->parked = parked_set_new();
    c->brake = brake_new(&limits);
    enum status rc = c->ports->state->products.load(c->state, load_product, c, err);
    return rc == STATUS_OK ? c->ports->state->parked.products(c->state, load_parked, c, err) : rc;
}

static enum status open_guards(struct session *s, struct err *err)
{
    struct state_guard row;
    enum status rc = streams_open(&s->streams, &s->c, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    s->c.first_revision = streams_present(&s->streams)->first_revision;
    rc = brake_control_read_row(&s->c, true, &row, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    source_guard_open(&s->guard, &s->c, &s->streams, &row);
    return brake_control_open(&s->brake, &s->c, &s->guard, &row, err);
}

static enum status open_parts(struct session *s, bool *rescanned_at_start, struct err *err)
{
    const struct lane_context *c = &s->c;
    unimported_sales_open(&s->sales, c);
    s->setup = (struct level_setup){.c = c, .requests = &s->requests};
    enum status rc =
        planner_open(&s->planner, c, &s->guard, &s->brake, &s->catalogue->reader.search, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    replan_open(&s->replan, c, &s->streams);
    leftovers_open(&s->leftovers, c, &s->planner);
    records_open(&s->records, c, &s->planner, &s->replan);
    retries_open(&s->retries, c, &s->planner, rescanned_at_start);
    s->dispatch = (struct dispatch){.c = c,
                                    .requests = &s->requests,
                                    .out = &s->out,
                                    .sales = &s->sales,
                                    .setup = &s->setup,
                                    .brake = &s->brake,
                                    .guard = &s->guard,
                                    .catalogue = s->catalogue,
                                    .replan = &s->replan};
    s->exchange = (struct exchange){.c = c,
                                    .requests = &s->requests,
                                    .out = &s->out,
                                    .sales = &s->sales,
                                    .catalogue = s->catalogue,
                                    .comparison = &s->verify.comparison};
    if (c->sink->begin != NULL) {
        c->sink->begin(c->sink->arg, c, &s->brake);
    }
    rc = verify_open(&s->verify, c, &s->requests, err);
    return rc == STATUS_OK ? requests_adopt(&s->requests, err) : rc;
}

static enum status join_group(struct session *s, const struct session_setup *setup, struct err *err)
{
    const struct record_source_options options = {.kafka = setup->options->shared.kafka,
                                                  .topic = setup->options->shared.topic,
                                                  .group_id = setup->group_id,
                                                  .client_id = setup->client_id};
    return s->c.ports->source->open(&options, &s->c.source, err);
}

enum status session_open(struct session *s, const struct session_setup *setup, struct err *err)
{
    *s = (struct session){.c = {.options = setup->options,
                                .ports = setup->ports,
                                .metrics = setup->metrics,
                                .sink = setup->sink,
                                .store = setup->store,
                                .stop_fd = setup->stop_fd},
                          .catalogue = setup->catalogue};
    struct lane_context *c = &s->c;
    bool read_only = !setup->sink->writes;
    c->state = c->ports->state->make(setup->options->shared.state_dsn, c->store->name, read_only);
    enum status rc = c->ports->state->open(c->state, err);
    if (rc == STATUS_OK) {
        rc = open_store(s, setup->options_logged, err);
    }
    if (rc == STATUS_OK) {
        rc = open_plan(s, err);
    }
    if (rc == STATUS_OK) {
        rc = open_guards(s, err);
    }
    if (rc == STATUS_OK) {
        rc = open_parts(s, setup->rescanned_at_start, err);
    }
    return rc == STATUS_OK ? join_group(s, setup, err) : rc;
}

/* --- closing --- */

void session_close(struct session *s, int leave_ms)
{
    struct lane_context *c = &s->c;
    if (c->ports == NULL) {
        return;
    }
    c->ports->source->close(c->source, leave_ms);
    requests_close(&s->requests);
    /* answers in flight belong to requests that are gone */
    c->ports->store->close(c->graphql);
    catalogue_close(s->catalogue);
    verify_close(&s->verify);
    retries_close(&s->retries);
    records_close(&s->records);
    replan_close(&s->replan);
    planner_close(&s->planner);
    unimported_sales_close(&s->sales);
    source_guard_close(&s->guard);
    streams_close(&s->streams);
    outcomes_release(&s->out);
    coalescer_free(c->coalescer);
    brake_free(c->brake);
    offset_ledger_free(c->ledger);
    sku_claims_free(c->claims);
    parked_set_free(c->parked);
    rule_watch_close(&s->rules);
    rule_table_release(&c->rules);
    c->ports->state->close(c->state);
    *s = (struct session){0};
}

/* --- what others see --- */

void session_fill_view(const struct session *s, struct lane_view *view)
{
    const struct lane_context *c = &s->c;
    view->oldest_changed_at_us = coalescer_oldest_changed_at_us(c->coalescer);
    view->partitions = c->ports->source->assigned_count(c->source);
    view->pending = coalescer_total(c->coalescer);
    view->in_flight = requests_in_flight(&s->requests);
    view->unfinished = offset_ledger_unfinished(c->ledger);
    view->parked = parked_set_count(c->parked);
    view->unimported_levels = s->sales.levels;
    view->replanning = replan_count(&s->replan);
    view->leftovers = s->leftovers.view;
    memcpy(view->database, s->guard.database, sizeof view->database);
    view->stream = *streams_present(&s->streams);
    view->hold = s->brake.hold;
    view->rules_problem = s->rules.problem.msg;
    blocked_partitions_fill_view(&s->records.blocked, &view->blocked);
    view->client.points = s->requests.budget.level;
    view->client.points_maximum = s->requests.budget.maximum;
    view->client.restore_rate = s->requests.budget.restore_rate;
    view->client.breaker = s->requests.breaker.state;
    catalogue_fill_view(s->catalogue, &view->catalogue);
    verify_fill_view(&s->verify, &view->verify);
}

/* --- between records --- */

enum status session_look_back(struct session *s, bool at_end, struct err *err)
{
    enum status rc = rule_watch_turn(&s->rules, err);
    if (rc != STATUS_OK || replan_is_reading(&s->replan)) {
        return rc;
    }
    rc = unimported_sales_end_graces(&s->sales, err);
    return rc == STATUS_OK ? leftovers_turn(&s->leftovers, at_end, err) : rc;
}

int64_t session_look_back_us(const struct session *s)
{
    int64_t retries_us = retries_due_us(&s->retries);
    if (replan_is_reading(&s->replan)) {
        return INT64_MAX;
    }
    return s->sales.look_at_us < retries_us ? s->sales.look_at_us : retries_us;
}

/* --- offsets --- */

/* Those that may be committed. @return how many are left */
static size_t
keep_committable(const struct replan *replan, int32_t *partitions, int64_t *next, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (replan_may_commit(replan, partitions[i])) {
            partitions[kept] = partitions[i];
            next[kept++] = next[i];
        }
    }
    return kept;
}

enum status session_commit(struct session *s, bool wait, struct err *err)
{
    const struct lane_context *c = &s->c;
    int32_t partitions[MAX_PARTITIONS];
    int64_t next[MAX_PARTITIONS];
    struct partition_offset list[MAX_PARTITIONS];
    enum status rc = replan_store(&s->replan, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    size_t count = offset_ledger_committable(c->ledger, partitions, next, MAX_PARTITIONS);
    count = keep_committable(&s->replan, partitions, next, count);
    if (count == 0 || !c->sink->writes) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct partition_offset){.partition = partitions[i], .next_offset = next[i]};
    }
    offset_ledger_committed(c->ledger, partitions, next, count);
    if (wait) {
        return c->ports->source->commit_wait(c->source, list, count, COMMIT_WAIT_MS, err);
    }
    c->ports->source->commit(c->source, list, count);
    return STATUS_OK;
}

/* --- rebalances --- */

static void log_partitions(const struct session *s, const char *event, size_t count)
{
    const struct lane_context *c = &s->c;
    log_info(MOD, event, LF_TEXT("store", c->store->name), LF_INT("count", count),
             LF_INT("assigned", c->ports->source->assigned_count(c->source)));
}

enum status session_assigned(struct session *s, const struct source_event *event, struct err *err)
{
    const struct lane_context *c = &s->c;
    for (size_t i = 0; i < event->partition_count; i++) {
        offset_ledger_open(c->ledger, event->partitions[i]);
        records_note_assigned(&s->records, event->partitions[i]);
    }
    verify_note_assigned(&s->verify, event->partitions, event->partition_count);
    enum status rc =
        streams_note_assigned(&s->streams, event->partitions, event->partition_count, err);
    if (rc == STATUS_OK) {
        rc = replan_note_assigned(&s->replan, event->partitions, event->partition_count, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    leftovers_note_assigned(&s->leftovers);
    brake_control_note_assigned(&s->brake, c->ports->source->assigned_count(c->source));
    log_partitions(s, "partitions_assigned", event->partition_count);
    /* their last owner may have died with requests in flight */
    return requests_adopt(&s->requests, err);
}

static void forget_partitions(struct session *s, const int32_t *partitions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        coalescer_drop_partition(s->c.coalescer, partitions[i]);
        records_drop(&s->records, partitions[i]);
        source_guard_drop_partition(&s->guard, partitions[i]);
        offset_ledger_close(s->c.ledger, partitions[i]);
        replan_drop_partition(&s->replan, partitions[i]);
    }
    verify_note_revoked(&s->verify, partitions, count);
    retries_drop(&s->retries);
}

enum status session_revoked(struct session *s, const struct source_event *event, struct err *err)
{
    const struct lane_context *c = &s->c;
    struct err late = {0};
    bool lost = event->type == SOURCE_LOST;
    size_t count = event->partition_count;
    enum status rc = STATUS_OK;
    if (!lost && session_commit(s, true, &late) != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "commit_on_revoke", &late,
                    LOG_FIELDS(LF_TEXT("store", c->store->name)));
    }
    if (requests_in_flight(&s->requests) > 0) {
        /* too late to wait: as after a crash, the stored attempts say what was sent */
        rc = err_set(err, STATUS_TIMED_OUT,
                     "requests without an answer while partitions had to be given up");
    } else {
        forget_partitions(s, event->partitions, count);
    }
    if (!lost) {
        c->ports->source->release_partitions(c->source);
    }
    log_partitions(s, lost ? "partitions_lost" : "partitions_revoked", count);
    return rc;
}

/* --- verification --- */

static bool may_compare(const struct session *s, bool blocked)
{
    return !blocked && !s->catalogue->is_pausing && records_at_end(&s->records) &&
           !requests_has_adopted(&s->requests);
}

enum status session_verify(struct session *s, bool blocked, struct err *err)
{
    const struct lane_hold *hold = &s->brake.hold;
    return verify_turn(&s->verify, may_compare(s, blocked), hold->on ? hold->detail : NULL, err);
}

int64_t session_verify_due_us(const struct session *s, bool blocked)
{
    return verify_due_us(&s->verify, may_compare(s, blocked), s->brake.hold.on);
}

bool session_is_drained(const struct session *s)
{
    return s->c.source != NULL && records_at_end(&s->records) &&
           coalescer_total(s->c.coalescer) == 0 && requests_in_flight(&s->requests) == 0 &&
           !requests_adoption_waits(&s->requests) && retries_are_done(&s->retries) &&
           verify_is_done(&s->verify);
}
