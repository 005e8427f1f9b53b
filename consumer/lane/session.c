#include <string.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/lane_internal.h"

#define MOD "lane"

#define MAX_PARTITIONS 1024
#define COMMIT_WAIT_MS 5000

/* --- the store --- */

static enum status read_locations(struct lane *l, struct err *err)
{
    catalog_locations_release(l->locations, l->location_count);
    l->locations = NULL;
    l->location_count = 0;
    return catalog_locations(l->graphql, l->thread->wake_fd, &l->locations, &l->location_count,
                             err);
}

/*
 * Access and locations are looked at again with every session: it is how a lane that was stopped
 * for its scopes, its API version or a location finds out that somebody has cured it. The
 * catalogue, the long part, is kept: in memory, and in the state.
 */
static enum status open_store(struct lane *l, struct err *err)
{
    enum status rc = STATUS_OK;
    if (l->graphql == NULL) {
        rc = graphql_new(&l->store, &l->graphql, err);
    }
    if (rc == STATUS_OK) {
        rc = catalog_check_access(l->graphql, &l->store, l->thread->wake_fd, err);
    }
    if (rc == STATUS_OK) {
        rc = read_locations(l, err);
    }
    return rc == STATUS_OK ? lane_catalogue_open(l, err) : rc;
}

/* --- opening and closing --- */

static void load_product(void *arg, const struct state_product *p)
{
    struct lane *l = arg;
    (void)sku_claims_note(l->identity, p->product_id, p->text, p->sellable, p->revision);
}

enum status lane_load_identity(struct lane *l, struct err *err)
{
    return state_products_load(l->state, load_product, l, err);
}

static void load_parked(void *arg, int32_t product_id)
{
    struct lane *l = arg;
    if (!l->dry) { /* a dry run finds out for itself what cannot be applied */
        parked_set_add(l->parked, product_id);
    }
}

static enum status open_memory(struct lane *l, struct err *err)
{
    l->ledger = offset_ledger_new();
    l->coalescer = coalescer_new(l->ledger);
    l->identity = sku_claims_new();
    l->parked = parked_set_new();
    l->request_count = (size_t)l->options.shared.max_requests + 1; /* the last: see free_slot */
    l->requests = mem_calloc(l->request_count, sizeof *l->requests);
    for (size_t i = 0; i < l->request_count; i++) {
        backoff_init(&l->requests[i].backoff, 500, 60000, (uint64_t)clock_wall_us() + i);
    }
    l->in_flight_at_us = 0;
    l->retries = (struct retries){.list = mem_calloc(LANE_RETRIES_MAX, sizeof *l->retries.list),
                                  .opened_us = clock_monotonic_us(),
                                  .learned_at_us = clock_monotonic_us()};
    budget_init(&l->budget, (double)l->sc->reserve / 100);
    breaker_init(&l->breaker, (uint64_t)clock_wall_us() ^ (uint64_t)getpid());
    l->dry_figures = (struct dry_run_figures){0};
    enum status rc = state_products_load(l->state, load_product, l, err);
    l->retries.settled = sku_claims_settled(l->identity);
    return rc == STATUS_OK ? state_parked_products(l->state, load_parked, l, err) : rc;
}

enum status lane_session_open(struct lane *l, struct err *err)
{
    struct record_source_options options = {.kafka = l->options.shared.kafka,
                                            .topic = l->options.shared.topic,
                                            .group_id = l->group_id,
                                            .client_id = l->client_id};
    const char *dsn = l->options.shared.state_dsn;
    l->state = l->dry ? state_new_read_only(dsn, l->store.name) : state_new(dsn, l->store.name);
    enum status rc = state_open(l->state, err);
    if (rc == STATUS_OK) {
        rc = open_store(l, err);
    }
    if (rc == STATUS_OK) {
        rc = rule_table_build(l->sc, l->state, l->locations, l->location_count, &l->rules, err);
    }
    if (rc == STATUS_OK) {
        rc = open_memory(l, err);
    }
    if (rc == STATUS_OK) {
        rc = lane_brake_open(l, err);
    }
    if (rc == STATUS_OK) {
        rc = decoder_new(&l->decoder, err);
    }
    if (rc == STATUS_OK) {
        rc = lane_adopt_attempts(l, err);
    }
    return rc == STATUS_OK ? record_source_open(&options, &l->source, err) : rc;
}

void lane_session_close(struct lane *l, int leave_ms)
{
    record_source_close(l->source, leave_ms);
    l->source = NULL;
    if (l->requests != NULL) {
        lane_drop_requests(l);
    }
    mem_free(l->requests);
    l->requests = NULL;
    l->applied_count = 0;
    l->request_count = 0;
    /* answers on their way belong to requests that are gone */
    graphql_free(l->graphql);
    l->graphql = NULL;
    lane_catalogue_close(l);
    decoder_free(l->decoder);
    l->decoder = NULL;
    coalescer_free(l->coalescer);
    l->coalescer = NULL;
    lane_brake_close(l);
    lane_dry_run_close(l);
    offset_ledger_free(l->ledger);
    l->ledger = NULL;
    sku_claims_free(l->identity);
    l->identity = NULL;
    parked_set_free(l->parked);
    l->parked = NULL;
    state_attempts_release(l->adopted, l->adopted_count);
    l->adopted = NULL;
    l->adopted_count = 0;
    l->adopted_next = 0;
    mem_free(l->uncertain);
    l->uncertain = NULL;
    l->uncertain_count = 0;
    mem_free(l->retries.list);
    l->retries = (struct retries){0};
    mem_free(l->at_end);
    l->at_end = NULL;
    l->at_end_size = 0;
    lane_turn_release(&l->turn);
    rule_table_release(&l->rules);
    state_free(l->state);
    l->state = NULL;
}

/* --- offsets and rebalances --- */

enum status lane_commit(struct lane *l, bool wait, struct err *err)
{
    int32_t partitions[MAX_PARTITIONS];
    int64_t next[MAX_PARTITIONS];
    struct partition_offset list[MAX_PARTITIONS];
    if (l->dry) {
        return STATUS_OK;
    }
    size_t count = offset_ledger_committable(l->ledger, partitions, next, MAX_PARTITIONS);
    if (count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct partition_offset){.partition = partitions[i], .next_offset = next[i]};
    }
    offset_ledger_committed(l->ledger, partitions, next, count);
    if (wait) {
        return record_source_commit_wait(l->source, list, count, COMMIT_WAIT_MS, err);
    }
    record_source_commit(l->source, list, count);
    return STATUS_OK;
}

static void log_partitions(const struct lane *l, const char *event, size_t count)
{
    log_info(MOD, event, LF_TEXT("store", l->store.name), LF_TEXT("group", l->group_id),
             LF_INT("count", count), LF_INT("assigned", record_source_assigned_count(l->source)));
}

static enum status assigned(struct lane *l, const struct source_event *event, struct err *err)
{
    for (size_t i = 0; i < event->partition_count; i++) {
        offset_ledger_open(l->ledger, event->partitions[i]);
        if ((size_t)event->partitions[i] < l->at_end_size) {
            l->at_end[event->partitions[i]] = 0;
        }
    }
    l->spare = record_source_assigned_count(l->source) == 0;
    l->hold.calm_us = 0;
    log_partitions(l, "partitions_assigned", event->partition_count);
    /* whoever had them may have died in mid-air */
    return lane_adopt_attempts(l, err);
}

/* Finish what is on its way within a bound, record, commit, then let go. */
static enum status revoked(struct lane *l, const struct source_event *event, struct err *err)
{
    struct err late = {0};
    int32_t *partitions = mem_calloc(event->partition_count + 1, sizeof *partitions);
    size_t count = event->partition_count;
    memcpy(partitions, event->partitions, count * sizeof *partitions);
    enum status rc = lane_finish_requests(
        l, l->options.shared.drain_ms < 5000 ? l->options.shared.drain_ms : 5000, err);
    if (rc == STATUS_OK && event->type == SOURCE_REVOKED &&
        lane_commit(l, true, &late) != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "commit_on_revoke", &late,
                    LOG_FIELDS(LF_TEXT("store", l->store.name)));
    }
    if (rc == STATUS_OK && lane_in_flight(l) > 0) {
        /* too late to wait: as after a crash, the stored attempts say what was sent */
        rc = err_set(err, STATUS_TIMED_OUT,
                     "requests without an answer while partitions had to be given up");
    }
    for (size_t i = 0; i < count; i++) {
        if (rc == STATUS_OK) {
            coalescer_drop_partition(l->coalescer, partitions[i]);
        }
        foreign_records_drop_partition(l->foreign, partitions[i]);
        offset_ledger_close(l->ledger, partitions[i]);
    }
    if (rc == STATUS_OK) {
        lane_drop_retries(l);
    }
    if (event->type == SOURCE_REVOKED) {
        record_source_release_partitions(l->source);
    }
    log_partitions(l, event->type == SOURCE_LOST ? "partitions_lost" : "partitions_revoked", count);
    mem_free(partitions);
    return rc;
}

enum status
lane_handle_assignment(struct lane *l, const struct source_event *event, struct err *err)
{
    return event->type == SOURCE_ASSIGNED ? assigned(l, event, err) : revoked(l, event, err);
}
