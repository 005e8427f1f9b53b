#include "consumer/intake/assignment.h"

#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/kafka/kafka_err.h"

#define MOD "intake"

void assignment_free_list(struct assignment *a)
{
    mem_free(a->list);
}

static bool has_partition(const rd_kafka_topic_partition_list_t *list, int32_t partition)
{
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        if (list->elems[i].partition == partition) {
            return true;
        }
    }
    return false;
}

bool assignment_has(const struct assignment *a, int32_t partition)
{
    for (size_t i = 0; i < a->count; i++) {
        if (a->list[i] == partition) {
            return true;
        }
    }
    return false;
}

bool assignment_delivers(const struct assignment *a, int32_t partition)
{
    return assignment_has(a, partition) && !has_partition(a->leaving, partition);
}

static void remember(struct assignment *a, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        if (assignment_has(a, list->elems[i].partition)) {
            continue;
        }
        if (a->count == a->capacity) {
            a->capacity = mem_grow_capacity(a->capacity, a->count + 1);
            a->list = mem_realloc(a->list, a->capacity, sizeof *a->list);
        }
        a->list[a->count++] = list->elems[i].partition;
    }
}

static void forget(struct assignment *a, const rd_kafka_topic_partition_list_t *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < a->count; i++) {
        if (!has_partition(list, a->list[i])) {
            a->list[kept++] = a->list[i];
        }
    }
    a->count = kept;
}

static void log_refused(const char *event, const struct assignment *a, rd_kafka_error_t *error)
{
    struct err err;
    if (kafka_err_object(&err, error, "rebalance") != STATUS_OK) {
        log_failure(LOG_WARN, MOD, event, &err, LOG_FIELDS(LF_TEXT("group", a->group)));
    }
}

static void apply_pause(const struct assignment *a)
{
    if (a->count == 0) {
        return;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)a->count);
    for (size_t i = 0; i < a->count; i++) {
        (void)rd_kafka_topic_partition_list_add(list, a->topic, a->list[i]);
    }
    const rd_kafka_resp_err_t code = a->paused ? rd_kafka_pause_partitions(a->client, list)
                                               : rd_kafka_resume_partitions(a->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_warn(MOD, "pause_failed", LF_TEXT("group", a->group), LF_MSG(rd_kafka_err2str(code)));
    }
}

void assignment_add(struct assignment *a, const rd_kafka_topic_partition_list_t *list)
{
    log_refused("assign", a, rd_kafka_incremental_assign(a->client, list));
    remember(a, list);
    if (a->paused) {
        apply_pause(a);
    }
}

void assignment_remove(struct assignment *a, const rd_kafka_topic_partition_list_t *list)
{
    forget(a, list);
    log_refused("unassign", a, rd_kafka_incremental_unassign(a->client, list));
}

void assignment_begin_leaving(struct assignment *a, rd_kafka_topic_partition_list_t *list)
{
    a->leaving = list;
}

void assignment_release_leaving(struct assignment *a)
{
    if (a->leaving == NULL) {
        return;
    }
    assignment_remove(a, a->leaving);
    rd_kafka_topic_partition_list_destroy(a->leaving);
    a->leaving = NULL;
}

void assignment_pause(struct assignment *a, bool paused)
{
    if (a->paused != paused) {
        a->paused = paused;
        apply_pause(a);
    }
}
