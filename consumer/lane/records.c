#include "consumer/lane/records.h"

#include <string.h>

#include "common/core/logger.h"
#include "common/core/mem.h"

#define MOD "lane"

#define COMMIT_WAIT_MS 5000

/* Of a partition: read to its end now, and once since it was assigned. */
enum { END_NOW = 1, END_ONCE = 2 };

void records_open(struct records *r,
                  const struct lane_context *c,
                  struct planner *planner,
                  struct replan *replan)
{
    *r = (struct records){.c = c, .planner = planner, .replan = replan};
    blocked_partitions_open(&r->blocked, c, planner);
}

void records_close(struct records *r)
{
    blocked_partitions_close(&r->blocked);
    mem_free(r->at_end);
    *r = (struct records){0};
}

static void note_end(struct records *r, int32_t partition, bool at_end)
{
    size_t index = (size_t)partition;
    if (index >= r->at_end_size) {
        size_t size = mem_grow_capacity(r->at_end_size, index + 1);
        r->at_end = mem_realloc(r->at_end, size, sizeof *r->at_end);
        memset(r->at_end + r->at_end_size, 0, size - r->at_end_size);
        r->at_end_size = size;
    }
    r->at_end[index] = at_end ? END_NOW | END_ONCE : r->at_end[index] & END_ONCE;
}

void records_note_assigned(struct records *r, int32_t partition)
{
    note_end(r, partition, false);
    r->at_end[partition] = 0;
    blocked_partitions_note_assigned(&r->blocked);
}

void records_drop(struct records *r, int32_t partition)
{
    blocked_partitions_drop(&r->blocked, partition);
}

/* A partition that a record blocks is read as far as it can be. */
static bool has_ends(const struct records *r, unsigned char which)
{
    size_t ends = 0;
    for (size_t i = 0; i < r->at_end_size; i++) {
        bool ended = (r->at_end[i] & which) != 0 || blocked_partitions_has(&r->blocked, (int32_t)i);
        ends += ended && offset_ledger_is_open(r->c->ledger, (int32_t)i);
    }
    size_t assigned = r->c->ports->source->assigned_count(r->c->source);
    return assigned > 0 && ends >= assigned;
}

bool records_at_end(const struct records *r)
{
    return has_ends(r, END_NOW);
}

/*
 * The partition's log went back: the group reads on from what is there. Where records of the log
 * before were planned, all of the session is in doubt.
 */
static enum status
follow_back(const struct records *r, const struct source_event *event, struct err *err)
{
    const struct lane_context *c = r->c;
    const struct partition_offset one = {.partition = event->partition,
                                         .next_offset = event->offset};
    if (event->gone_back_from == 0) {
        return STATUS_OK;
    }
    enum status rc = c->sink->writes
                         ? c->ports->source->commit_wait(c->source, &one, 1, COMMIT_WAIT_MS, err)
                         : STATUS_OK;
    if (rc != STATUS_OK || offset_ledger_last(c->ledger, event->partition) < 0) {
        return rc;
    }
    return err_set(err, STATUS_RENEW, "partition %d went back from offset %lld to %lld",
                   (int)event->partition, (long long)event->gone_back_from,
                   (long long)event->offset);
}

static enum status take_record(struct records *r, const struct source_event *event, struct err *err)
{
    struct record_position at;
    bool admitted = false;
    if (blocked_partitions_has(&r->blocked, event->partition)) {
        /* neither planned, which would overtake, nor dropped: a new session reads it again */
        return err_set(err, STATUS_CLIENT_BROKEN,
                       "partition %d delivers records although it is paused",
                       (int)event->partition);
    }
    if (offset_ledger_add(r->c->ledger, event->partition, event->offset, &at) != STATUS_OK) {
        return STATUS_OK; /* of a partition that left, or delivered twice */
    }
    planner_hold(r->planner, at);
    metric_add(r->c->metrics->record.read, 1);
    note_end(r, event->partition, false);
    enum status rc = source_guard_admits(r->planner->guard, event, at, &admitted, err);
    if (rc != STATUS_OK || !admitted) {
        return rc;
    }
    rc = planner_plan(r->planner, event, at, err);
    if (rc == STATUS_SCHEMA_UNKNOWN) {
        blocked_partitions_add(&r->blocked, event, at, err);
        replan_note_blocked(r->replan, event->partition);
        return STATUS_OK;
    }
    blocked_partitions_note_passed(&r->blocked, event->partition, event->offset);
    return rc;
}

/* @return STATUS_OK: *event is the last one taken, an assignment or SOURCE_NOTHING */
static enum status
take_events(struct records *r, bool *busy, struct source_event *event, struct err *err)
{
    *busy = true;
    while (planner_held(r->planner) < LANE_TURN_RECORDS) {
        enum status rc = r->c->ports->source->poll(r->c->source, event, err);
        if (rc == STATUS_BROKER_LOST) { /* the client reconnects on its own; polling must go on */
            log_failure(LOG_WARN, MOD, "kafka_lost", err,
                        LOG_FIELDS(LF_TEXT("store", r->c->store->name)));
            *busy = false;
            break;
        }
        if (rc != STATUS_OK) {
            return rc;
        }
        switch (event->type) {
        case SOURCE_NOTHING:
            *busy = false;
            return STATUS_OK;
        case SOURCE_RECORD:
            rc = follow_back(r, event, err);
            rc = rc == STATUS_OK ? take_record(r, event, err) : rc;
            break;
        case SOURCE_AT_END:
            rc = follow_back(r, event, err);
            note_end(r, event->partition, true);
            blocked_partitions_note_passed(&r->blocked, event->partition, INT64_MAX);
            replan_note_end(r->replan, event->partition);
            break;
        case SOURCE_ASSIGNED:
        case SOURCE_REVOKED:
        case SOURCE_LOST:
            return STATUS_OK; /* the turn is stored before the assignment changes */
        }
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    event->type = SOURCE_NOTHING;
    return STATUS_OK;
}

enum status records_take(struct records *r, bool *busy, struct source_event *event, struct err *err)
{
    *event = (struct source_event){.type = SOURCE_NOTHING};
    planner_begin(r->planner);
    enum status rc = blocked_partitions_turn(&r->blocked, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = take_events(r, busy, event, err);
    brake_control_note_caught_up(r->planner->brake, has_ends(r, END_ONCE));
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = planner_store(r->planner, err);
    return rc == STATUS_OK ? blocked_partitions_settle(&r->blocked, err) : rc;
}
