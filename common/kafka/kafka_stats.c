#include "common/kafka/kafka_stats.h"

#include <jansson.h>

static int64_t number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void add_broker(struct kafka_stats *stats, const json_t *broker)
{
    int64_t received_us = number(broker, "rxidle");
    int64_t sent_us = number(broker, "txidle");
    int64_t silent_us = received_us < 0 || sent_us < received_us ? sent_us : received_us;
    bool is_broker = number(broker, "nodeid") >= 0; /* else an address, or the coordinator */
    stats->received += number(broker, "rx");
    if (is_broker && number(broker, "waitresp_cnt") > 0 && silent_us > stats->silent_us) {
        stats->silent_us = silent_us;
    }
}

bool kafka_stats_read(const char *json, size_t len, struct kafka_stats *stats)
{
    json_error_t error;
    const char *name = NULL;
    json_t *broker = NULL;
    json_t *root = json_loadb(json, len, 0, &error);
    json_t *brokers = json_object_get(root, "brokers");
    bool found = json_is_object(brokers);
    *stats = (struct kafka_stats){0};
    json_object_foreach(brokers, name, broker)
    {
        add_broker(stats, broker);
    }
    json_decref(root);
    return found;
}
