#include "tests/unit/lane/fake_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/lane/fake_clock.h"

struct fake_state fake_state;

struct state {
    bool open;
};

static struct state the_state;

void fake_state_release(void)
{
    struct fake_state *s = &fake_state;
    for (size_t i = 0; i < s->attempts.count; i++) {
        mem_free(s->attempts.list[i].variables);
        mem_free(s->attempts.list[i].list);
    }
    for (size_t i = 0; i < s->parked.count; i++) {
        mem_free(s->parked.list[i].record_key);
        mem_free(s->parked.list[i].record_value);
    }
    mem_free(s->levels.list);
    mem_free(s->attempts.list);
    mem_free(s->unimported.list);
    for (size_t i = 0; i < s->kept.count; i++) {
        mem_free(s->kept.list[i].unimported.list);
    }
    mem_free(s->kept.list);
    mem_free(s->parked.list);
    mem_free(s->products.list);
    mem_free(s->items.list);
    mem_free(s->blocked.list);
    mem_free(s->passes.list);
    mem_free(s->drifts.list);
    mem_free(s->rounds.list);
    mem_free(s->pushed.list);
    mem_free(s->streams.list);
    *s = (struct fake_state){0};
}

enum status fake_state_enter(const char *function, struct err *err)
{
    struct fake_state *s = &fake_state;
    assert_true(the_state.open);
    if (s->failing == NULL || strcmp(s->failing, function) != 0) {
        return STATUS_OK;
    }
    if (s->failing_after > 0) {
        s->failing_after--;
        return STATUS_OK;
    }
    s->failing = NULL;
    return err_set(err, STATUS_SOURCE_LOST, "%s: the connection is lost", function);
}

void fake_state_remove(size_t at, void *list, size_t *count, size_t size)
{
    char *bytes = list;
    *count -= 1;
    memmove(bytes + at * size, bytes + (at + 1) * size, (*count - at) * size);
}

/* --- life --- */

static struct state *make(const char *dsn, const char *store, bool read_only)
{
    assert_string_equal(dsn, "state");
    assert_string_equal(store, "shop");
    fake_state.makes++;
    fake_state.read_only = read_only;
    fake_state.instance = (int64_t)fake_state.makes;
    the_state.open = false;
    return &the_state;
}

static enum status open_state(struct state *s, struct err *err)
{
    fake_state.opens++;
    if (fake_state.open_rc != STATUS_OK) {
        return err_set(err, fake_state.open_rc, "no state");
    }
    s->open = true;
    return STATUS_OK;
}

static enum status probe_state(struct state *s, struct err *err)
{
    (void)s;
    return fake_state_enter("probe", err);
}

/* Its advisory locks end with it. */
static void close_state(struct state *s)
{
    if (s != NULL) {
        s->open = false;
        fake_state.catalogue.locked = false;
    }
}

static enum status
warehouses(struct state *s, struct state_warehouse **list, size_t *count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("warehouses", err);
    *count = 0;
    if (rc != STATUS_OK || fake_state.no_warehouses) {
        return rc;
    }
    *list = mem_calloc(1, sizeof **list);
    (*list)[0] = fake_state.warehouse;
    (*list)[0].code = mem_strdup(fake_state.warehouse.code);
    (*list)[0].company = mem_strdup(fake_state.warehouse.company);
    *count = 1;
    return STATUS_OK;
}

/* --- products --- */

static void give_product(const struct fake_product *p,
                         void (*each)(void *arg, const struct state_product *product),
                         void *arg)
{
    const struct state_product product = {.product_id = p->product_id,
                                          .sellable = p->sellable,
                                          .text = p->text[0] != '\0' ? p->text : NULL,
                                          .revision = p->revision};
    each(arg, &product);
}

static enum status products_load(struct state *s,
                                 void (*each)(void *arg, const struct state_product *product),
                                 void *arg,
                                 struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("products_load", err);
    for (size_t i = 0; rc == STATUS_OK && i < fake_state.products.count; i++) {
        give_product(&fake_state.products.list[i], each, arg);
    }
    return rc;
}

static struct fake_product *find_product(int32_t product_id)
{
    for (size_t i = 0; i < fake_state.products.count; i++) {
        if (fake_state.products.list[i].product_id == product_id) {
            return &fake_state.products.list[i];
        }
    }
    const struct fake_product none = {.product_id = product_id};
    MEM_ADD(&fake_state.products, list, count, room, &none);
    return &fake_state.products.list[fake_state.products.count - 1];
}

static enum status
products_note(struct state *s, const struct state_product *list, size_t count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("products_note", err);
    for (size_t i = 0; rc == STATUS_OK && !fake_state.read_only && i < count; i++) {
        struct fake_product *p = find_product(list[i].product_id);
        if (p->revision <= list[i].revision) {
            p->sellable = list[i].sellable;
            p->revision = list[i].revision;
            p->noted_us = clock_wall_us();
            p->by_other = false;
            (void)snprintf(p->text, sizeof p->text, "%s", list[i].text != NULL ? list[i].text : "");
        }
    }
    return rc;
}

static enum status products_noted(struct state *s,
                                  int32_t seconds,
                                  void (*each)(void *arg, const struct state_product *product),
                                  void *arg,
                                  struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("products_noted", err);
    int64_t since_us = clock_wall_us() - seconds * FAKE_SECOND;
    for (size_t i = 0; rc == STATUS_OK && i < fake_state.products.count; i++) {
        const struct fake_product *p = &fake_state.products.list[i];
        if (p->by_other && p->noted_us > since_us) {
            give_product(p, each, arg);
        }
    }
    return rc;
}

/* --- the guard --- */

static bool is_alive(int64_t instance)
{
    return instance == FAKE_OTHER_PROCESS || instance == fake_state.instance;
}

static enum status guard_read(struct state *s, struct state_guard *guard, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("guard_read", err);
    *guard = fake_state.guard.row;
    guard->ours = guard->held_at_us != 0 && fake_state.guard.holder == fake_state.instance;
    return rc;
}

static enum status guard_adopt(struct state *s, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("guard_adopt", err);
    struct fake_guard *g = &fake_state.guard;
    if (rc == STATUS_OK && !fake_state.read_only && g->row.held_at_us != 0 &&
        !is_alive(g->holder)) {
        g->holder = fake_state.instance;
    }
    return rc;
}

static enum status
guard_hold(struct state *s, const struct state_guard *guard, int64_t revision, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("guard_hold", err);
    struct fake_guard *g = &fake_state.guard;
    bool others = g->row.held_at_us != 0 && g->holder != fake_state.instance;
    if (rc != STATUS_OK || fake_state.read_only || others) {
        return rc;
    }
    g->row.held_at_us = g->row.held_at_us != 0 ? g->row.held_at_us : guard->held_at_us;
    memcpy(g->row.reason, guard->reason, sizeof g->row.reason);
    memcpy(g->row.detail, guard->detail, sizeof g->row.detail);
    memcpy(g->row.examples, guard->examples, sizeof g->row.examples);
    g->holder = fake_state.instance;
    g->held_revision = revision;
    return STATUS_OK;
}

static enum status guard_release(struct state *s, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("guard_release", err);
    struct fake_guard *g = &fake_state.guard;
    if (rc == STATUS_OK && g->holder == fake_state.instance) {
        g->row.held_at_us = 0;
        g->row.reason[0] = g->row.detail[0] = g->row.examples[0] = '\0';
        g->holder = 0;
    }
    return rc;
}

static enum status guard_loaded(struct state *s, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("guard_loaded", err);
    if (rc == STATUS_OK && !fake_state.read_only) {
        fake_state.guard.row.loaded = true;
        fake_state.guard.loaded_us = clock_wall_us();
    }
    return rc;
}

static enum status
guard_contact(struct state *s, bool go, struct state_contact *contact, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("guard_contact", err);
    struct fake_guard *g = &fake_state.guard;
    bool known = fake_state.levels.count > 0;
    if (go || (known && !g->row.first_load_waits)) {
        g->first_load_go = true;
    }
    g->row.first_load_waits = !g->first_load_go;
    *contact = (struct state_contact){.waits = g->row.first_load_waits, .is_fresh = !known};
    return rc;
}

static enum status guard_pin(struct state *s, char database[STATE_DATABASE_SIZE], struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("guard_pin", err);
    struct state_guard *row = &fake_state.guard.row;
    if (rc != STATUS_OK || fake_state.read_only) {
        return rc;
    }
    if (row->database[0] == '\0') {
        (void)snprintf(row->database, sizeof row->database, "%s",
                       fake_state.guard.pinned_by_other ? "other" : database);
    }
    memcpy(database, row->database, STATE_DATABASE_SIZE);
    return STATUS_OK;
}

static enum status guard_levels(struct state *s, size_t *levels, struct err *err)
{
    (void)s;
    *levels = fake_state.levels.count;
    return fake_state_enter("guard_levels", err);
}

/* Tests write a level once within the window, so its first and last value are of one attempt. */
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
    enum status rc = fake_state_enter("guard_journal", err);
    int64_t loaded_us = fake_state.guard.row.loaded ? fake_state.guard.loaded_us : INT64_MAX;
    since_us = since_us > loaded_us ? since_us : loaded_us;
    for (size_t i = 0; rc == STATUS_OK && i < fake_state.attempts.count; i++) {
        const struct fake_attempt *a = &fake_state.attempts.list[i];
        bool counts = strcmp(a->outcome, "applied") == 0 && a->sent_at_us > since_us;
        for (size_t k = 0; counts && k < a->count; k++) {
            if (a->list[k].revision > accepted_revision &&
                a->list[k].change_from != a->list[k].quantity) {
                each(arg, &a->list[k], a->sent_at_us);
            }
        }
    }
    return rc;
}

/* --- streams --- */

void fake_state_begin_stream(const char *id, int64_t first_revision)
{
    struct state_stream one = {
        .first_revision = first_revision, .began_us = clock_wall_us(), .why = "timeline"};
    (void)snprintf(one.id, sizeof one.id, "%s", id);
    MEM_ADD(&fake_state.streams, list, count, room, &one);
    size_t last = fake_state.streams.count - 1;
    memmove(fake_state.streams.list + 1, fake_state.streams.list, last * sizeof one);
    fake_state.streams.list[0] = one;
}

static enum status streams_read(struct state *s,
                                void (*each)(void *arg, const struct state_stream *stream),
                                void *arg,
                                struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("streams_read", err);
    for (size_t i = 0; rc == STATUS_OK && i < fake_state.streams.count; i++) {
        each(arg, &fake_state.streams.list[i]);
    }
    return rc;
}

static enum status positions_read(struct state *s,
                                  const struct state_stream *stream,
                                  struct state_position *list,
                                  size_t count,
                                  struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("positions_read", err);
    assert_string_equal(stream->id, fake_state.streams.list[0].id);
    for (size_t i = 0; i < count; i++) {
        list[i].first_offset = fake_state.first_offsets[list[i].partition];
        memcpy(list[i].stream, fake_state.positions[list[i].partition], STATE_STREAM_SIZE);
    }
    return rc;
}

static enum status positions_note(struct state *s,
                                  const struct state_stream *stream,
                                  const int32_t *partitions,
                                  size_t count,
                                  struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("positions_note", err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        memcpy(fake_state.positions[partitions[i]], stream->id, STATE_STREAM_SIZE);
    }
    return rc;
}

const struct streams_port fake_streams_port = {
    .read = streams_read, .positions = positions_read, .note = positions_note};

/* --- the catalogue --- */

static enum status catalogue_look(struct state *s,
                                  const struct state_catalogue *which,
                                  int64_t *read_us,
                                  bool *wanted,
                                  struct err *err)
{
    (void)s;
    assert_string_equal(which->match, "sku");
    *read_us = fake_state.catalogue.read_us;
    *wanted = fake_state.catalogue.wanted;
    return fake_state_enter("catalogue_look", err);
}

static enum status catalogue_read(struct state *s,
                                  const struct state_catalogue *which,
                                  int64_t read_us,
                                  struct err *err)
{
    (void)s;
    (void)which;
    enum status rc = fake_state_enter("catalogue_read", err);
    if (rc == STATUS_OK && !fake_state.read_only) {
        fake_state.catalogue.read_us = read_us;
        fake_state.catalogue.wanted = false;
    }
    return rc;
}

static enum status catalogue_lock(struct state *s, bool *taken, int64_t *now_us, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("catalogue_lock", err);
    *taken = !fake_state.catalogue.locked_by_other;
    *now_us = clock_wall_us();
    fake_state.catalogue.locked = fake_state.catalogue.locked || *taken;
    fake_state.catalogue.locks++;
    return rc;
}

static enum status catalogue_unlock(struct state *s, struct err *err)
{
    (void)s;
    assert_true(fake_state.catalogue.locked);
    fake_state.catalogue.locked = false;
    return fake_state_enter("catalogue_unlock", err);
}

static enum status items_load(struct state *s,
                              void (*each)(void *arg, const struct state_item *item),
                              void *arg,
                              struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("items_load", err);
    for (size_t i = 0; rc == STATUS_OK && i < fake_state.items.count; i++) {
        const struct fake_item *f = &fake_state.items.list[i];
        const struct state_item item = {.text = f->text,
                                        .item = f->item,
                                        .tracked = f->tracked,
                                        .bundle = f->bundle,
                                        .known = f->known};
        each(arg, &item);
    }
    return rc;
}

static void remove_item(const struct state_item *item)
{
    for (size_t i = fake_state.items.count; i > 0; i--) {
        const struct fake_item *f = &fake_state.items.list[i - 1];
        if (f->item == item->item && strcmp(f->text, item->text) == 0) {
            fake_state_remove(i - 1, fake_state.items.list, &fake_state.items.count, sizeof *f);
        }
    }
}

static enum status
items_store(struct state *s, const struct state_item *list, size_t count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("items_store", err);
    for (size_t i = 0; rc == STATUS_OK && !fake_state.read_only && i < count; i++) {
        struct fake_item item = {.item = list[i].item,
                                 .tracked = list[i].tracked,
                                 .bundle = list[i].bundle,
                                 .known = list[i].known};
        (void)snprintf(item.text, sizeof item.text, "%s", list[i].text);
        remove_item(&list[i]);
        MEM_ADD(&fake_state.items, list, count, room, &item);
    }
    return rc;
}

static enum status
items_remove(struct state *s, const struct state_item *list, size_t count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("items_remove", err);
    for (size_t i = 0; rc == STATUS_OK && !fake_state.read_only && i < count; i++) {
        remove_item(&list[i]);
    }
    return rc;
}

static enum status items_clear(struct state *s, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("items_clear", err);
    if (rc == STATUS_OK && !fake_state.read_only) {
        fake_state.items.count = 0;
        fake_state.catalogue.read_us = 0;
        fake_state.catalogue.clears++;
    }
    return rc;
}

struct state_port fake_state_port;

void fake_state_reset(void)
{
    static char warehouse[] = "WH";
    static char company[] = "Acme";
    fake_state_release();
    fake_state.warehouse = (struct state_warehouse){
        .id = 1, .code = warehouse, .company = company, .active = true, .company_id = 1};
    fake_state_port = (struct state_port){
        .make = make,
        .open = open_state,
        .probe = probe_state,
        .close = close_state,
        .warehouses = warehouses,
        .levels = fake_levels_port,
        .parked = fake_parked_port,
        .blocked = &fake_blocked_port,
        .products = {.load = products_load, .note = products_note, .noted = products_noted},
        .planned = &fake_planned_port,
        .streams = &fake_streams_port,
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
                      .items_clear = items_clear},
        .verify = fake_verify_port};
    fake_state_port.levels.leftovers = fake_leftovers;
}
