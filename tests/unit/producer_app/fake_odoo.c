#include "tests/unit/producer_app/fake_odoo.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "tests/unit/kafka/mock_kafka.h"

struct fake_odoo fake;
struct fake_leader fake_leader;
struct fake_stream fake_stream;
struct fake_process fake_process;

/* --- the clock and the signals, by the linker's --wrap --- */

int64_t real_clock_us(void) __asm__("__real_clock_monotonic_us");
int64_t test_clock_us(void) __asm__("__wrap_clock_monotonic_us");
int64_t real_wall_us(void) __asm__("__real_clock_wall_us");
int64_t test_wall_us(void) __asm__("__wrap_clock_wall_us");
bool test_stop_requested(void) __asm__("__wrap_signals_stop_requested");
bool test_sleep(int timeout_ms) __asm__("__wrap_signals_sleep");

int64_t test_clock_us(void)
{
    return real_clock_us() + fake_process.clock_us;
}

int64_t test_wall_us(void)
{
    return real_wall_us() + fake_process.clock_us;
}

bool test_stop_requested(void)
{
    if (fake_process.release_after > 0 && --fake_process.release_after == 0) {
        atomic_store(&fake_process.hold_deferred, false);
    }
    return fake_process.stop;
}

bool test_sleep(int timeout_ms)
{
    fake_process.slept_ms += timeout_ms;
    fake_process.clock_us += (int64_t)timeout_ms * 1000;
    if (fake_process.on_sleep != NULL) {
        fake_process.on_sleep();
    }
    return !fake_process.stop;
}

/* --- what a test prepares and sees --- */

/* Two reads at a time: the tail's and the deferred one. */
static struct product_stock stocks[2][FAKE_PRODUCTS];

static void copy_stream(struct stream *to, const struct stream *from)
{
    *to = *from;
    to->first_offsets = mem_calloc(FAKE_PARTITIONS, sizeof *to->first_offsets);
    to->next_offsets = mem_calloc(FAKE_PARTITIONS, sizeof *to->next_offsets);
    for (size_t i = 0; i < from->partition_count; i++) {
        to->first_offsets[i] = from->first_offsets[i];
        to->next_offsets[i] = from->next_offsets[i];
    }
}

#define IDENTITY                                                                                   \
    {                                                                                              \
        .system_identifier = 77, .timeline = 1, .database = "uuid"                                 \
    }

static void reset_stream(void)
{
    int64_t none[FAKE_PARTITIONS] = {0};
    struct stream stream = {.exists = true,
                            .id = "stream-0",
                            .why = "first",
                            .topic = MOCK_TOPIC,
                            .cluster = "kafka",
                            .identity = IDENTITY,
                            .marked = true,
                            .partition_count = 2,
                            .first_offsets = none,
                            .next_offsets = none};
    stream_release(&fake_stream.known);
    fake_stream = (struct fake_stream){.cluster = "kafka", .partition_count = 2};
    copy_stream(&fake_stream.known, &stream);
}

void fake_reset(void)
{
    static const struct odoo_dialect dialect;
    memset(&fake, 0, sizeof fake);
    fake_leader = (struct fake_leader){
        .epoch = 6, .revision = 100, .ceiling = INT64_MAX, .identity = IDENTITY};
    reset_stream();
    fake_process = (struct fake_process){0};
    fake.next_mark = 1;
    fake.product_count = FAKE_PRODUCTS;
    fake.warehouses[0] = (struct stock_warehouse_row){.id = 1, .code = "WH", .active = true};
    fake.warehouses[1] = (struct stock_warehouse_row){.id = 2, .code = "NO", .active = true};
    fake.warehouse_count = 1;
    fake.kits_filled = true;
    fake.shape.dialect = &dialect;
}

int64_t fake_mark(int32_t product_id, enum cause cause)
{
    INVARIANT(fake.mark_count < FAKE_MARKS, "too many marks");
    fake.marks[fake.mark_count++] = (struct mark){.id = fake.next_mark,
                                                  .product_id = product_id,
                                                  .cause = cause,
                                                  .date_added_us = clock_wall_us()};
    return fake.next_mark++;
}

int64_t fake_mark_structure(int32_t product_id)
{
    int64_t id = fake_mark(product_id, CAUSE_BOM);
    fake.marks[fake.mark_count - 1].look = MARK_LOOK_ALL;
    return id;
}

bool fake_has_mark(int64_t id)
{
    for (size_t i = 0; i < fake.mark_count; i++) {
        if (fake.marks[i].id == id) {
            return true;
        }
    }
    return false;
}

const struct producer_metrics *fake_metrics(void)
{
    static struct producer_metrics metrics;
    metric_table_register(&producer_metric_table, NULL, &metrics);
    return &metrics;
}

/* Counts the call; fails once when a test asked for it. */
static enum status enter(enum fake_call call, struct err *err)
{
    fake.calls[call]++;
    if (fake.before[call] != NULL) {
        fake.before[call]();
    }
    enum status rc = fake.fail[call];
    fake.fail[call] = STATUS_OK;
    return rc == STATUS_OK ? STATUS_OK : err_set(err, rc, "call %d fails", (int)call);
}

/* --- chunks --- */

static enum status snapshot(struct pg_conn *conn,
                            enum status (*read)(void *arg, struct err *err),
                            void *arg,
                            struct err *err)
{
    (void)conn;
    enum status rc = enter(FAKE_SNAPSHOT, err);
    return rc == STATUS_OK ? read(arg, err) : rc;
}

static enum status read_marks(struct pg_conn *conn,
                              size_t limit,
                              const struct mark_skip *skip,
                              struct marks_page *page,
                              struct mark_list *marks,
                              struct err *err)
{
    (void)conn;
    enum status rc = enter(FAKE_READ_MARKS, err);
    marks->count = 0;
    page->last_id = page->from.id;
    page->full = false;
    for (size_t i = 0; rc == STATUS_OK && i < fake.mark_count && !page->full; i++) {
        if (fake.marks[i].id <= page->from.id) {
            continue;
        }
        page->last_id = fake.marks[i].id;
        if (!skip->has(skip->arg, fake.marks[i].id)) {
            mark_list_add(marks, &fake.marks[i]);
            page->full = marks->count == limit;
        }
    }
    return rc;
}

static bool is_unreadable(int32_t product_id)
{
    for (size_t i = 0; fake.unreadable[i] != 0; i++) {
        if (fake.unreadable[i] == product_id) {
            return true;
        }
    }
    return false;
}

static void
read_products(struct product_stock *list, const int32_t *ids, size_t count, struct stock_batch *out)
{
    static struct unreadable unreadable[64];
    size_t found = 0;
    size_t broken = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_unreadable(ids[i])) {
            unreadable[broken++] =
                (struct unreadable){.product_id = ids[i],
                                    .culprit = fake.culprit != 0 ? fake.culprit : ids[i],
                                    .why = "value out of range"};
        } else if (ids[i] <= fake.product_count) {
            list[found++] = (struct product_stock){
                .product_id = ids[i],
                .active = true,
                .sku = ids[i] < 64 ? fake.sku[ids[i]] : NULL,
            };
        }
    }
    *out = (struct stock_batch){.list = list,
                                .count = found,
                                .unreadable = unreadable,
                                .unreadable_count = broken,
                                .warehouses = fake.warehouses,
                                .warehouse_count = fake.warehouse_count};
}

static const int32_t *ids_of(const struct chunk *chunk)
{
    return chunk->count > 0 ? chunk->products->ids + chunk->first : NULL;
}

static enum status read_chunk(struct chunk_reader *reader,
                              const struct chunk *chunk,
                              struct stock_batch *stock,
                              struct kit_table_changes *changes,
                              struct err *err)
{
    (void)reader;
    enum status rc = enter(FAKE_READ, err);
    *changes = fake.changes;
    fake.changes = (struct kit_table_changes){0};
    read_products(stocks[0], ids_of(chunk), chunk->count, stock);
    return rc;
}

/* On the reader's thread. */
static enum status read_deferred(struct chunk_reader *reader,
                                 const struct chunk *chunk,
                                 struct stock_batch *stock,
                                 struct kit_table_changes *changes,
                                 struct err *err)
{
    (void)reader;
    const struct timespec moment = {.tv_nsec = 100000};
    enum status rc = enter(FAKE_READ_DEFERRED, err);
    *changes = (struct kit_table_changes){0};
    read_products(stocks[1], ids_of(chunk), chunk->count, stock);
    while (atomic_load(&fake_process.hold_deferred)) {
        (void)nanosleep(&moment, NULL);
    }
    return rc;
}

static bool
knows_warehouses(struct leader *leader, const struct stock_warehouse_row *list, size_t count)
{
    (void)leader;
    (void)list;
    return count == fake_leader.shared_warehouses;
}

static enum status share_warehouses(struct leader *leader,
                                    const struct stock_warehouse_row *list,
                                    size_t count,
                                    struct err *err)
{
    (void)leader;
    (void)list;
    fake_leader.shared_warehouses = count;
    return enter(FAKE_SHARE, err);
}

/* --- outbox --- */

static enum status next_revision(struct leader *leader, int64_t *revision, struct err *err)
{
    (void)leader;
    *revision = ++fake_leader.revision;
    return enter(FAKE_REVISION, err);
}

static bool is_parked(const struct leader *leader, int32_t product_id)
{
    (void)leader;
    for (size_t i = 0; i < fake_leader.parked_count; i++) {
        if (fake_leader.parked[i] == product_id) {
            return true;
        }
    }
    return false;
}

static enum status
park(struct leader *leader, const struct leader_parked *list, size_t count, struct err *err)
{
    (void)leader;
    for (size_t i = 0; i < count; i++) {
        if (!is_parked(leader, list[i].product_id)) {
            fake_leader.parked[fake_leader.parked_count++] = list[i].product_id;
        }
        (void)snprintf(fake_leader.parked_reason, sizeof fake_leader.parked_reason, "%s",
                       list[i].reason);
    }
    return enter(FAKE_PARK, err);
}

static enum status
unpark(struct leader *leader, const int32_t *product_ids, size_t count, struct err *err)
{
    (void)leader;
    size_t kept = 0;
    for (size_t i = 0; i < fake_leader.parked_count; i++) {
        if (id_list_index(product_ids, count, fake_leader.parked[i]) == count) {
            fake_leader.parked[kept++] = fake_leader.parked[i];
        }
    }
    fake_leader.parked_count = kept;
    return enter(FAKE_UNPARK, err);
}

static enum status
store_digests(struct pg_conn *conn, const struct published_list *list, struct err *err)
{
    (void)conn;
    for (size_t i = 0; i < list->count; i++) {
        if (list->ids[i] < 64) {
            fake.digests[list->ids[i]] = list->digests[i];
        }
    }
    fake.stored_digests += list->count;
    return enter(FAKE_STORE, err);
}

static bool is_listed(const int64_t *ids, size_t count, int64_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* A long batch deletes a run of ids, which is found at once. */
static bool is_run(const int64_t *ids, size_t count)
{
    return count > 1 && ids[count - 1] - ids[0] == (int64_t)count - 1;
}

static enum status
delete_marks(struct pg_conn *conn, const int64_t *ids, size_t count, struct err *err)
{
    (void)conn;
    enum status rc = enter(FAKE_DELETE, err);
    size_t kept = 0;
    for (size_t i = 0; rc == STATUS_OK && i < fake.mark_count; i++) {
        int64_t id = fake.marks[i].id;
        bool gone =
            is_run(ids, count) ? id >= ids[0] && id <= ids[count - 1] : is_listed(ids, count, id);
        if (!gone) {
            fake.marks[kept++] = fake.marks[i];
        }
    }
    if (rc == STATUS_OK) {
        fake.mark_count = kept;
    }
    return rc;
}

/* --- round --- */

static enum status mark_more(struct pg_conn *conn,
                             int32_t after_product,
                             size_t limit,
                             int32_t *last_product,
                             size_t *inserted,
                             struct err *err)
{
    (void)conn;
    *inserted = 0;
    while (after_product < fake.product_count && *inserted < limit) {
        (void)fake_mark(++after_product, CAUSE_BACKFILL);
        ++*inserted;
    }
    *last_product = after_product;
    return enter(FAKE_MARK_MORE, err);
}

/* --- streams --- */

static void store_stream(const struct stream *stream)
{
    stream_release(&fake_stream.known);
    copy_stream(&fake_stream.known, stream);
}

static enum status read_stream(struct leader *leader, struct stream *stream, struct err *err)
{
    (void)leader;
    *stream = (struct stream){0};
    enum status rc = enter(FAKE_STREAM_READ, err);
    if (rc == STATUS_OK) {
        copy_stream(stream, &fake_stream.known);
    }
    return rc;
}

static enum status begin_stream(struct leader *leader, struct stream *stream, struct err *err)
{
    (void)leader;
    enum status rc = enter(FAKE_STREAM_BEGIN, err);
    if (rc == STATUS_OK) {
        (void)snprintf(stream->id, sizeof stream->id, "stream-%d", ++fake_stream.streams);
        stream->exists = true;
        stream->marked = false;
        stream->first_revision = ++fake_leader.revision;
        store_stream(stream);
    }
    return rc;
}

static enum status note_stream(struct leader *leader, const struct stream *stream, struct err *err)
{
    (void)leader;
    enum status rc = enter(FAKE_STREAM_NOTE, err);
    if (rc == STATUS_OK) {
        store_stream(stream);
    }
    return rc;
}

static enum status marked(struct leader *leader, struct err *err)
{
    (void)leader;
    enum status rc = enter(FAKE_STREAM_MARKED, err);
    fake_stream.known.marked = fake_stream.known.marked || rc == STATUS_OK;
    return rc;
}

static enum status read_identity(struct leader *leader, struct err *err)
{
    (void)leader;
    return enter(FAKE_IDENTITY, err);
}

static const struct leader_identity *identity(const struct leader *leader)
{
    (void)leader;
    return &fake_leader.identity;
}

static int64_t ceiling(const struct leader *leader)
{
    (void)leader;
    return fake_leader.ceiling;
}

static enum status raise_above(struct leader *leader, int64_t revision, struct err *err)
{
    (void)leader;
    (void)err;
    fake_leader.revision = revision > fake_leader.revision ? revision : fake_leader.revision;
    return STATUS_OK;
}

static enum status read_settled(struct pg_conn *conn, int64_t *revision, struct err *err)
{
    (void)conn;
    *revision = fake_stream.settled;
    return enter(FAKE_SETTLED_READ, err);
}

static enum status
write_settled(struct pg_conn *conn, int64_t revision, bool durable, struct err *err)
{
    (void)conn;
    enum status rc = enter(FAKE_SETTLED_WRITE, err);
    if (rc == STATUS_OK) {
        fake_stream.settled = revision;
        fake_stream.durable = durable;
    }
    return rc;
}

static enum status open_topic(const struct conf_pairs *kafka,
                              const char *name,
                              struct topic_probe **topic,
                              struct err *err)
{
    (void)kafka;
    (void)name;
    *topic = NULL;
    return enter(FAKE_OPEN_TOPIC, err);
}

static void close_topic(struct topic_probe *topic)
{
    (void)topic;
}

static void fill_facts(struct topic_facts *facts)
{
    topic_facts_release(facts);
    (void)snprintf(facts->cluster, sizeof facts->cluster, "%s", fake_stream.cluster);
    facts->count = fake_stream.partition_count;
    facts->partition = mem_calloc(FAKE_PARTITIONS, sizeof *facts->partition);
    for (size_t i = 0; i < facts->count; i++) {
        facts->partition[i].end = fake_stream.end_offsets[i];
    }
}

static enum status
read_ends(struct topic_probe *topic, int timeout_ms, struct topic_facts *facts, struct err *err)
{
    (void)topic;
    (void)timeout_ms;
    fill_facts(facts);
    return enter(FAKE_FACTS, err);
}

static enum status
read_newest(struct topic_probe *topic, int timeout_ms, struct topic_facts *facts, struct err *err)
{
    (void)topic;
    (void)timeout_ms;
    fill_facts(facts);
    for (size_t i = 0; i < fake_stream.record_count; i++) {
        const struct topic_probe_record *record = &fake_stream.records[i];
        facts->partition[record->partition].revision = record->revision;
    }
    return enter(FAKE_READ_NEWEST, err);
}

static enum status read_from(struct topic_probe *topic,
                             int timeout_ms,
                             const int64_t *starts,
                             size_t count,
                             topic_probe_record_fn each,
                             void *arg,
                             struct err *err)
{
    (void)topic;
    (void)timeout_ms;
    enum status rc = enter(FAKE_READ_FROM, err);
    for (size_t i = 0; i < fake_stream.record_count && rc == STATUS_OK; i++) {
        const struct topic_probe_record *record = &fake_stream.records[i];
        if ((size_t)record->partition < count && record->offset >= starts[record->partition]) {
            rc = each(arg, record, err);
        }
    }
    return rc;
}

static enum status read_keys(
    struct topic_probe *topic, int timeout_ms, topic_probe_key_fn each, void *arg, struct err *err)
{
    (void)topic;
    (void)timeout_ms;
    enum status rc = enter(FAKE_READ_KEYS, err);
    for (size_t i = 0; i < fake_stream.record_count && rc == STATUS_OK; i++) {
        rc = each(arg, fake_stream.records[i].product_id, err);
    }
    return rc;
}

static enum status mark_gone(
    struct pg_conn *conn, const int32_t *product_ids, size_t count, size_t *gone, struct err *err)
{
    (void)conn;
    *gone = 0;
    for (size_t i = 0; i < count; i++) {
        if (product_ids[i] > fake.product_count) {
            (void)fake_mark(product_ids[i], CAUSE_BACKFILL);
            ++*gone;
        }
    }
    return enter(FAKE_MARK_GONE, err);
}

/* --- upkeep --- */

static enum status check(struct leader *leader, struct err *err)
{
    (void)leader;
    return enter(FAKE_CHECK, err);
}

static enum status
read_shape(struct pg_conn *conn, bool forecast, struct odoo_shape *shape, struct err *err)
{
    (void)conn;
    (void)forecast;
    *shape = fake.shape;
    return enter(FAKE_SHAPE, err);
}

static enum status has_kits(struct chunk_reader *reader, bool *filled, struct err *err)
{
    (void)reader;
    *filled = fake.kits_filled;
    return enter(FAKE_KITS, err);
}

static enum status list_parked(struct leader *leader, struct id_list *due, struct err *err)
{
    (void)leader;
    id_list_reset(due);
    id_list_add_all(due, fake_leader.parked, fake_leader.due_count);
    return enter(FAKE_LIST_PARKED, err);
}

static size_t parked_count(const struct leader *leader)
{
    (void)leader;
    return fake_leader.parked_count;
}

static enum status check_triggers(struct pg_conn *conn, bool forecast, struct err *err)
{
    (void)conn;
    (void)forecast;
    return enter(FAKE_TRIGGERS, err);
}

static enum status follow_warehouses(struct leader *leader, struct err *err)
{
    (void)leader;
    return enter(FAKE_WAREHOUSES, err);
}

static enum status verify(struct pg_conn *conn, unsigned parts, bool forecast, struct err *err)
{
    (void)conn;
    (void)parts;
    (void)forecast;
    return enter(FAKE_VERIFY, err);
}

/* --- full pass --- */

static enum status forget(struct pg_conn *conn, struct err *err)
{
    (void)conn;
    return enter(FAKE_FORGET, err);
}

static enum status load(struct pg_conn *conn, struct full_pass_state *state, struct err *err)
{
    (void)conn;
    *state = fake.pass;
    return enter(FAKE_LOAD, err);
}

static enum status begin(struct pg_conn *conn, struct err *err)
{
    (void)conn;
    fake.pass = (struct full_pass_state){.started_us = clock_wall_us() + 1,
                                         .total = fake.product_count,
                                         .wanted_us = fake.pass.wanted_us};
    return enter(FAKE_BEGIN, err);
}

static enum status want(struct pg_conn *conn, struct err *err)
{
    (void)conn;
    fake.pass.wanted_us = clock_wall_us() + 1;
    return enter(FAKE_WANT, err);
}

static enum status next(struct pg_conn *conn,
                        int32_t after,
                        size_t limit,
                        struct id_list *ids,
                        struct published_list *digests,
                        int32_t *last,
                        struct err *err)
{
    (void)conn;
    id_list_reset(ids);
    digests->count = 0;
    *last = after;
    while (*last < fake.product_count && ids->count < limit) {
        ++*last;
        id_list_add(ids, *last);
        published_list_add(digests, *last, *last < 64 ? fake.digests[*last] : 0);
    }
    *last = ids->count == 0 ? INT32_MAX : *last;
    return enter(FAKE_NEXT, err);
}

static enum status read_ids(struct chunk_reader *reader,
                            const struct id_list *ids,
                            struct stock_batch *stock,
                            struct kit_table_changes *changes,
                            struct err *err)
{
    (void)reader;
    *changes = fake.changes;
    read_products(stocks[0], ids->ids, ids->count, stock);
    return enter(FAKE_READ_IDS, err);
}

static enum status mark(struct pg_conn *conn,
                        const int32_t *product_ids,
                        size_t count,
                        enum cause cause,
                        struct err *err)
{
    (void)conn;
    for (size_t i = 0; i < count; i++) {
        (void)fake_mark(product_ids[i], cause);
    }
    return enter(FAKE_MARK, err);
}

static enum status
note(struct pg_conn *conn, const struct full_pass_state *state, bool finished, struct err *err)
{
    (void)conn;
    fake.pass = *state;
    fake.pass.finished_us = finished ? clock_wall_us() + 1 : 0;
    fake.pass.wanted_us = finished ? 0 : fake.pass.wanted_us;
    return enter(FAKE_NOTE, err);
}

/* --- leadership --- */

static enum status take(struct leader *leader, struct err *err)
{
    (void)leader;
    enum status rc = enter(FAKE_TAKE, err);
    fake_leader.held = rc == STATUS_OK;
    fake_leader.epoch += rc == STATUS_OK;
    return rc;
}

static bool is_held(const struct leader *leader)
{
    (void)leader;
    return fake_leader.held;
}

static enum status confirm(struct leader *leader, struct err *err)
{
    (void)leader;
    return enter(FAKE_CONFIRM, err);
}

static void drop(struct leader *leader)
{
    (void)leader;
    fake_leader.held = false;
    fake_leader.drops++;
}

static int64_t epoch(const struct leader *leader)
{
    (void)leader;
    return fake_leader.epoch;
}

static enum status ensure_topic(const struct shared_conf *conf, struct err *err)
{
    (void)conf;
    return enter(FAKE_TOPIC, err);
}

static enum status
open_tail(struct connections *connections, struct odoo_shape *shape, struct err *err)
{
    (void)connections;
    *shape = fake.shape;
    return enter(FAKE_OPEN, err);
}

static void close_tail(struct connections *connections)
{
    (void)connections;
}

void fake_ports(struct producer_ports *ports)
{
    *ports = (struct producer_ports){.producer = {.take = take,
                                                  .is_held = is_held,
                                                  .check = check,
                                                  .confirm = confirm,
                                                  .drop = drop,
                                                  .epoch = epoch,
                                                  .identity = identity,
                                                  .ensure_topic = ensure_topic,
                                                  .open = open_tail,
                                                  .close = close_tail},
                                     .round = {.mark_more = mark_more},
                                     .streams = {.read = read_stream,
                                                 .begin = begin_stream,
                                                 .note = note_stream,
                                                 .marked = marked,
                                                 .read_identity = read_identity,
                                                 .identity = identity,
                                                 .ceiling = ceiling,
                                                 .raise_above = raise_above,
                                                 .read_settled = read_settled,
                                                 .write_settled = write_settled,
                                                 .forget_digests = forget,
                                                 .mark = mark,
                                                 .mark_gone = mark_gone,
                                                 .open_topic = open_topic,
                                                 .close_topic = close_topic,
                                                 .read_ends = read_ends,
                                                 .read_newest = read_newest,
                                                 .read_from = read_from,
                                                 .read_keys = read_keys},
                                     .pass = {.snapshot = snapshot,
                                              .forget = forget,
                                              .load = load,
                                              .begin = begin,
                                              .want = want,
                                              .next = next,
                                              .read = read_ids,
                                              .mark = mark,
                                              .note = note},
                                     .reader = {.read = read_deferred},
                                     .upkeep = {.check_leader = check,
                                                .read_shape = read_shape,
                                                .has_kits = has_kits,
                                                .list_parked = list_parked,
                                                .parked_count = parked_count,
                                                .mark = mark,
                                                .check_triggers = check_triggers,
                                                .follow_warehouses = follow_warehouses,
                                                .verify = verify},
                                     .outbox = {.next_revision = next_revision,
                                                .park = park,
                                                .unpark = unpark,
                                                .is_parked = is_parked,
                                                .store_digests = store_digests,
                                                .delete_marks = delete_marks,
                                                .write_settled = write_settled},
                                     .chunks = {.snapshot = snapshot,
                                                .read_marks = read_marks,
                                                .read = read_chunk,
                                                .knows_warehouses = knows_warehouses,
                                                .share_warehouses = share_warehouses,
                                                .metrics = fake_metrics()}};
}
