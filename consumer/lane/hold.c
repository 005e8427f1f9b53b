#include "consumer/lane/hold.h"

#include <stdio.h>

#include "common/core/logger.h"

#define MOD "brake"

void hold_take_example(struct lane_hold *hold,
                       int32_t product_id,
                       const char *sku,
                       const struct brake_change *change)
{
    if (hold->example_count == HOLD_EXAMPLES) {
        return;
    }
    struct hold_example *e = &hold->examples[hold->example_count++];
    *e = (struct hold_example){
        .product_id = product_id, .key = change->key, .from = change->from, .to = change->to};
    (void)snprintf(e->sku, sizeof e->sku, "%s", sku != NULL ? sku : "");
}

void hold_log(const struct lane_hold *hold, const char *store)
{
    log_warn(MOD, "held", LF_TEXT("store", store), LF_TEXT("reason", hold->reason),
             LF_INT("fallen", hold->figures.fallen), LF_INT("changed", hold->figures.changed),
             LF_INT("levels", hold->figures.levels), LF_MSG(hold->detail));
    for (size_t i = 0; i < hold->example_count; i++) {
        const struct hold_example *e = &hold->examples[i];
        log_warn(MOD, "held_example", LF_TEXT("store", store), LF_INT("product", e->product_id),
                 LF_TEXT("sku", e->sku), LF_INT("item", e->key.item),
                 LF_INT("location", e->key.location), LF_INT("from", e->from), LF_INT("to", e->to));
    }
}

void hold_write_examples(const struct lane_hold *hold, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < hold->example_count; i++) {
        const struct hold_example *e = &hold->examples[i];
        int n = snprintf(out + used, size - used,
                         "product %d sku %s item %lld location %lld: %d -> %d\n",
                         (int)e->product_id, e->sku, (long long)e->key.item,
                         (long long)e->key.location, (int)e->from, (int)e->to);
        if (n < 0 || (size_t)n >= size - used) {
            out[used] = '\0';
            return;
        }
        used += (size_t)n;
    }
}

void hold_append_json(const struct lane_hold *hold, struct strbuf *out)
{
    if (!hold->on) {
        return;
    }
    strbuf_append_text(out, ",\"held\":{\"reason\":");
    strbuf_append_json(out, hold->reason);
    strbuf_appendf(
        out,
        ",\"here\":%s,\"levels\":%zu,\"fallen\":%zu,\"changed\":%zu,\"risen\":%zu,\"examples\":[",
        hold->ours ? "true" : "false", hold->figures.levels, hold->figures.fallen,
        hold->figures.changed, hold->risen);
    for (size_t i = 0; i < hold->example_count; i++) {
        const struct hold_example *e = &hold->examples[i];
        strbuf_appendf(out, "%s{\"product\":%d,\"sku\":", i > 0 ? "," : "", (int)e->product_id);
        strbuf_append_json(out, e->sku);
        strbuf_appendf(out, ",\"item\":%lld,\"location\":%lld,\"from\":%d,\"to\":%d}",
                       (long long)e->key.item, (long long)e->key.location, (int)e->from,
                       (int)e->to);
    }
    strbuf_append_text(out, "]}");
}
