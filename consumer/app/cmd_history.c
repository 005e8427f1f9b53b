#include <stdio.h>

#include "common/core/clock.h"
#include "consumer/app/commands.h"
#include "consumer/intake/decode.h"
#include "consumer/intake/history.h"

#define LINE_MAX_BYTES ((size_t)4 * 1024 * 1024)

struct printer {
    struct decoder *decoder;
    struct strbuf line;
    size_t count;
    long limit; /* 0: none */
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

static bool print_record(void *arg, const struct history_record *record)
{
    struct printer *p = arg;
    char when[CLOCK_TEXT_SIZE];
    strbuf_reset(&p->line);
    strbuf_appendf(&p->line, "{\"partition\":%d,\"offset\":%lld,\"timestamp\":\"%s\",",
                   record->partition, (long long)record->offset,
                   clock_format_utc(record->timestamp_ms * 1000, when));
    append_record(p, record);
    strbuf_append_text(&p->line, "}\n");
    (void)fwrite(p->line.ptr, 1, p->line.len, stdout);
    p->count++;
    return p->limit == 0 || p->count < (size_t)p->limit;
}

static enum status
read_call(const struct cli_call *call, long *product, long *limit, struct err *err)
{
    enum status rc = cli_number(call, "--product", 0, 1, INT32_MAX, product, err);
    if (rc == STATUS_NOT_FOUND && !cli_has(call, "--all")) {
        return err_set(err, STATUS_USAGE, "name a product with --product ID, or use --all");
    }
    if (rc != STATUS_OK && rc != STATUS_NOT_FOUND) {
        return rc;
    }
    rc = cli_number(call, "--limit", 0, 1, 1000000000, limit, err);
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

enum status cmd_history(const struct cli_call *call, const void *root, struct err *err)
{
    const struct consumer_conf *conf = root;
    const char *topic = conf->shared.topic.name;
    struct printer p = {0};
    long product = 0;
    enum status rc = read_call(call, &product, &p.limit, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = decoder_new(&p.decoder, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    strbuf_init(&p.line, LINE_MAX_BYTES);
    rc = history_read(&conf->shared.kafka, topic, (int32_t)product, print_record, &p, err);
    if (rc == STATUS_OK && p.count == 0 && product > 0) {
        (void)fprintf(stderr, "no record of product %ld in topic '%s'\n", product, topic);
    }
    strbuf_release(&p.line);
    decoder_free(p.decoder);
    return rc;
}
