#include "producer/odoo/stream_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/core/uuid4.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/leader_private.h"

#define PRESENT "(SELECT id FROM stocksync.stream ORDER BY first_revision DESC LIMIT 1)"

static const char READ[] =
    "SELECT s.id::text, s.why, s.began_at, s.first_revision, s.topic, s.cluster, s.database,"
    " s.system_identifier, s.timeline, s.settled, s.marked_at IS NOT NULL, s.database_oid,"
    " coalesce(o.partitions, 0) FROM stocksync.owner o"
    " LEFT JOIN stocksync.stream s ON s.id = " PRESENT;

static const char READ_PARTITIONS[] =
    "SELECT first_offset, next_offset FROM stocksync.stream_partition WHERE stream = $1::uuid"
    " ORDER BY partition";

static const char BEGIN_STREAM[] =
    "WITH mine AS (SELECT FROM stocksync.owner WHERE epoch = $1),"
    " put AS (INSERT INTO stocksync.stream (id, why, began_at, first_revision, topic, cluster,"
    " database, system_identifier, timeline, settled, database_oid) SELECT $2::uuid, $3, $4, $5, "
    "$6,"
    " $7, $8, $9, $10, $11, $13 FROM mine),"
    " parts AS (INSERT INTO stocksync.stream_partition (stream, partition, first_offset,"
    " next_offset) SELECT $2::uuid, p.number - 1, p.next, p.next FROM mine,"
    " unnest($12::bigint[]) WITH ORDINALITY AS p(next, number))"
    " SELECT true FROM mine";

static const char NOTE[] =
    "WITH mine AS (SELECT FROM stocksync.owner WHERE epoch = $1),"
    " put AS (UPDATE stocksync.stream SET settled = $3 FROM mine WHERE id = $2::uuid),"
    " parts AS (UPDATE stocksync.stream_partition s SET next_offset = p.next FROM mine,"
    " unnest($4::bigint[]) WITH ORDINALITY AS p(next, number)"
    " WHERE s.stream = $2::uuid AND s.partition = p.number - 1 AND s.next_offset <> p.next)"
    " SELECT true FROM mine";

static const char MARKED[] =
    "WITH mine AS (SELECT FROM stocksync.owner WHERE epoch = $1),"
    " put AS (UPDATE stocksync.stream SET marked_at = now() FROM mine WHERE id = " PRESENT ")"
    " SELECT true FROM mine";

static const char READ_SETTLED[] = "SELECT revision FROM stocksync.settled";
static const char COMMIT_SETTING[] = "SELECT set_config('synchronous_commit', $1, true)";
static const char WRITE_SETTLED[] = "UPDATE stocksync.settled SET revision = $1";

void stream_release(struct stream *stream)
{
    mem_free(stream->first_offsets);
    mem_free(stream->next_offsets);
    *stream = (struct stream){0};
}

static void take_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

static void take_row(struct stream *stream, const struct pg_rows *rows)
{
    stream->wanted_partitions = pg_i32(rows, 0, 12);
    stream->exists = !pg_is_null(rows, 0, 0);
    if (!stream->exists) {
        return;
    }
    take_text(stream->id, sizeof stream->id, pg_text(rows, 0, 0));
    take_text(stream->why, sizeof stream->why, pg_text(rows, 0, 1));
    stream->began_us = pg_time_us(rows, 0, 2);
    stream->first_revision = pg_i64(rows, 0, 3);
    take_text(stream->topic, sizeof stream->topic, pg_text(rows, 0, 4));
    take_text(stream->cluster, sizeof stream->cluster, pg_text(rows, 0, 5));
    take_text(stream->identity.database, sizeof stream->identity.database, pg_text(rows, 0, 6));
    stream->identity.system_identifier = pg_i64(rows, 0, 7);
    stream->identity.timeline = pg_i32(rows, 0, 8);
    stream->settled = pg_i64(rows, 0, 9);
    stream->marked = pg_bool(rows, 0, 10);
    stream->identity.database_oid = pg_i64(rows, 0, 11);
}

static enum status read_partitions(struct leader *leader, struct stream *stream, struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    pg_args_init(&args, STREAM_ID_SIZE + 16);
    pg_args_text(&args, stream->id);
    enum status rc = pg_query(leader->state, READ_PARTITIONS, &args, "ll", &rows, err);
    size_t count = rc == STATUS_OK ? (size_t)rows.count : 0;
    stream->first_offsets = mem_calloc(count + 1, sizeof *stream->first_offsets);
    stream->next_offsets = mem_calloc(count + 1, sizeof *stream->next_offsets);
    stream->partition_count = count;
    for (size_t i = 0; i < count; i++) {
        stream->first_offsets[i] = pg_i64(&rows, (int)i, 0);
        stream->next_offsets[i] = pg_i64(&rows, (int)i, 1);
    }
    pg_rows_release(&rows);
    pg_args_release(&args);
    return rc;
}

enum status stream_rows_read(struct leader *leader, struct stream *stream, struct err *err)
{
    struct pg_rows rows = {0};
    *stream = (struct stream){0};
    enum status rc = pg_conn_open(leader->state, err);
    if (rc == STATUS_OK) {
        rc = pg_query(leader->state, READ, NULL, "ttzltttlilbli", &rows, err);
    }
    if (rc == STATUS_OK) {
        take_row(stream, &rows);
    }
    pg_rows_release(&rows);
    return rc == STATUS_OK && stream->exists ? read_partitions(leader, stream, err) : rc;
}

enum status stream_rows_begin(struct leader *leader, struct stream *stream, struct err *err)
{
    struct pg_args args;
    enum status rc = leader_next_revision(leader, &stream->first_revision, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    (void)uuid4_text(stream->id);
    stream->exists = true;
    stream->began_us = clock_wall_us();
    stream->marked = false;
    pg_args_init(&args, 1024 + stream->partition_count * 16);
    pg_args_i64(&args, leader->epoch);
    pg_args_text(&args, stream->id);
    pg_args_text(&args, stream->why);
    pg_args_time_us(&args, stream->began_us);
    pg_args_i64(&args, stream->first_revision);
    pg_args_text(&args, stream->topic);
    pg_args_text(&args, stream->cluster);
    pg_args_text(&args, stream->identity.database[0] != '\0' ? stream->identity.database : NULL);
    pg_args_i64(&args, stream->identity.system_identifier);
    pg_args_i32(&args, stream->identity.timeline);
    pg_args_i64(&args, stream->settled);
    pg_args_i64_array(&args, stream->next_offsets, stream->partition_count);
    pg_args_i64(&args, stream->identity.database_oid);
    rc = leader_query(leader, BEGIN_STREAM, &args, err);
    pg_args_release(&args);
    return rc;
}

enum status stream_rows_note(struct leader *leader, const struct stream *stream, struct err *err)
{
    struct pg_args args;
    pg_args_init(&args, 256 + stream->partition_count * 16);
    pg_args_i64(&args, leader->epoch);
    pg_args_text(&args, stream->id);
    pg_args_i64(&args, stream->settled);
    pg_args_i64_array(&args, stream->next_offsets, stream->partition_count);
    enum status rc = leader_query(leader, NOTE, &args, err);
    pg_args_release(&args);
    return rc;
}

enum status stream_rows_marked(struct leader *leader, struct err *err)
{
    struct pg_args args;
    pg_args_init(&args, 32);
    pg_args_i64(&args, leader->epoch);
    enum status rc = leader_query(leader, MARKED, &args, err);
    pg_args_release(&args);
    return rc;
}

enum status stream_rows_read_settled(struct pg_conn *conn, int64_t *revision, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, READ_SETTLED, NULL, "l", &rows, err);
    *revision = rc == STATUS_OK && rows.count == 1 ? pg_i64(&rows, 0, 0) : 0;
    pg_rows_release(&rows);
    return rc;
}

enum status
stream_rows_write_settled(struct pg_conn *conn, int64_t revision, bool durable, struct err *err)
{
    struct pg_args commit, args;
    struct pg_rows rows = {0};
    pg_args_init(&commit, 16);
    pg_args_text(&commit, durable ? "on" : "off");
    pg_args_init(&args, 32);
    pg_args_i64(&args, revision);
    const struct pg_call calls[] = {
        {.sql = COMMIT_SETTING, .args = &commit, .shape = "t", .rows = &rows},
        {.sql = WRITE_SETTLED, .args = &args, .shape = ""},
    };
    enum status rc = pg_query_all(conn, calls, sizeof calls / sizeof calls[0], err);
    pg_rows_release(&rows);
    pg_args_release(&args);
    pg_args_release(&commit);
    return rc;
}
