#include "consumer/lane/verify.h"

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"

#define MOD "verify"

#define STORE_EVERY_US INT64_C(5000000)
/* A round of all partitions takes this share of verify_every: reads may be late. */
#define PACE_PERCENT 90
/* Reads that points delayed are made up for, at most so many at once. */
#define LATE_READS 10

static const struct store_conf *conf_of(const struct verify *v)
{
    return v->c->options->store_conf;
}

static bool is_rolling(const struct verify *v)
{
    return conf_of(v)->verify.every_ms > 0 && !v->c->options->once;
}

enum status verify_open(struct verify *v,
                        const struct lane_context *c,
                        struct requests *requests,
                        struct err *err)
{
    *v = (struct verify){.c = c, .opened_us = clock_wall_us()};
    comparison_open(&v->comparison, c, requests);
    rounds_open(&v->rounds, c, &v->comparison);
    if (!c->sink->writes) {
        return STATUS_OK;
    }
    v->comparison.tasks[READ_TO_VERIFY] =
        (struct compare_task){.repair = conf_of(v)->verify.drift == DRIFT_REPAIR};
    enum status rc = c->ports->state->verify.lane_lock(c->state, err);
    return rc == STATUS_OK
               ? c->ports->state->verify.open(c->state, &v->comparison.differences.open, err)
               : rc;
}

void verify_close(struct verify *v)
{
    rounds_close(&v->rounds);
    comparison_close(&v->comparison);
    level_walk_release(&v->walk);
    *v = (struct verify){0};
}

/* --- partitions --- */

/* Passes are read again: others have gone on with the partitions that came. */
static void begin_again(struct verify *v)
{
    level_walk_release(&v->walk);
    v->is_on = v->is_known = false;
    rounds_note_partitions(&v->rounds,
                           (struct own_partitions){.list = v->own, .count = v->own_count});
}

void verify_note_assigned(struct verify *v, const int32_t *partitions, size_t count)
{
    for (size_t i = 0; i < count && v->own_count < VERIFY_PARTITIONS; i++) {
        v->own[v->own_count++] = partitions[i];
    }
    begin_again(v);
}

void verify_note_revoked(struct verify *v, const int32_t *partitions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = v->own_count; k > 0; k--) {
            if (v->own[k - 1] == partitions[i]) {
                v->own[k - 1] = v->own[--v->own_count];
            }
        }
    }
    comparison_drop(&v->comparison);
    begin_again(v);
}

static void take_pass(void *arg, const struct state_pass *pass)
{
    struct verify *v = arg;
    for (size_t i = 0; i < v->own_count; i++) {
        if (v->own[i] == pass->partition) {
            v->passes[i] = *pass;
        }
    }
}

static enum status know_passes(struct verify *v, struct err *err)
{
    if (v->is_known) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < v->own_count; i++) {
        v->passes[i] = (struct state_pass){.partition = v->own[i]};
    }
    v->is_known = true;
    return v->c->ports->state->verify.passes(v->c->state, take_pass, v, err);
}

/* --- the pass under way --- */

static bool is_of_pass(void *arg, int32_t product_id)
{
    const struct verify *v = arg;
    return v->c->ports->source->partition_of(v->c->source, product_id) == v->own[v->pass];
}

static bool is_under_way(const struct state_pass *pass)
{
    return pass->began_us > pass->done_us;
}

/* One that was left in the middle goes on; else the partition that waits longest is next. */
static size_t choose_pass(const struct verify *v)
{
    size_t best = 0;
    for (size_t i = 1; i < v->own_count; i++) {
        const struct state_pass *a = &v->passes[i];
        const struct state_pass *b = &v->passes[best];
        bool earlier =
            is_under_way(a) == is_under_way(b) ? a->done_us < b->done_us : is_under_way(a);
        best = earlier ? i : best;
    }
    return best;
}

static enum status store_pass(struct verify *v, struct err *err)
{
    v->store_at_us = clock_monotonic_us() + STORE_EVERY_US;
    return v->c->ports->state->verify.pass_store(v->c->state, &v->passes[v->pass], err);
}

static enum status begin_pass(struct verify *v, struct err *err)
{
    v->pass = choose_pass(v);
    struct state_pass *pass = &v->passes[v->pass];
    if (!is_under_way(pass)) {
        pass->began_us = clock_wall_us();
        pass->product_id = 0;
    }
    level_walk_begin(&v->walk, v->c, is_of_pass, v, pass->product_id);
    v->is_on = true;
    return store_pass(v, err);
}

static enum status end_pass(struct verify *v, struct err *err)
{
    struct state_pass *pass = &v->passes[v->pass];
    pass->done_us = pass->began_us;
    pass->product_id = 0;
    level_walk_release(&v->walk);
    v->is_on = false;
    differences_end_log(&v->comparison.differences);
    enum status rc = store_pass(v, err);
    return rc == STATUS_OK ? v->c->ports->state->verify.tidy(v->c->state, err) : rc;
}

/* --- pace --- */

/* Between two reads: portions of all products that are sold, and as many partial ones as there are
 * partitions, at each location. */
static int64_t interval_us(const struct verify *v)
{
    const struct lane_context *c = v->c;
    int32_t all = c->ports->source->partition_count(c->source);
    size_t products = sku_claims_count(c->claims);
    size_t share = all > 0 ? products * v->own_count / (size_t)all : products;
    size_t portions = share / INVENTORY_MAX_ENTRIES + v->own_count;
    size_t locations = c->rules.location_count > 0 ? c->rules.location_count : 1;
    int64_t round_us = conf_of(v)->verify.every_ms * 1000 / 100 * PACE_PERCENT;
    return round_us / (int64_t)(portions * locations);
}

static int64_t oldest_us(const struct verify *v)
{
    int64_t oldest = INT64_MAX;
    for (size_t i = 0; i < v->own_count; i++) {
        int64_t done = v->passes[i].done_us;
        done = done > 0 ? done : v->opened_us;
        oldest = done < oldest ? done : oldest;
    }
    return oldest;
}

/* After a time without points or without a lane, reads go at twice the pace. */
static int64_t pace_us(const struct verify *v)
{
    bool late = clock_wall_us() - oldest_us(v) > 2 * conf_of(v)->verify.every_ms * 1000;
    return late ? interval_us(v) / 2 : interval_us(v);
}

/* When the next read is due, by the products that are known now: a new store learns them while it
 * reads the topic. */
static int64_t read_at_us(const struct verify *v)
{
    return v->paced_us == 0 ? 0 : v->paced_us + pace_us(v);
}

static void note_read(struct verify *v)
{
    int64_t now = clock_monotonic_us();
    int64_t pace = pace_us(v);
    v->paced_us = v->paced_us == 0 ? now : v->paced_us + pace;
    if (v->paced_us < now - LATE_READS * pace) {
        v->paced_us = now - LATE_READS * pace;
    }
}

/* --- turns --- */

/* Before that no product has a partition, and a pass would be over at once. */
static bool knows_partitions(const struct verify *v)
{
    return v->own_count > 0 && v->c->ports->source->partition_count(v->c->source) > 0;
}

static bool may_do_rounds(const struct verify *v, bool may_read)
{
    return knows_partitions(v) && (may_read || rounds_is_busy(&v->rounds));
}

/* What nothing depends on goes last. */
static bool is_idle(const struct verify *v)
{
    const struct coalescer *levels = v->c->coalescer;
    return coalescer_count(levels, LEVEL_READY) == 0 && coalescer_count(levels, LEVEL_UNREAD) == 0;
}

static bool may_roll(const struct verify *v, bool may_read, bool is_held)
{
    return may_read && !is_held && is_rolling(v) && knows_partitions(v) &&
           !rounds_is_busy(&v->rounds) && is_idle(v);
}

static enum status move_cursor(struct verify *v, struct err *err)
{
    struct state_pass *pass = &v->passes[v->pass];
    int32_t passed = level_walk_passed(&v->walk);
    pass->product_id = passed > pass->product_id ? passed : pass->product_id;
    return clock_monotonic_us() >= v->store_at_us ? store_pass(v, err) : STATUS_OK;
}

/* One read at a time: when none is on its way, the portions before are compared. */
static enum status roll(struct verify *v, struct err *err)
{
    struct level_portion portion;
    struct comparison *x = &v->comparison;
    if (x->waiting[READ_TO_VERIFY] > 0) {
        return STATUS_OK;
    }
    enum status rc = know_passes(v, err);
    if (rc == STATUS_OK && v->is_on) {
        rc = level_walk_has_ended(&v->walk) ? end_pass(v, err) : move_cursor(v, err);
    }
    if (rc != STATUS_OK || clock_monotonic_us() < read_at_us(v) ||
        !comparison_may_read(x, READ_TO_VERIFY, 1)) {
        return rc;
    }
    rc = v->is_on ? STATUS_OK : begin_pass(v, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    note_read(v);
    return level_walk_next(&v->walk, &portion) ? comparison_read(x, READ_TO_VERIFY, &portion, err)
                                               : STATUS_OK;
}

/* A requested round over everything is a pass over each of our partitions. */
static enum status take_round(struct verify *v, const struct round_end *end, struct err *err)
{
    if (!end->complete) {
        return STATUS_OK;
    }
    enum status rc = know_passes(v, err);
    v->is_on = false;
    level_walk_release(&v->walk);
    for (size_t i = 0; i < v->own_count && rc == STATUS_OK; i++) {
        v->pass = i;
        v->passes[i] = (struct state_pass){
            .partition = v->own[i], .began_us = end->began_us, .done_us = end->began_us};
        rc = store_pass(v, err);
    }
    return rc;
}

enum status verify_turn(struct verify *v, bool may_read, const char *held, struct err *err)
{
    struct round_end end = {0};
    if (!v->c->sink->writes) {
        return STATUS_OK;
    }
    enum status rc = comparison_turn(&v->comparison, may_read, held, err);
    if (rc == STATUS_OK && may_do_rounds(v, may_read)) {
        rc = rounds_turn(&v->rounds, may_read, &end, err);
    }
    if (rc == STATUS_OK) {
        rc = take_round(v, &end, err);
    }
    return rc == STATUS_OK && may_roll(v, may_read, held != NULL) ? roll(v, err) : rc;
}

int64_t verify_due_us(const struct verify *v, bool may_read, bool is_held)
{
    if (!v->c->sink->writes) {
        return INT64_MAX;
    }
    int64_t next = comparison_due_us(&v->comparison, may_read);
    if (may_do_rounds(v, may_read)) {
        int64_t round = rounds_due_us(&v->rounds, may_read);
        next = round < next ? round : next;
    }
    if (may_roll(v, may_read, is_held) && v->comparison.waiting[READ_TO_VERIFY] == 0 &&
        requests_free_slot(v->comparison.requests) != NULL) {
        int64_t points = comparison_points_us(&v->comparison);
        int64_t paced = read_at_us(v);
        int64_t roll_us = points > paced ? points : paced;
        next = roll_us < next ? roll_us : next;
    }
    return next;
}

bool verify_is_done(const struct verify *v)
{
    return !v->c->sink->writes || v->own_count == 0 ||
           (rounds_are_done(&v->rounds) && v->comparison.differences.count == 0);
}

void verify_fill_view(const struct verify *v, struct verify_view *view)
{
    bool known = is_rolling(v) && v->is_known && v->own_count > 0;
    *view = (struct verify_view){.oldest_us = known ? oldest_us(v) : 0,
                                 .open = v->comparison.differences.open,
                                 .round = v->rounds.now.id};
}
