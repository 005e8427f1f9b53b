#include "consumer/parents/parents_streams.h"

#include <string.h>

#include "common/core/logger.h"
#include "common/core/mem.h"

#define MOD "parents"

#define LOOK_EVERY_US  INT64_C(2000000)
#define COMMIT_WAIT_MS 5000

static void take_first(void *arg, const struct state_stream *stream)
{
    struct state_stream *present = arg;
    if (present->id[0] == '\0') {
        *present = *stream;
    }
}

static enum status
read_present(const struct parents_streams *s, struct state_stream *present, struct err *err)
{
    *present = (struct state_stream){0};
    return s->ports->streams.read(s->state, take_first, present, err);
}

enum status parents_streams_open(struct parents_streams *s,
                                 const struct parents_ports *ports,
                                 const char *dsn,
                                 const char *group,
                                 struct err *err)
{
    *s = (struct parents_streams){.ports = ports, .state = ports->streams.create(dsn, group)};
    enum status rc = ports->streams.open(s->state, err);
    return rc == STATUS_OK ? read_present(s, &s->present, err) : rc;
}

void parents_streams_close(struct parents_streams *s)
{
    if (s->state != NULL) {
        s->ports->streams.destroy(s->state);
    }
    *s = (struct parents_streams){0};
}

enum status parents_streams_compare(struct parents_streams *s, int64_t now_us, struct err *err)
{
    struct state_stream present;
    if (now_us < s->look_at_us) {
        return STATUS_OK;
    }
    s->look_at_us = now_us + LOOK_EVERY_US;
    enum status rc = read_present(s, &present, err);
    if (rc != STATUS_OK || strcmp(present.id, s->present.id) == 0) {
        return rc;
    }
    return err_set(err, STATUS_RENEW, "stream %s has begun (%s)",
                   present.id[0] != '\0' ? present.id : "none", present.why);
}

static enum status begin(const struct parents_streams *s,
                         struct record_source *source,
                         const struct state_position *list,
                         size_t count,
                         struct err *err)
{
    struct partition_offset *starts = mem_calloc(count, sizeof *starts);
    int32_t *partitions = mem_calloc(count, sizeof *partitions);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].stream, s->present.id) != 0) {
            partitions[n] = list[i].partition;
            starts[n++] = (struct partition_offset){.partition = list[i].partition,
                                                    .next_offset = list[i].first_offset};
        }
    }
    enum status rc =
        n > 0 ? s->ports->source.commit_wait(source, starts, n, COMMIT_WAIT_MS, err) : STATUS_OK;
    if (rc == STATUS_OK && n > 0) {
        rc = s->ports->streams.note(s->state, &s->present, partitions, n, err);
    }
    for (size_t i = 0; i < n && rc == STATUS_OK; i++) {
        s->ports->source.read_from(source, partitions[i], starts[i].next_offset);
    }
    if (rc == STATUS_OK && n > 0) {
        log_info(MOD, "new_stream", LF_TEXT("stream", s->present.id),
                 LF_TEXT("reason", s->present.why), LF_INT("count", n),
                 LF_MSG("these partitions are read from the stream's first record"));
    }
    mem_free(partitions);
    mem_free(starts);
    return rc;
}

enum status parents_streams_note_assigned(struct parents_streams *s,
                                          struct record_source *source,
                                          const int32_t *partitions,
                                          size_t count,
                                          struct err *err)
{
    if (count == 0 || s->present.id[0] == '\0') {
        return STATUS_OK;
    }
    struct state_position *list = mem_calloc(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i].partition = partitions[i];
    }
    enum status rc = s->ports->streams.positions(s->state, &s->present, list, count, err);
    if (rc == STATUS_OK) {
        rc = begin(s, source, list, count, err);
    }
    mem_free(list);
    return rc;
}
