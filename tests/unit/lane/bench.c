#include "tests/unit/lane/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "tests/unit/lane/bench_ports.h"

struct bench bench;

static int64_t next_offset;

/* --- the clock --- */

int64_t clock_monotonic_us(void)
{
    return bench.monotonic_us;
}

int64_t clock_wall_us(void)
{
    return bench.wall_us;
}

int clock_left_ms(int64_t deadline_us)
{
    int64_t left = deadline_us - bench.monotonic_us;
    return left > 0 ? (int)((left + 999) / 1000) : 0;
}

char *clock_format_utc(int64_t wall_us, char text[CLOCK_TEXT_SIZE])
{
    (void)snprintf(text, CLOCK_TEXT_SIZE, "at %lld s", (long long)(wall_us / 1000000));
    return text;
}

void bench_pass_s(double seconds)
{
    bench.monotonic_us += (int64_t)(seconds * 1e6);
    bench.wall_us += (int64_t)(seconds * 1e6);
}

/* --- life --- */

static void fill_context(void)
{
    static const struct brake_limits LIMITS = {
        .window_us = 60000000, .zero_percent = 50, .change_percent = 100, .least = 2};
    struct lane_context *c = &bench.c;
    bench.location = (struct location_rule){
        .location = BENCH_LOCATION, .warehouse_ids = &bench.warehouse, .warehouse_count = 1};
    *c = (struct lane_context){.options = &bench.options,
                               .ports = &bench_ports,
                               .metrics = &bench.metrics,
                               .sink = &bench.sink,
                               .store = &bench.store,
                               .rules = {.match = MATCH_SKU,
                                         .percent = 100,
                                         .cap = -1,
                                         .locations = &bench.location,
                                         .location_count = 1},
                               .ledger = offset_ledger_new(),
                               .claims = sku_claims_new(),
                               .index = sku_index_new(),
                               .parked = parked_set_new(),
                               .brake = brake_new(&LIMITS),
                               .stop_fd = -1};
    c->coalescer = coalescer_new(c->ledger);
    offset_ledger_open(c->ledger, 0);
}

int bench_open(void **state)
{
    static unsigned number;
    static char store_name[] = "alpha";
    char label[32];
    (void)state;
    log_init("test", LOG_ERROR);
    bench = (struct bench){.monotonic_us = INT64_C(1000000000),
                           .wall_us = INT64_C(1795000000000000),
                           .warehouse = 1,
                           .sink = {.writes = true},
                           .store = {.name = "alpha",
                                     .shop_domain = "alpha.myshopify.com",
                                     .quantity_name = "available"},
                           .conf = {.unimported_sale_grace_ms = 600000,
                                    .offer_percent = 100,
                                    .cap = -1,
                                    .reserve = 10,
                                    .brake_window_ms = 60000,
                                    .brake_percent = 50,
                                    .brake_change_percent = 100,
                                    .brake_least = 2,
                                    .policy = {.first_load = FIRST_LOAD_GO}},
                           .input = {.assigned = 1},
                           .levels = {.wake_us = INT64_MAX}};
    bench.conf.instance.name = store_name;
    bench.options = (struct lane_options){
        .store_conf = &bench.conf,
        .shared = {
            .topic = "stock", .partitions = 1, .max_requests = 2, .reload_catalogue_ms = 86400000}};
    (void)snprintf(label, sizeof label, "test-%u", ++number);
    metric_table_register(&lane_metric_table, label, &bench.metrics);
    next_offset = 0;
    fill_context();
    bench.streams.known = (struct streams){.c = &bench.c};
    return 0;
}

int bench_close(void **state)
{
    (void)state;
    const struct lane_context *c = &bench.c;
    for (size_t i = 0; i < bench.requests.sent_count; i++) {
        mem_free(bench.requests.sent[i].variables);
    }
    streams_close(&bench.streams.known);
    coalescer_free(c->coalescer);
    brake_free(c->brake);
    parked_set_free(c->parked);
    sku_index_free(c->index);
    sku_claims_free(c->claims);
    offset_ledger_free(c->ledger);
    return 0;
}

void bench_forget(void)
{
    bench.calls[0] = '\0';
}

/* --- levels --- */

struct record_position bench_record(void)
{
    struct record_position at;
    assert_int_equal(offset_ledger_add(bench.c.ledger, 0, next_offset++, &at), STATUS_OK);
    return at;
}

struct level *bench_level(int64_t item, int32_t product_id, int32_t quantity, int64_t revision)
{
    struct level *level = NULL;
    struct desired desired = {.product_id = product_id,
                              .quantity = quantity,
                              .raw = quantity,
                              .revision = revision,
                              .changed_at_us = bench.wall_us,
                              .at = bench_record(),
                              .row_partition = 0};
    struct level_key key = {.item = item, .location = BENCH_LOCATION};
    (void)coalescer_offer(bench.c.coalescer, key, &desired);
    offset_ledger_finish(bench.c.ledger, desired.at);
    assert_int_equal(coalescer_take(bench.c.coalescer, LEVEL_UNRESOLVED, &level, 1), 1);
    return level;
}

struct level *bench_ready(int64_t item, int32_t product_id, int32_t quantity, int32_t change_from)
{
    struct level *level = bench_level(item, product_id, quantity, 10);
    level->memory =
        (struct unimported_memory){.written = true, .quantity = change_from, .raw = change_from};
    level->change_from = change_from;
    return level;
}

void bench_product(int32_t product_id, const char *sku, int64_t item)
{
    const struct mapped_item mapped = {.item = item, .tracked = true};
    (void)sku_claims_note(bench.c.claims, product_id, sku, true, 10);
    sku_index_add(bench.c.index, sku, &mapped);
}

size_t bench_unfinished(void)
{
    return offset_ledger_unfinished(bench.c.ledger);
}

size_t bench_stage(enum level_stage stage)
{
    return coalescer_count(bench.c.coalescer, stage);
}

void bench_answer_http(struct answer *answer, enum operation op, long status, const char *body)
{
    struct http_answer http = {.outcome = HTTP_ANSWERED,
                               .status = status,
                               .body = bytes_text(body),
                               .retry_after_s = -1,
                               .request_id = "r-1"};
    answer_classify(op, &http, answer);
}

void bench_answer(struct answer *answer, enum operation op, const char *body)
{
    bench_answer_http(answer, op, 200, body);
}
