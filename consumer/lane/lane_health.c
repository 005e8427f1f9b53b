#include "consumer/lane/lane_health.h"

#include <string.h>

#include "common/core/clock.h"

void lane_health_init(struct health *health)
{
    *health = (struct health){.count = 3,
                              .list = {[LANE_SERVER_STATE] = {.name = "state"},
                                       [LANE_SERVER_KAFKA] = {.name = "kafka"},
                                       [LANE_SERVER_STORE] = {.name = "store", .on_demand = true}}};
}

void lane_health_note_opened(struct health *health)
{
    int64_t now = clock_monotonic_us();
    health->rests = false;
    health_note_answer(&health->list[LANE_SERVER_STATE], now);
    health_note_answer(&health->list[LANE_SERVER_STORE], now);
}

void lane_health_note_state(struct health *health)
{
    health_note_answer(&health->list[LANE_SERVER_STATE], clock_monotonic_us());
}

void lane_health_follow(struct health *health,
                        const struct source_health *source,
                        const struct requests *requests)
{
    struct health_server *store = &health->list[LANE_SERVER_STORE];
    const struct store_answers *a = &requests->answers;
    source_health_show(source, &health->list[LANE_SERVER_KAFKA]);
    store->asked_us = requests_asked_us(requests);
    if (a->failed_us > store->failed_us) {
        health_note_failure(store, a->failed_us, a->why);
    }
    if (a->answered_us > store->answered_us) {
        store->answered_us = a->answered_us;
    }
}

static bool is_failure_of_kafka(const struct health_server *kafka, const struct err *err)
{
    size_t len = strlen(kafka->why);
    return err->status == STATUS_BROKER_LOST || err->status == STATUS_CLIENT_BROKEN ||
           (len > 0 && strncmp(kafka->why, err->msg, len) == 0);
}

static bool is_failure_of_store(enum status rc)
{
    return rc == STATUS_STORE_LOST || rc == STATUS_OUTCOME_UNKNOWN || rc == STATUS_THROTTLED ||
           rc == STATUS_TIMED_OUT;
}

void lane_health_note_failure(struct health *health, enum status rc, const struct err *err)
{
    struct health_server *kafka = &health->list[LANE_SERVER_KAFKA];
    struct health_server *state = &health->list[LANE_SERVER_STATE];
    struct health_server *store = &health->list[LANE_SERVER_STORE];
    int64_t now = clock_monotonic_us();
    store->asked_us = 0;
    health->rests = status_class(rc) == CLASS_STORE;
    if (health->rests || is_failure_of_store(rc)) {
        health_note_answer(state, now); /* it was opened before the store */
    }
    if (health->rests) {
        health_note_answer(store, now);
    } else if (is_failure_of_store(rc)) {
        health_note_failure(store, now, err->msg);
    } else if (is_failure_of_kafka(kafka, err)) {
        health_note_failure(kafka, now, err->msg);
    } else {
        health_note_failure(state, now, err->msg);
    }
}

void lane_health_set_gauges(const struct health *health, const struct lane_metrics *metrics)
{
    int64_t offset_us = clock_wall_us() - clock_monotonic_us();
    for (unsigned i = 0; i < health->count; i++) {
        int64_t answered_us = health->list[i].answered_us;
        metric_set(metrics->answered[i],
                   answered_us > 0 ? (double)(answered_us + offset_us) / 1e6 : 0);
    }
}
