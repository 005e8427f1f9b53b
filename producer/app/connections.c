#include "producer/app/connections.h"

#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/service.h"
#include "common/kafka/kafka_conf.h"
#include "common/kafka/kafka_topic.h"
#include "common/pg/pg_query.h"
#include "producer/app/chunk_reader.h"
#include "producer/app/kit_log.h"
#include "producer/odoo/install.h"
#include "producer/odoo/source_snapshot.h"
#include "producer/odoo/trigger_check.h"

#define MOD "tail"

#define TOPIC_LIMIT_MS 10000
/* At most, to open the tail and to read deferred chunks. */
#define STATEMENT_LIMIT_MS 30000
/* Of the tail, while a Kafka transaction may be open. Locks are not waited for as long: another
 * session rewrites a table, and the transaction is settled meanwhile. */
#define TAIL_LIMIT_MS 8000
#define TAIL_LOCK_SQL "SET lock_timeout = '4s'"
_Static_assert(OUTBOX_OPEN_MS + TAIL_LIMIT_MS < KAFKA_TRANSACTION_TIMEOUT_MS,
               "a statement may outlast the Kafka transaction");
#define MARKS_LIMIT_MS  5000
#define NOTES_MAX_BYTES ((size_t)16 * 1024)

struct connections {
    const struct producer_conf *conf;
    struct producer_metrics metrics;
    struct leader *leader; /* has its own connections */
    struct pg_conn *tail;
    struct pg_conn *deferred;
    struct pg_conn *marks;                /* of mark_watch, on its thread */
    struct chunk_reader *reader;          /* over tail */
    struct chunk_reader *deferred_reader; /* over deferred */
};

struct connections *connections_new(const struct producer_conf *conf)
{
    struct connections *c = mem_calloc(1, sizeof *c);
    const struct leader_options leader = {.odoo_dsn = conf->shared.odoo.dsn,
                                          .state_dsn = conf_state_dsn(&conf->shared)};
    struct pg_conn_options tail = {.dsn = conf->shared.odoo.dsn,
                                   .application_name = "stocksync-producer tail",
                                   .statement_timeout_ms = STATEMENT_LIMIT_MS,
                                   .session_sql = MARKS_SESSION_SQL};
    struct pg_conn_options deferred = tail;
    deferred.application_name = "stocksync-producer deferred";
    const struct pg_conn_options marks = {.dsn = conf->shared.odoo.dsn,
                                          .application_name = "stocksync-producer marks",
                                          .statement_timeout_ms = MARKS_LIMIT_MS};
    c->conf = conf;
    metric_table_register(&producer_metric_table, NULL, &c->metrics);
    c->leader = leader_new(&leader);
    c->tail = pg_conn_new(&tail);
    c->deferred = pg_conn_new(&deferred);
    c->marks = pg_conn_new(&marks);
    c->reader = chunk_reader_new(c->tail);
    c->deferred_reader = chunk_reader_new(c->deferred);
    return c;
}

void connections_free(struct connections *connections)
{
    if (connections == NULL) {
        return;
    }
    chunk_reader_free(connections->deferred_reader);
    chunk_reader_free(connections->reader);
    pg_conn_free(connections->marks);
    pg_conn_free(connections->deferred);
    pg_conn_free(connections->tail);
    leader_free(connections->leader);
    mem_free(connections);
}

/* --- opening --- */

static enum status ensure_topic(const struct shared_conf *conf, struct err *err)
{
    const struct kafka_topic_design design = kafka_topic_design_of(&conf->topic);
    struct strbuf notes;
    strbuf_init(&notes, NOTES_MAX_BYTES);
    enum status rc =
        kafka_topic_ensure(&conf->kafka, &design, conf->topic.create, TOPIC_LIMIT_MS, &notes, err);
    if (rc == STATUS_OK && notes.len > 0) {
        log_info(MOD, "topic", LF_TEXT("topic", conf->topic.name), LF_MSG(notes.ptr));
    }
    strbuf_release(&notes);
    return rc;
}

static void log_odoo(const struct connections *c, const struct odoo_shape *shape)
{
    log_info(MOD, "odoo", LF_TEXT("version", shape->base_version),
             LF_TEXT("forecast", c->conf->shared.odoo.forecast ? "on" : "off"),
             LF_TEXT("kits", shape->has_mrp ? "yes" : "no, the module mrp is not installed"));
    if (!shape->dialect->is_proven) {
        log_warn(MOD, "odoo_not_proven", LF_TEXT("version", shape->base_version),
                 LF_MSG("numbers are proven for Odoo 15.0; this version is served by what its "
                        "source says: compare some products with 'stocksync-producer stock'"));
    }
}

/* The consumers need to know the warehouses before the first record comes. */
static enum status share_warehouses(struct connections *c, struct err *err)
{
    static const struct batch_products none = {0};
    const struct chunk empty = chunk_at(&none, 0, 0);
    struct stock_batch stock = {0};
    struct kit_table_changes changes;
    enum status rc = chunk_reader_read_alone(c->reader, &empty, &stock, &changes, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return leader_sync_warehouses(c->leader, stock.warehouses, stock.warehouse_count, err);
}

static void show_fill(void *arg, size_t done, size_t total, const struct kit_table_changes *changes)
{
    const struct connections *c = arg;
    kit_log_changes(&c->metrics, changes);
    log_info(MOD, "kits", LF_INT("count", done), LF_INT("of", total),
             LF_MSG("bills of materials are read"));
    service_alive();
}

/* All bills of materials, when they may have changed while nobody watched. */
static enum status fill_kits(struct connections *c, struct err *err)
{
    bool filled = false;
    bool published_before = leader_epoch(c->leader) > 1;
    enum status rc = chunk_reader_has_kits(c->reader, &filled, err);
    if (rc != STATUS_OK || filled) {
        return rc;
    }
    return chunk_reader_fill_kits(c->reader, published_before, show_fill, c, err);
}

/* A producer that waits for triggers has missed changes. It remembers that beyond a restart. */
static enum status verify(struct connections *c, bool forecast, struct err *err)
{
    struct err second = {0};
    enum status rc = install_verify(c->tail, INSTALL_ODOO, forecast, err);
    if (rc == STATUS_DATABASE_UNFIT &&
        trigger_check(c->tail, forecast, &second) == STATUS_DATABASE_UNFIT &&
        full_pass_want(c->tail, &second) != STATUS_OK) {
        /* before the first install there is no table for it, and nothing was published */
        log_debug(MOD, "full_pass_not_wanted", LF_MSG(second.msg));
    }
    return rc;
}

static enum status open_tail(struct connections *c, struct odoo_shape *shape, struct err *err)
{
    const struct odoo_conf *odoo = &c->conf->shared.odoo;
    const struct stock_reader_options options = {.forecast = odoo->forecast,
                                                 .scope = (enum stock_scope)odoo->scope};
    enum status rc = pg_conn_open(c->tail, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = odoo_version_read(c->tail, options.forecast, shape, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = verify(c, options.forecast, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    chunk_reader_open(c->reader, shape, &options);
    log_odoo(c, shape);
    rc = share_warehouses(c, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = fill_kits(c, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_conn_open(c->deferred, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    chunk_reader_open(c->deferred_reader, shape, &options);
    rc = pg_exec(c->tail, TAIL_LOCK_SQL, err);
    return rc == STATUS_OK ? pg_conn_set_timeout(c->tail, TAIL_LIMIT_MS, err) : rc;
}

static void close_tail(struct connections *c)
{
    chunk_reader_close(c->deferred_reader);
    pg_conn_close(c->deferred);
    chunk_reader_close(c->reader);
    pg_conn_close(c->tail);
}

/* --- ports --- */

static struct streams_port streams_ports(const struct connections *c)
{
    return (struct streams_port){.leader = c->leader,
                                 .conn = c->tail,
                                 .read = stream_rows_read,
                                 .begin = stream_rows_begin,
                                 .note = stream_rows_note,
                                 .marked = stream_rows_marked,
                                 .read_identity = leader_read_identity,
                                 .identity = leader_identity,
                                 .ceiling = leader_stored_ceiling,
                                 .raise_above = leader_raise_above,
                                 .read_settled = stream_rows_read_settled,
                                 .write_settled = stream_rows_write_settled,
                                 .forget_digests = published_forget,
                                 .mark = marks_insert,
                                 .mark_gone = marks_insert_gone,
                                 .open_topic = topic_probe_open,
                                 .close_topic = topic_probe_close,
                                 .read_ends = topic_probe_ends,
                                 .read_newest = topic_probe_facts,
                                 .read_from = topic_probe_from,
                                 .read_keys = topic_probe_keys};
}

struct mark_watch_port connections_mark_watch(struct connections *connections)
{
    return (struct mark_watch_port){.conn = connections->marks,
                                    .open = pg_conn_open,
                                    .oldest = marks_oldest,
                                    .count = marks_summary_read};
}

void connections_ports(struct connections *connections, struct producer_ports *ports)
{
    struct connections *c = connections;
    ports->producer = (struct producer_port){.leader = c->leader,
                                             .connections = c,
                                             .take = leader_take,
                                             .is_held = leader_is_held,
                                             .check = leader_check,
                                             .confirm = leader_confirm,
                                             .drop = leader_drop,
                                             .epoch = leader_epoch,
                                             .identity = leader_identity,
                                             .ensure_topic = ensure_topic,
                                             .open = open_tail,
                                             .close = close_tail};
    ports->round = (struct round_port){.conn = c->tail, .mark_more = marks_insert_slice};
    ports->streams = streams_ports(c);
    ports->pass = (struct full_pass_port){.conn = c->tail,
                                          .reader = c->reader,
                                          .snapshot = source_snapshot,
                                          .forget = published_forget,
                                          .load = full_pass_read,
                                          .begin = full_pass_begin,
                                          .want = full_pass_want,
                                          .next = published_slice,
                                          .read = chunk_reader_read_ids,
                                          .mark = marks_insert,
                                          .note = full_pass_note};
    ports->reader = (struct deferred_reader_port){.reader = c->deferred_reader,
                                                  .read = chunk_reader_read_alone};
    ports->upkeep = (struct upkeep_port){.leader = c->leader,
                                         .conn = c->tail,
                                         .reader = c->reader,
                                         .check_leader = leader_check,
                                         .read_shape = odoo_version_read,
                                         .has_kits = chunk_reader_has_kits,
                                         .list_parked = leader_list_parked,
                                         .parked_count = leader_parked_count,
                                         .mark = marks_insert,
                                         .check_triggers = trigger_check,
                                         .follow_warehouses = leader_follow_warehouses,
                                         .verify = install_verify};
    ports->outbox = (struct outbox_port){.leader = c->leader,
                                         .conn = c->tail,
                                         .next_revision = leader_next_revision,
                                         .park = leader_park,
                                         .unpark = leader_unpark,
                                         .is_parked = leader_is_parked,
                                         .store_digests = published_store,
                                         .delete_marks = marks_delete,
                                         .write_settled = stream_rows_write_settled};
    ports->chunks = (struct chunk_port){.conn = c->tail,
                                        .reader = c->reader,
                                        .leader = c->leader,
                                        .snapshot = source_snapshot,
                                        .read_marks = marks_read,
                                        .read = chunk_reader_read,
                                        .knows_warehouses = leader_knows_warehouses,
                                        .share_warehouses = leader_sync_warehouses};
}
