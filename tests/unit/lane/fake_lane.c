#include "tests/unit/lane/fake_lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/logger.h"
#include "common/core/metric.h"

#define LIMIT_US (3600 * FAKE_SECOND)

struct fake_lane fake_lane;

static const struct lane_ports PORTS = {
    .source = &fake_source_port, .store = &fake_store_port, .state = &fake_state_port};

static bool (*until)(void);
static int64_t deadline_us;

/* --- what the lane shows --- */

static void publish(void *arg, const struct health *health, const char *json)
{
    (void)arg;
    static const char MEMBER[] = "\"state\":\"";
    const char *at = strstr(json, MEMBER);
    assert_non_null(at);
    at += sizeof MEMBER - 1;
    char state[sizeof fake_lane.state];
    (void)snprintf(state, sizeof state, "%.*s", (int)strcspn(at, "\""), at);
    if (strcmp(state, fake_lane.state) != 0) {
        strbuf_appendf(&fake_lane.states, "%s ", state);
        memcpy(fake_lane.state, state, sizeof state);
    }
    fake_lane.health = *health;
    fake_lane.ready = health_trouble(health, clock_monotonic_us()) == NULL;
    (void)snprintf(fake_lane.json, sizeof fake_lane.json, "%s", json);
}

static void print_line(const char *line)
{
    strbuf_appendf(&fake_lane.lines, "%s\n", line);
}

bool fake_lane_shows(const char *text)
{
    return strstr(fake_lane.json, text) != NULL;
}

uint64_t fake_lane_counter(const char *name)
{
    char line[128];
    struct strbuf text;
    (void)snprintf(line, sizeof line, "\nstocksync_store_%s_total{store=\"shop\"} ", name);
    strbuf_init(&text, 1 << 20);
    metric_render(&text);
    const char *at = strstr(text.ptr, line);
    uint64_t count = at != NULL ? strtoull(at + strlen(line), NULL, 10) : 0;
    strbuf_release(&text);
    return count;
}

bool fake_lane_was(const char *state)
{
    char word[32];
    (void)snprintf(word, sizeof word, "%s ", state);
    return strstr(fake_lane.states.ptr, word) != NULL;
}

bool fake_lane_is_running(void)
{
    return strcmp(fake_lane.state, "running") == 0;
}

/* --- life --- */

void fake_lane_open(void)
{
    static char place[] = "Main";
    static char warehouse[] = "WH";
    static char name[] = "shop";
    static char domain[] = "shop.myshopify.com";
    static char version[] = FAKE_API_VERSION;
    static struct conf_pair location = {.name = place, .value = warehouse};
    log_init("lane", LOG_WARN);
    fake_clock_reset();
    fake_source_reset();
    fake_shop_reset();
    fake_store_reset();
    fake_state_reset();
    fake_lane = (struct fake_lane){.revision = 1000, .thread = {.wake_fd = -1}};
    fake_lane.conf = (struct store_conf){.instance = {.name = name},
                                         .shop_domain = domain,
                                         .api_version = version,
                                         .locations = {.list = &location, .count = 1},
                                         .unimported_sale_grace_ms = 900000,
                                         .offer_percent = 100,
                                         .cap = -1,
                                         .reserve = 10,
                                         .brake_window_ms = 600000,
                                         .brake_percent = 10,
                                         .brake_change_percent = 80,
                                         .brake_least = 20,
                                         .policy = {.first_load = FIRST_LOAD_GO}};
    secret_set(&fake_lane.conf.credentials.access_token, "token");
    fake_lane.options =
        (struct lane_options){.store_conf = &fake_lane.conf,
                              .shared = {.topic = "stock",
                                         .partitions = 1,
                                         .state_dsn = "state",
                                         .max_requests = 4,
                                         .drain_ms = 20000,
                                         .reload_catalogue_ms = 6 * INT64_C(3600000)},
                              .print = print_line,
                              .view = {.publish = publish}};
    strbuf_init(&fake_lane.states, 10000);
    strbuf_init(&fake_lane.lines, 100000);
    strbuf_append_text(&fake_lane.states, "");
}

void fake_lane_close(void)
{
    lane_free(fake_lane.lane);
    secret_release(&fake_lane.conf.credentials.access_token);
    strbuf_release(&fake_lane.states);
    strbuf_release(&fake_lane.lines);
    fake_source_release();
    fake_store_release();
    fake_shop_release();
    fake_state_release();
    memset(&fake_lane, 0, sizeof fake_lane);
}

int fake_lane_setup(void **state)
{
    (void)state;
    fake_lane_open();
    return 0;
}

int fake_lane_teardown(void **state)
{
    (void)state;
    fake_lane_close();
    return 0;
}

/* --- records --- */

struct product_stock
fake_lane_stock(int32_t product_id, const char *sku, double free, struct warehouse_stock *place)
{
    static char code[] = "WH";
    static char copy[64];
    (void)snprintf(copy, sizeof copy, "%s", sku != NULL ? sku : "");
    *place =
        (struct warehouse_stock){.warehouse_id = 1, .code = code, .on_hand = free, .free = free};
    return (struct product_stock){.product_id = product_id,
                                  .template_id = product_id,
                                  .sku = sku != NULL ? copy : NULL,
                                  .active = true,
                                  .shopify_enabled = true,
                                  .revision = ++fake_lane.revision,
                                  .changed_at_us = clock_wall_us(),
                                  .read_at_us = clock_wall_us(),
                                  .warehouses = place,
                                  .warehouse_count = 1};
}

int64_t fake_lane_publish(int32_t product_id, const char *sku, double free)
{
    struct warehouse_stock place;
    const struct product_stock stock = fake_lane_stock(product_id, sku, free, &place);
    (void)fake_source_append(0, &stock, FAKE_DATABASE);
    return stock.revision;
}

/* --- sessions --- */

static void check(void)
{
    if (clock_monotonic_us() > deadline_us) {
        fake_lane.timed_out = true;
        thread_ask_stop(&fake_lane.thread);
    } else if (until != NULL && until()) {
        thread_ask_stop(&fake_lane.thread);
    }
}

enum status fake_lane_run(bool (*condition)(void))
{
    if (fake_lane.ended) {
        lane_free(fake_lane.lane);
        fake_lane.lane = NULL;
    }
    if (fake_lane.lane == NULL) {
        fake_lane.lane = lane_new(&fake_lane.options, &PORTS);
    }
    until = condition;
    deadline_us = clock_monotonic_us() + LIMIT_US;
    fake_lane.timed_out = fake_lane.worked = false;
    fake_lane.err = (struct err){0};
    fake_lane.thread = (struct thread){.wake_fd = -1};
    fake_store_on_wait(check);
    enum status rc =
        lane_session(fake_lane.lane, &fake_lane.thread, &fake_lane.worked, &fake_lane.err);
    fake_lane.ended = rc == STATUS_OK;
    return rc;
}

void fake_lane_run_ok(bool (*condition)(void))
{
    enum status rc = fake_lane_run(condition);
    if (rc != STATUS_OK || fake_lane.timed_out) {
        fail_msg("session: %s %s, %s: %s", status_name(rc), fake_lane.err.msg,
                 fake_lane.timed_out ? "timed out" : "in time", fake_lane.json);
    }
}

void fake_lane_failed(enum status rc)
{
    lane_failed(fake_lane.lane, rc, &fake_lane.err, 1000);
    fake_clock_pass_us(FAKE_SECOND);
}

bool fake_lane_is_quiet(void)
{
    for (size_t i = 0; i < FAKE_PARTITIONS; i++) {
        const struct fake_partition *p = &fake_source.partition[i];
        if (p->committed < p->end) {
            return false;
        }
    }
    return fake_store_running() == 0;
}
