#include "common/avro/avro_scan.h"

#include "common/core/cursor.h"
#include "common/core/utf8.h"
#include "common/model/product_stock.h"

/* Where the scan stands, and the field that stopped it. */
struct scan {
    struct cursor c;
    enum avro_form form;
    const char *field;
};

static bool scan_long(struct scan *s, int64_t *out)
{
    const unsigned last_shift = 63;
    uint64_t raw = 0;
    for (unsigned shift = 0; shift <= last_shift; shift += 7) {
        uint8_t byte = 0;
        if (!cursor_u8(&s->c, &byte)) {
            return false;
        }
        if (shift == last_shift && byte > 1) {
            return false;
        }
        raw |= (uint64_t)(byte & 0x7fU) << shift;
        if ((byte & 0x80U) == 0) {
            /* zigzag: 0, -1, 1, -2 … */
            const int64_t magnitude = (int64_t)(raw >> 1);
            *out = (raw & 1U) != 0 ? -magnitude - 1 : magnitude;
            return true;
        }
    }
    return false;
}

static bool scan_long_within(struct scan *s, int64_t min, int64_t max, int64_t *out)
{
    return scan_long(s, out) && *out >= min && *out <= max;
}

static bool field_long(struct scan *s, const char *name, int64_t min, int64_t max)
{
    int64_t ignored = 0;
    s->field = name;
    return scan_long_within(s, min, max, &ignored);
}

static bool field_boolean(struct scan *s, const char *name)
{
    uint8_t byte = 0;
    s->field = name;
    return cursor_u8(&s->c, &byte) && byte <= 1;
}

static bool field_double(struct scan *s, const char *name)
{
    struct bytes ignored;
    s->field = name;
    return cursor_bytes(&s->c, sizeof(double), &ignored);
}

static bool field_text(struct scan *s, const char *name)
{
    int64_t len = 0;
    struct bytes text;
    s->field = name;
    return scan_long_within(s, 0, PRODUCT_STOCK_MAX_TEXT_BYTES, &len) &&
           cursor_bytes(&s->c, (size_t)len, &text) && avro_scan_is_text(text);
}

/* The branch of a union [null, X]. */
static bool field_branch(struct scan *s, const char *name, bool *present)
{
    int64_t branch = 0;
    s->field = name;
    if (!scan_long_within(s, 0, 1, &branch)) {
        return false;
    }
    *present = branch == 1;
    return true;
}

static bool field_optional_text(struct scan *s, const char *name)
{
    bool present = false;
    return field_branch(s, name, &present) && (!present || field_text(s, name));
}

static bool field_optional_int(struct scan *s, const char *name, int64_t min)
{
    bool present = false;
    return field_branch(s, name, &present) && (!present || field_long(s, name, min, INT32_MAX));
}

static bool field_optional_double(struct scan *s, const char *name)
{
    bool present = false;
    return field_branch(s, name, &present) && (!present || field_double(s, name));
}

static bool scan_warehouse(struct scan *s)
{
    return field_long(s, "warehouse_id", 1, INT32_MAX) && field_text(s, "code") &&
           field_double(s, "on_hand") && field_double(s, "free") &&
           field_optional_double(s, "incoming") && field_optional_double(s, "outgoing") &&
           field_optional_double(s, "forecast") &&
           (s->form == AVRO_FORM_1 || field_optional_double(s, "free_confirmed"));
}

/* Blocks of items until an empty one. A negative count announces a block with its size in bytes: we
 * never write it. */
static bool scan_warehouses(struct scan *s)
{
    int64_t left = PRODUCT_STOCK_MAX_WAREHOUSES;
    for (;;) {
        int64_t count = 0;
        s->field = "warehouses";
        if (!scan_long_within(s, 0, left, &count)) {
            return false;
        }
        if (count == 0) {
            return true;
        }
        left -= count;
        for (int64_t i = 0; i < count; i++) {
            if (!scan_warehouse(s)) {
                return false;
            }
        }
    }
}

static bool scan_end(struct scan *s)
{
    s->field = "end of the record";
    return cursor_left(&s->c) == 0;
}

enum status avro_scan_product_stock(struct bytes binary, enum avro_form form, struct err *err)
{
    struct scan s = {.c = cursor_of(binary), .form = form, .field = ""};
    const bool sound =
        field_long(&s, "product_id", 1, INT32_MAX) && field_long(&s, "template_id", 0, INT32_MAX) &&
        field_optional_text(&s, "sku") && field_optional_text(&s, "barcode") &&
        field_optional_int(&s, "company_id", 1) && field_boolean(&s, "active") &&
        field_boolean(&s, "shopify_enabled") && field_boolean(&s, "is_kit") &&
        field_long(&s, "revision", 1, INT64_MAX) && field_long(&s, "cause", 0, CAUSE_COUNT - 1) &&
        field_long(&s, "changed_at", INT64_MIN, INT64_MAX) &&
        field_long(&s, "read_at", INT64_MIN, INT64_MAX) && scan_warehouses(&s) && scan_end(&s);
    if (!sound) {
        return err_set(err, STATUS_RECORD_INVALID,
                       "value is cut or damaged: '%s' near byte %zu of %zu", s.field,
                       cursor_offset(&s.c), binary.len);
    }
    return STATUS_OK;
}

bool avro_scan_is_text(struct bytes text)
{
    size_t at = 0;
    while (at < text.len) {
        const size_t len = utf8_sequence(bytes_of(text.ptr + at, text.len - at));
        if (len == 0 || text.ptr[at] == '\0') {
            return false;
        }
        at += len;
    }
    return true;
}
