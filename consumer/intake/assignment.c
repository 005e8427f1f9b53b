#include "consumer/intake/assignment.h"

#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/kafka/kafka_err.h"

#define MOD "intake"

static void free_partitions(rd_kafka_topic_partition_list_t **list)
{
    if (*list != NULL) {
        rd_kafka_topic_partition_list_destroy(*list);
        *list = NULL;
    }
}

void assignment_free_lists(struct assignment *a)
{
    free_partitions(&a->entering);
    mem_free(a->list);
    free_partitions(&a->paused);
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

static void log_code(const char *event, const struct assignment *a, rd_kafka_resp_err_t code)
{
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_warn(MOD, event, LF_TEXT("group", a->group), LF_TEXT("origin", rd_kafka_err2name(code)),
                 LF_MSG(rd_kafka_err2str(code)));
    }
}

/* Whether a pause outlives its assignment is not for us to know. */
static void resume_all(struct assignment *a)
{
    if (a->paused != NULL) {
        log_code("resume_failed", a, rd_kafka_resume_partitions(a->client, a->paused));
        free_partitions(&a->paused);
    }
}

void assignment_begin_entering(struct assignment *a, rd_kafka_topic_partition_list_t *list)
{
    assignment_enter(a);
    if (!a->is_cooperative) {
        a->count = 0; /* the list has all partitions */
    }
    remember(a, list);
    a->entering = list;
}

bool assignment_read_from(struct assignment *a, int32_t partition, int64_t offset)
{
    for (int i = 0; a->entering != NULL && i < a->entering->cnt; i++) {
        if (a->entering->elems[i].partition == partition) {
            a->entering->elems[i].offset = offset > 0 ? offset : RD_KAFKA_OFFSET_BEGINNING;
            return true;
        }
    }
    return false;
}

rd_kafka_topic_partition_list_t *assignment_committed(const struct assignment *a, int limit_ms)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_copy(a->entering);
    rd_kafka_resp_err_t code = rd_kafka_committed(a->client, list, limit_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_code("committed_unknown", a, code);
        free_partitions(&list);
    }
    return list;
}

void assignment_enter(struct assignment *a)
{
    if (a->entering == NULL) {
        return;
    }
    if (a->is_cooperative) {
        log_refused("assign", a, rd_kafka_incremental_assign(a->client, a->entering));
    } else {
        log_code("assign", a, rd_kafka_assign(a->client, a->entering));
    }
    free_partitions(&a->entering);
}

static void resume_leaving(struct assignment *a, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        assignment_pause(a, list->elems[i].partition, false);
    }
}

void assignment_remove(struct assignment *a, const rd_kafka_topic_partition_list_t *list)
{
    if (a->is_cooperative) {
        resume_leaving(a, list);
        forget(a, list);
        log_refused("unassign", a, rd_kafka_incremental_unassign(a->client, list));
        return;
    }
    resume_all(a);
    a->count = 0;
    log_code("unassign", a, rd_kafka_assign(a->client, NULL));
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

static void pause_one(struct assignment *a, int32_t partition)
{
    if (a->paused == NULL) {
        a->paused = rd_kafka_topic_partition_list_new(1);
    }
    (void)rd_kafka_topic_partition_list_add(a->paused, a->topic, partition);
    rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(one, a->topic, partition);
    log_code("pause_failed", a, rd_kafka_pause_partitions(a->client, one));
    rd_kafka_topic_partition_list_destroy(one);
}

static void resume_one(struct assignment *a, int32_t partition)
{
    rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(one, a->topic, partition);
    log_code("resume_failed", a, rd_kafka_resume_partitions(a->client, one));
    rd_kafka_topic_partition_list_destroy(one);
    (void)rd_kafka_topic_partition_list_del(a->paused, a->topic, partition);
}

void assignment_pause(struct assignment *a, int32_t partition, bool paused)
{
    if (!assignment_has(a, partition) || has_partition(a->paused, partition) == paused) {
        return;
    }
    if (paused) {
        pause_one(a, partition);
    } else {
        resume_one(a, partition);
    }
}

rd_kafka_topic_partition_list_t *
assignment_pick(const struct assignment *a, const struct partition_offset *list, size_t count)
{
    rd_kafka_topic_partition_list_t *picked = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        if (assignment_has(a, list[i].partition)) {
            rd_kafka_topic_partition_list_add(picked, a->topic, list[i].partition)->offset =
                list[i].next_offset;
        }
    }
    if (picked->cnt == 0) {
        rd_kafka_topic_partition_list_destroy(picked);
        return NULL;
    }
    return picked;
}
