#include "consumer/intake/source_health.h"

#include <stdio.h>

void source_health_begin(struct source_health *h, int64_t now_us)
{
    *h = (struct source_health){.begun_us = now_us};
}

static void hear(struct source_health *h, int64_t now_us)
{
    h->heard_us = now_us;
    if (h->is_member) {
        h->answered_us = now_us;
    }
}

void source_health_note_stats(struct source_health *h,
                              const struct kafka_stats *stats,
                              int64_t now_us)
{
    bool has_answers = !h->is_stale && stats->received > h->received;
    h->is_stale = false;
    h->received = stats->received;
    if (has_answers && stats->silent_us < SOURCE_SILENCE_US) {
        hear(h, now_us);
    }
}

void source_health_note_joined(struct source_health *h, int64_t now_us)
{
    h->is_member = true;
    hear(h, now_us);
}

void source_health_note_left(struct source_health *h)
{
    h->is_member = false;
}

void source_health_note_lost(struct source_health *h, int64_t now_us)
{
    h->is_member = false;
    source_health_note_failure(h, now_us, false, "the group has taken the partitions away");
}

void source_health_note_failure(struct source_health *h, int64_t now_us, bool down, const char *why)
{
    h->failed_us = now_us;
    h->down_us = down ? now_us : h->down_us;
    h->is_stale = h->is_stale || down;
    (void)snprintf(h->why, sizeof h->why, "%s", why);
}

enum status source_health_check(const struct source_health *h, int64_t now_us, struct err *err)
{
    int64_t since_us = h->heard_us > 0 ? h->heard_us : h->begun_us;
    int64_t silent_us = now_us - since_us;
    if (h->down_us > 0 && h->down_us >= h->heard_us) {
        return err_set(err, STATUS_BROKER_LOST, SOURCE_DOWN);
    }
    if (silent_us >= SOURCE_SILENCE_US) {
        return err_set(err, STATUS_BROKER_LOST, "no answer from the Kafka cluster for %lld s",
                       (long long)(silent_us / 1000000));
    }
    return STATUS_OK;
}

void source_health_show(const struct source_health *h, struct health_server *kafka)
{
    bool has_failed = h->failed_us > 0 && h->failed_us >= h->answered_us;
    kafka->answered_us = h->answered_us > 0 ? h->answered_us : kafka->answered_us;
    kafka->failed_us = h->failed_us > 0 ? h->failed_us : kafka->failed_us;
    if (has_failed) {
        (void)snprintf(kafka->why, sizeof kafka->why, "%s", h->why);
    } else {
        (void)snprintf(kafka->why, sizeof kafka->why, "%s",
                       h->is_member ? "" : "the group has not assigned partitions yet");
    }
}
