#include "consumer/lane/streams.h"

#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"

#define MOD "stream"

#define COMMIT_WAIT_MS 5000
/* Between two questions for streams that the state does not know. */
#define ASK_EVERY_US INT64_C(1000000)

/* --- what the state knows --- */

static void take(void *arg, const struct state_stream *stream)
{
    struct stream_list *known = arg;
    MEM_ADD(known, list, count, room, stream);
}

static enum status read_known(const struct streams *s, struct stream_list *known, struct err *err)
{
    *known = (struct stream_list){0};
    enum status rc = s->c->ports->state->streams->read(s->c->state, take, known, err);
    if (rc != STATUS_OK) {
        mem_free(known->list);
        *known = (struct stream_list){0};
    }
    return rc;
}

enum status streams_open(struct streams *s, const struct lane_context *c, struct err *err)
{
    *s = (struct streams){.c = c};
    return read_known(s, &s->known, err);
}

void streams_close(struct streams *s)
{
    mem_free(s->known.list);
    mem_free(s->first_offsets);
    *s = (struct streams){0};
}

const struct state_stream *streams_present(const struct streams *s)
{
    static const struct state_stream NONE;
    return s->known.count > 0 ? &s->known.list[0] : &NONE;
}

static const struct state_stream *find(const struct streams *s, struct bytes id)
{
    for (size_t i = 0; i < s->known.count; i++) {
        const struct state_stream *known = &s->known.list[i];
        if (strlen(known->id) == id.len && memcmp(known->id, id.ptr, id.len) == 0) {
            return known;
        }
    }
    return NULL;
}

enum status streams_compare(struct streams *s, struct err *err)
{
    struct stream_list now;
    enum status rc = read_known(s, &now, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    const struct state_stream *old = streams_present(s);
    const char *id = now.count > 0 ? now.list[0].id : "";
    if (strcmp(id, old->id) != 0) {
        rc = err_set(err, STATUS_RENEW, "stream %s has followed %s (%s)", id[0] ? id : "none",
                     old->id[0] ? old->id : "none", now.count > 0 ? now.list[0].why : "");
    }
    mem_free(now.list);
    return rc;
}

/* --- records --- */

/* Of an older producer: before the first stream, or in its place. Without a revision nobody knows. */
static enum stream_age age_without(const struct streams *s, const struct source_event *event)
{
    bool is_earlier =
        event->header_revision > 0 && event->header_revision <= streams_present(s)->first_revision;
    return is_earlier ? STREAM_EARLIER : STREAM_PRESENT;
}

enum status streams_judge(struct streams *s,
                          const struct source_event *event,
                          enum stream_age *age,
                          struct err *err)
{
    int64_t now = clock_monotonic_us();
    *age = STREAM_PRESENT;
    if (s->known.count == 0) {
        return STATUS_OK;
    }
    if (event->header_stream.ptr == NULL) {
        *age = age_without(s, event);
        return STATUS_OK;
    }
    const struct state_stream *known = find(s, event->header_stream);
    if (known != NULL) {
        *age = known == streams_present(s) ? STREAM_PRESENT : STREAM_EARLIER;
        return STATUS_OK;
    }
    *age = STREAM_UNKNOWN;
    if (now < s->ask_at_us) {
        return STATUS_OK; /* streams_compare finds it, should it come */
    }
    s->ask_at_us = now + ASK_EVERY_US;
    return streams_compare(s, err);
}

/* --- assignments --- */

int64_t streams_first_offset(const struct streams *s, int32_t partition)
{
    return (size_t)partition < s->first_offset_count ? s->first_offsets[partition] : 0;
}

static void know_first_offset(struct streams *s, const struct state_position *position)
{
    size_t index = (size_t)position->partition;
    if (index >= s->first_offset_count) {
        size_t count = mem_grow_capacity(s->first_offset_count, index + 1);
        s->first_offsets = mem_realloc(s->first_offsets, count, sizeof *s->first_offsets);
        memset(s->first_offsets + s->first_offset_count, 0,
               (count - s->first_offset_count) * sizeof *s->first_offsets);
        s->first_offset_count = count;
    }
    s->first_offsets[index] = position->first_offset;
}

static void log_began(const struct streams *s, const char *earlier, size_t count)
{
    char when[CLOCK_TEXT_SIZE];
    const struct state_stream *present = streams_present(s);
    metric_add(s->c->metrics->record.streams, 1);
    log_info(MOD, "new_stream", LF_TEXT("store", s->c->store->name), LF_TEXT("stream", present->id),
             LF_TEXT("earlier", earlier[0] ? earlier : "none"), LF_TEXT("reason", present->why),
             LF_TEXT("since", clock_format_utc(present->began_us, when)), LF_INT("count", count),
             LF_MSG("these partitions are read from the stream's first record; levels of earlier "
                    "streams are read from the store before they are written"));
}

/* In this order: a crash in between begins the partition once more. */
static enum status begin(struct streams *s,
                         const struct partition_offset *starts,
                         const int32_t *partitions,
                         size_t count,
                         struct err *err)
{
    const struct lane_context *c = s->c;
    enum status rc = c->ports->source->commit_wait(c->source, starts, count, COMMIT_WAIT_MS, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = c->ports->state->streams->note(c->state, streams_present(s), partitions, count, err);
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        c->ports->source->read_from(c->source, partitions[i], starts[i].next_offset);
    }
    return rc;
}

static enum status
begin_others(struct streams *s, const struct state_position *list, size_t count, struct err *err)
{
    struct partition_offset *starts = mem_calloc(count, sizeof *starts);
    int32_t *partitions = mem_calloc(count, sizeof *partitions);
    const char *earlier = "";
    size_t n = 0;
    enum status rc = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        know_first_offset(s, &list[i]);
        if (strcmp(list[i].stream, streams_present(s)->id) != 0) {
            earlier = list[i].stream[0] ? list[i].stream : earlier;
            partitions[n] = list[i].partition;
            starts[n++] = (struct partition_offset){.partition = list[i].partition,
                                                    .next_offset = list[i].first_offset};
        }
    }
    if (n > 0) {
        rc = begin(s, starts, partitions, n, err);
        if (rc == STATUS_OK) {
            log_began(s, earlier, n);
        }
    }
    mem_free(partitions);
    mem_free(starts);
    return rc;
}

enum status
streams_note_assigned(struct streams *s, const int32_t *partitions, size_t count, struct err *err)
{
    const struct lane_context *c = s->c;
    if (count == 0 || s->known.count == 0 || !c->sink->writes) {
        return STATUS_OK; /* a dry run has no offsets: it reads all history, and passes over it */
    }
    struct state_position *list = mem_calloc(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i].partition = partitions[i];
    }
    enum status rc =
        c->ports->state->streams->positions(c->state, streams_present(s), list, count, err);
    if (rc == STATUS_OK) {
        rc = begin_others(s, list, count, err);
    }
    mem_free(list);
    return rc;
}

/* --- levels of earlier streams --- */

enum status streams_read_levels(const struct lane_context *c,
                                const struct level_key *keys,
                                size_t count,
                                struct level_known *known,
                                struct err *err)
{
    enum status rc =
        c->ports->state->levels.read(c->state, keys, count, clock_wall_us(), known, err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        if (known[i].found && known[i].revision <= c->first_revision) {
            known[i].quantity = LEVEL_NOT_READ;
        }
    }
    return rc;
}
