/* model_process: the life of a process of the store, and Kafka's group. A turn is lane.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "consumer/lane/lane_state.h"
#include "consumer/lane/resolve.h"
#include "tests/unit/lane/model_world.h"

#define SESSION_US   (45 * FAKE_SECOND)
#define LEAVE_US     (5 * FAKE_SECOND)
#define COMMIT_US    FAKE_SECOND
#define ADOPT_US     (5 * FAKE_SECOND)
#define TURN_RECORDS 50

static char store_name[] = "shop";
static struct store_conf conf;
static struct lane_options options;
static struct lane_metrics metrics;
static const struct sink sink = {.writes = true};
static struct store store;

/* --- the source --- */

static int32_t partition_of(const struct record_source *source, int32_t product_id)
{
    (void)source;
    return (product_id - 1) % MODEL_PARTITIONS;
}

static size_t assigned_count(const struct record_source *source)
{
    const struct model_process *p = (const void *)source;
    size_t count = 0;
    for (size_t i = 0; i < MODEL_PARTITIONS; i++) {
        count += p->view[i] >= PARTITION_OURS;
    }
    return count;
}

static const struct source_port source_port = {.partition_of = partition_of,
                                               .assigned_count = assigned_count};
static const struct lane_ports ports = {
    .source = &source_port, .store = &model_store_port, .state = &model_state_port};

/* --- a session --- */

static void fill_rules(struct model_process *p)
{
    static int32_t warehouses[] = {1, 2};
    static struct location_rule locations[] = {
        {.location = MODEL_LOCATION, .warehouse_ids = &warehouses[0], .warehouse_count = 1},
        {.location = MODEL_LOCATION + 1, .warehouse_ids = &warehouses[1], .warehouse_count = 1}};
    const struct model_options *o = &p->world->options;
    p->c.rules = (struct store_rules){.basis = o->on_hand ? BASIS_ON_HAND : BASIS_FREE,
                                      .match = MATCH_SKU,
                                      .buffer = o->buffer,
                                      .percent = o->percent,
                                      .cap = o->cap,
                                      .locations = locations,
                                      .location_count = o->locations};
}

/* The SKUs of both sides, as far as the state knows them. */
static void fill_catalogue(struct model_process *p)
{
    const struct model_world *w = p->world;
    char text[MODEL_TEXT];
    for (size_t i = 0; i < w->options.levels / w->options.locations; i++) {
        const struct mapped_item item = {.item = MODEL_ITEM + (int64_t)i, .tracked = true};
        sku_index_add(p->c.index, model_text((int32_t)i + 1, text), &item);
        if (w->noted[i] != 0) {
            (void)sku_claims_note(p->c.claims, (int32_t)i + 1, text, true, w->noted[i]);
        }
    }
}

static void start(struct model_process *p)
{
    static const struct brake_limits LIMITS = {
        .window_us = 60000000, .zero_percent = 100, .change_percent = 100, .least = 1000};
    static const struct state_guard ROW = {.loaded = true};
    struct model_world *w = p->world;
    struct err err = {0};
    *p = (struct model_process){.world = w, .number = p->number, .instance = ++w->instance};
    p->c = (struct lane_context){.options = &options,
                                 .ports = &ports,
                                 .metrics = &metrics,
                                 .sink = &sink,
                                 .store = &store,
                                 .source = (void *)p,
                                 .graphql = (void *)p,
                                 .state = (void *)p,
                                 .ledger = offset_ledger_new(),
                                 .claims = sku_claims_new(),
                                 .index = sku_index_new(),
                                 .parked = parked_set_new(),
                                 .brake = brake_new(&LIMITS),
                                 .stop_fd = -1};
    const struct lane_context *c = &p->c;
    p->c.coalescer = coalescer_new(c->ledger);
    fill_rules(p);
    fill_catalogue(p);
    requests_open(&p->requests, c);
    breaker_init(&p->requests.breaker, (uint64_t)p->instance); /* not by the process id */
    p->c.first_revision = w->options.lie == LIE_STREAM ? 0 : w->first_revision;
    assert_int_equal(streams_open(&p->streams, c, &err), STATUS_OK);
    source_guard_open(&p->guard, c, &p->streams, &ROW);
    assert_int_equal(brake_control_open(&p->brake, c, &p->guard, &ROW, &err), STATUS_OK);
    unimported_sales_open(&p->sales, c);
    p->setup = (struct level_setup){.c = c, .requests = &p->requests};
    p->catalogue = (struct catalogue){.c = &p->c, .requests = &p->requests, .index = c->index};
    p->dispatch = (struct dispatch){.c = c,
                                    .requests = &p->requests,
                                    .replan = &p->replan,
                                    .out = &p->out,
                                    .sales = &p->sales,
                                    .setup = &p->setup,
                                    .brake = &p->brake,
                                    .guard = &p->guard,
                                    .catalogue = &p->catalogue};
    p->requests.cannot_adjust = !w->adjusts;
    assert_int_equal(
        planner_open(&p->planner, c, &p->guard, &p->brake, &p->catalogue.reader.search, &err),
        STATUS_OK);
    retries_open(&p->retries, c, &p->planner, &p->rescanned);
    p->exchange = (struct exchange){.c = c,
                                    .requests = &p->requests,
                                    .out = &p->out,
                                    .sales = &p->sales,
                                    .catalogue = &p->catalogue};
    model_trace(w, w->traced, "process %zu starts as %lld", p->number, (long long)p->instance);
    p->verify_at_us = clock_monotonic_us() + model_time(w, w->grace_us * 2);
    if (requests_adopt(&p->requests, &err) != STATUS_OK) {
        p->adopt_at_us = 0;
    }
}

/* What it had sent is on its way all the same. The group learns of its end at once, or late. */
static void stop(struct model_process *p, int64_t restart_us, bool leaves)
{
    struct model_world *w = p->world;
    int64_t now = clock_monotonic_us();
    model_trace(w, w->traced, "process %zu %s", p->number,
                leaves ? "ends its session" : "is killed");
    model_shop_drop(w, p->number);
    requests_close(&p->requests);
    catalogue_close(&p->catalogue);
    retries_close(&p->retries);
    planner_close(&p->planner);
    parked_set_free(p->c.parked);
    unimported_sales_close(&p->sales);
    source_guard_close(&p->guard);
    streams_close(&p->streams);
    outcomes_release(&p->out);
    coalescer_free(p->c.coalescer);
    brake_free(p->c.brake);
    sku_index_free(p->c.index);
    sku_claims_free(p->c.claims);
    offset_ledger_free(p->c.ledger);
    *p = (struct model_process){.world = w, .number = p->number, .start_us = now + restart_us};
    for (size_t i = 0; i < MODEL_PARTITIONS; i++) {
        struct model_partition *partition = &w->partitions[i];
        if (partition->owner == p->number && partition->session_us > now) {
            partition->session_us = leaves ? now : now + model_time(w, SESSION_US);
        }
    }
}

/* --- the group --- */

static bool is_member(const struct model_process *p)
{
    return p->instance != 0 && clock_monotonic_us() >= p->paused_until_us;
}

static void assign(struct model_world *w, size_t partition)
{
    size_t first = model_random(w, (uint32_t)w->options.processes);
    for (size_t i = 0; i < w->options.processes; i++) {
        struct model_process *p = &w->processes[(first + i) % w->options.processes];
        if (is_member(p) && p->view[partition] == PARTITION_NONE && p->finish_until_us == 0) {
            w->partitions[partition].owner = p->number;
            w->partitions[partition].session_us = INT64_MAX;
            p->view[partition] = PARTITION_COMES;
            return;
        }
    }
}

/* A silent owner is given up, and a partition without one is assigned. */
static void turn_group(struct model_world *w)
{
    int64_t now = clock_monotonic_us();
    for (size_t i = 0; i < MODEL_PARTITIONS; i++) {
        struct model_partition *partition = &w->partitions[i];
        if (partition->owner < MODEL_PROCESSES && now >= partition->session_us) {
            struct model_process *p = &w->processes[partition->owner];
            if (p->view[i] == PARTITION_COMES) {
                p->view[i] = PARTITION_NONE;
            }
            p->lost[i] = p->view[i] != PARTITION_NONE; /* else it has started again since */
            partition->owner = MODEL_PROCESSES;
        }
        if (partition->owner == MODEL_PROCESSES) {
            assign(w, i);
        }
    }
}

static void move_partition(struct model_world *w)
{
    size_t at = model_random(w, MODEL_PARTITIONS);
    size_t owner = w->partitions[at].owner;
    if (owner == MODEL_PROCESSES || !is_member(&w->processes[owner]) ||
        w->processes[owner].view[at] != PARTITION_OURS) {
        return;
    }
    w->processes[owner].view[at] = PARTITION_LEAVES;
    w->result->moves++;
}

static void pause_process(struct model_process *p)
{
    struct model_world *w = p->world;
    int64_t now = clock_monotonic_us();
    bool long_one = model_chance(w, 30);
    p->paused_until_us = now + model_time(w, (long_one ? 400 : 70) * FAKE_SECOND);
    p->unaware = model_random(w, 3);
    model_trace(w, w->traced, "process %zu pauses for %.1f s", p->number,
                (double)(p->paused_until_us - now) / 1e6);
    w->result->pauses++;
    for (size_t i = 0; i < MODEL_PARTITIONS; i++) {
        if (w->partitions[i].owner == p->number && p->paused_until_us > now + SESSION_US) {
            w->partitions[i].session_us = now + SESSION_US;
        }
    }
}

static void trouble(struct model_process *p)
{
    struct model_world *w = p->world;
    if (clock_monotonic_us() >= w->end_us || p->instance == 0 ||
        model_random(w, 100000) >= w->trouble) {
        return;
    }
    switch (model_random(w, 5)) {
    case 0:
        w->result->kills++;
        stop(p, model_time(w, 60 * FAKE_SECOND), false);
        break;
    case 1:
        pause_process(p);
        break;
    case 2:
        w->outage_us = clock_monotonic_us() + model_time(w, 30 * FAKE_SECOND);
        break;
    case 3: /* another app uses the points */
        w->points = -(double)model_random(w, 2 * MODEL_POINTS);
        break;
    default:
        move_partition(w);
        break;
    }
}

/* --- a turn --- */

static void offer_record(struct model_process *p, size_t partition, size_t place)
{
    const struct lane_context *c = &p->c;
    const struct model_record *record = &p->world->partitions[partition].list[place];
    struct record_position at;
    if (offset_ledger_add(c->ledger, (int32_t)partition, (int64_t)place, &at) != STATUS_OK) {
        return;
    }
    char text[MODEL_TEXT];
    struct model_world *w = p->world;
    (void)sku_claims_note(c->claims, record->product_id, model_text(record->product_id, text), true,
                          record->revision);
    if (w->noted[record->product_id - 1] < record->revision) {
        w->noted[record->product_id - 1] = record->revision;
        w->noted_us[record->product_id - 1] = clock_wall_us();
    }
    for (size_t i = 0; i < c->rules.location_count; i++) {
        const struct location_rule *rule = &c->rules.locations[i];
        struct warehouse_stock stock = {.warehouse_id = rule->warehouse_ids[0],
                                        .on_hand = record->raw[i],
                                        .free = record->raw[i]};
        const struct product_stock product = {.warehouses = &stock, .warehouse_count = 1};
        struct desired desired = {.product_id = record->product_id,
                                  .revision = record->revision,
                                  .changed_at_us = record->changed_at_us,
                                  .at = at,
                                  .row_partition = (int32_t)partition};
        struct err err;
        assert_int_equal(rules_raw(&c->rules, rule, &product, &desired.raw, &err), STATUS_OK);
        desired.quantity = rules_offer(&c->rules, desired.raw, 0);
        const struct level_key key = {.item = MODEL_ITEM + record->product_id - 1,
                                      .location = rule->location};
        (void)coalescer_offer(c->coalescer, key, &desired);
    }
    offset_ledger_finish(c->ledger, at);
}

static void take_records(struct model_process *p)
{
    size_t left = TURN_RECORDS;
    for (size_t i = 0; i < MODEL_PARTITIONS; i++) {
        const struct model_partition *partition = &p->world->partitions[i];
        while (p->view[i] == PARTITION_OURS && !p->lost[i] && left > 0 &&
               p->position[i] < partition->count) {
            offer_record(p, i, p->position[i]++);
            left--;
        }
    }
}

static void commit(struct model_process *p)
{
    int32_t partitions[MODEL_PARTITIONS];
    int64_t next[MODEL_PARTITIONS];
    size_t count = offset_ledger_committable(p->c.ledger, partitions, next, MODEL_PARTITIONS);
    for (size_t i = 0; i < count; i++) {
        struct model_partition *partition = &p->world->partitions[partitions[i]];
        if (partition->owner == p->number && !p->lost[partitions[i]]) {
            partition->committed = (size_t)next[i];
        }
    }
    offset_ledger_committed(p->c.ledger, partitions, next, count);
}

static enum status take_answers(struct model_process *p, struct err *err)
{
    struct exchange_news news;
    do {
        enum status rc = exchange_take(&p->exchange, &news, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        for (size_t i = 0; i < news.signal_count; i++) {
            const struct lane_signal *signal = &news.signals[i];
            if (signal->kind == SIGNAL_ANSWERS) {
                p->blocked = false;
            } else if (signal->kind == SIGNAL_STATE) {
                p->blocked = lane_state_is_blocked(signal->state);
            }
        }
    } while (news.more);
    return STATUS_OK;
}

/* Partitions leave as in lane.c: answers are waited for, then the plan forgets them.
 * @param goes  [out] other work has to wait */
static enum status let_go(struct model_process *p, bool *goes, struct err *err)
{
    struct model_world *w = p->world;
    bool leaves[MODEL_PARTITIONS];
    *goes = false;
    for (size_t i = 0; i < MODEL_PARTITIONS; i++) {
        bool has = p->view[i] == PARTITION_OURS || p->view[i] == PARTITION_LEAVES;
        leaves[i] = has && (p->lost[i] || p->view[i] == PARTITION_LEAVES);
        *goes = *goes || leaves[i];
    }
    if (!*goes) {
        return STATUS_OK;
    }
    if (p->finish_until_us == 0) {
        p->finish_until_us = clock_monotonic_us() + LEAVE_US;
    }
    enum status rc = take_answers(p, err);
    if (rc != STATUS_OK ||
        (model_store_port.running(p->c.graphql) > 0 && clock_monotonic_us() < p->finish_until_us)) {
        return rc;
    }
    commit(p);
    if (requests_in_flight(&p->requests) > 0) {
        return err_set(err, STATUS_TIMED_OUT, "requests without an answer");
    }
    p->finish_until_us = 0;
    for (size_t i = 0; i < MODEL_PARTITIONS; i++) {
        if (!leaves[i]) {
            continue;
        }
        coalescer_drop_partition(p->c.coalescer, (int32_t)i);
        retries_drop(&p->retries);
        offset_ledger_close(p->c.ledger, (int32_t)i);
        if (!p->lost[i]) {
            w->partitions[i].owner = MODEL_PROCESSES;
        }
        model_trace(w, w->traced, "process %zu %s partition %zu", p->number,
                    p->lost[i] ? "has lost" : "gives", i);
        p->view[i] = PARTITION_NONE;
        p->lost[i] = false;
    }
    return STATUS_OK;
}

static enum status take_partitions(struct model_process *p, struct err *err)
{
    enum status rc = STATUS_OK;
    for (size_t i = 0; i < MODEL_PARTITIONS && rc == STATUS_OK; i++) {
        if (p->view[i] != PARTITION_COMES) {
            continue;
        }
        p->view[i] = PARTITION_OURS;
        model_trace(p->world, p->world->traced, "process %zu takes partition %zu", p->number, i);
        p->position[i] = p->world->partitions[i].committed;
        offset_ledger_open(p->c.ledger, (int32_t)i);
        brake_control_note_assigned(&p->brake, assigned_count(p->c.source));
        rc = requests_adopt(&p->requests, err);
    }
    return rc;
}

static bool is_at_end(const struct model_process *p)
{
    for (size_t i = 0; i < MODEL_PARTITIONS; i++) {
        if (p->view[i] != PARTITION_NONE &&
            (p->view[i] != PARTITION_OURS || p->position[i] < p->world->partitions[i].count)) {
            return false;
        }
    }
    return true;
}

static void verify_levels(struct model_process *p)
{
    const struct model_world *w = p->world;
    for (size_t i = 0; i < w->options.levels; i++) {
        const struct level_known *row = &w->levels[i].row;
        if (row->found && resolve_is_ours(&p->c, row->product_id)) {
            struct desired desired = resolve_desired_of_row(&p->c, row->product_id, row->raw,
                                                            row->desired, row->revision);
            (void)coalescer_offer(p->c.coalescer, row->key, &desired);
        }
    }
}

static enum status maintain(struct model_process *p, struct err *err)
{
    int64_t now = clock_monotonic_us();
    if (p->world->options.verifies && now >= p->verify_at_us) {
        p->verify_at_us = now + model_time(p->world, p->world->grace_us * 2);
        verify_levels(p);
    }
    if (now < p->commit_at_us) {
        return STATUS_OK;
    }
    p->commit_at_us = now + COMMIT_US;
    commit(p);
    if (now < p->adopt_at_us) {
        return STATUS_OK;
    }
    p->adopt_at_us = now + ADOPT_US;
    return requests_adopt(&p->requests, err);
}

static enum status turn(struct model_process *p, struct err *err)
{
    bool goes = false;
    enum status rc = STATUS_OK;
    if (p->unaware > 0) {
        p->unaware--;
    } else {
        rc = let_go(p, &goes, err);
        if (rc != STATUS_OK || goes) {
            return rc;
        }
    }
    rc = take_partitions(p, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    take_records(p);
    rc = unimported_sales_end_graces(&p->sales, err);
    if (rc == STATUS_OK) {
        rc = dispatch_turn(&p->dispatch, p->blocked, is_at_end(p), err);
    }
    if (rc == STATUS_OK) {
        rc = take_answers(p, err);
    }
    if (p->blocked && requests_in_flight(&p->requests) == 0) {
        p->blocked = false;
    }
    if (rc == STATUS_OK && !p->world->adjusts) {
        rc = retries_turn(&p->retries, is_at_end(p), err);
    }
    return rc == STATUS_OK ? maintain(p, err) : rc;
}

void model_processes_turn(struct model_world *w)
{
    turn_group(w);
    for (size_t i = 0; i < w->options.processes; i++) {
        struct model_process *p = &w->processes[i];
        struct err err = {0};
        if (p->instance == 0 && clock_monotonic_us() >= p->start_us) {
            start(p);
        }
        trouble(p);
        if (!is_member(p) || model_chance(w, 20)) {
            continue;
        }
        if (turn(p, &err) != STATUS_OK) {
            stop(p, 5 * FAKE_SECOND, true);
        }
    }
}

void model_processes_interrupt(struct model_world *w, int64_t down_us)
{
    int64_t until_us = clock_monotonic_us() + down_us;
    for (size_t i = 0; i < w->options.processes; i++) {
        struct model_process *p = &w->processes[i];
        if (p->instance != 0) {
            stop(p, 0, false);
        }
        p->start_us = until_us + model_time(w, 5 * FAKE_SECOND);
    }
}

void model_processes_verify(struct model_world *w)
{
    for (size_t i = 0; i < w->options.processes; i++) {
        if (w->processes[i].instance != 0) {
            verify_levels(&w->processes[i]);
        }
    }
}

static bool is_quiet(const struct model_process *p)
{
    return is_member(p) && coalescer_total(p->c.coalescer) == 0 &&
           requests_in_flight(&p->requests) == 0 && !requests_adoption_waits(&p->requests) &&
           is_at_end(p) && retries_are_done(&p->retries) &&
           offset_ledger_unfinished(p->c.ledger) == 0;
}

bool model_processes_are_quiet(const struct model_world *w)
{
    for (size_t i = 0; i < w->options.processes; i++) {
        if (!is_quiet(&w->processes[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < MODEL_PARTITIONS; i++) {
        size_t owner = w->partitions[i].owner;
        if (owner == MODEL_PROCESSES || w->processes[owner].view[i] != PARTITION_OURS ||
            w->processes[owner].lost[i]) {
            return false;
        }
    }
    return w->open.count == 0;
}

void model_processes_describe(const struct model_world *w)
{
    for (size_t i = 0; i < w->options.processes; i++) {
        const struct model_process *p = &w->processes[i];
        if (!is_member(p)) {
            model_complain(w, "process %zu does not run", i);
            continue;
        }
        model_complain(
            w,
            "process %zu: %zu partitions, %zu records, %zu levels, %zu requests, %zu retries%s%s",
            i, assigned_count(p->c.source), offset_ledger_unfinished(p->c.ledger),
            coalescer_total(p->c.coalescer), requests_in_flight(&p->requests), p->retries.count,
            is_at_end(p) ? "" : ", not at the end", p->blocked ? ", blocked" : "");
    }
}

void model_processes_begin(struct model_world *w)
{
    conf =
        (struct store_conf){.instance = {.name = store_name},
                            .unimported_sale_grace_ms = w->grace_us / 1000,
                            .quantity = w->options.on_hand ? QUANTITY_ON_HAND : QUANTITY_AVAILABLE,
                            .offer_percent = w->options.percent,
                            .cap = w->options.cap,
                            .reserve = 10,
                            .brake_window_ms = 60000,
                            .brake_percent = 100,
                            .brake_change_percent = 100,
                            .brake_least = 1000};
    options = (struct lane_options){.store_conf = &conf,
                                    .shared = {.topic = "stock",
                                               .partitions = MODEL_PARTITIONS,
                                               .max_requests = 4,
                                               .reload_catalogue_ms = 86400000}};
    store = (struct store){.name = store_name,
                           .shop_domain = "shop.myshopify.com",
                           .quantity_name = w->options.on_hand ? "on_hand" : "available"};
    metric_table_register(&lane_metric_table, "shop", &metrics);
    for (size_t i = 0; i < MODEL_PARTITIONS; i++) {
        w->partitions[i].owner = MODEL_PROCESSES;
    }
    for (size_t i = 0; i < w->options.processes; i++) {
        w->processes[i] = (struct model_process){.world = w, .number = i};
    }
}

void model_processes_end(struct model_world *w)
{
    for (size_t i = 0; i < w->options.processes; i++) {
        if (w->processes[i].instance != 0) {
            stop(&w->processes[i], 0, true);
        }
    }
    for (size_t i = 0; i < MODEL_PARTITIONS; i++) {
        mem_free(w->partitions[i].list);
    }
}
