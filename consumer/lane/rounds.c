#include "consumer/lane/rounds.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"

#define MOD "verify"

#define LOOK_EVERY_US INT64_C(1000000)
#define TELL_EVERY_US INT64_C(1000000)
/* Reads of a round at a time. The points decide how fast they go. */
#define READS_AT_A_TIME 4

void rounds_open(struct rounds *r, const struct lane_context *c, struct comparison *x)
{
    *r = (struct rounds){.c = c, .x = x};
}

static void end_now(struct rounds *r)
{
    level_walk_release(&r->walk);
    mem_free(r->parts);
    r->parts = NULL;
    r->part_count = 0;
    r->now = (struct state_round){0};
}

void rounds_close(struct rounds *r)
{
    end_now(r);
}

void rounds_note_partitions(struct rounds *r, struct own_partitions own)
{
    end_now(r);
    r->own = own;
    r->look_at_us = 0;
    r->looked = false;
}

bool rounds_is_busy(const struct rounds *r)
{
    return r->now.id != 0;
}

bool rounds_are_done(const struct rounds *r)
{
    return r->looked && !rounds_is_busy(r);
}

/* --- partitions --- */

static int32_t partition_of(const struct rounds *r, int32_t product_id)
{
    return r->c->ports->source->partition_of(r->c->source, product_id);
}

static bool is_done(const struct state_round *round, int32_t partition)
{
    const char *at = round->done;
    while (*at != '\0') {
        char *end = NULL;
        if (strtol(at, &end, 10) == partition) {
            return true;
        }
        at = *end == ',' ? end + 1 : "";
    }
    return false;
}

static bool concerns(const struct rounds *r, const struct state_round *round, int32_t partition)
{
    return (round->product_id == 0 || partition_of(r, round->product_id) == partition) &&
           !is_done(round, partition);
}

static struct state_round_part *part_of(const struct rounds *r, int32_t product_id)
{
    int32_t partition = partition_of(r, product_id);
    for (size_t i = 0; i < r->part_count; i++) {
        if (r->parts[i].partition == partition) {
            return &r->parts[i];
        }
    }
    return NULL;
}

static bool is_ours(void *arg, int32_t product_id)
{
    const struct rounds *r = arg;
    return (r->now.product_id == 0 || r->now.product_id == product_id) &&
           part_of(r, product_id) != NULL;
}

/* --- looking for rounds --- */

/* The round under way is looked for too: it may have been cancelled. */
static bool is_wanted(void *arg, const struct state_round *round)
{
    struct rounds *r = arg;
    if (rounds_is_busy(r)) {
        r->is_open = r->is_open || round->id == r->now.id;
        return false;
    }
    for (size_t i = 0; i < r->own.count; i++) {
        if (concerns(r, round, r->own.list[i])) {
            return true;
        }
    }
    return false;
}

static void count_levels(struct rounds *r)
{
    int32_t locations = (int32_t)r->c->rules.location_count;
    for (size_t i = 0; i < r->walk.count; i++) {
        struct state_round_part *part = part_of(r, r->walk.products[i]);
        part->total += locations;
        part->compared += i < r->walk.at ? locations : 0;
    }
}

static void begin(struct rounds *r, const struct state_round *round)
{
    r->now = *round;
    r->began_us = clock_wall_us();
    r->parts = mem_calloc(r->own.count, sizeof *r->parts);
    for (size_t i = 0; i < r->own.count; i++) {
        if (concerns(r, round, r->own.list[i])) {
            r->parts[r->part_count++].partition = r->own.list[i];
        }
    }
    level_walk_begin(&r->walk, r->c, is_ours, r, 0);
    r->x->tasks[READ_FOR_ROUND] = (struct compare_task){
        .request = round->id, .repair = round->repair || round->push, .push = round->push};
    r->tell_at_us = 0;
    log_info(MOD, "round", LF_TEXT("store", r->c->store->name), LF_INT("request", round->id),
             LF_INT("count", r->walk.count), LF_INT("product", round->product_id),
             LF_MSG(round->push ? "a command asks to write these products"
                                : "a command asks to compare these products with the store"));
}

static enum status look(struct rounds *r, struct err *err)
{
    struct state_round round = {0};
    int64_t now = clock_monotonic_us();
    if (now < r->look_at_us) {
        return STATUS_OK;
    }
    r->is_open = false;
    enum status rc = r->c->ports->state->verify.round_look(r->c->state, is_wanted, r, &round, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    r->look_at_us = now + LOOK_EVERY_US;
    r->looked = true;
    if (rounds_is_busy(r) && !r->is_open) {
        log_info(MOD, "round_cancelled", LF_TEXT("store", r->c->store->name),
                 LF_INT("request", r->now.id));
        differences_forget(&r->x->differences, r->now.id);
        r->x->tasks[READ_FOR_ROUND] = (struct compare_task){0}; /* reads on their way */
        end_now(r);
    } else if (round.id != 0) {
        begin(r, &round);
    }
    return STATUS_OK;
}

/* --- the round under way --- */

struct in_part {
    const struct rounds *r;
    int32_t partition;
};

static bool is_in_part(void *arg, int32_t product_id)
{
    const struct in_part *in = arg;
    return partition_of(in->r, product_id) == in->partition;
}

static enum status tell(struct rounds *r, bool done, struct err *err)
{
    const struct lane_context *c = r->c;
    int64_t now = clock_monotonic_us();
    if (!done && now < r->tell_at_us) {
        return STATUS_OK;
    }
    r->tell_at_us = now + TELL_EVERY_US;
    for (size_t i = 0; i < r->part_count; i++) {
        struct in_part in = {.r = r, .partition = r->parts[i].partition};
        r->parts[i].total = r->parts[i].compared = 0;
        r->parts[i].waiting =
            (int32_t)differences_where(&r->x->differences, r->now.id, is_in_part, &in);
    }
    count_levels(r);
    int32_t partitions = r->now.product_id != 0 ? 1 : c->ports->source->partition_count(c->source);
    return c->ports->state->verify.round_progress(c->state, r->now.id, partitions, r->parts,
                                                  r->part_count, done, err);
}

static enum status read_on(struct rounds *r, struct err *err)
{
    struct level_portion portion;
    while (comparison_may_read(r->x, READ_FOR_ROUND, READS_AT_A_TIME) &&
           level_walk_next(&r->walk, &portion)) {
        enum status rc = comparison_read(r->x, READ_FOR_ROUND, &portion, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

static bool is_compared(const struct rounds *r)
{
    return level_walk_has_ended(&r->walk) && r->x->waiting[READ_FOR_ROUND] == 0;
}

enum status rounds_turn(struct rounds *r, bool may_read, struct round_end *end, struct err *err)
{
    *end = (struct round_end){0};
    enum status rc = look(r, err);
    if (rc != STATUS_OK || !rounds_is_busy(r)) {
        return rc;
    }
    rc = may_read ? read_on(r, err) : STATUS_OK;
    if (rc != STATUS_OK) {
        return rc;
    }
    bool compared = is_compared(r);
    if (compared) {
        differences_repair(&r->x->differences, r->now.id);
    }
    bool done = compared && differences_of(&r->x->differences, r->now.id) == 0;
    rc = tell(r, done, err);
    if (rc != STATUS_OK || !done) {
        return rc;
    }
    differences_end_log(&r->x->differences);
    log_info(MOD, "round_done", LF_TEXT("store", r->c->store->name), LF_INT("request", r->now.id),
             LF_INT("count", r->walk.count));
    *end = (struct round_end){.complete = r->now.product_id == 0 && !r->now.push,
                              .began_us = r->began_us};
    end_now(r);
    r->look_at_us = 0;
    r->looked = false;
    return STATUS_OK;
}

int64_t rounds_due_us(const struct rounds *r, bool may_read)
{
    if (!rounds_is_busy(r)) {
        return r->look_at_us;
    }
    int64_t next = r->look_at_us < r->tell_at_us ? r->look_at_us : r->tell_at_us;
    if (!may_read || level_walk_has_ended(&r->walk) ||
        r->x->waiting[READ_FOR_ROUND] >= READS_AT_A_TIME ||
        requests_free_slot(r->x->requests) == NULL) {
        return next;
    }
    int64_t points = comparison_points_us(r->x);
    return points < next ? points : next;
}
