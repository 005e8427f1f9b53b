/* model_trade: what happens to a level in Odoo and in the shop, and when the producer reads it. */
#include "common/core/mem.h"
#include "tests/unit/lane/model_world.h"

/* Places behind a time in the heap: it wants each arrival once. */
#define TIME_BITS 20

static void at(struct model_world *w, int64_t after_us, const struct model_event *event)
{
    uint32_t number = (uint32_t)w->events.count;
    int64_t when = clock_monotonic_us() + after_us;
    MEM_ADD(&w->events, list, count, room, event);
    arrival_heap_push(&w->due, ((uint64_t)when << TIME_BITS) | number, number);
}

static void odoo(struct model_world *w, size_t level, int64_t after_us, double raw)
{
    at(w, after_us,
       &(struct model_event){.kind = EVENT_ODOO, .level = level, .raw = raw, .sale = SIZE_MAX});
}

static void shop(struct model_world *w,
                 size_t level,
                 int64_t after_us,
                 int32_t available,
                 int32_t reserved,
                 int32_t committed)
{
    at(w, after_us,
       &(struct model_event){.kind = EVENT_SHOP,
                             .level = level,
                             .available = available,
                             .reserved = reserved,
                             .committed = committed,
                             .sale = SIZE_MAX});
}

/* --- what happens --- */

/* Mostly within the grace, sometimes at once, sometimes later than the grace. */
static int64_t import_delay(struct model_world *w)
{
    uint32_t kind = model_random(w, 100);
    if (w->exact) {
        return model_time(w, w->grace_us / 4);
    }
    if (kind < 10) {
        return model_time(w, FAKE_SECOND);
    }
    return model_time(w, kind < 85 ? w->grace_us / 2 : w->grace_us * 3 / 2);
}

static size_t new_sale(struct model_world *w, size_t level, int32_t k)
{
    const struct model_sale sale = {.units = k,
                                    .sold_us = INT64_MAX,
                                    .imported_us = INT64_MAX,
                                    .older = w->levels[level].sales};
    w->levels[level].sales = w->sales.count;
    MEM_ADD(&w->sales, list, count, room, &sale);
    return w->sales.count - 1;
}

/* The store's quantity falls k units below Odoo's: at the order, or at its fulfilment. */
static void sell(struct model_world *w, size_t level, int32_t k)
{
    struct model_event falls = {.kind = EVENT_SHOP, .level = level, .sale = new_sale(w, level, k)};
    struct model_event imported = {
        .kind = EVENT_ODOO, .level = level, .raw = -k, .sale = falls.sale};
    int64_t import = import_delay(w);
    if (!w->options.on_hand) {
        falls.available = -k;
        falls.committed = k;
        at(w, 0, &falls);
        shop(w, level, import + model_time(w, w->grace_us), 0, 0, -k);
        at(w, import, &imported);
        return;
    }
    int64_t fulfilled = model_time(w, w->grace_us / 2);
    /* Odoo ships before the shop is told, which only a verification finds */
    int64_t delivered = w->options.verifies ? model_time(w, w->grace_us) : fulfilled + import;
    falls.committed = -k;
    shop(w, level, 0, -k, 0, k);
    at(w, fulfilled, &falls);
    at(w, delivered, &imported);
}

/* An order that is cancelled: before its import, or behind it. */
static void cancel(struct model_world *w, size_t level, int32_t k)
{
    int64_t cancelled = model_time(w, w->grace_us);
    int64_t import = import_delay(w);
    shop(w, level, 0, -k, 0, k);
    shop(w, level, cancelled, k, 0, -k);
    if (!w->options.on_hand && model_chance(w, 50)) {
        odoo(w, level, import, -k);
        odoo(w, level, (import > cancelled ? import : cancelled) + import_delay(w), k);
    }
}

/* Units that the shop reserves and Odoo may not: they are shipped, or come back. */
static void transfer(struct model_world *w, size_t level, int32_t k)
{
    int64_t ends = model_time(w, w->grace_us * 2);
    shop(w, level, 0, -k, k, 0);
    if (model_chance(w, 50)) {
        shop(w, level, ends, k, -k, 0);
        return;
    }
    shop(w, level, ends, 0, -k, 0);
    odoo(w, level, model_chance(w, 50) ? ends + import_delay(w) : model_time(w, ends), -k);
}

static void restock(struct model_world *w, size_t level, int32_t k)
{
    shop(w, level, 0, k, 0, 0);
    odoo(w, level, import_delay(w), k);
}

static void edit(struct model_world *w, size_t level, int32_t k)
{
    shop(w, level, 0, model_chance(w, 50) ? k : -k, 0, 0);
}

static void trade(struct model_world *w, size_t level)
{
    int32_t k = 1 + (int32_t)model_random(w, 3);
    uint32_t kind = model_random(w, 100);
    bool stocked = w->levels[level].available >= k || model_chance(w, 2); /* sold below zero */
    if (kind < 55) {
        if (stocked) {
            sell(w, level, k);
        }
    } else if (kind < 72) {
        odoo(w, level, 0, 1 + model_random(w, 8) + (w->fractions ? model_random(w, 4) / 4.0 : 0));
    } else if (kind < 78) {
        odoo(w, level, 0, w->exact ? k : -k); /* sold elsewhere */
    } else if (!w->options.verifies) {
        odoo(w, level, 0,
             k); /* what follows leaves no record behind: only a verification finds it */
    } else if (kind < 84) {
        if (stocked) {
            cancel(w, level, k);
        }
    } else if (kind < 90) {
        edit(w, level, k);
    } else if (kind < 95) {
        restock(w, level, k);
    } else if (stocked) {
        transfer(w, level, k);
    }
}

/* --- the producer --- */

/* Its next reading publishes the product with all that has happened by then. */
void model_trade_publish(struct model_world *w, size_t level)
{
    size_t product = level / w->options.locations;
    w->dirty[product] = true;
    if (!w->awaited[product]) {
        w->awaited[product] = true;
        at(w, model_time(w, w->publish_us),
           &(struct model_event){.kind = EVENT_PUBLISH, .level = product});
    }
}

static void publish(struct model_world *w, size_t product)
{
    struct model_record record = {.product_id = (int32_t)product + 1,
                                  .revision = ++w->revision,
                                  .changed_at_us = clock_wall_us()};
    for (size_t i = 0; i < w->options.locations; i++) {
        size_t level = product * w->options.locations + i;
        record.raw[i] = w->levels[level].raw;
        model_trace(w, level, "published %.1f as %lld", record.raw[i], (long long)record.revision);
    }
    w->dirty[product] = w->awaited[product] = false;
    struct model_partition *partition = &w->partitions[product % MODEL_PARTITIONS];
    MEM_ADD(partition, list, count, room, &record);
}

/* --- time --- */

static int64_t pause_between(struct model_world *w)
{
    return w->pause_us / 4 + model_time(w, w->pause_us * 3 / 2);
}

static void happen(struct model_world *w, const struct model_event *e)
{
    struct model_level *l = &w->levels[e->level];
    switch (e->kind) {
    case EVENT_TRADE:
        if (clock_monotonic_us() < w->end_us) {
            trade(w, e->level);
            at(w, pause_between(w), e);
        }
        break;
    case EVENT_ODOO:
        l->raw += e->raw;
        if (e->sale != SIZE_MAX) {
            w->sales.list[e->sale].imported_us = clock_wall_us();
        }
        model_trace(w, e->level, "Odoo %+.1f: %.1f", e->raw, l->raw);
        model_trade_publish(w, e->level);
        break;
    case EVENT_SHOP:
        l->available += e->available;
        l->reserved += e->reserved;
        l->committed += e->committed;
        if (e->sale != SIZE_MAX) {
            w->sales.list[e->sale].sold_us = clock_wall_us();
        }
        model_trace(w, e->level, "shop %+d, reserved %+d, committed %+d: %d", (int)e->available,
                    (int)e->reserved, (int)e->committed, (int)model_shop_holds(w, e->level));
        break;
    case EVENT_PUBLISH:
        publish(w, e->level);
        break;
    }
}

void model_trade_begin(struct model_world *w)
{
    for (size_t i = 0; i < w->options.levels; i++) {
        struct model_level *l = &w->levels[i];
        l->raw = model_random(w, model_chance(w, 30) ? 300 : 40);
        l->available = (int32_t)model_random(w, 30);
        l->sales = SIZE_MAX;
        model_trade_publish(w, i);
        at(w, 10 * FAKE_SECOND + model_time(w, w->pause_us),
           &(struct model_event){.kind = EVENT_TRADE, .level = i});
    }
}

void model_trade_turn(struct model_world *w)
{
    uint64_t now = (uint64_t)clock_monotonic_us();
    while (w->due.count > 0 && w->due.list[0].arrival >> TIME_BITS <= now) {
        const struct model_event event = w->events.list[arrival_heap_pop(&w->due)];
        happen(w, &event);
    }
}

static int64_t published_us(const struct model_partition *partition, int64_t revision)
{
    for (size_t i = partition->count; i > 0; i--) {
        if (partition->list[i - 1].revision == revision) {
            return partition->list[i - 1].changed_at_us;
        }
    }
    return INT64_MAX;
}

int32_t model_trade_unimported(const struct model_world *w, size_t level, int64_t revision)
{
    const struct model_level *l = &w->levels[level];
    size_t product = level / w->options.locations;
    int64_t published = published_us(&w->partitions[product % MODEL_PARTITIONS], revision);
    int64_t since = clock_wall_us() - w->grace_us;
    int32_t units = 0;
    for (size_t i = l->sales; i != SIZE_MAX; i = w->sales.list[i].older) {
        const struct model_sale *sale = &w->sales.list[i];
        if (sale->sold_us <= l->known_us) {
            return 0; /* nobody saw it: its import looks like that of a later one */
        }
        bool sold = sale->sold_us > since && sale->sold_us != INT64_MAX;
        units += sold && sale->imported_us > published ? sale->units : 0;
    }
    return units;
}
