#include <stdio.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "consumer/app/cmd_products.h"
#include "consumer/app/commands.h"
#include "consumer/intake/decode.h"
#include "consumer/intake/history.h"

#define LINE_MAX_BYTES ((size_t)4 * 1024 * 1024)

struct printer {
    struct decoder *decoder;
    struct strbuf line;
    size_t count;
    long limit; /* 0: none */
    const struct product_ids *ids;
    bool *seen; /* by place in ids: it has a record */
};

static void append_record(struct printer *p, const struct history_record *record)
{
    struct product_stock stock = {0};
    struct err err = {0};
    bool tombstone = false;
    int32_t product_id = 0;
    enum status rc = decode_record(p->decoder, record->key, record->value, &product_id, &tombstone,
                                   &stock, &err);
    if (rc != STATUS_OK) {
        strbuf_append_text(&p->line, "\"error\":");
        strbuf_append_json(&p->line, err.msg);
    } else if (tombstone) {
        strbuf_appendf(&p->line, "\"product_id\":%d,\"revision\":%lld,\"record\":null", product_id,
                       (long long)record->header_revision);
    } else {
        strbuf_append_text(&p->line, "\"record\":");
        product_stock_append_json(&stock, &p->line);
    }
    product_stock_release(&stock);
}

static void note_seen(struct printer *p, const struct history_record *record)
{
    struct err ignored;
    int32_t product_id = 0;
    if (product_stock_parse_key(record->key, &product_id, &ignored) != STATUS_OK) {
        return;
    }
    for (size_t i = 0; i < p->ids->count; i++) {
        p->seen[i] = p->seen[i] || p->ids->list[i] == product_id;
    }
}

/* Of older producers' records nobody knows it. */
static void append_stream(struct printer *p, struct bytes stream)
{
    char text[64];
    if (stream.ptr == NULL || stream.len >= sizeof text) {
        return;
    }
    memcpy(text, stream.ptr, stream.len);
    text[stream.len] = '\0';
    strbuf_append_text(&p->line, "\"stream\":");
    strbuf_append_json(&p->line, text);
    strbuf_append_text(&p->line, ",");
}

static bool print_record(void *arg, const struct history_record *record)
{
    struct printer *p = arg;
    char when[CLOCK_TEXT_SIZE];
    note_seen(p, record);
    strbuf_reset(&p->line);
    strbuf_appendf(&p->line, "{\"partition\":%d,\"offset\":%lld,\"timestamp\":\"%s\",",
                   record->partition, (long long)record->offset,
                   clock_format_utc(record->timestamp_ms * 1000, when));
    append_stream(p, record->header_stream);
    append_record(p, record);
    strbuf_append_text(&p->line, "}\n");
    (void)fwrite(p->line.ptr, 1, p->line.len, stdout);
    p->count++;
    return p->limit == 0 || p->count < (size_t)p->limit;
}

/* A product without a record is an error, unless the limit ended the reading. */
static enum status check_seen(const struct printer *p, const char *topic, struct err *err)
{
    if (p->limit > 0 && p->count >= (size_t)p->limit) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < p->ids->count; i++) {
        if (!p->seen[i]) {
            return err_set(err, STATUS_USAGE,
                           "topic '%s' has no record of product %d; 'stocksync-producer stock "
                           "--product %d' shows whether Odoo has it",
                           topic, (int)p->ids->list[i], (int)p->ids->list[i]);
        }
    }
    return STATUS_OK;
}

/* Only SKUs need the state: a product's records are found by its id. */
static enum status find_products(const struct consumer_conf *conf,
                                 struct product_names *names,
                                 struct product_ids *ids,
                                 struct err *err)
{
    const struct product_names skus = cmd_products_skus(names);
    if (skus.sku_count > 0) {
        struct state *state = state_new_read_only(conf_state_dsn(&conf->shared), "history");
        enum status rc = cmd_products_find(&skus, state, NULL, ids, err);
        state_free(state);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    for (size_t i = 0; i < names->id_count; i++) {
        product_ids_add(ids, names->ids[i]);
    }
    return STATUS_OK;
}

static enum status read_call(const struct cli_call *call,
                             const struct consumer_conf *conf,
                             struct product_ids *ids,
                             long *limit,
                             struct err *err)
{
    struct product_names names;
    enum status rc = cmd_products_read(call, &names, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (cmd_products_any(&names) == cli_has(call, "--all")) {
        return err_set(err, STATUS_USAGE,
                       "name products with --product ID or --sku TEXT, or use --all");
    }
    rc = cli_number(call, "--limit", 0, 1, 1000000000, limit, err);
    if (rc != STATUS_OK && rc != STATUS_NOT_FOUND) {
        return rc;
    }
    return find_products(conf, &names, ids, err);
}

static enum status
print_history(const struct consumer_conf *conf, struct printer *p, struct err *err)
{
    const char *topic = conf->shared.topic.name;
    enum status rc = decoder_new(&p->decoder, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    strbuf_init(&p->line, LINE_MAX_BYTES);
    p->seen = mem_calloc(p->ids->count, sizeof *p->seen);
    rc =
        history_read(&conf->shared.kafka, topic, p->ids->list, p->ids->count, print_record, p, err);
    if (rc == STATUS_OK) {
        rc = check_seen(p, topic, err);
    }
    mem_free(p->seen);
    strbuf_release(&p->line);
    decoder_free(p->decoder);
    return rc;
}

enum status cmd_history(const struct cli_call *call, const void *root, struct err *err)
{
    const struct consumer_conf *conf = root;
    struct product_ids ids = {0};
    struct printer p = {.ids = &ids};
    enum status rc = read_call(call, conf, &ids, &p.limit, err);
    if (rc == STATUS_OK) {
        rc = print_history(conf, &p, err);
    }
    product_ids_release(&ids);
    return rc;
}
