#include "producer/app/full_pass.h"

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "producer/app/kit_log.h"

#define MOD "full_pass"

/* Products compared together: a fresh change waits for one piece. */
#define PIECE 200
/* The pass takes a fifth of the time at most. */
#define PAUSE_FACTOR 4
/* The first pass begins after this part of the interval, 5 minutes of a day, or half more or less:
 * producers that start together do not compare together. */
#define FIRST_PART  288
#define PROGRESS_US INT64_C(60000000)

struct full_pass {
    struct full_pass_port port;
    int64_t every_ms;
    struct producer_status *status;
    const struct producer_metrics *metrics;
    struct full_pass_state state;
    struct id_list ids; /* of the piece, like digests */
    struct published_list digests;
    int64_t after_us; /* monotonic, like the next two: when the next piece may be compared */
    int64_t first_us; /* when the first pass may begin */
    int64_t shown_us; /* when progress was logged last */
};

/* One piece, as an argument of port.snapshot. */
struct piece {
    struct full_pass *pass;
    struct full_pass_state next;
    bool finished;
};

static int64_t first_delay_us(int64_t every_ms)
{
    int64_t delay_us = every_ms > 0 ? every_ms * 1000 / FIRST_PART : 0;
    return delay_us / 2 + (delay_us > 0 ? clock_wall_us() % delay_us : 0);
}

struct full_pass *full_pass_new(const struct full_pass_port *port,
                                int64_t every_ms,
                                struct producer_status *status,
                                const struct producer_metrics *metrics)
{
    struct full_pass *p = mem_calloc(1, sizeof *p);
    p->port = *port;
    p->every_ms = every_ms;
    p->status = status;
    p->metrics = metrics;
    p->first_us = clock_monotonic_us() + first_delay_us(every_ms);
    return p;
}

void full_pass_free(struct full_pass *pass)
{
    if (pass == NULL) {
        return;
    }
    id_list_release(&pass->ids);
    published_list_release(&pass->digests);
    mem_free(pass);
}

/* What the database has becomes what we know and show. */
static enum status load(struct full_pass *p, struct err *err)
{
    enum status rc = p->port.load(p->port.conn, &p->state, err);
    if (rc == STATUS_OK) {
        producer_status_note_pass(p->status, &p->state);
    }
    return rc;
}

/* Off, a pass that was wanted is finished nevertheless. */
static bool is_on(const struct full_pass *p)
{
    return p->every_ms > 0 || p->state.wanted_us > 0;
}

enum status full_pass_open(struct full_pass *pass, struct err *err)
{
    enum status rc = STATUS_OK;
    if (pass->every_ms <= 0) {
        rc = pass->port.forget(pass->port.conn, err);
    }
    if (rc == STATUS_OK) {
        rc = load(pass, err);
    }
    if (rc == STATUS_OK && is_on(pass) && full_pass_is_running(&pass->state)) {
        log_info(MOD, "resumed", LF_INT("count", pass->state.compared),
                 LF_INT("of", pass->state.total));
    }
    return rc;
}

static bool is_due(const struct full_pass *p)
{
    if (full_pass_is_wanted(&p->state)) {
        return true;
    }
    if (p->every_ms <= 0) {
        return false;
    }
    return p->state.started_us > 0 ? clock_wall_us() >= p->state.started_us + p->every_ms * 1000
                                   : clock_monotonic_us() >= p->first_us;
}

static enum status begin_if_due(struct full_pass *p, struct err *err)
{
    bool wanted = full_pass_is_wanted(&p->state);
    if (!is_due(p)) {
        return STATUS_OK;
    }
    enum status rc = p->port.begin(p->port.conn, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = load(p, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    p->shown_us = clock_monotonic_us();
    log_info(MOD, "begun", LF_INT("of", p->state.total),
             LF_TEXT("why", wanted ? "changes passed without a mark" : "due"));
    return STATUS_OK;
}

/* The digest of the record that the product would get now; 0: the product is gone, or it cannot be
 * read: its mark leads to its being parked. */
static int64_t digest_of(const struct stock_batch *stock, size_t *at, int32_t product_id)
{
    if (*at < stock->count && stock->list[*at].product_id == product_id) {
        return product_stock_digest(&stock->list[(*at)++]);
    }
    return 0;
}

/* Marks the products of the piece that differ from their last record. */
static enum status compare(struct full_pass *p, struct full_pass_state *next, struct err *err)
{
    struct kit_table_changes changes;
    struct stock_batch stock = {0};
    struct id_list differing = {0};
    size_t at = 0;
    enum status rc = p->port.read(p->port.reader, &p->ids, &stock, &changes, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    kit_log_changes(p->metrics, &changes);
    for (size_t i = 0; i < p->ids.count; i++) {
        if (digest_of(&stock, &at, p->ids.ids[i]) != p->digests.digests[i]) {
            id_list_add(&differing, p->ids.ids[i]);
        }
    }
    if (differing.count > 0) {
        rc = p->port.mark(p->port.conn, differing.ids, differing.count, CAUSE_BACKFILL, err);
    }
    next->compared += (int64_t)p->ids.count;
    next->republished += (int64_t)differing.count;
    id_list_release(&differing);
    return rc;
}

/* In one transaction: the comparison, its marks and how far the pass is. */
static enum status compare_piece(void *arg, struct err *err)
{
    struct piece *piece = arg;
    struct full_pass *p = piece->pass;
    struct full_pass_state *next = &piece->next;
    enum status rc = p->port.next(p->port.conn, p->state.last_product, PIECE, &p->ids, &p->digests,
                                  &next->last_product, err);
    if (rc == STATUS_OK && p->ids.count > 0) {
        rc = compare(p, next, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    piece->finished = next->last_product == INT32_MAX;
    return p->port.note(p->port.conn, next, piece->finished, err);
}

static void log_progress(struct full_pass *p, int64_t now)
{
    if (now - p->shown_us >= PROGRESS_US) {
        p->shown_us = now;
        log_info(MOD, "progress", LF_INT("count", p->state.compared), LF_INT("of", p->state.total),
                 LF_INT("republished", p->state.republished));
    }
}

enum status full_pass_await_triggers(struct full_pass *pass, struct err *err)
{
    if (full_pass_is_wanted(&pass->state)) {
        return STATUS_OK;
    }
    enum status rc = pass->port.want(pass->port.conn, err);
    return rc == STATUS_OK ? load(pass, err) : rc;
}

enum status full_pass_step(struct full_pass *pass, bool *moved, struct err *err)
{
    int64_t begun = clock_monotonic_us();
    *moved = false;
    if (!is_on(pass) || begun < pass->after_us) {
        return STATUS_OK;
    }
    if (!full_pass_is_running(&pass->state) || full_pass_is_wanted(&pass->state)) {
        return begin_if_due(pass, err);
    }
    struct piece piece = {.pass = pass, .next = pass->state};
    const struct full_pass_state *next = &piece.next;
    enum status rc = pass->port.snapshot(pass->port.conn, compare_piece, &piece, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    metric_add(pass->metrics->compared, (uint64_t)(next->compared - pass->state.compared));
    metric_add(pass->metrics->republished, (uint64_t)(next->republished - pass->state.republished));
    pass->state = *next;
    producer_status_note_pass(pass->status, next);
    *moved = true;
    int64_t now = clock_monotonic_us();
    pass->after_us = now + (now - begun) * PAUSE_FACTOR;
    if (!piece.finished) {
        log_progress(pass, now);
        return STATUS_OK;
    }
    log_info(MOD, "finished", LF_INT("count", next->compared),
             LF_INT("republished", next->republished),
             LF_INT("age_ms", (clock_wall_us() - next->started_us) / 1000));
    return load(pass, err);
}
