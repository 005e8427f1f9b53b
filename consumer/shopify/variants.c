#include "consumer/shopify/variants.h"

#include <string.h>

#include <jansson.h>

#include "common/core/mem.h"
#include "consumer/shopify/gid.h"

void variants_init(struct variants *v, enum match match, const char *query, struct sku_index *into)
{
    *v = (struct variants){.match = match, .into = into, .query = mem_strdup(query)};
}

void variants_release(struct variants *v)
{
    mem_free(v->query);
    *v = (struct variants){0};
}

enum operation variants_operation(const struct variants *v)
{
    return v->query != NULL ? OP_VARIANTS_SEARCH : OP_VARIANTS_PAGE;
}

void variants_append_variables(const struct variants *v, struct strbuf *out)
{
    strbuf_append_char(out, '{');
    if (v->query != NULL) {
        strbuf_append_text(out, "\"q\":");
        strbuf_append_json(out, v->query);
        strbuf_append_char(out, ',');
    }
    page_append_after(&v->cursor, out);
    strbuf_append_char(out, '}');
}

/* No SKU of Odoo contains U+0000: such a text is skipped like an absent one. */
static bool is_text(const json_t *value)
{
    size_t len = json_string_length(value);
    return len > 0 && strlen(json_string_value(value)) == len;
}

enum status variants_take_one(void *variants, const void *node, struct err *err)
{
    struct variants *v = variants;
    const json_t *text = json_object_get(node, v->match == MATCH_BARCODE ? "barcode" : "sku");
    const json_t *item = json_object_get(node, "inventoryItem");
    const json_t *tracked = json_object_get(item, "tracked");
    const json_t *bundle = json_object_get(node, "requiresComponents");
    const char *gid = json_string_value(json_object_get(item, "id"));
    int64_t id = 0;
    if ((!json_is_string(text) && !json_is_null(text)) || !json_is_boolean(tracked) ||
        !json_is_boolean(bundle)) {
        return page_other_shape(err);
    }
    enum status rc = gid_parse(gid, "InventoryItem", &id, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    v->count++;
    if (is_text(text)) {
        const struct mapped_item mapped = {
            .item = id, .tracked = json_is_true(tracked), .bundle = json_is_true(bundle)};
        sku_index_add(v->into, json_string_value(text), &mapped);
    }
    return STATUS_OK;
}

enum status variants_take(struct variants *v, const struct answer *answer, struct err *err)
{
    unsigned max = v->query != NULL ? VARIANTS_MAX_SEARCH_PAGES : VARIANTS_MAX_PAGES;
    enum status rc = page_take(&v->cursor, answer, "productVariants", variants_take_one, v, err);
    if (rc == STATUS_OK && !v->cursor.ended && v->cursor.pages >= max) {
        rc = err_set(err, STATUS_STORE_MISCONFIGURED, "more than %u pages of variants", max);
    }
    return rc;
}

/* --- searching --- */

static void append_term(struct strbuf *out, enum match match, const char *text)
{
    strbuf_append_text(out, match == MATCH_BARCODE ? "barcode:'" : "sku:'");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'' || *c == '\\') {
            strbuf_append_char(out, '\\');
        }
        strbuf_append_char(out, *c);
    }
    strbuf_append_char(out, '\'');
}

size_t variants_query(enum match match, const char *const *texts, size_t count, struct strbuf *out)
{
    struct strbuf term;
    size_t used = 0;
    strbuf_init(&term, VARIANTS_QUERY_MAX_BYTES);
    for (; used < count && used < VARIANTS_MAX_TEXTS; used++) {
        strbuf_reset(&term);
        strbuf_append_text(&term, used > 0 ? " OR " : "");
        append_term(&term, match, texts[used]);
        if (term.overflow || out->len + term.len > VARIANTS_QUERY_MAX_BYTES) {
            break;
        }
        strbuf_append(out, term.ptr, term.len);
    }
    strbuf_release(&term);
    return used;
}
