/**
 * record_path: how fast records are encoded, decoded and acknowledged.
 *
 * usage: bench_record_path [HOST:PORT]     codec only, or also against that broker (topic
 * stocksync.bench, created) Prints one line a figure. Not a test: `tests/bench` figures go with
 * their conditions.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/avro/avro_codec.h"
#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/kafka/kafka_topic.h"
#include "producer/publish/publisher.h"
#include "tests/unit/publish/submit_and_wait.h"

#define WAREHOUSES 5
#define CODEC_RUNS 400000
#define BATCH      2000
#define BATCHES    300
#define SINGLES    2000
#define TIMEOUT_MS 20000
#define TOPIC      "stocksync.bench"

static void fail(const struct err *err)
{
    (void)fprintf(stderr, "%s: %s\n", status_name(err->status), err->msg);
    exit(1);
}

static void fill(struct product_stock *stock, struct warehouse_stock *warehouses, int32_t id)
{
    static char sku[] = "SKU-0123456789";
    static char barcode[] = "4006381333931";
    static char codes[WAREHOUSES][4] = {"WH", "NO", "SO", "EA", "WE"};
    *stock = (struct product_stock){.product_id = id,
                                    .template_id = id,
                                    .sku = sku,
                                    .barcode = barcode,
                                    .company_id = 1,
                                    .active = true,
                                    .shopify_enabled = true,
                                    .revision = clock_wall_us(),
                                    .changed_at_us = clock_wall_us(),
                                    .read_at_us = clock_wall_us(),
                                    .warehouses = warehouses,
                                    .warehouse_count = WAREHOUSES};
    for (int i = 0; i < WAREHOUSES; i++) {
        warehouses[i] = (struct warehouse_stock){.warehouse_id = i + 1,
                                                 .code = codes[i],
                                                 .on_hand = id + i,
                                                 .free = id,
                                                 .has_forecast = true,
                                                 .incoming = 3,
                                                 .outgoing = 1,
                                                 .forecast = id + 2.5};
    }
}

static double rate(int64_t count, int64_t began_us)
{
    return (double)count * 1e6 / (double)(clock_monotonic_us() - began_us);
}

static void measure_codec(void)
{
    struct avro_codec *codec = NULL;
    struct product_stock stock;
    struct warehouse_stock warehouses[WAREHOUSES];
    struct strbuf out;
    struct err err;
    if (avro_codec_new(&codec, &err) != STATUS_OK) {
        fail(&err);
    }
    strbuf_init(&out, 65536);
    fill(&stock, warehouses, 4711);
    int64_t began_us = clock_monotonic_us();
    for (int i = 0; i < CODEC_RUNS; i++) {
        strbuf_reset(&out);
        if (avro_codec_encode(codec, &stock, &out, &err) != STATUS_OK) {
            fail(&err);
        }
    }
    (void)printf("encode: %.0f records/s of %zu bytes, %d warehouses\n", rate(CODEC_RUNS, began_us),
                 out.len, WAREHOUSES);
    began_us = clock_monotonic_us();
    for (int i = 0; i < CODEC_RUNS; i++) {
        struct product_stock back;
        if (avro_codec_decode(codec, strbuf_bytes(&out), &back, &err) != STATUS_OK) {
            fail(&err);
        }
        product_stock_release(&back);
    }
    (void)printf("decode: %.0f records/s\n", rate(CODEC_RUNS, began_us));
    strbuf_release(&out);
    avro_codec_free(codec);
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* One record at a time, as a single change in Odoo makes it; settled each second. */
static void measure_latency(struct record_sink *sink, struct publisher *publisher)
{
    static int64_t took_us[SINGLES];
    struct product_stock stock;
    struct warehouse_stock warehouses[WAREHOUSES];
    struct err err;
    int64_t settled_us = clock_monotonic_us();
    for (int i = 0; i < SINGLES; i++) {
        fill(&stock, warehouses, i + 1);
        struct publish_item item = {.stock = &stock};
        const int64_t began_us = clock_monotonic_us();
        if (submit_and_wait(publisher, sink, &item, 1, TIMEOUT_MS, &err) != STATUS_OK) {
            fail(&err);
        }
        took_us[i] = clock_monotonic_us() - began_us;
        if (clock_monotonic_us() - settled_us > 1000000) {
            if (record_sink_commit(sink, &err) != STATUS_OK) {
                fail(&err);
            }
            settled_us = clock_monotonic_us();
        }
    }
    qsort(took_us, SINGLES, sizeof *took_us, by_value);
    const int64_t median_us = took_us[SINGLES / 2];
    const int64_t p99_us = took_us[SINGLES * 99 / 100];
    (void)printf("one record, encoded and acknowledged: p50 %.2f ms, p99 %.2f ms, max %.2f ms (%d "
                 "records)\n",
                 (double)median_us / 1e3, (double)p99_us / 1e3, (double)took_us[SINGLES - 1] / 1e3,
                 SINGLES);
}

static void measure_sink(struct record_sink *sink)
{
    static unsigned char value[300];
    struct err err;
    char key[PRODUCT_STOCK_KEY_SIZE];
    const int64_t began_us = clock_monotonic_us();
    for (int b = 0; b < BATCHES; b++) {
        if (record_sink_begin(sink, &err) != STATUS_OK) {
            fail(&err);
        }
        for (int i = 0; i < BATCH; i++) {
            product_stock_format_key(b * BATCH + i + 1, key);
            const struct record record = {.key = key,
                                          .value = bytes_of(value, sizeof value),
                                          .revision = began_us + b,
                                          .cause = "stock",
                                          .epoch = 7};
            if (record_sink_add(sink, &record, (size_t)i, &err) != STATUS_OK) {
                fail(&err);
            }
        }
        if (record_sink_wait(sink, TIMEOUT_MS, &err) != STATUS_OK ||
            (b % 25 == 24 && record_sink_commit(sink, &err) != STATUS_OK)) {
            fail(&err);
        }
    }
    (void)printf("sink: %.0f records/s of %zu bytes, %d a batch, each batch waited for, committed "
                 "every 25 batches\n",
                 rate((int64_t)BATCHES * BATCH, began_us), sizeof value, BATCH);
}

static void measure_publisher(struct record_sink *sink, struct publisher *publisher)
{
    struct product_stock *stocks = mem_calloc(BATCH, sizeof *stocks);
    struct warehouse_stock *warehouses = mem_calloc((size_t)BATCH * WAREHOUSES, sizeof *warehouses);
    struct publish_item *items = mem_calloc(BATCH, sizeof *items);
    struct err err;
    for (int i = 0; i < BATCH; i++) {
        fill(&stocks[i], &warehouses[(size_t)i * WAREHOUSES], i + 1);
        items[i].stock = &stocks[i];
    }
    const int64_t began_us = clock_monotonic_us();
    for (int b = 0; b < BATCHES; b++) {
        if (submit_and_wait(publisher, sink, items, BATCH, TIMEOUT_MS, &err) != STATUS_OK ||
            (b % 25 == 24 && record_sink_commit(sink, &err) != STATUS_OK)) {
            fail(&err);
        }
    }
    (void)printf("publisher: %.0f records/s, encoding included\n",
                 rate((int64_t)BATCHES * BATCH, began_us));
    mem_free(items);
    mem_free(warehouses);
    mem_free(stocks);
}

static void measure_broker(const char *address)
{
    struct conf_pair pair = {.name = mem_strdup("bootstrap.servers"), .value = mem_strdup(address)};
    const struct conf_pairs pairs = {.list = &pair, .count = 1};
    const struct kafka_topic_design design = {.name = TOPIC,
                                              .partitions = 12,
                                              .replication_factor = -1,
                                              .compaction_lag_ms = 86400000,
                                              .tombstone_retention_ms = 86400000,
                                              .message_max_bytes = 1048576};
    const struct record_sink_options options = {
        .kafka = &pairs, .topic = TOPIC, .max_message_bytes = 1048576};
    struct record_sink *sink = NULL;
    struct publisher *publisher = NULL;
    struct strbuf notes;
    struct err err;
    strbuf_init(&notes, 4096);
    if (kafka_topic_ensure(&pairs, &design, true, TIMEOUT_MS, &notes, &err) != STATUS_OK ||
        record_sink_new(&options, &sink, &err) != STATUS_OK ||
        record_sink_take_over(sink, TIMEOUT_MS, &err) != STATUS_OK ||
        publisher_new(1, 1048576, &publisher, &err) != STATUS_OK) {
        fail(&err);
    }
    measure_latency(sink, publisher);
    measure_sink(sink);
    measure_publisher(sink, publisher);
    if (record_sink_commit(sink, &err) != STATUS_OK) {
        fail(&err);
    }
    publisher_free(publisher);
    record_sink_free(sink);
    strbuf_release(&notes);
    mem_free(pair.name);
    mem_free(pair.value);
}

int main(int argc, char **argv)
{
    log_init("bench", LOG_WARN);
    measure_codec();
    if (argc > 1) {
        measure_broker(argv[1]);
    }
    log_flush();
    return 0;
}
