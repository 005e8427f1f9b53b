#include "consumer/state/stream_store.h"

#include <stdio.h>

#include "common/core/mem.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

enum status state_streams_read(struct state *s,
                               void (*each)(void *arg, const struct state_stream *stream),
                               void *arg,
                               struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_streams_read, &s->args, "ttzl", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        struct state_stream stream = {.began_us = pg_time_us(&rows, i, 2),
                                      .first_revision = pg_i64(&rows, i, 3)};
        (void)snprintf(stream.id, sizeof stream.id, "%s", pg_text(&rows, i, 0));
        (void)snprintf(stream.why, sizeof stream.why, "%s", pg_text(&rows, i, 1));
        each(arg, &stream);
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status state_positions_read(struct state *s,
                                 const struct state_stream *stream,
                                 struct state_position *list,
                                 size_t count,
                                 struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK || count == 0) {
        return rc;
    }
    int32_t *partitions = mem_calloc(count, sizeof *partitions);
    for (size_t i = 0; i < count; i++) {
        partitions[i] = list[i].partition;
    }
    pg_args_text(&s->args, stream->id);
    pg_args_i32_array(&s->args, partitions, count);
    mem_free(partitions);
    rc = pg_query(s->conn, sql_consumer_positions_read, &s->args, "ilt", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        struct state_position *one = &list[pg_i32(&rows, i, 0)];
        const char *known = pg_text(&rows, i, 2);
        one->first_offset = pg_i64(&rows, i, 1);
        (void)snprintf(one->stream, sizeof one->stream, "%s", known != NULL ? known : "");
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status state_positions_note(struct state *s,
                                 const struct state_stream *stream,
                                 const int32_t *partitions,
                                 size_t count,
                                 struct err *err)
{
    if (s->read_only || count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text(&s->args, stream->id);
    pg_args_i32_array(&s->args, partitions, count);
    pg_args_i64(&s->args, stream->first_revision);
    return pg_query(s->conn, sql_consumer_positions_note, &s->args, "", NULL, err);
}
