#include "consumer/plan/rules_digest.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/core/mem.h"
#include "common/core/strbuf.h"

/* A store has at most some hundred locations, with some hundred warehouses. */
#define TEXT_MAX_BYTES ((size_t)4 * 1024 * 1024)

static int compare_locations(const void *a, const void *b)
{
    const struct location_rule *const *left = a;
    const struct location_rule *const *right = b;
    return ((*left)->location > (*right)->location) - ((*left)->location < (*right)->location);
}

static int compare_ids(const void *a, const void *b)
{
    const int32_t *left = a;
    const int32_t *right = b;
    return (*left > *right) - (*left < *right);
}

static void append_location(const struct location_rule *location, struct strbuf *text)
{
    int32_t *ids = mem_calloc(location->warehouse_count, sizeof *ids);
    for (size_t i = 0; i < location->warehouse_count; i++) {
        ids[i] = location->warehouse_ids[i];
    }
    qsort(ids, location->warehouse_count, sizeof *ids, compare_ids);
    strbuf_appendf(text, " %" PRId64, location->location);
    for (size_t i = 0; i < location->warehouse_count; i++) {
        strbuf_appendf(text, "%c%" PRId32, i == 0 ? '=' : ',', ids[i]);
    }
    mem_free(ids);
}

static void append_locations(const struct store_rules *rules, struct strbuf *text)
{
    const struct location_rule **list =
        mem_calloc(rules->location_count, sizeof(struct location_rule *));
    for (size_t i = 0; i < rules->location_count; i++) {
        list[i] = &rules->locations[i];
    }
    qsort(list, rules->location_count, sizeof(struct location_rule *), compare_locations);
    for (size_t i = 0; i < rules->location_count; i++) {
        append_location(list[i], text);
    }
    mem_free(list);
}

char *
rules_digest(const struct store_rules *rules, const char *quantity, char digest[RULES_DIGEST_SIZE])
{
    struct strbuf text;
    strbuf_init(&text, TEXT_MAX_BYTES);
    strbuf_appendf(&text,
                   "rules basis=%s match=%d company=%" PRId32 " quantity=%s buffer=%" PRId64
                   " percent=%" PRId64 " cap=%" PRId64,
                   basis_names[rules->basis], (int)rules->match, rules->company_id, quantity,
                   rules->buffer, rules->percent, rules->cap);
    append_locations(rules, &text);
    (void)uuid5_text(strbuf_bytes(&text), digest);
    strbuf_release(&text);
    return digest;
}
