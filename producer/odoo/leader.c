#include "producer/odoo/leader.h"

#include <string.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/leader_private.h"
#include "producer/odoo/odoo_version.h"

/* Each statement here touches one row or a few. Shorter than the Kafka transaction's time-out. */
#define STATEMENT_TIMEOUT_MS 10000
#define HOST_SIZE            256

static const char LOCK[] = "SELECT pg_is_in_recovery(), NOT pg_is_in_recovery()"
                           " AND pg_try_advisory_lock(6004, 1)";

static const char ALIVE[] = "SELECT true";

/* The timeline of the WAL that is being written: just after a promotion the control file still
 * holds the old one. */
static const char IDENTITY[] =
    "SELECT (SELECT system_identifier FROM pg_control_system()),"
    " ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer,"
    " (SELECT oid::bigint FROM pg_database WHERE datname = current_database())";

/* With the present stream's server and timeline; NULL: there is no stream yet. */
static const char READ_STATE[] =
    "SELECT o.epoch, o.revision_ceiling, s.system_identifier, s.timeline,"
    " o.database FROM stocksync.owner o"
    " LEFT JOIN (SELECT system_identifier, timeline FROM stocksync.stream"
    " ORDER BY first_revision DESC LIMIT 1) s ON true FOR UPDATE OF o";

static const char TAKE[] =
    "UPDATE stocksync.owner SET epoch = epoch + 1, since = now(), host = $1, pid = $2,"
    " database = coalesce(database, $3) RETURNING epoch";

static const char SET_CEILING[] =
    "UPDATE stocksync.owner SET revision_ceiling = $2 WHERE epoch = $1"
    " RETURNING true";

static const char READ_EPOCH[] = "SELECT coalesce(max(epoch), 0)::bigint FROM stocksync.owner";

static const char LIST_PARKED[] =
    "SELECT product_id, last_at < (SELECT since FROM stocksync.owner)"
    " OR (reason <> 'refused' AND last_at < now() - $1 * interval '1 s')"
    " FROM stocksync.parked_product ORDER BY product_id";

struct leader *leader_new(const struct leader_options *options)
{
    struct leader *leader = mem_calloc(1, sizeof *leader);
    leader->lock =
        pg_conn_new(&(struct pg_conn_options){.dsn = options->odoo_dsn,
                                              .application_name = "stocksync-producer leader",
                                              .statement_timeout_ms = STATEMENT_TIMEOUT_MS / 2,
                                              .session_sql = "SET lock_timeout = '100ms'"});
    leader->state =
        pg_conn_new(&(struct pg_conn_options){.dsn = options->state_dsn,
                                              .application_name = "stocksync-producer state",
                                              .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
                                              .session_sql = "SET synchronous_commit = on"});
    strbuf_init(&leader->warehouses, LEADER_WAREHOUSES_MAX_BYTES);
    strbuf_init(&leader->scratch, LEADER_WAREHOUSES_MAX_BYTES);
    return leader;
}

void leader_free(struct leader *leader)
{
    if (leader == NULL) {
        return;
    }
    pg_conn_free(leader->lock);
    pg_conn_free(leader->state);
    strbuf_release(&leader->warehouses);
    strbuf_release(&leader->scratch);
    id_list_release(&leader->parked);
    mem_free(leader);
}

void leader_drop(struct leader *leader)
{
    leader->held = false;
    pg_conn_close(leader->lock);
    pg_conn_close(leader->state);
}

static enum status take_lock(struct leader *leader, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(leader->lock, LOCK, NULL, "bb", &rows, err);
    leader->lock_epoch = pg_conn_epoch(leader->lock);
    if (rc != STATUS_OK) {
        goto out;
    }
    if (pg_bool(&rows, 0, 0)) {
        rc = err_set(err, STATUS_SOURCE_LOST,
                     "the server of Odoo's database is a standby in recovery: only the primary "
                     "is read");
    } else if (!pg_bool(&rows, 0, 1)) {
        rc = err_set(err, STATUS_STANDBY, "another producer leads this database");
    }
out:
    pg_rows_release(&rows);
    return rc;
}

enum status leader_read_identity(struct leader *leader, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(leader->lock, IDENTITY, NULL, "lil", &rows, err);
    if (rc == STATUS_OK) {
        leader->identity.system_identifier = pg_i64(&rows, 0, 0);
        leader->identity.timeline = pg_i32(&rows, 0, 1);
        leader->identity.database_oid = pg_i64(&rows, 0, 2);
    }
    pg_rows_release(&rows);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = odoo_version_uuid(leader->lock, leader->identity.database, err);
    if (rc == STATUS_DATABASE_UNFIT) {
        return err_prefix(err, "not completely installed, run 'stocksync-producer install'");
    }
    return rc;
}

/* A copy of Odoo's database with a copied configuration would publish into the original's topic. */
static enum status judge_database(const struct leader *leader, const char *stored, struct err *err)
{
    if (stored == NULL || leader->identity.database[0] == '\0' ||
        strcmp(stored, leader->identity.database) == 0) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_DATABASE_UNFIT,
                   "this is Odoo database %s, but %s is the one that was published before: a copy "
                   "that was started with the copied options must not run; if it is the one to "
                   "publish from now on, run 'stocksync-producer install --database %s'",
                   leader->identity.database, stored, leader->identity.database);
}

/* An old primary must not even raise the epoch: its successor would end. */
static enum status
judge_timeline(const struct leader *leader, const struct pg_rows *stored, struct err *err)
{
    if (pg_is_null(stored, 0, 2) || pg_i64(stored, 0, 2) != leader->identity.system_identifier ||
        pg_i32(stored, 0, 3) <= leader->identity.timeline) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_DATABASE_UNFIT,
                   "the server is on timeline %d, the state has seen %d: this is an old primary "
                   "that was replaced; point [odoo] dsn at the present one",
                   leader->identity.timeline, pg_i32(stored, 0, 3));
}

/* Raises the epoch and commits: from here on this producer leads. */
static enum status bump_epoch(struct leader *leader, struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    char host[HOST_SIZE] = "";
    (void)gethostname(host, sizeof host - 1);
    revision_source_init(&leader->revisions, leader->stored_ceiling);
    pg_args_init(&args, HOST_SIZE + ODOO_UUID_SIZE + 64);
    pg_args_text(&args, host);
    pg_args_i32(&args, (int32_t)getpid());
    pg_args_text(&args, leader->identity.database[0] != '\0' ? leader->identity.database : NULL);
    enum status rc = pg_query(leader->state, TAKE, &args, "l", &rows, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    leader->epoch = pg_i64(&rows, 0, 0);
    rc = pg_exec(leader->state, "COMMIT", err);
out:
    pg_rows_release(&rows);
    pg_args_release(&args);
    return rc;
}

/* Locks the epoch row and judges what it remembers. */
static enum status read_state(struct leader *leader, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(leader->state, READ_STATE, NULL, "lllit", &rows, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    if (rows.count != 1) {
        rc = err_set(err, STATUS_DATABASE_UNFIT,
                     "stocksync.owner has no row: run 'stocksync-producer install'");
        goto out;
    }
    leader->stored_ceiling = pg_i64(&rows, 0, 1);
    rc = judge_database(leader, pg_text(&rows, 0, 4), err);
    if (rc == STATUS_OK) {
        rc = judge_timeline(leader, &rows, err);
    }
out:
    pg_rows_release(&rows);
    return rc;
}

static enum status take_state(struct leader *leader, struct err *err)
{
    enum status rc = pg_exec(leader->state, "BEGIN", err);
    if (rc != STATUS_OK) {
        goto failed;
    }
    rc = read_state(leader, err);
    if (rc != STATUS_OK) {
        goto failed;
    }
    rc = bump_epoch(leader, err);
    if (rc != STATUS_OK) {
        goto failed;
    }
    return STATUS_OK;
failed:
    pg_rollback(leader->state);
    return rc;
}

/* --- parked products --- */

bool leader_is_parked(const struct leader *leader, int32_t product_id)
{
    const struct id_list *parked = &leader->parked;
    return id_list_index(parked->ids, parked->count, product_id) < parked->count;
}

size_t leader_parked_count(const struct leader *leader)
{
    return leader->parked.count;
}

enum status leader_list_parked(struct leader *leader, struct id_list *due, struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    id_list_reset(due);
    enum status rc = pg_conn_open(leader->state, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_init(&args, 64);
    pg_args_i32(&args, LEADER_RETRY_S);
    rc = pg_query(leader->state, LIST_PARKED, &args, "ib", &rows, err);
    if (rc == STATUS_OK) {
        id_list_reset(&leader->parked);
    }
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        id_list_add(&leader->parked, pg_i32(&rows, i, 0));
        if (pg_bool(&rows, i, 1) && due->count < LEADER_RETRY_MOST) {
            id_list_add(due, pg_i32(&rows, i, 0));
        }
    }
    pg_rows_release(&rows);
    pg_args_release(&args);
    return rc;
}

/* --- leadership --- */

enum status leader_take(struct leader *leader, struct err *err)
{
    struct id_list due = {0};
    leader_drop(leader);
    strbuf_reset(&leader->warehouses);
    enum status rc = pg_conn_open(leader->lock, err);
    if (rc != STATUS_OK) {
        goto failed;
    }
    rc = take_lock(leader, err);
    if (rc != STATUS_OK) {
        goto failed;
    }
    rc = leader_read_identity(leader, err);
    if (rc != STATUS_OK) {
        goto failed;
    }
    rc = pg_conn_open(leader->state, err);
    if (rc != STATUS_OK) {
        goto failed;
    }
    rc = take_state(leader, err);
    if (rc != STATUS_OK) {
        goto failed;
    }
    rc = leader_list_parked(leader, &due, err);
    id_list_release(&due);
    if (rc != STATUS_OK) {
        goto failed;
    }
    leader->held = true;
    return STATUS_OK;
failed:
    leader_drop(leader);
    return rc;
}

bool leader_is_held(const struct leader *leader)
{
    return leader->held;
}

static enum status check_lock(const struct leader *leader, struct err *err)
{
    struct pg_rows rows = {0};
    if (!leader->held) {
        return err_set(err, STATUS_SOURCE_LOST, "this producer does not lead");
    }
    enum status rc = pg_query(leader->lock, ALIVE, NULL, "b", &rows, err);
    pg_rows_release(&rows);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (leader->lock_epoch != pg_conn_epoch(leader->lock)) {
        return err_set(err, STATUS_SOURCE_LOST, "the connection that held the lock was replaced");
    }
    return STATUS_OK;
}

enum status leader_check(struct leader *leader, struct err *err)
{
    if (check_lock(leader, err) == STATUS_OK) {
        return STATUS_OK;
    }
    leader_drop(leader);
    err->status = STATUS_SOURCE_LOST;
    return STATUS_SOURCE_LOST;
}

int64_t leader_epoch(const struct leader *leader)
{
    return leader->epoch;
}

const struct leader_identity *leader_identity(const struct leader *leader)
{
    return &leader->identity;
}

int64_t leader_stored_ceiling(const struct leader *leader)
{
    return leader->stored_ceiling;
}

/* Whether the epoch in the state is ours. A greater one is a successor's; a state that was restored
 * has a smaller one. */
static enum status compare_epoch(struct leader *leader, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(leader->state, READ_EPOCH, NULL, "l", &rows, err);
    int64_t stored = rc == STATUS_OK ? pg_i64(&rows, 0, 0) : 0;
    pg_rows_release(&rows);
    if (rc != STATUS_OK || stored == leader->epoch) {
        return rc;
    }
    leader->held = false;
    return stored > leader->epoch
               ? err_set(err, STATUS_FENCED, "another producer took over from epoch %lld",
                         (long long)leader->epoch)
               : err_set(err, STATUS_SOURCE_LOST, "the state forgot epoch %lld (restored)",
                         (long long)leader->epoch);
}

enum status leader_confirm(struct leader *leader, struct err *err)
{
    enum status rc = pg_conn_open(leader->state, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = compare_epoch(leader, err);
    return rc == STATUS_OK ? check_lock(leader, err) : rc;
}

enum status
leader_query(struct leader *leader, const char *sql, const struct pg_args *args, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_conn_open(leader->state, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(leader->state, sql, args, "b", &rows, err);
    bool mine = rows.count == 1;
    pg_rows_release(&rows);
    if (rc != STATUS_OK || mine) {
        return rc;
    }
    rc = compare_epoch(leader, err);
    return rc == STATUS_OK ? err_set(err, STATUS_SOURCE_BUSY, "the epoch changed meanwhile") : rc;
}

static enum status store_ceiling(struct leader *leader, int64_t now_us, struct err *err)
{
    struct pg_args args;
    int64_t ceiling = revision_source_next_ceiling(&leader->revisions, now_us);
    pg_args_init(&args, 64);
    pg_args_i64(&args, leader->epoch);
    pg_args_i64(&args, ceiling);
    enum status rc = leader_query(leader, SET_CEILING, &args, err);
    if (rc == STATUS_OK) {
        revision_source_raise(&leader->revisions, ceiling);
        leader->stored_ceiling = ceiling;
    }
    pg_args_release(&args);
    return rc;
}

enum status leader_raise_above(struct leader *leader, int64_t revision, struct err *err)
{
    if (revision > REVISION_MAX) {
        return err_set(err, STATUS_TOPIC_UNFIT,
                       "a record in the topic has revision %lld, which no clock has made: another "
                       "program writes to it; use another topic",
                       (long long)revision);
    }
    if (revision <= leader->revisions.last) {
        return STATUS_OK;
    }
    revision_source_pass(&leader->revisions, revision);
    return store_ceiling(leader, clock_wall_us(), err);
}

enum status leader_next_revision(struct leader *leader, int64_t *revision, struct err *err)
{
    int64_t now_us = clock_wall_us();
    if (revision_source_wants_ceiling(&leader->revisions, now_us)) {
        enum status rc = store_ceiling(leader, now_us, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    bool issued = revision_source_next(&leader->revisions, now_us, revision);
    INVARIANT(issued, "no revision below ceiling %lld", (long long)leader->revisions.ceiling);
    return STATUS_OK;
}
