#include "consumer/lane/status.h"

#include "common/core/clock.h"

static const struct metric_row ROWS[] = {
    {offsetof(struct lane_metrics, state[LANE_STARTING]), METRIC_GAUGE, "stocksync_store_state",
     "state", "starting", "1 for the state that the lane is in, 0 for the others."},
    {offsetof(struct lane_metrics, state[LANE_CATCHING_UP]), METRIC_GAUGE, "stocksync_store_state",
     "state", "catching_up", "1 for the state that the lane is in, 0 for the others."},
    {offsetof(struct lane_metrics, state[LANE_RUNNING]), METRIC_GAUGE, "stocksync_store_state",
     "state", "running", "1 for the state that the lane is in, 0 for the others."},
    {offsetof(struct lane_metrics, state[LANE_THROTTLED]), METRIC_GAUGE, "stocksync_store_state",
     "state", "throttled", "1 for the state that the lane is in, 0 for the others."},
    {offsetof(struct lane_metrics, state[LANE_HELD]), METRIC_GAUGE, "stocksync_store_state",
     "state", "held", "1 for the state that the lane is in, 0 for the others."},
    {offsetof(struct lane_metrics, state[LANE_BROKEN]), METRIC_GAUGE, "stocksync_store_state",
     "state", "broken", "1 for the state that the lane is in, 0 for the others."},
    {offsetof(struct lane_metrics, state[LANE_UNAUTHORISED]), METRIC_GAUGE, "stocksync_store_state",
     "state", "unauthorised", "1 for the state that the lane is in, 0 for the others."},
    {offsetof(struct lane_metrics, state[LANE_CLOSED]), METRIC_GAUGE, "stocksync_store_state",
     "state", "closed", "1 for the state that the lane is in, 0 for the others."},
    {offsetof(struct lane_metrics, state[LANE_MISCONFIGURED]), METRIC_GAUGE,
     "stocksync_store_state", "state", "misconfigured",
     "1 for the state that the lane is in, 0 for the others."},
    {offsetof(struct lane_metrics, state[LANE_DRAINING]), METRIC_GAUGE, "stocksync_store_state",
     "state", "draining", "1 for the state that the lane is in, 0 for the others."},
    {offsetof(struct lane_metrics, state[LANE_STOPPED]), METRIC_GAUGE, "stocksync_store_state",
     "state", "stopped", "1 for the state that the lane is in, 0 for the others."},
    {offsetof(struct lane_metrics, record.read), METRIC_COUNTER, "stocksync_store_records_total",
     NULL, NULL, "Records read from the topic."},
    {offsetof(struct lane_metrics, record.superseded), METRIC_COUNTER,
     "stocksync_store_superseded_total", NULL, NULL,
     "Desired quantities replaced by a newer one before they were sent."},
    {offsetof(struct lane_metrics, record.excluded[EXCLUDED_GONE]), METRIC_COUNTER,
     "stocksync_store_excluded_total", "reason", "gone",
     "Records that do not concern the store, by reason."},
    {offsetof(struct lane_metrics, record.excluded[EXCLUDED_INACTIVE]), METRIC_COUNTER,
     "stocksync_store_excluded_total", "reason", "inactive",
     "Records that do not concern the store, by reason."},
    {offsetof(struct lane_metrics, record.excluded[EXCLUDED_DISABLED]), METRIC_COUNTER,
     "stocksync_store_excluded_total", "reason", "disabled",
     "Records that do not concern the store, by reason."},
    {offsetof(struct lane_metrics, record.excluded[EXCLUDED_OTHER_COMPANY]), METRIC_COUNTER,
     "stocksync_store_excluded_total", "reason", "other_company",
     "Records that do not concern the store, by reason."},
    {offsetof(struct lane_metrics, record.foreign), METRIC_COUNTER,
     "stocksync_store_foreign_records_total", NULL, NULL,
     "Records of another Odoo database, which are not applied."},
    {offsetof(struct lane_metrics, record.earlier), METRIC_COUNTER,
     "stocksync_store_earlier_stream_records_total", NULL, NULL,
     "Records of earlier streams: history, which is passed over."},
    {offsetof(struct lane_metrics, record.unknown_stream), METRIC_COUNTER,
     "stocksync_store_unknown_stream_records_total", NULL, NULL,
     "Records of a stream that the state does not know, which are not applied."},
    {offsetof(struct lane_metrics, record.streams), METRIC_COUNTER,
     "stocksync_store_new_streams_total", NULL, NULL,
     "Times partitions of the store began with a new stream."},
    {offsetof(struct lane_metrics, record.unfinished), METRIC_GAUGE,
     "stocksync_store_unfinished_records", NULL, NULL,
     "Records that hold back the committed offset."},
    {offsetof(struct lane_metrics, record.blocked), METRIC_GAUGE,
     "stocksync_store_blocked_partitions", NULL, NULL,
     "Partitions that wait at a record with an unknown schema; the others go on."},
    {offsetof(struct lane_metrics, level.applied), METRIC_COUNTER, "stocksync_store_applied_total",
     NULL, NULL, "Levels written to Shopify."},
    {offsetof(struct lane_metrics, level.unchanged), METRIC_COUNTER,
     "stocksync_store_unchanged_total", NULL, NULL, "Levels whose number the store confirmed."},
    {offsetof(struct lane_metrics, level.refused), METRIC_COUNTER, "stocksync_store_refused_total",
     NULL, NULL, "Levels that Shopify refused."},
    {offsetof(struct lane_metrics, level.stale), METRIC_COUNTER, "stocksync_store_stale_total",
     NULL, NULL, "Levels that were changed by somebody else and are read again."},
    {offsetof(struct lane_metrics, level.activated), METRIC_COUNTER,
     "stocksync_store_activated_total", NULL, NULL,
     "Missing or inactive levels that were activated."},
    {offsetof(struct lane_metrics, level.tracked), METRIC_COUNTER, "stocksync_store_tracked_total",
     NULL, NULL, "Items whose tracking was switched on."},
    {offsetof(struct lane_metrics, level.excluded), METRIC_COUNTER,
     "stocksync_store_excluded_levels_total", NULL, NULL,
     "Pending levels dropped, because their product is archived, not enabled or deleted, or has "
     "another SKU."},
    {offsetof(struct lane_metrics, level.pending), METRIC_GAUGE, "stocksync_store_pending_levels",
     NULL, NULL, "Levels that wait for their write."},
    {offsetof(struct lane_metrics, level.age), METRIC_GAUGE,
     "stocksync_store_oldest_pending_age_seconds", NULL, NULL,
     "Age of the oldest change that is not in Shopify yet."},
    {offsetof(struct lane_metrics, level.commit_to_applied), METRIC_HISTOGRAM,
     "stocksync_store_commit_to_applied_seconds", NULL, NULL,
     "From the mark in Odoo to Shopify's answer."},
    {offsetof(struct lane_metrics, level.last_write), METRIC_GAUGE,
     "stocksync_store_last_write_timestamp_seconds", NULL, NULL,
     "Unix time of the last level that was written to Shopify; 0: none since the start."},
    {offsetof(struct lane_metrics, level.unimported_seen), METRIC_COUNTER,
     "stocksync_store_unimported_seen_total", NULL, NULL,
     "Times a level was found below the number that was written."},
    {offsetof(struct lane_metrics, level.unimported_units), METRIC_COUNTER,
     "stocksync_store_unimported_units_total", NULL, NULL, "Units that were missing then."},
    {offsetof(struct lane_metrics, level.unimported_levels), METRIC_GAUGE,
     "stocksync_store_unimported_levels", NULL, NULL,
     "Levels of the store with units held back for orders that Odoo has not imported yet."},
    {offsetof(struct lane_metrics, request.mutations), METRIC_COUNTER,
     "stocksync_store_requests_total", NULL, NULL, "Mutations sent."},
    {offsetof(struct lane_metrics, request.reads), METRIC_COUNTER, "stocksync_store_reads_total",
     NULL, NULL, "Reads of levels sent."},
    {offsetof(struct lane_metrics, request.throttled), METRIC_COUNTER,
     "stocksync_store_throttled_total", NULL, NULL, "Answers that asked for a pause."},
    {offsetof(struct lane_metrics, request.throttle_wait), METRIC_SECONDS_COUNTER,
     "stocksync_store_throttle_wait_seconds_total", NULL, NULL,
     "Pauses that throttled answers asked for."},
    {offsetof(struct lane_metrics, request.unknown), METRIC_COUNTER,
     "stocksync_store_unknown_outcome_total", NULL, NULL,
     "Requests without a usable answer, sent again with the same key."},
    {offsetof(struct lane_metrics, request.bisected), METRIC_COUNTER,
     "stocksync_store_bisected_total", NULL, NULL,
     "Requests that were refused without naming a level and were sent again in halves."},
    {offsetof(struct lane_metrics, request.odd_codes), METRIC_COUNTER,
     "stocksync_store_odd_codes_total", NULL, NULL,
     "Error codes that are unknown or that our own checks should have prevented. The log has event "
     "odd_code."},
    {offsetof(struct lane_metrics, request.points), METRIC_GAUGE, "stocksync_store_points", NULL,
     NULL, "Query-cost points in the store's bucket at the last answer."},
    {offsetof(struct lane_metrics, request.charged), METRIC_COUNTER,
     "stocksync_store_points_charged_total", NULL, NULL,
     "Query-cost points charged for our requests."},
    {offsetof(struct lane_metrics, request.breaker), METRIC_GAUGE, "stocksync_store_breaker", NULL,
     NULL,
     "Circuit breaker: 0 closed, 1 half open (a probe is in flight), 2 open (the store does not "
     "answer)."},
    {offsetof(struct lane_metrics, parked.parked), METRIC_COUNTER, "stocksync_store_parked_total",
     NULL, NULL, "Products, levels and records parked with a reason."},
    {offsetof(struct lane_metrics, parked.again), METRIC_COUNTER,
     "stocksync_store_parked_again_total", NULL, NULL, "Retries of parked rows that failed again."},
    {offsetof(struct lane_metrics, parked.fixed), METRIC_COUNTER, "stocksync_store_fixed_total",
     NULL, NULL,
     "Parked rows taken off the list, because they were applied or a later record decided."},
    {offsetof(struct lane_metrics, parked.products), METRIC_GAUGE,
     "stocksync_store_parked_products", NULL, NULL, "Products parked now."},
    {offsetof(struct lane_metrics, brake.held), METRIC_GAUGE, "stocksync_store_held", NULL, NULL,
     "1 while the store is held."},
    {offsetof(struct lane_metrics, brake.holds), METRIC_COUNTER, "stocksync_store_holds_total",
     NULL, NULL, "Times the store was held."},
    {offsetof(struct lane_metrics, brake.checks), METRIC_COUNTER,
     "stocksync_store_brake_checks_total", NULL, NULL,
     "Times the brake read levels in the store before it decided."},
    {offsetof(struct lane_metrics, brake.fallen), METRIC_GAUGE,
     "stocksync_store_brake_fallen_levels", NULL, NULL,
     "Levels that fell to zero within the brake's window, or would next."},
    {offsetof(struct lane_metrics, brake.changed), METRIC_GAUGE,
     "stocksync_store_brake_changed_levels", NULL, NULL,
     "Levels that changed within the brake's window, or would next."},
    {offsetof(struct lane_metrics, verify.found[DRIFT_SOLD]), METRIC_COUNTER,
     "stocksync_store_drift_found_total", "kind", "sold",
     "Levels that the store held otherwise than we left them, by kind."},
    {offsetof(struct lane_metrics, verify.found[DRIFT_LOWERED]), METRIC_COUNTER,
     "stocksync_store_drift_found_total", "kind", "lowered",
     "Levels that the store held otherwise than we left them, by kind."},
    {offsetof(struct lane_metrics, verify.found[DRIFT_RAISED]), METRIC_COUNTER,
     "stocksync_store_drift_found_total", "kind", "raised",
     "Levels that the store held otherwise than we left them, by kind."},
    {offsetof(struct lane_metrics, verify.found[DRIFT_INACTIVE]), METRIC_COUNTER,
     "stocksync_store_drift_found_total", "kind", "inactive",
     "Levels that the store held otherwise than we left them, by kind."},
    {offsetof(struct lane_metrics, verify.found[DRIFT_MISSING]), METRIC_COUNTER,
     "stocksync_store_drift_found_total", "kind", "missing",
     "Levels that the store held otherwise than we left them, by kind."},
    {offsetof(struct lane_metrics, verify.found[DRIFT_UNTRACKED]), METRIC_COUNTER,
     "stocksync_store_drift_found_total", "kind", "untracked",
     "Levels that the store held otherwise than we left them, by kind."},
    {offsetof(struct lane_metrics, verify.found[DRIFT_GONE]), METRIC_COUNTER,
     "stocksync_store_drift_found_total", "kind", "gone",
     "Levels that the store held otherwise than we left them, by kind."},
    {offsetof(struct lane_metrics, verify.found[DRIFT_UNWRITTEN]), METRIC_COUNTER,
     "stocksync_store_drift_found_total", "kind", "unwritten",
     "Levels that the store held otherwise than we left them, by kind."},
    {offsetof(struct lane_metrics, verify.found[DRIFT_REGRESSED]), METRIC_COUNTER,
     "stocksync_store_drift_found_total", "kind", "regressed",
     "Levels that the store held otherwise than we left them, by kind."},
    {offsetof(struct lane_metrics, verify.repaired[DRIFT_SOLD]), METRIC_COUNTER,
     "stocksync_store_drift_repaired_total", "kind", "sold",
     "Such levels that the store holds as they should be again, by kind."},
    {offsetof(struct lane_metrics, verify.repaired[DRIFT_LOWERED]), METRIC_COUNTER,
     "stocksync_store_drift_repaired_total", "kind", "lowered",
     "Such levels that the store holds as they should be again, by kind."},
    {offsetof(struct lane_metrics, verify.repaired[DRIFT_RAISED]), METRIC_COUNTER,
     "stocksync_store_drift_repaired_total", "kind", "raised",
     "Such levels that the store holds as they should be again, by kind."},
    {offsetof(struct lane_metrics, verify.repaired[DRIFT_INACTIVE]), METRIC_COUNTER,
     "stocksync_store_drift_repaired_total", "kind", "inactive",
     "Such levels that the store holds as they should be again, by kind."},
    {offsetof(struct lane_metrics, verify.repaired[DRIFT_MISSING]), METRIC_COUNTER,
     "stocksync_store_drift_repaired_total", "kind", "missing",
     "Such levels that the store holds as they should be again, by kind."},
    {offsetof(struct lane_metrics, verify.repaired[DRIFT_UNTRACKED]), METRIC_COUNTER,
     "stocksync_store_drift_repaired_total", "kind", "untracked",
     "Such levels that the store holds as they should be again, by kind."},
    {offsetof(struct lane_metrics, verify.repaired[DRIFT_GONE]), METRIC_COUNTER,
     "stocksync_store_drift_repaired_total", "kind", "gone",
     "Such levels that the store holds as they should be again, by kind."},
    {offsetof(struct lane_metrics, verify.repaired[DRIFT_UNWRITTEN]), METRIC_COUNTER,
     "stocksync_store_drift_repaired_total", "kind", "unwritten",
     "Such levels that the store holds as they should be again, by kind."},
    {offsetof(struct lane_metrics, verify.repaired[DRIFT_REGRESSED]), METRIC_COUNTER,
     "stocksync_store_drift_repaired_total", "kind", "regressed",
     "Such levels that the store holds as they should be again, by kind."},
    {offsetof(struct lane_metrics, verify.open), METRIC_GAUGE, "stocksync_store_drift_open_levels",
     NULL, NULL, "Levels that differ in the store and are not repaired."},
    {offsetof(struct lane_metrics, verify.age), METRIC_GAUGE,
     "stocksync_store_oldest_verification_age_seconds", NULL, NULL,
     "Time within which every level of this process was compared with the store; about "
     "verify_every when all is well."},
    {offsetof(struct lane_metrics, catalogue.shared), METRIC_GAUGE, "stocksync_store_shared_skus",
     NULL, NULL,
     "SKUs that several inventory items of the store have. Only the item that had it first is "
     "written."},
    {offsetof(struct lane_metrics, catalogue.ambiguous), METRIC_GAUGE,
     "stocksync_store_ambiguous_skus", NULL, NULL,
     "SKUs that several inventory items of the store have, none of which had it first. None is "
     "written."},
    {offsetof(struct lane_metrics, catalogue.suspect), METRIC_COUNTER,
     "stocksync_store_catalogue_suspect_total", NULL, NULL,
     "Readings of the store's catalogue that lost too many SKUs to be believed at once."},
    {offsetof(struct lane_metrics, catalogue.suspect_skus), METRIC_GAUGE,
     "stocksync_store_catalogue_suspect_skus", NULL, NULL,
     "SKUs that such a reading lost, until a second reading agrees or does not. They stay in use."},
    {offsetof(struct lane_metrics, catalogue.untracked), METRIC_GAUGE,
     "stocksync_store_untracked_items", NULL, NULL,
     "SKUs that the store does not track and sells without limit."},
    {offsetof(struct lane_metrics, catalogue.age), METRIC_GAUGE,
     "stocksync_store_catalogue_age_seconds", NULL, NULL,
     "Age of the reading of the store's catalogue that is in use."},
    {offsetof(struct lane_metrics, leftovers), METRIC_GAUGE, "stocksync_store_leftover_products",
     NULL, NULL,
     "Products that are not sold in the store any more, but whose last number in Shopify is above "
     "0."},
    {offsetof(struct lane_metrics, replanning), METRIC_GAUGE,
     "stocksync_store_replanning_partitions", NULL, NULL,
     "Partitions of the topic that are planned again because the store's rules changed."},
    {offsetof(struct lane_metrics, rules_outdated), METRIC_GAUGE,
     "stocksync_store_options_outdated", NULL, NULL,
     "1 while the store's options name a warehouse or company that Odoo does not have any more."},
    {offsetof(struct lane_metrics, partitions), METRIC_GAUGE, "stocksync_store_partitions", NULL,
     NULL, "Partitions of the topic that this process reads for the store."},
    {offsetof(struct lane_metrics, ready), METRIC_GAUGE, "stocksync_store_ready", NULL, NULL,
     "1 while state, Kafka and store have answered since their last failure, and recently."},
    {offsetof(struct lane_metrics, answered[0]), METRIC_GAUGE,
     "stocksync_store_last_answer_timestamp_seconds", "server", "state",
     "Unix time of the server's last answer to the lane; 0: none since the start."},
    {offsetof(struct lane_metrics, answered[1]), METRIC_GAUGE,
     "stocksync_store_last_answer_timestamp_seconds", "server", "kafka",
     "Unix time of the server's last answer to the lane; 0: none since the start."},
    {offsetof(struct lane_metrics, answered[2]), METRIC_GAUGE,
     "stocksync_store_last_answer_timestamp_seconds", "server", "store",
     "Unix time of the server's last answer to the lane; 0: none since the start."},
};

const struct metric_table lane_metric_table = {
    .rows = ROWS, .count = sizeof ROWS / sizeof ROWS[0], .label = "store"};

static double age_s(int64_t since_us)
{
    int64_t age_us = since_us > 0 ? clock_wall_us() - since_us : 0;
    return age_us > 0 ? (double)age_us / 1e6 : 0;
}

static bool has_problem(const struct lane_view *view)
{
    return view->rules_problem != NULL && view->rules_problem[0] != '\0';
}

void status_set_gauges(const struct lane_metrics *metrics, const struct lane_view *view)
{
    for (int i = 0; i < LANE_STATE_COUNT; i++) {
        metric_set(metrics->state[i], i == (int)view->state ? 1 : 0);
    }
    metric_set(metrics->level.pending, (double)view->pending);
    metric_set(metrics->level.age, age_s(view->oldest_changed_at_us));
    metric_set(metrics->level.unimported_levels, (double)view->unimported_levels);
    metric_set(metrics->record.unfinished, (double)view->unfinished);
    metric_set(metrics->record.blocked, (double)view->blocked.count);
    metric_set(metrics->parked.products, (double)view->parked);
    metric_set(metrics->brake.held, view->hold.on ? 1 : 0);
    metric_set(metrics->catalogue.shared, (double)view->catalogue.shared);
    metric_set(metrics->catalogue.ambiguous, (double)view->catalogue.ambiguous);
    metric_set(metrics->catalogue.suspect_skus, (double)view->catalogue.suspect);
    metric_set(metrics->catalogue.untracked, (double)view->catalogue.untracked);
    metric_set(metrics->catalogue.age, age_s(view->catalogue.read_wall_us));
    metric_set(metrics->verify.open, (double)view->verify.open);
    metric_set(metrics->verify.age, age_s(view->verify.oldest_us));
    metric_set(metrics->leftovers, (double)view->leftovers.products);
    metric_set(metrics->replanning, (double)view->replanning);
    metric_set(metrics->rules_outdated, has_problem(view) ? 1 : 0);
    metric_set(metrics->partitions, (double)view->partitions);
}

static void append_examples(struct strbuf *out, const char *name, const char (*list)[80])
{
    strbuf_appendf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < STATUS_EXAMPLES && list[i][0] != '\0'; i++) {
        strbuf_append_text(out, i > 0 ? "," : "");
        strbuf_append_json(out, list[i]);
    }
    strbuf_append_text(out, "]");
}

static void append_catalogue(const struct catalogue_view *v, struct strbuf *out)
{
    char read_at[CLOCK_TEXT_SIZE];
    strbuf_appendf(
        out, ",\"skus\":%zu,\"skus_shared\":%zu,\"skus_ambiguous\":%zu,\"items_untracked\":%zu",
        v->skus, v->shared, v->ambiguous, v->untracked);
    if (v->read_wall_us > 0) {
        strbuf_appendf(out, ",\"catalogue_read\":\"%s\"",
                       clock_format_utc(v->read_wall_us, read_at));
    }
    strbuf_appendf(out, ",\"catalogue_reading\":%s,\"skus_searched\":%zu",
                   v->is_reading ? "true" : "false", v->searched);
    if (v->suspect > 0) {
        strbuf_appendf(out, ",\"catalogue_suspect_skus\":%zu", v->suspect);
    }
    append_examples(out, "shared", v->shared_sku);
    append_examples(out, "ambiguous", v->ambiguous_sku);
    append_examples(out, "untracked", v->untracked_sku);
    append_examples(out, "searched", v->searched_sku);
}

static void append_verify(const struct verify_view *v, struct strbuf *out)
{
    char since[CLOCK_TEXT_SIZE];
    strbuf_appendf(out, ",\"drift\":%zu", v->open);
    if (v->oldest_us > 0) {
        strbuf_appendf(out, ",\"verified_since\":\"%s\"", clock_format_utc(v->oldest_us, since));
    }
    if (v->round != 0) {
        strbuf_appendf(out, ",\"round\":%lld", (long long)v->round);
    }
}

static void append_leftovers(const struct leftovers_view *v, struct strbuf *out)
{
    strbuf_appendf(out, ",\"leftover_products\":%zu,\"leftover_levels\":%zu", v->products,
                   v->levels);
    append_examples(out, "leftovers", v->examples);
}

static void append_client(const struct store_view *v, struct strbuf *out)
{
    strbuf_appendf(out,
                   ",\"points\":%.0f,\"points_maximum\":%.0f,\"restore_rate\":%.0f,"
                   "\"breaker\":\"%s\"",
                   v->points, v->points_maximum, v->restore_rate, breaker_state_name(v->breaker));
    if (v->token_left_s >= 0) {
        strbuf_appendf(out, ",\"token_left_s\":%lld", (long long)v->token_left_s);
    }
    if (v->token_problem[0] != '\0') {
        strbuf_append_text(out, ",\"token_problem\":");
        strbuf_append_json(out, v->token_problem);
    }
}

static void append_blocked(const struct blocked_view *v, struct strbuf *out)
{
    char since[CLOCK_TEXT_SIZE];
    if (v->count == 0) {
        return;
    }
    strbuf_appendf(out, ",\"blocked\":%zu,\"blocked_partitions\":[", v->count);
    for (size_t i = 0; i < v->count && i < BLOCKED_SHOWN; i++) {
        const struct state_blocked *b = &v->shown[i];
        strbuf_appendf(out, "%s{\"partition\":%d,\"offset\":%lld,\"since\":\"%s\",\"schema\":",
                       i > 0 ? "," : "", (int)b->partition, (long long)b->offset,
                       clock_format_utc(b->blocked_us, since));
        strbuf_append_json(out, b->schema);
        strbuf_append_text(out, ",\"why\":");
        strbuf_append_json(out, b->detail);
        strbuf_append_text(out, "}");
    }
    strbuf_append_text(out, "]");
}

static void
append_stream(const struct lane_metrics *metrics, const struct state_stream *v, struct strbuf *out)
{
    char since[CLOCK_TEXT_SIZE];
    if (v->id[0] == '\0') {
        return;
    }
    strbuf_append_text(out, ",\"stream\":");
    strbuf_append_json(out, v->id);
    strbuf_append_text(out, ",\"stream_reason\":");
    strbuf_append_json(out, v->why);
    strbuf_appendf(out, ",\"stream_since\":\"%s\",\"earlier_stream_records\":%.0f",
                   clock_format_utc(v->began_us, since), metric_value(metrics->record.earlier));
}

void status_append_json(const struct lane_metrics *metrics,
                        const struct lane_view *view,
                        struct strbuf *out)
{
    char since[CLOCK_TEXT_SIZE];
    strbuf_append_text(out, "{\"store\":");
    strbuf_append_json(out, view->store);
    strbuf_appendf(out, ",\"state\":\"%s\",\"since\":\"%s\",\"why\":", lane_state_name(view->state),
                   clock_format_utc(view->since_us, since));
    strbuf_append_json(out, view->why);
    strbuf_appendf(out,
                   ",\"partitions\":%zu,\"records\":%.0f,\"applied\":%.0f,\"pending\":%zu,"
                   "\"in_flight\":%zu,\"unfinished\":%zu,\"parked_products\":%zu,"
                   "\"unimported_levels\":%zu,\"replanning\":%zu",
                   view->partitions, metric_value(metrics->record.read),
                   metric_value(metrics->level.applied), view->pending, view->in_flight,
                   view->unfinished, view->parked, view->unimported_levels, view->replanning);
    append_catalogue(&view->catalogue, out);
    append_verify(&view->verify, out);
    append_leftovers(&view->leftovers, out);
    append_client(&view->client, out);
    if (view->is_dry_run) {
        strbuf_append_text(out, ",\"dry_run\":true");
    }
    if (view->database[0] != '\0') {
        strbuf_append_text(out, ",\"database\":");
        strbuf_append_json(out, view->database);
    }
    append_stream(metrics, &view->stream, out);
    if (has_problem(view)) {
        strbuf_append_text(out, ",\"options_outdated\":");
        strbuf_append_json(out, view->rules_problem);
    }
    append_blocked(&view->blocked, out);
    hold_append_json(&view->hold, out);
    strbuf_append_text(out, "}");
}
