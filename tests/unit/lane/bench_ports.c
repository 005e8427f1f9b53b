#include "tests/unit/lane/bench_ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/lane/bench.h"

#define COPY(list, count, from, from_count)                                                        \
    for (size_t i = 0; i < (from_count); i++) {                                                    \
        assert_true((count) < BENCH_MAX);                                                          \
        (list)[(count)++] = (from)[i];                                                             \
    }

static void append(char *text, size_t size, const char *more)
{
    size_t used = strlen(text);
    assert_true(used + strlen(more) + 1 < size);
    (void)snprintf(text + used, size - used, "%s ", more);
}

#define APPEND(text, more) append(text, sizeof(text), more)

static enum status called(const char *name, struct err *err)
{
    APPEND(bench.calls, name);
    return bench.fails != NULL && strcmp(bench.fails, name) == 0
               ? err_set(err, STATUS_SOURCE_LOST, "%s fails", name)
               : STATUS_OK;
}

/* --- levels --- */

static enum status
note(struct state *s, const struct level_write *list, size_t count, struct err *err)
{
    (void)s;
    COPY(bench.levels.noted, bench.levels.noted_count, list, count)
    return called("note", err);
}

static enum status
orphan(struct state *s, const struct state_orphan *list, size_t count, struct err *err)
{
    (void)s;
    COPY(bench.levels.orphans, bench.levels.orphan_count, list, count)
    return called("orphan", err);
}

static enum status
follow(struct state *s, const struct state_owner *list, size_t count, bool *moved, struct err *err)
{
    (void)s;
    COPY(bench.levels.followed, bench.levels.followed_count, list, count)
    *moved = bench.levels.moved != NULL;
    return called("follow", err);
}

static enum status read_levels(struct state *s,
                               const struct level_key *keys,
                               size_t count,
                               int64_t now_us,
                               struct level_known *known,
                               struct err *err)
{
    (void)s;
    assert_true(now_us == bench.wall_us);
    bool moved = bench.levels.followed_count > 0 && bench.levels.moved != NULL;
    for (size_t i = 0; i < count; i++) {
        known[i] = moved ? bench.levels.moved[i] : bench.levels.known[i];
        known[i].key = keys[i];
    }
    return called("read_levels", err);
}

static enum status
sales_see(struct state *s, struct level_seen *list, size_t count, struct err *err)
{
    (void)s;
    COPY(bench.levels.seen, bench.levels.seen_count, list, count)
    for (size_t i = 0; i < count; i++) {
        list[i].noted = bench.levels.see_notes;
        list[i].first = bench.levels.see_first;
    }
    return called("sales_see", err);
}

static enum status sales_due(struct state *s,
                             int64_t now_us,
                             bool (*is_ours)(void *arg, int32_t product_id),
                             void *arg,
                             struct state_unimported *list,
                             size_t *count,
                             struct err *err)
{
    (void)s;
    assert_true(now_us == bench.wall_us);
    *count = 0;
    for (size_t i = 0; i < bench.levels.due_count; i++) {
        if (is_ours(arg, bench.levels.due[i].product_id)) {
            list[(*count)++] = bench.levels.due[i];
        }
    }
    return called("sales_due", err);
}

static enum status sales_next(struct state *s, int64_t *wake_us, size_t *levels, struct err *err)
{
    (void)s;
    *wake_us = bench.levels.wake_us;
    *levels = bench.levels.held_back;
    return called("sales_next", err);
}

static enum status attempts_begin(struct state *s,
                                  const struct state_attempt *const *list,
                                  size_t count,
                                  struct err *err)
{
    (void)s;
    for (size_t i = 0; i < count; i++) {
        APPEND(bench.levels.begun, list[i]->key);
    }
    return called("attempts_begin", err);
}

static enum status attempts_settle(struct state *s,
                                   const struct state_outcome *list,
                                   size_t count,
                                   int64_t answered_at_us,
                                   struct err *err)
{
    (void)s;
    assert_true(answered_at_us == bench.wall_us);
    for (size_t i = 0; i < count; i++) {
        char text[80];
        (void)snprintf(text, sizeof text, "%s:%s", list[i].attempt->key, list[i].outcome);
        APPEND(bench.levels.settled, text);
    }
    return called("attempts_settle", err);
}

static enum status
attempts_renew(struct state *s, const char *key, int64_t now_us, bool *open, struct err *err)
{
    (void)s;
    (void)key;
    assert_true(now_us == bench.wall_us);
    *open = !bench.levels.attempts_lost;
    return called("attempts_renew", err);
}

static enum status
attempts_abandon(struct state *s, int64_t before_us, int64_t *count, struct err *err)
{
    (void)s;
    bench.levels.abandon_before_us = before_us;
    *count = bench.levels.abandoned;
    return called("attempts_abandon", err);
}

static enum status attempts_adopt(struct state *s,
                                  int64_t after_revision,
                                  struct state_attempt **list,
                                  size_t *count,
                                  struct err *err)
{
    (void)s;
    assert_int_equal(after_revision, bench.c.first_revision);
    enum status rc = called("attempts_adopt", err);
    if (rc == STATUS_OK) {
        *list = bench.levels.adoptable;
        *count = bench.levels.adoptable_count;
        bench.levels.adoptable = NULL;
        bench.levels.adoptable_count = 0;
    }
    return rc;
}

/* --- parked rows --- */

static void copy_text(char *to, size_t size, const char *text)
{
    (void)snprintf(to, size, "%s", text != NULL ? text : "");
}

static enum status park(struct state *s, struct state_parked *list, size_t count, struct err *err)
{
    (void)s;
    for (size_t i = 0; i < count; i++) {
        assert_true(bench.parked.count < BENCH_MAX);
        struct bench_row *row = &bench.parked.rows[bench.parked.count++];
        *row = (struct bench_row){.row = list[i], .has_record = list[i].record_value.ptr != NULL};
        copy_text(row->reason, sizeof row->reason, list[i].reason);
        copy_text(row->detail, sizeof row->detail, list[i].detail);
        copy_text(row->code, sizeof row->code, list[i].code);
        copy_text(row->request_id, sizeof row->request_id, list[i].request_id);
        list[i].first = !bench.parked.known;
    }
    return called("park", err);
}

static enum status
unpark(struct state *s, const char *const *subjects, size_t count, struct err *err)
{
    (void)s;
    for (size_t i = 0; i < count; i++) {
        APPEND(bench.parked.unparked, subjects[i]);
    }
    return called("unpark", err);
}

static enum status parked_place(struct state *s,
                                int32_t (*place)(void *arg, int32_t product_id),
                                void *arg,
                                struct err *err)
{
    (void)s;
    (void)place;
    (void)arg;
    return bench.fails != NULL && strcmp(bench.fails, "place") == 0
               ? err_set(err, STATUS_SOURCE_LOST, "place fails")
               : STATUS_OK;
}

static enum status parked_due(struct state *s,
                              const struct state_share *share,
                              state_parked_fn each,
                              void *arg,
                              size_t *count,
                              struct err *err)
{
    (void)s;
    bench.parked.share_max = share->max;
    *count = bench.parked.given_count < share->max ? bench.parked.given_count : share->max;
    for (size_t i = 0; i < *count; i++) {
        each(arg, &bench.parked.given[i]);
    }
    return called("due", err);
}

static bool has_reason(const char *const *reasons, const char *reason)
{
    bool found = reasons == NULL || reasons[0] == NULL;
    for (size_t i = 0; reasons != NULL && reasons[i] != NULL; i++) {
        found = found || strcmp(reasons[i], reason) == 0;
    }
    return found;
}

static enum status rescan(struct state *s,
                          const struct state_share *share,
                          struct state_rescan *sweep,
                          state_parked_fn each,
                          void *arg,
                          size_t *count,
                          struct err *err)
{
    (void)s;
    bench.parked.share_max = share->max;
    bench.parked.rested_ms = sweep->rested_ms;
    *count = 0;
    for (size_t i = 0; i < bench.parked.given_count && *count < share->max; i++) {
        const struct state_parked *row = &bench.parked.given[i];
        if (strcmp(row->subject, sweep->after) > 0 && has_reason(sweep->reasons, row->reason)) {
            memcpy(sweep->after, row->subject, sizeof sweep->after);
            *count += 1;
            each(arg, row);
        }
    }
    return called("rescan", err);
}

static enum status
parked_settle(struct state *s, struct state_tried *list, size_t count, struct err *err)
{
    (void)s;
    for (size_t i = 0; i < count; i++) {
        APPEND(bench.parked.settled, list[i].subject);
        list[i].fixed = !bench.parked.again;
    }
    return called("settle", err);
}

static void
each_in_memory(const struct state *s, void (*each)(void *arg, const char *reason), void *arg)
{
    (void)s;
    for (size_t i = 0; bench.parked.in_memory[i] != NULL; i++) {
        each(arg, bench.parked.in_memory[i]);
    }
}

/* --- products --- */

static enum status
products_note(struct state *s, const struct state_product *list, size_t count, struct err *err)
{
    (void)s;
    for (size_t i = 0; i < count; i++) {
        char text[80];
        (void)snprintf(text, sizeof text, "%d=%s%s", (int)list[i].product_id,
                       list[i].text != NULL ? list[i].text : "",
                       list[i].sellable ? "" : "(not sold)");
        APPEND(bench.products.noted, text);
    }
    return called("products_note", err);
}

static enum status products_noted(struct state *s,
                                  int32_t seconds,
                                  void (*each)(void *arg, const struct state_product *product),
                                  void *arg,
                                  struct err *err)
{
    (void)s;
    bench.products.seconds = seconds;
    for (size_t i = 0; i < bench.products.other_count; i++) {
        each(arg, &bench.products.others[i]);
    }
    return called("products_noted", err);
}

/* --- rules --- */

static enum status planned_read(
    struct state *s, struct state_planned *list, size_t count, bool *has_levels, struct err *err)
{
    (void)s;
    for (size_t i = 0; i < count; i++) {
        assert_in_range(list[i].partition, 0, BENCH_MAX - 1);
        memcpy(list[i].digest, bench.planned.digests[list[i].partition], STATE_DIGEST_SIZE);
    }
    *has_levels = bench.planned.has_levels;
    return called("planned_read", err);
}

static enum status planned_store(
    struct state *s, const int32_t *partitions, size_t count, const char *digest, struct err *err)
{
    (void)s;
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(bench.planned.digests[partitions[i]], STATE_DIGEST_SIZE, "%s", digest);
    }
    return called("planned_store", err);
}

static enum status leftovers(struct state *s,
                             void (*each)(void *arg, const struct state_leftover *level),
                             void *arg,
                             struct err *err)
{
    (void)s;
    for (size_t i = 0; i < bench.planned.leftover_count; i++) {
        each(arg, &bench.planned.leftovers[i]);
    }
    return called("leftovers", err);
}

/* --- guard --- */

static enum status guard_read(struct state *s, struct state_guard *guard, struct err *err)
{
    (void)s;
    *guard = bench.guard.row;
    return called("guard_read", err);
}

static enum status guard_adopt(struct state *s, struct err *err)
{
    (void)s;
    bench.guard.row.ours = bench.guard.row.ours || bench.guard.adopts;
    return called("adopt", err);
}

static enum status
guard_hold(struct state *s, const struct state_guard *guard, int64_t revision, struct err *err)
{
    (void)s;
    bench.guard.held = *guard;
    bench.guard.held_revision = revision;
    return called("hold", err);
}

static enum status guard_release(struct state *s, struct err *err)
{
    (void)s;
    return called("release", err);
}

static enum status guard_loaded(struct state *s, struct err *err)
{
    (void)s;
    return called("loaded", err);
}

static enum status
guard_contact(struct state *s, bool go, struct state_contact *contact, struct err *err)
{
    (void)s;
    bench.guard.asked_go = go;
    *contact = bench.guard.contact;
    return called("contact", err);
}

static enum status guard_pin(struct state *s, char database[STATE_DATABASE_SIZE], struct err *err)
{
    (void)s;
    if (bench.guard.pinned != NULL) {
        (void)snprintf(database, STATE_DATABASE_SIZE, "%s", bench.guard.pinned);
    }
    return called("pin", err);
}

static enum status guard_levels(struct state *s, size_t *levels, struct err *err)
{
    (void)s;
    *levels = bench.guard.levels;
    return called("guard_levels", err);
}

static enum status
guard_journal(struct state *s,
              int64_t since_us,
              int64_t window_us,
              int64_t accepted_revision,
              void (*each)(void *arg, const struct level_write *write, int64_t at_us),
              void *arg,
              struct err *err)
{
    (void)window_us;
    (void)s;
    (void)accepted_revision;
    bench.guard.journal_since_us = since_us;
    for (size_t i = 0; i < bench.guard.journal_count; i++) {
        each(arg, &bench.guard.journal[i], bench.wall_us - 1000000);
    }
    return called("journal", err);
}

/* --- catalogue --- */

static enum status catalogue_look(struct state *s,
                                  const struct state_catalogue *which,
                                  int64_t *read_us,
                                  bool *wanted,
                                  struct err *err)
{
    (void)s;
    copy_text(bench.catalogue.domain, sizeof bench.catalogue.domain, which->domain);
    copy_text(bench.catalogue.match, sizeof bench.catalogue.match, which->match);
    *read_us = bench.catalogue.read_us;
    *wanted = bench.catalogue.wanted;
    return called("look", err);
}

static enum status catalogue_read(struct state *s,
                                  const struct state_catalogue *which,
                                  int64_t read_us,
                                  struct err *err)
{
    (void)s;
    (void)which;
    bench.catalogue.stored_read_us = bench.catalogue.read_us = read_us;
    bench.catalogue.wanted = false;
    return called("read", err);
}

static enum status catalogue_lock(struct state *s, bool *taken, int64_t *now_us, struct err *err)
{
    (void)s;
    *taken = !bench.catalogue.locked;
    *now_us = bench.catalogue.now_us;
    return called("lock", err);
}

static enum status catalogue_unlock(struct state *s, struct err *err)
{
    (void)s;
    return called("unlock", err);
}

static enum status items_load(struct state *s,
                              void (*each)(void *arg, const struct state_item *item),
                              void *arg,
                              struct err *err)
{
    (void)s;
    for (size_t i = 0; i < bench.catalogue.item_count; i++) {
        each(arg, &bench.catalogue.items[i]);
    }
    return called("items_load", err);
}

static void append_items(char *text, size_t size, const struct state_item *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char one[80];
        (void)snprintf(one, sizeof one, "%s=%lld%s%s%s", list[i].text, (long long)list[i].item,
                       list[i].tracked ? "+tracked" : "", list[i].bundle ? "+bundle" : "",
                       list[i].known ? "+known" : "");
        append(text, size, one);
    }
}

static enum status
items_store(struct state *s, const struct state_item *list, size_t count, struct err *err)
{
    (void)s;
    append_items(bench.catalogue.stored, sizeof bench.catalogue.stored, list, count);
    return called("items_store", err);
}

static enum status
items_remove(struct state *s, const struct state_item *list, size_t count, struct err *err)
{
    (void)s;
    append_items(bench.catalogue.removed, sizeof bench.catalogue.removed, list, count);
    return called("items_remove", err);
}

static enum status items_clear(struct state *s, struct err *err)
{
    (void)s;
    return called("items_clear", err);
}

/* --- blocked partitions --- */

static enum status blocked_note(
    struct state *s, const char *topic, struct state_blocked *list, size_t count, struct err *err)
{
    (void)s;
    (void)topic;
    bench.blocked.noted_count = 0;
    COPY(bench.blocked.noted, bench.blocked.noted_count, list, count)
    for (size_t i = 0; i < count; i++) {
        list[i].skip = bench.blocked.skip;
    }
    return called("blocked_note", err);
}

static enum status blocked_list(struct state *s,
                                const char *topic,
                                void (*each)(void *arg, const struct state_blocked *row),
                                void *arg,
                                struct err *err)
{
    (void)s;
    (void)topic;
    if (bench.blocked.row != NULL) {
        each(arg, bench.blocked.row);
    }
    return called("blocked_list", err);
}

static enum status blocked_end(
    struct state *s, const char *topic, const int32_t *partitions, size_t count, struct err *err)
{
    (void)s;
    (void)topic;
    for (size_t i = 0; i < count; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d", (int)partitions[i]);
        APPEND(bench.blocked.ended, text);
    }
    return called("blocked_end", err);
}

/* --- the store --- */

static enum status load_catalogue(struct graphql *client,
                                  enum match match,
                                  int stop_fd,
                                  struct sku_index **index,
                                  void (*progress)(void *arg, size_t variants),
                                  void *arg,
                                  struct err *err)
{
    (void)client;
    (void)match;
    (void)stop_fd;
    if (bench.requests.load == NULL) {
        return err_set(err, STATUS_STORE_LOST, "the store does not answer");
    }
    progress(arg, 250);
    progress(arg, 25000);
    *index = bench.requests.load();
    return called("load_catalogue", err);
}

static enum status
send(struct graphql *client, enum operation op, const char *variables, void *owner, struct err *err)
{
    (void)client;
    enum status rc = called("send", err);
    if (rc != STATUS_OK) {
        return rc;
    }
    assert_true(bench.requests.sent_count < BENCH_MAX);
    bench.requests.sent[bench.requests.sent_count++] =
        (struct bench_sent){.op = op, .variables = mem_strdup(variables), .owner = owner};
    return STATUS_OK;
}

static enum status fetch(struct graphql *client,
                         const char *url,
                         bool (*take)(void *arg, struct bytes piece),
                         void *arg,
                         void *owner,
                         struct err *err)
{
    (void)client;
    (void)take;
    (void)arg;
    (void)owner;
    copy_text(bench.requests.url, sizeof bench.requests.url, url);
    return called("fetch", err);
}

static void cancel(struct graphql *client, const void *owner)
{
    struct err ignored;
    (void)client;
    (void)owner;
    (void)called("cancel", &ignored);
}

static size_t running(const struct graphql *client)
{
    (void)client;
    return bench.requests.running;
}

/* --- the source --- */

static enum status
poll_source(struct record_source *source, struct source_event *event, struct err *err)
{
    (void)source;
    struct bench_source *in = &bench.input;
    if (in->lost_at != 0 && in->next == in->lost_at) {
        in->lost_at = 0;
        return err_set(err, STATUS_BROKER_LOST, "all brokers are down");
    }
    *event = in->next < in->event_count ? in->events[in->next++]
                                        : (struct source_event){.type = SOURCE_NOTHING};
    return called("poll", err);
}

static size_t assigned_count(const struct record_source *source)
{
    (void)source;
    return bench.input.assigned;
}

static void read_from(struct record_source *source, int32_t partition, int64_t offset)
{
    char text[48];
    (void)source;
    (void)snprintf(text, sizeof text, offset > 0 ? "%d@%lld" : "%d", (int)partition,
                   (long long)offset);
    APPEND(bench.input.from_start, text);
}

static enum status commit_wait(struct record_source *source,
                               const struct partition_offset *list,
                               size_t count,
                               int timeout_ms,
                               struct err *err)
{
    char text[48];
    (void)source;
    assert_in_range(timeout_ms, 1, 10000);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(text, sizeof text, "%d@%lld", (int)list[i].partition,
                       (long long)list[i].next_offset);
        APPEND(bench.input.committed, text);
    }
    return called("commit_wait", err);
}

/* --- streams --- */

static enum status streams_read(struct state *s,
                                void (*each)(void *arg, const struct state_stream *stream),
                                void *arg,
                                struct err *err)
{
    (void)s;
    for (size_t i = 0; i < bench.streams.count; i++) {
        each(arg, &bench.streams.list[i]);
    }
    return called("streams_read", err);
}

static enum status positions_read(struct state *s,
                                  const struct state_stream *stream,
                                  struct state_position *list,
                                  size_t count,
                                  struct err *err)
{
    (void)s;
    assert_string_equal(stream->id, bench.streams.list[0].id);
    for (size_t i = 0; i < count; i++) {
        list[i].first_offset = bench.streams.first_offsets[list[i].partition];
        copy_text(list[i].stream, sizeof list[i].stream,
                  bench.streams.positions[list[i].partition]);
    }
    return called("positions_read", err);
}

static enum status positions_note(struct state *s,
                                  const struct state_stream *stream,
                                  const int32_t *partitions,
                                  size_t count,
                                  struct err *err)
{
    (void)s;
    for (size_t i = 0; i < count; i++) {
        copy_text(bench.streams.positions[partitions[i]], STATE_STREAM_SIZE, stream->id);
    }
    return called("positions_note", err);
}

/* Products of other processes have ids from BENCH_OTHERS on. */
static int32_t partition_of(const struct record_source *source, int32_t product_id)
{
    (void)source;
    return product_id >= BENCH_OTHERS ? 1 : 0;
}

static void pause_partition(struct record_source *source, int32_t partition, bool paused)
{
    char text[16];
    (void)source;
    (void)snprintf(text, sizeof text, "%s%d", paused ? "+" : "-", (int)partition);
    APPEND(bench.input.paused, text);
}

static const struct source_port SOURCE = {.poll = poll_source,
                                          .read_from = read_from,
                                          .commit_wait = commit_wait,
                                          .assigned_count = assigned_count,
                                          .pause = pause_partition,
                                          .partition_of = partition_of};
static const struct store_port STORE = {.load_catalogue = load_catalogue,
                                        .send = send,
                                        .fetch = fetch,
                                        .cancel = cancel,
                                        .running = running};
static const struct blocked_port BLOCKED = {
    .note = blocked_note, .list = blocked_list, .end = blocked_end};
static const struct streams_port STREAMS = {
    .read = streams_read, .positions = positions_read, .note = positions_note};
static const struct planned_port PLANNED = {.read = planned_read, .store = planned_store};
static const struct state_port STATE = {
    .levels = {.read = read_levels,
               .note = note,
               .leftovers = leftovers,
               .orphan = orphan,
               .follow = follow,
               .sales_see = sales_see,
               .sales_due = sales_due,
               .sales_next = sales_next,
               .attempts_begin = attempts_begin,
               .attempts_settle = attempts_settle,
               .attempts_renew = attempts_renew,
               .attempts_abandon = attempts_abandon,
               .attempts_adopt = attempts_adopt},
    .parked = {.park = park,
               .unpark = unpark,
               .place = parked_place,
               .due = parked_due,
               .rescan = rescan,
               .settle = parked_settle,
               .each_in_memory = each_in_memory},
    .blocked = &BLOCKED,
    .products = {.note = products_note, .noted = products_noted},
    .planned = &PLANNED,
    .streams = &STREAMS,
    .guard = {.read = guard_read,
              .adopt = guard_adopt,
              .hold = guard_hold,
              .release = guard_release,
              .loaded = guard_loaded,
              .contact = guard_contact,
              .pin = guard_pin,
              .levels = guard_levels,
              .journal = guard_journal},
    .catalogue = {.look = catalogue_look,
                  .read = catalogue_read,
                  .lock = catalogue_lock,
                  .unlock = catalogue_unlock,
                  .items_load = items_load,
                  .items_store = items_store,
                  .items_remove = items_remove,
                  .items_clear = items_clear}};

const struct lane_ports bench_ports = {.source = &SOURCE, .store = &STORE, .state = &STATE};
