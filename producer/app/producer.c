#include "producer/app/producer.h"

#include <string.h>
#include <unistd.h>

#include "common/core/backoff.h"
#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/service.h"
#include "common/core/signals.h"

#define MOD "tail"

#define STANDBY_POLL_MS  1000
#define BACKOFF_FIRST_MS 200
#define BACKOFF_MAX_MS   5000
/* Between two attempts when a person has to mend something. */
#define PROBE_MIN_MS 1000
/* A failure that stays the same is logged this often. */
#define LOG_AGAIN_US INT64_C(60000000)
/* Two leaders of one topic over different databases fence each other. A fence so soon after the last
 * one does not begin the back-off again. */
#define FENCED_AGAIN_US INT64_C(60000000)

struct producer {
    const struct producer_conf *conf;
    struct producer_port port;
    struct chunk_port chunks;
    struct producer_metrics metrics;
    struct producer_status *status;
    struct outbox *outbox;
    struct streams *streams;
    struct upkeep *upkeep;
    struct deferred_reader *reader;
    struct deferred *deferred;
    struct full_pass *pass;
    struct round *round;
    struct backoff backoff;
    struct err logged; /* the last failure in the log */
    int64_t logged_us; /* monotonic, like fenced_us; 0: none */
    int64_t fenced_us;
    bool topic_seen;
    bool tail_open;
    bool begun; /* since the last failure */
};

/* --- life cycle --- */

static void make_floors(struct producer *p, const struct producer_ports *ports)
{
    const struct shared_conf *shared = &p->conf->shared;
    const struct producer_options *options = &p->conf->producer;
    const struct outbox_options outbox = {.kafka = &shared->kafka,
                                          .topic = shared->topic.name,
                                          .max_message_bytes = shared->topic.max_message_bytes,
                                          .settle_us = options->settle_ms * 1000,
                                          .stores_digests = options->full_pass_ms > 0};
    p->outbox = outbox_new(&outbox, &ports->outbox, p->status, &p->metrics);
    p->streams = streams_new(&ports->streams, &shared->kafka, shared->topic.name, p->outbox,
                             p->status, &p->metrics);
    p->upkeep = upkeep_new(&ports->upkeep, shared->odoo.forecast, p->outbox, p->streams, p->status,
                           &p->metrics);
    p->reader = deferred_reader_new(&ports->reader);
    const struct deferred_parts deferred = {.chunks = &p->chunks,
                                            .reader = p->reader,
                                            .outbox = p->outbox,
                                            .upkeep = p->upkeep,
                                            .status = p->status};
    p->deferred = deferred_new(&deferred);
    p->pass = full_pass_new(&ports->pass, options->full_pass_ms, p->status, &p->metrics);
    const struct round_parts round = {.chunks = &p->chunks,
                                      .outbox = p->outbox,
                                      .deferred = p->deferred,
                                      .pass = p->pass,
                                      .upkeep = p->upkeep,
                                      .streams = p->streams,
                                      .status = p->status,
                                      .metrics = &p->metrics};
    p->round = round_new(&round, &ports->round, (size_t)options->batch_marks);
}

struct producer *producer_new(const struct producer_conf *conf, const struct producer_ports *ports)
{
    struct producer *p = mem_calloc(1, sizeof *p);
    p->conf = conf;
    p->port = ports->producer;
    p->chunks = ports->chunks;
    p->chunks.metrics = &p->metrics;
    metric_table_register(&producer_metric_table, NULL, &p->metrics);
    p->status = producer_status_new(&p->metrics, conf->producer.full_pass_ms > 0);
    make_floors(p, ports);
    backoff_init(&p->backoff, BACKOFF_FIRST_MS, BACKOFF_MAX_MS,
                 (uint64_t)clock_wall_us() ^ (uint64_t)getpid());
    return p;
}

static void close_tail(struct producer *p)
{
    deferred_reader_close(p->reader);
    p->port.close(p->port.connections);
    p->tail_open = false;
}

void producer_free(struct producer *producer)
{
    if (producer == NULL) {
        return;
    }
    outbox_close(producer->outbox);
    close_tail(producer);
    round_free(producer->round);
    full_pass_free(producer->pass);
    deferred_free(producer->deferred);
    deferred_reader_free(producer->reader);
    upkeep_free(producer->upkeep);
    streams_free(producer->streams);
    outbox_free(producer->outbox);
    producer_status_free(producer->status);
    mem_free(producer);
}

bool producer_is_ready(struct producer *producer)
{
    return producer_status_is_publishing(producer->status) &&
           producer_status_has_triggers(producer->status);
}

void producer_note_marks(struct producer *producer, int64_t waiting, int64_t oldest_us)
{
    producer_status_note_marks(producer->status, waiting, oldest_us);
}

void producer_refresh_metrics(struct producer *producer)
{
    producer_status_refresh(producer->status);
}

void producer_append_status(struct producer *producer, struct strbuf *out)
{
    producer_status_append(producer->status, out);
}

/* --- opening what the floors need --- */

static enum status open_outbox(struct producer *p, struct err *err)
{
    const char *database = p->port.identity(p->port.leader)->database;
    enum status rc = p->topic_seen ? STATUS_OK : p->port.ensure_topic(&p->conf->shared, err);
    p->topic_seen = rc == STATUS_OK;
    if (database[0] == '\0') {
        log_warn(MOD, "database_unknown",
                 LF_MSG("Odoo has no parameter database.uuid: records do not name the database "
                        "they come from, and a copy of it would not be noticed"));
    }
    return rc == STATUS_OK ? outbox_open(p->outbox, p->port.epoch(p->port.leader), database, err)
                           : rc;
}

static enum status open_tail(struct producer *p, struct err *err)
{
    struct odoo_shape shape;
    enum status rc = p->port.open(p->port.connections, &shape, err);
    if (rc == STATUS_OK) {
        upkeep_note_shape(p->upkeep, &shape);
        rc = deferred_reader_open(p->reader, err);
    }
    if (rc == STATUS_OK) {
        rc = full_pass_open(p->pass, err);
    }
    p->tail_open = rc == STATUS_OK;
    if (rc != STATUS_OK) {
        close_tail(p); /* half open is not open: the next attempt starts over */
    }
    return rc;
}

/* Whenever work begins: meanwhile, topic and database may have become others. */
static enum status open_stream(struct producer *p, struct err *err)
{
    bool publish_all = false;
    enum status rc = streams_open(p->streams, p->port.epoch(p->port.leader), &publish_all, err);
    if (rc == STATUS_OK && publish_all) {
        round_begin_backfill(p->round);
    }
    return rc;
}

static enum status become_ready(struct producer *p, struct err *err)
{
    enum status rc = outbox_is_open(p->outbox) ? STATUS_OK : open_outbox(p, err);
    if (rc == STATUS_OK && !p->tail_open) {
        rc = open_tail(p, err);
    }
    if (rc != STATUS_OK || p->begun) {
        return rc;
    }
    rc = open_stream(p, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    p->begun = true;
    p->logged_us = 0;
    round_begin(p->round);
    producer_status_begin_publishing(p->status);
    service_ready();
    log_info(MOD, "publishing", LF_INT("epoch", p->port.epoch(p->port.leader)),
             LF_TEXT("topic", p->conf->shared.topic.name));
    return STATUS_OK;
}

/* --- leadership --- */

static enum status become_leader(struct producer *p, struct err *err)
{
    struct leader *leader = p->port.leader;
    enum status rc = p->port.take(leader, err);
    if (rc == STATUS_STANDBY) {
        producer_status_enter(p->status, PRODUCER_STANDBY, "another producer is the leader");
        backoff_reset(&p->backoff);
        service_alive();
        (void)signals_sleep(STANDBY_POLL_MS);
        return STATUS_OK;
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    producer_status_set_leader(p->status, p->port.epoch(leader),
                               p->port.identity(leader)->database);
    producer_status_enter(p->status, PRODUCER_LEADER, "took the lock");
    return STATUS_OK;
}

static void check_leadership(struct producer *p)
{
    struct err err = {0};
    bool held = p->port.is_held(p->port.leader);
    if (held && p->port.check(p->port.leader, &err) == STATUS_OK) {
        return;
    }
    if (held) {
        log_failure(LOG_WARN, MOD, "leadership_lost", &err,
                    LOG_FIELDS(LF_MSG("nothing is published until the lock is ours again")));
        p->port.drop(p->port.leader);
    }
    outbox_close(p->outbox);
    producer_status_lose_lock(p->status);
}

/* --- recovery --- */

static bool is_news(const struct producer *p, const struct err *err)
{
    return p->logged_us == 0 || clock_monotonic_us() - p->logged_us > LOG_AGAIN_US ||
           err->status != p->logged.status || strcmp(err->msg, p->logged.msg) != 0;
}

static void note_failure(struct producer *p, const struct err *err, int64_t pause_ms)
{
    metric_add(p->metrics.failures, 1);
    if (is_news(p, err)) {
        log_failure(LOG_WARN, MOD, "failed", err,
                    LOG_FIELDS(LF_INT("backoff_ms", pause_ms),
                               LF_INT("unsettled", outbox_unsettled(p->outbox))));
        p->logged = *err;
        p->logged_us = clock_monotonic_us();
    }
    producer_status_note_failure(p->status, err);
    p->begun = false;
}

/* Lock and epoch decide whether a successor fenced us, or the broker ended our transaction. */
static enum status judge_fence(struct producer *p, struct err *err)
{
    struct err answer = {0};
    enum status rc = p->port.confirm(p->port.leader, &answer);
    p->fenced_us = clock_monotonic_us();
    if (rc == STATUS_FENCED) {
        *err = answer;
        return rc;
    }
    if (rc == STATUS_OK) {
        log_failure(LOG_WARN, MOD, "fenced", err,
                    LOG_FIELDS(LF_MSG("lock and epoch are still ours: a new Kafka client goes on; "
                                      "if this repeats, another producer with another database "
                                      "writes to the same topic")));
    }
    return STATUS_OK;
}

/* Aborts what is open, and forgets what was published and not settled. */
static enum status abort_outbox(struct producer *p, enum status rc, struct err *err)
{
    struct err second = {0};
    enum status abort_rc = outbox_abort(p->outbox, &second);
    bool same_client =
        rc != STATUS_CLIENT_BROKEN && rc != STATUS_FENCED && rc != STATUS_STREAM_ENDED;
    if (abort_rc != STATUS_OK || !same_client) {
        outbox_close(p->outbox);
    }
    if (rc == STATUS_FENCED) {
        return judge_fence(p, err);
    }
    if (abort_rc == STATUS_FENCED) {
        *err = second;
        return judge_fence(p, err);
    }
    return STATUS_OK;
}

/* Failures that waiting cannot mend; FENCED is judged apart. */
static bool ends_loop(enum status rc)
{
    return rc == STATUS_CONFIG || rc == STATUS_USAGE;
}

/* After any failure: start over, and read from the start. */
static enum status recover(struct producer *p, enum status rc, struct err *err)
{
    int minimum_ms = status_class(rc) == CLASS_FATAL ? PROBE_MIN_MS : 0;
    int64_t pause_ms = backoff_next_ms(&p->backoff, minimum_ms);
    note_failure(p, err, pause_ms);
    round_read_again(p->round);
    if (rc == STATUS_TOPIC_UNFIT || rc == STATUS_STREAM_ENDED) {
        p->topic_seen = false;
    }
    rc = abort_outbox(p, rc, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    close_tail(p);
    check_leadership(p);
    service_alive();
    (void)signals_sleep((int)pause_ms);
    return STATUS_OK;
}

static bool was_fenced_lately(const struct producer *p)
{
    return p->fenced_us != 0 && clock_monotonic_us() - p->fenced_us < FENCED_AGAIN_US;
}

static enum status step(struct producer *p, struct err *err)
{
    if (!p->port.is_held(p->port.leader)) {
        return become_leader(p, err);
    }
    enum status rc = become_ready(p, err);
    if (rc == STATUS_OK) {
        rc = round_run(p->round, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    if (!was_fenced_lately(p)) {
        backoff_reset(&p->backoff);
    }
    int64_t pace_ms = round_pace_ms(p->round, p->conf->producer.idle_poll_ms);
    if (pace_ms > 0) {
        (void)signals_sleep((int)pace_ms);
    }
    return STATUS_OK;
}

static void stop(struct producer *p)
{
    struct err err = {0};
    size_t unsettled = outbox_unsettled(p->outbox);
    producer_status_enter(p->status, PRODUCER_STOPPING, "asked to stop");
    if (unsettled > 0 && outbox_settle(p->outbox, &err) != STATUS_OK) {
        log_failure(
            LOG_WARN, MOD, "not_settled", &err,
            LOG_FIELDS(LF_INT("count", unsettled),
                       LF_MSG("these marks stay and are published again by the next start")));
        return;
    }
    if (p->tail_open && streams_stop(p->streams, &err) != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "stream_not_noted", &err,
                    LOG_FIELDS(LF_MSG("the next start reads a little more of the topic")));
    }
}

enum status producer_run(struct producer *p, struct err *err)
{
    enum status rc = STATUS_OK;
    while (rc == STATUS_OK && !signals_stop_requested()) {
        rc = step(p, err);
        if (rc == STATUS_OK || ends_loop(rc)) {
            continue;
        }
        if (signals_stop_requested()) {
            rc = STATUS_OK; /* stopping: the marks stay */
            outbox_uncover(p->outbox);
        } else {
            rc = recover(p, rc, err);
        }
    }
    if (rc == STATUS_OK) {
        stop(p);
    }
    return rc;
}
