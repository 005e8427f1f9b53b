#include "producer/app/producer.h"

#include <stdio.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/service.h"
#include "common/core/signals.h"
#include "common/kafka/kafka_topic.h"
#include "producer/app/producer_internal.h"
#include "producer/odoo/install.h"
#include "producer/odoo/odoo_version.h"

#define MOD "tail"

#define STANDBY_POLL_MS    1000
#define TAKE_OVER_LIMIT_MS 10000
#define TOPIC_LIMIT_MS     10000
#define STATEMENT_LIMIT_MS 30000
#define NOTES_MAX_BYTES    ((size_t)16 * 1024)

static const char *const STATE_NAMES[] = {"starting", "standby", "owner", "stopping"};

/* --- states and what others see --- */

static void set_state(struct producer *p, enum producer_state state, const char *why)
{
    enum producer_state old = p->view.state;
    if (old == state) {
        return;
    }
    char change[32];
    (void)snprintf(change, sizeof change, "%s->%s", STATE_NAMES[old], STATE_NAMES[state]);
    (void)pthread_mutex_lock(&p->mutex);
    p->view.state = state;
    (void)snprintf(p->view.why, sizeof p->view.why, "%s", why);
    (void)pthread_mutex_unlock(&p->mutex);
    metric_set(p->m.owner, state == PRODUCER_LEADER ? 1 : 0);
    log_info(MOD, "state", LF_TEXT("state", change), LF_TEXT("why", why));
}

static void set_publishing(struct producer *p, bool publishing, const char *why)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->view.publishing = publishing;
    (void)snprintf(p->view.why, sizeof p->view.why, "%s", why);
    (void)pthread_mutex_unlock(&p->mutex);
}

void producer_publish_view(struct producer *p, int64_t oldest_us)
{
    (void)pthread_mutex_lock(&p->mutex);
    struct producer_view *v = &p->view;
    v->epoch = leader_epoch(p->owner);
    v->revision = p->revision;
    v->oldest_us = oldest_us;
    v->marks = (uint64_t)metric_value(p->m.marks);
    v->records = (uint64_t)metric_value(p->m.records);
    v->tombstones = (uint64_t)metric_value(p->m.tombstones);
    v->parked = (uint64_t)metric_value(p->m.parked);
    v->unsettled = p->settlement.count;
    (void)snprintf(v->database, sizeof v->database, "%s", leader_database(p->owner));
    v->pass = p->pass;
    (void)pthread_mutex_unlock(&p->mutex);
    metric_set(p->m.unsettled, (double)v->unsettled);
    metric_set(p->m.oldest, oldest_us > 0 ? (double)(clock_wall_us() - oldest_us) / 1e6 : 0);
}

/* --- opening what a tail needs --- */

static enum status ensure_topic(struct producer *p, struct err *err)
{
    const struct topic_conf *t = &p->conf->shared.topic;
    struct kafka_topic_design design = kafka_topic_design_of(t);
    struct strbuf notes;
    strbuf_init(&notes, NOTES_MAX_BYTES);
    enum status rc =
        kafka_topic_ensure(&p->conf->shared.kafka, &design, t->create, TOPIC_LIMIT_MS, &notes, err);
    if (rc == STATUS_OK && notes.len > 0) {
        log_info(MOD, "topic", LF_TEXT("topic", t->name), LF_MSG(notes.ptr));
    }
    strbuf_release(&notes);
    p->topic_seen = rc == STATUS_OK;
    return rc;
}

static enum status open_sink(struct producer *p, struct err *err)
{
    struct record_sink_options options = {.kafka = &p->conf->shared.kafka,
                                          .topic = p->conf->shared.topic.name,
                                          .max_message_bytes =
                                              p->conf->shared.topic.max_message_bytes,
                                          .database = leader_database(p->owner)};
    enum status rc = p->topic_seen ? STATUS_OK : ensure_topic(p, err);
    if (options.database[0] == '\0') {
        log_warn(MOD, "database_unknown",
                 LF_MSG("Odoo has no parameter database.uuid: records do not say which database "
                        "they come from, and a copy of it would not be noticed"));
    }
    if (rc == STATUS_OK && p->sink == NULL) {
        rc = record_sink_new(&options, &p->sink, err);
    }
    if (rc == STATUS_OK) {
        rc = record_sink_take_over(p->sink, TAKE_OVER_LIMIT_MS, err);
    }
    if (rc == STATUS_OK) {
        rc = publisher_new(leader_epoch(p->owner), p->conf->shared.topic.max_message_bytes,
                           &p->publisher, err);
    }
    return rc;
}

static void close_sink(struct producer *p)
{
    publisher_free(p->publisher);
    p->publisher = NULL;
    record_sink_free(p->sink);
    p->sink = NULL;
}

/* The consumers need to know the warehouses before the first record comes. */
enum status producer_share_warehouses(struct producer *p, struct err *err)
{
    struct stock_batch batch = {0};
    enum status rc = marks_snapshot_begin(p->tail, err);
    if (rc == STATUS_OK) {
        rc = stock_reader_read(p->state.stock, NULL, 0, &batch, err);
    }
    if (rc == STATUS_OK) {
        rc = marks_snapshot_end(p->tail, err);
    }
    return rc == STATUS_OK
               ? leader_sync_warehouses(p->owner, batch.warehouses, batch.warehouse_count, err)
               : rc;
}

void producer_log_kits(struct producer *p, const struct kit_table_changes *changes)
{
    metric_add(p->m.kits, changes->changed);
    metric_add(p->m.kit_problems, changes->problems);
    for (size_t i = 0; i < changes->problems && i < KIT_TABLE_SHOWN; i++) {
        const struct kit_table_problem *k = &changes->shown[i];
        log_warn(MOD, "kit_without_number", LF_INT("product", k->kit_id),
                 LF_TEXT("reason", kit_problem_name(k->problem)), LF_INT("at", k->product_id),
                 LF_MSG("Odoo cannot compute it either: mend its bill of materials; stores keep "
                        "their number until then"));
    }
    if (changes->problems > KIT_TABLE_SHOWN) {
        log_warn(MOD, "kit_without_number", LF_INT("count", changes->problems),
                 LF_MSG("all of them: SELECT * FROM stocksync.kit WHERE problem IS NOT NULL"));
    }
}

static void show_fill(void *arg, size_t done, size_t total, const struct kit_table_changes *changes)
{
    struct producer *p = arg;
    producer_log_kits(p, changes);
    log_info(MOD, "kits", LF_INT("count", done), LF_INT("of", total),
             LF_MSG("bills of materials are read"));
    service_alive();
}

/* All bills of materials, when they may have changed while nobody watched. */
static enum status fill_kits(struct producer *p, struct err *err)
{
    bool filled = false;
    bool published_before = leader_backfill(p->owner) != LEADER_BACKFILL_FIRST;
    enum status rc = kit_table_is_filled(p->state.kits, &filled, err);
    return rc == STATUS_OK && !filled
               ? kit_table_fill(p->state.kits, published_before, show_fill, p, err)
               : rc;
}

static void log_odoo(const struct producer *p)
{
    log_info(MOD, "odoo", LF_TEXT("version", p->shape.base_version),
             LF_TEXT("forecast", p->conf->shared.odoo.forecast ? "on" : "off"),
             LF_TEXT("kits", p->shape.has_mrp ? "yes" : "no, the module mrp is not installed"));
    if (!p->shape.dialect->is_proven) {
        log_warn(MOD, "odoo_not_proven", LF_TEXT("version", p->shape.base_version),
                 LF_MSG("numbers are proven for Odoo 15.0; this version is served by what its "
                        "source says: compare some products with 'stocksync-producer stock'"));
    }
}

static enum status open_tail(struct producer *p, struct err *err)
{
    struct stock_reader_options options = {.forecast = p->conf->shared.odoo.forecast,
                                           .scope = (enum stock_scope)p->conf->shared.odoo.scope};
    enum status rc = pg_conn_open(p->tail, err);
    if (rc == STATUS_OK) {
        rc = odoo_version_read(p->tail, options.forecast, &p->shape, err);
    }
    if (rc == STATUS_OK) {
        rc = install_verify(p->tail, INSTALL_ODOO, options.forecast, err);
    }
    if (rc == STATUS_OK) {
        chunk_reader_open(&p->state, p->tail, &p->shape, &options);
        p->shape_us = clock_monotonic_us();
        log_odoo(p);
        rc = producer_share_warehouses(p, err);
    }
    if (rc == STATUS_OK) {
        rc = fill_kits(p, err);
    }
    if (rc == STATUS_OK) {
        rc = slice_reader_open(p->slices, &p->shape, &options, err);
    }
    return rc == STATUS_OK ? full_pass_open(p, err) : rc;
}

static void close_tail(struct producer *p)
{
    slice_reader_close(p->slices);
    chunk_reader_close(&p->state);
    pg_conn_close(p->tail);
}

/* --- ownership and recovery --- */

static enum status become_ready(struct producer *p, struct err *err)
{
    enum status rc = p->publisher != NULL ? STATUS_OK : open_sink(p, err);
    if (rc == STATUS_OK && p->state.stock == NULL) {
        rc = open_tail(p, err);
        if (rc != STATUS_OK) {
            close_tail(p); /* half open is not open: the next attempt begins anew */
        }
    }
    if (rc == STATUS_OK && !p->view.publishing) {
        read_cursor_init(&p->hint);
        set_publishing(p, true, "publishing");
        service_ready();
        log_info(MOD, "publishing", LF_INT("epoch", leader_epoch(p->owner)),
                 LF_TEXT("topic", p->conf->shared.topic.name));
    }
    return rc;
}

static enum status take_ownership(struct producer *p, struct err *err)
{
    enum status rc = leader_take(p->owner, err);
    if (rc == STATUS_STANDBY) {
        set_state(p, PRODUCER_STANDBY, "another producer owns the tail");
        (void)signals_sleep(STANDBY_POLL_MS);
        return STATUS_OK;
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    enum leader_backfill why = leader_backfill(p->owner);
    set_state(p, PRODUCER_LEADER, "took the lock");
    if (why == LEADER_BACKFILL_FIRST) {
        log_info(MOD, "first_start",
                 LF_MSG("nothing was published before: 'stocksync-producer backfill --all' "
                        "publishes every product"));
    } else if (why != LEADER_BACKFILL_NONE) {
        p->backfilling = true;
        p->backfill_after = 0;
        log_warn(MOD, "backfill", LF_TEXT("why", leader_backfill_name(why)),
                 LF_MSG("Kafka may be ahead of this database: every product is published again"));
    }
    return STATUS_OK;
}

/* After any failure: abort what is open, forget what was published and not settled, read from the
 * start. */
static enum status recover(struct producer *p, enum status rc, struct err *err)
{
    struct err second = {0};
    int64_t pause = backoff_next_ms(&p->backoff, 0);
    metric_add(p->m.failures, 1);
    log_failure(LOG_WARN, MOD, "failed", err,
                LOG_FIELDS(LF_INT("backoff_ms", pause), LF_INT("unsettled", p->settlement.count)));
    set_publishing(p, false, err->msg);
    settlement_clear(&p->settlement);
    chunks_drop(p);
    read_cursor_fail(&p->hint);
    enum status abort_rc = p->sink != NULL ? record_sink_abort(p->sink, &second) : STATUS_OK;
    if (abort_rc == STATUS_FENCED) {
        *err = second;
        return STATUS_FENCED;
    }
    if (abort_rc != STATUS_OK || rc == STATUS_CLIENT_BROKEN) {
        close_sink(p);
    }
    close_tail(p);
    if (leader_is_held(p->owner) && leader_check(p->owner, &second) != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "ownership_lost", &second,
                    LOG_FIELDS(LF_MSG("nothing is published until the lock is ours again")));
        leader_drop(p->owner);
        close_sink(p);
        set_state(p, PRODUCER_STANDBY, "the lock's connection is lost");
    }
    (void)signals_sleep((int)pause);
    return STATUS_OK;
}

static enum status step(struct producer *p, struct err *err)
{
    if (!leader_is_held(p->owner)) {
        return take_ownership(p, err);
    }
    enum status rc = become_ready(p, err);
    if (rc == STATUS_OK) {
        rc = round_run(p, err);
    }
    if (rc == STATUS_OK) {
        backoff_reset(&p->backoff);
        int64_t pace_ms =
            read_cursor_pace_us(&p->hint, p->conf->producer.idle_poll_ms * 1000) / 1000;
        if (pace_ms > 0) {
            (void)signals_sleep((int)pace_ms);
        }
    }
    return rc;
}

static void stop(struct producer *p)
{
    struct err err = {0};
    size_t unsettled = p->settlement.count;
    set_state(p, PRODUCER_STOPPING, "asked to stop");
    if (unsettled > 0 && round_settle(p, &err) != STATUS_OK) {
        log_failure(
            LOG_WARN, MOD, "not_settled", &err,
            LOG_FIELDS(LF_INT("count", unsettled),
                       LF_MSG("these marks stay and are published again by the next start")));
    }
}

enum status producer_run(struct producer *p, struct err *err)
{
    enum status rc = STATUS_OK;
    while (rc == STATUS_OK && !signals_stop_requested()) {
        rc = step(p, err);
        bool transient = rc != STATUS_OK && status_class(rc) == CLASS_TRANSIENT;
        if (transient && !signals_stop_requested()) {
            rc = recover(p, rc, err);
        } else if (transient) {
            rc = STATUS_OK; /* stopping: the marks stay */
            settlement_clear(&p->settlement);
        }
    }
    if (rc == STATUS_OK) {
        stop(p);
    }
    return rc;
}

/* --- life cycle --- */

static void register_metrics(struct producer_metrics *m)
{
    m->marks =
        metric_counter("stocksync_producer_marks_total", "Marks read and published.", NULL, NULL);
    m->records = metric_counter("stocksync_producer_records_total",
                                "Records acknowledged by Kafka.", NULL, NULL);
    m->tombstones = metric_counter("stocksync_producer_tombstones_total",
                                   "Tombstones acknowledged by Kafka.", NULL, NULL);
    m->parked = metric_counter("stocksync_producer_parked_total",
                               "Products whose record was refused.", NULL, NULL);
    m->rounds =
        metric_counter("stocksync_producer_rounds_total", "Reads that found marks.", NULL, NULL);
    m->settled =
        metric_counter("stocksync_producer_settled_marks_total",
                       "Marks deleted after their Kafka transaction was committed.", NULL, NULL);
    m->failures = metric_counter("stocksync_producer_failures_total",
                                 "Failures that were recovered from.", NULL, NULL);
    m->unsettled = metric_gauge("stocksync_producer_unsettled_marks",
                                "Marks published whose Kafka transaction is open.", NULL, NULL);
    m->oldest = metric_gauge("stocksync_producer_oldest_mark_age_seconds",
                             "Age of the mark with the lowest id.", NULL, NULL);
    m->owner = metric_gauge("stocksync_producer_leader", "1 while this process owns the tail.",
                            NULL, NULL);
    m->kits = metric_counter("stocksync_producer_kits_changed_total",
                             "Kits whose structure was stored anew.", NULL, NULL);
    m->kit_problems = metric_counter("stocksync_producer_kit_problems_total",
                                     "Kits found to have no number: see the log.", NULL, NULL);
    m->compared = metric_counter("stocksync_producer_full_pass_compared_total",
                                 "Products compared with their last record.", NULL, NULL);
    m->republished =
        metric_counter("stocksync_producer_full_pass_republished_total",
                       "Products that differed and were marked by the full pass.", NULL, NULL);
    m->commit_to_acknowledged =
        metric_histogram("stocksync_producer_commit_to_acknowledged_seconds",
                         "From the mark to Kafka's acknowledgement.", NULL, NULL);
}

struct producer *producer_new(const struct producer_conf *conf)
{
    struct producer *p = mem_calloc(1, sizeof *p);
    struct leader_options owner = {.odoo_dsn = conf->shared.odoo.dsn,
                                   .state_dsn = conf_state_dsn(&conf->shared)};
    struct pg_conn_options tail = {.dsn = conf->shared.odoo.dsn,
                                   .application_name = "stocksync-producer tail",
                                   .statement_timeout_ms = STATEMENT_LIMIT_MS,
                                   .session_sql = MARKS_SESSION_SQL};
    p->conf = conf;
    p->items = mem_calloc(WAVE_PRODUCTS, sizeof *p->items);
    p->owner = leader_new(&owner);
    p->tail = pg_conn_new(&tail);
    p->slices = slice_reader_new(tail.dsn, STATEMENT_LIMIT_MS);
    p->waiting_slice = WAITING_SLICE_MIN;
    settlement_init(&p->settlement, SETTLEMENT_MAX_MARKS, conf->producer.settle_ms * 1000);
    read_cursor_init(&p->hint);
    backoff_init(&p->backoff, 200, 30000, (uint64_t)clock_wall_us() ^ (uint64_t)getpid());
    (void)pthread_mutex_init(&p->mutex, NULL);
    register_metrics(&p->m);
    return p;
}

bool producer_is_ready(struct producer *producer)
{
    (void)pthread_mutex_lock(&producer->mutex);
    bool ready = producer->view.publishing && producer->view.state == PRODUCER_LEADER;
    (void)pthread_mutex_unlock(&producer->mutex);
    return ready;
}

static void append_pass(const struct full_pass_state *pass, struct strbuf *out)
{
    char started[CLOCK_TEXT_SIZE] = "never";
    char finished[CLOCK_TEXT_SIZE] = "never";
    if (pass->started_us > 0) {
        (void)clock_format_utc(pass->started_us, started);
    }
    if (pass->finished_us > 0) {
        (void)clock_format_utc(pass->finished_us, finished);
    }
    strbuf_appendf(out,
                   ",\"full_pass\":{\"running\":%s,\"started\":\"%s\",\"finished\":\"%s\","
                   "\"compared\":%lld,\"of\":%lld,\"republished\":%lld}",
                   full_pass_is_running(pass) ? "true" : "false", started, finished,
                   (long long)pass->compared, (long long)pass->total, (long long)pass->republished);
}

void producer_append_status(struct producer *producer, struct strbuf *out)
{
    (void)pthread_mutex_lock(&producer->mutex);
    struct producer_view v = producer->view;
    (void)pthread_mutex_unlock(&producer->mutex);
    strbuf_appendf(out,
                   "{\"service\":\"stocksync-producer\",\"version\":\"" STOCKSYNC_VERSION
                   "\",\"state\":\"%s\",\"publishing\":%s,\"why\":",
                   STATE_NAMES[v.state], v.publishing ? "true" : "false");
    strbuf_append_json(out, v.why);
    strbuf_appendf(out,
                   ",\"epoch\":%lld,\"revision\":%lld,\"oldest_mark_age_seconds\":%.3f,\"unsettled_"
                   "marks\":%zu",
                   (long long)v.epoch, (long long)v.revision,
                   v.oldest_us > 0 ? (double)(clock_wall_us() - v.oldest_us) / 1e6 : 0.0,
                   v.unsettled);
    strbuf_appendf(out, ",\"marks\":%llu,\"records\":%llu,\"tombstones\":%llu,\"parked\":%llu",
                   (unsigned long long)v.marks, (unsigned long long)v.records,
                   (unsigned long long)v.tombstones, (unsigned long long)v.parked);
    strbuf_append_text(out, ",\"database\":");
    strbuf_append_json(out, v.database);
    if (producer->conf->producer.full_pass_ms > 0) {
        append_pass(&v.pass, out);
    }
    strbuf_append_char(out, '}');
}

void producer_free(struct producer *producer)
{
    if (producer == NULL) {
        return;
    }
    close_sink(producer);
    close_tail(producer);
    slice_reader_free(producer->slices);
    pg_conn_free(producer->tail);
    leader_free(producer->owner);
    settlement_release(&producer->settlement);
    mark_list_release(&producer->marks);
    cycle_release(&producer->cycle);
    cycle_products_release(&producer->urgent);
    cycle_products_release(&producer->waiting);
    mark_list_release(&producer->fresh);
    mark_list_release(&producer->aside);
    for (size_t i = 0; i < WAVES; i++) {
        cycle_release(&producer->waves[i]);
    }
    published_list_release(&producer->digests);
    id_list_release(&producer->pass_ids);
    published_list_release(&producer->pass_digests);
    mem_free(producer->items);
    (void)pthread_mutex_destroy(&producer->mutex);
    mem_free(producer);
}
