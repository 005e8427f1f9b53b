#include "consumer/lane/parking.h"

#include "common/core/logger.h"
#include "consumer/plan/parked_pace.h"

#define MOD "lane"

/* Fixed rows of one turn that are named one by one. */
#define NAMED_MAX 10

static void report(const struct lane_context *c, const struct state_parked *row)
{
    if (row->key.item != 0) {
        log_warn(MOD, "parked", LF_TEXT("store", c->store->name),
                 LF_INT("product", row->product_id), LF_INT("item", row->key.item),
                 LF_INT("location", row->key.location), LF_TEXT("reason", row->reason),
                 LF_TEXT("origin", row->code), LF_MSG(row->detail));
        return;
    }
    log_warn(MOD, "parked", LF_TEXT("store", c->store->name), LF_INT("product", row->product_id),
             LF_INT("partition", row->partition), LF_INT("offset", row->offset),
             LF_TEXT("reason", row->reason), LF_MSG(row->detail));
}

enum status parking_store(const struct lane_context *c,
                          struct state_parked *rows,
                          size_t count,
                          struct err *err)
{
    if (count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i].wait_s = parked_pace_s(rows[i].reason);
    }
    enum status rc = c->ports->state->parked.park(c->state, rows, count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i].first) {
            report(c, &rows[i]);
        }
        metric_add(rows[i].first ? c->metrics->parked.parked : c->metrics->parked.again, 1);
    }
    return STATUS_OK;
}

void parking_describe_level(const struct lane_context *c,
                            const struct level *level,
                            struct state_parked *row)
{
    const struct desired *desired = &level->desired;
    bool from_topic = desired->at.partition >= 0;
    int32_t partition = from_topic ? desired->at.partition : desired->row_partition;
    *row = (struct state_parked){.product_id = desired->product_id,
                                 .key = level->key,
                                 .topic = c->options->shared.topic,
                                 .partition = partition,
                                 .offset = from_topic ? desired->at.offset : -1,
                                 .revision = desired->revision,
                                 .quantity = desired->quantity};
    state_subject_level(row->subject, level->key);
}

void parking_report_fixed(const struct lane_context *c, const char *const *subjects, size_t count)
{
    metric_add(c->metrics->parked.fixed, count);
    for (size_t i = 0; i < count && i < NAMED_MAX; i++) {
        log_info(MOD, "fixed", LF_TEXT("store", c->store->name), LF_TEXT("parked", subjects[i]),
                 LF_MSG("not parked any more: applied, or decided by a later record"));
    }
    if (count > NAMED_MAX) {
        log_info(MOD, "fixed", LF_TEXT("store", c->store->name), LF_INT("count", count - NAMED_MAX),
                 LF_MSG("further rows at the same time"));
    }
}
