/* model_shop: the shop's numbers, and requests on their way to it and back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/lane/model_world.h"

#define BODY_MAX ((size_t)1 << 17)

static struct model_process *process_of(void *client)
{
    return client;
}

/* --- numbers --- */

int32_t model_shop_holds(const struct model_world *w, size_t level)
{
    const struct model_level *l = &w->levels[level];
    return w->options.on_hand ? l->available + l->reserved + l->committed : l->available;
}

static void
note_written(struct model_world *w, size_t place, const struct level_write *write, int64_t instance)
{
    struct model_level *l = &w->levels[place];
    w->result->writes++;
    model_trace(w, place, "%lld writes %d -> %d (holds %d) for %lld, raw %.1f", (long long)instance,
                (int)write->change_from, (int)write->quantity, (int)model_shop_holds(w, place),
                (long long)write->revision, write->raw);
    if (write->revision < l->written_revision) {
        w->result->regressed++;
        model_complain(w, "level %zu: revision %lld was written over %lld", place,
                       (long long)write->revision, (long long)l->written_revision);
    } else {
        l->written_revision = write->revision;
    }
}

/* Units that were sold and are not imported yet must not be on sale again. */
static void check_offer(struct model_world *w, size_t place, const struct level_write *write)
{
    const struct store_rules rules = {
        .buffer = w->options.buffer, .percent = w->options.percent, .cap = w->options.cap};
    const struct model_level *l = &w->levels[place];
    if (!w->exact || l->known_us == 0 || isnan(write->raw)) {
        return;
    }
    int32_t sold = model_trade_unimported(w, place, write->revision);
    int32_t most = rules_offer(&rules, write->raw, sold);
    if (model_shop_holds(w, place) > most) {
        w->result->oversold++;
        model_complain(w, "level %zu offers %d, %d were sold: at most %d", place,
                       (int)model_shop_holds(w, place), (int)sold, (int)most);
    }
}

static bool is_stale(const struct model_world *w, const struct level_write *write)
{
    bool unasked = w->options.lie == LIE_EQUAL && write->quantity == write->change_from;
    return model_shop_holds(w, model_place(w, write->key)) != write->change_from && !unasked &&
           w->options.lie != LIE_ORDER;
}

static void append_stale(size_t entry, bool named, struct strbuf *body)
{
    strbuf_append_text(body, "{\"code\":\"CHANGE_FROM_QUANTITY_STALE\",\"message\":\"stale\",");
    if (named) {
        strbuf_appendf(body, "\"field\":[\"input\",\"quantities\",\"%zu\"]}", entry);
    } else {
        strbuf_append_text(body, "\"field\":[\"input\"]}");
    }
}

/* All or nothing. A key that was executed is not executed again. */
static void write_levels(struct model_world *w, struct model_flight *f)
{
    struct model_attempt *a = &w->attempts.list[f->attempt];
    bool named = !model_chance(w, w->unnamed_percent);
    bool stale = false;
    strbuf_appendf(&f->body, "{\"data\":{\"%s\":{\"userErrors\":[", operation_root(f->op));
    for (size_t i = 0; !a->adjusts && !a->executed && i < a->count; i++) {
        if (is_stale(w, &a->list[i])) {
            model_trace(w, model_place(w, a->list[i].key), "%lld: stale %d -> %d for %lld",
                        (long long)a->instance, (int)a->list[i].change_from,
                        (int)a->list[i].quantity, (long long)a->list[i].revision);
            strbuf_append_text(&f->body, stale ? "," : "");
            append_stale(i, named, &f->body);
            stale = true;
        }
    }
    w->result->stale += stale;
    for (size_t i = 0; !stale && !a->executed && i < a->count; i++) {
        size_t place = model_place(w, a->list[i].key);
        int32_t from = a->adjusts ? a->list[i].change_from : model_shop_holds(w, place);
        bool unasked = w->options.lie == LIE_EQUAL && a->list[i].quantity == a->list[i].change_from;
        note_written(w, place, &a->list[i], a->instance);
        w->levels[place].available += unasked ? 0 : a->list[i].quantity - from;
        check_offer(w, place, &a->list[i]);
    }
    w->result->adjusted += a->adjusts;
    a->executed = a->executed || !stale;
    strbuf_append_text(&f->body, "],\"inventoryAdjustmentGroup\":{\"id\":\"g\"}}}");
}

static void read_levels(struct model_world *w, struct model_flight *f)
{
    strbuf_append_text(&f->body, "{\"data\":{\"nodes\":[");
    for (size_t i = 0; i < f->count; i++) {
        struct level_key key = model_key(w, f->levels[i]);
        const struct model_level *l = &w->levels[f->levels[i]];
        strbuf_appendf(&f->body,
                       "%s{\"id\":\"gid://shopify/InventoryItem/%lld\",\"tracked\":true,"
                       "\"inventoryLevel\":{\"isActive\":true,\"location\":{\"id\":"
                       "\"gid://shopify/Location/%lld\"},\"quantities\":[{\"name\":\"%s\","
                       "\"quantity\":%d},{\"name\":\"reserved\",\"quantity\":%d}]}}",
                       i > 0 ? "," : "", (long long)key.item, (long long)key.location,
                       w->options.on_hand ? "on_hand" : "available",
                       (int)model_shop_holds(w, f->levels[i]), (int)l->reserved);
        model_trace(w, f->levels[i], "process %zu reads %d, reserved %d", f->process,
                    (int)model_shop_holds(w, f->levels[i]), (int)l->reserved);
    }
    strbuf_append_text(&f->body, "]}");
}

/* @return false: the bucket is too empty */
static bool charge(struct model_world *w, double cost)
{
    int64_t now = clock_monotonic_us();
    w->points += (double)(now - w->points_us) / 1e6 * MODEL_POINTS / 20;
    w->points = w->points < MODEL_POINTS ? w->points : MODEL_POINTS;
    w->points_us = now;
    bool enough = w->points >= cost;
    w->points -= enough ? cost : 0;
    return enough;
}

static void execute(struct model_world *w, struct model_flight *f)
{
    int cost = f->op == OP_LEVELS_READ ? 12 : 10;
    bool enough = charge(w, cost);
    f->executed = true;
    if (!enough) {
        strbuf_append_text(&f->body, "{\"errors\":[{\"message\":\"Throttled\",\"extensions\":"
                                     "{\"code\":\"THROTTLED\"}}]");
    } else if (operation_is_write(f->op)) {
        write_levels(w, f);
    } else {
        read_levels(w, f);
    }
    strbuf_appendf(&f->body,
                   ",\"extensions\":{\"cost\":{\"requestedQueryCost\":%d,\"actualQueryCost\":%d,"
                   "\"throttleStatus\":{\"maximumAvailable\":%d,\"currentlyAvailable\":%.0f,"
                   "\"restoreRate\":%d}}}}",
                   cost, enough ? cost : 0, MODEL_POINTS, w->points, MODEL_POINTS / 20);
}

/* --- on their way --- */

static void free_flight(struct model_flight *f)
{
    strbuf_release(&f->body);
    mem_free(f);
}

static enum status
send(struct graphql *client, enum operation op, const char *variables, void *owner, struct err *err)
{
    struct model_process *p = process_of(client);
    struct model_world *w = p->world;
    const struct request *r = owner;
    struct model_flight *f = mem_calloc(1, sizeof *f);
    int64_t now = clock_monotonic_us();
    (void)variables;
    (void)err;
    f->op = op;
    f->process = p->number;
    f->owner = owner;
    f->execute_us = now + model_time(w, w->latency_us);
    f->answer_us = f->execute_us + model_time(w, w->latency_us);
    f->lost = now < w->outage_us || (now < w->end_us && model_chance(w, w->lost_percent));
    strbuf_init(&f->body, BODY_MAX);
    if (operation_is_write(op)) {
        f->attempt = model_state_attempt(w, r->attempt.key);
        assert_true(f->attempt < w->attempts.count);
    } else {
        assert_int_equal(op, OP_LEVELS_READ);
        w->result->reads++;
        for (size_t i = 0; i < r->count; i++) {
            f->levels[f->count++] = (uint8_t)model_place(w, r->list[i].key);
        }
    }
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): a list of pointers */
    MEM_ADD(&w->flights, list, count, room, &f);
    return STATUS_OK;
}

static void remove_flight(struct model_world *w, size_t at)
{
    free_flight(w->flights.list[at]);
    w->flights.list[at] = w->flights.list[--w->flights.count];
}

void model_shop_turn(struct model_world *w)
{
    int64_t now = clock_monotonic_us();
    for (size_t i = w->flights.count; i > 0; i--) {
        struct model_flight *f = w->flights.list[i - 1];
        if (!f->executed && f->execute_us <= now) {
            if (f->lost && model_chance(w, 50)) {
                f->executed = true; /* it never arrived */
            } else {
                execute(w, f);
            }
        }
        if (f->adrift && f->executed) {
            remove_flight(w, i - 1);
        }
    }
}

void model_shop_drop(struct model_world *w, size_t process)
{
    for (size_t i = w->flights.count; i > 0; i--) {
        struct model_flight *f = w->flights.list[i - 1];
        if (f->adrift || f->process != process) {
            continue;
        }
        f->adrift = true;
        f->owner = NULL;
        if (f->executed || model_chance(w, 50)) {
            remove_flight(w, i - 1);
        }
    }
}

void model_shop_release(struct model_world *w)
{
    while (w->flights.count > 0) {
        remove_flight(w, w->flights.count - 1);
    }
    mem_free(w->flights.list);
}

static size_t running(const struct graphql *client)
{
    const struct model_process *p = (const void *)client;
    size_t count = 0;
    for (size_t i = 0; i < p->world->flights.count; i++) {
        const struct model_flight *f = p->world->flights.list[i];
        count += !f->adrift && f->process == p->number;
    }
    return count;
}

static bool next(struct graphql *client, struct answer *answer)
{
    const struct model_process *p = process_of(client);
    struct model_world *w = p->world;
    for (size_t i = 0; i < w->flights.count; i++) {
        struct model_flight *f = w->flights.list[i];
        if (f->adrift || f->process != p->number || !f->executed ||
            f->answer_us > clock_monotonic_us()) {
            continue;
        }
        struct http_answer http = {.outcome = f->lost ? HTTP_UNKNOWN : HTTP_ANSWERED,
                                   .status = 200,
                                   .body = strbuf_bytes(&f->body),
                                   .retry_after_s = -1};
        answer_classify(f->op, &http, answer);
        answer->owner = f->owner;
        remove_flight(w, i);
        return true;
    }
    return false;
}

static enum status
check_version(const struct graphql *client, const struct answer *answer, struct err *err)
{
    (void)client;
    (void)answer;
    (void)err;
    return STATUS_OK;
}

const struct store_port model_store_port = {
    .send = send, .running = running, .next = next, .check_version = check_version};
