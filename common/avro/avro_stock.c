#include "common/avro/avro_stock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/core/mem.h"

/* Positions of the fields in product_stock.avsc; avro_stock_check_schema checks the names. */
enum field {
    F_PRODUCT_ID,
    F_TEMPLATE_ID,
    F_SKU,
    F_BARCODE,
    F_COMPANY_ID,
    F_ACTIVE,
    F_SHOPIFY_ENABLED,
    F_IS_KIT,
    F_REVISION,
    F_CAUSE,
    F_CHANGED_AT,
    F_READ_AT,
    F_WAREHOUSES,
    F_COUNT
};
static const char *const FIELD_NAMES[F_COUNT] = {
    "product_id", "template_id",     "sku",        "barcode",  "company_id",
    "active",     "shopify_enabled", "is_kit",     "revision", "cause",
    "changed_at", "read_at",         "warehouses",
};

enum warehouse_field {
    W_ID,
    W_CODE,
    W_ON_HAND,
    W_FREE,
    W_INCOMING,
    W_OUTGOING,
    W_FORECAST,
    W_FREE_CONFIRMED,
    W_COUNT
};
static const char *const WAREHOUSE_FIELD_NAMES[W_COUNT] = {
    "warehouse_id", "code", "on_hand", "free", "incoming", "outgoing", "forecast", "free_confirmed",
};

enum { BRANCH_NULL = 0, BRANCH_VALUE = 1 };

static bool has_fields(avro_schema_t record, const char *const *names, size_t count)
{
    if (avro_schema_record_size(record) != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = avro_schema_record_field_name(record, (int)i);
        if (name == NULL || strcmp(name, names[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* A former schema has the first of these fields. */
static size_t warehouse_fields(enum avro_form form)
{
    return form == AVRO_FORM_1 ? W_FREE_CONFIRMED : W_COUNT;
}

enum status avro_stock_check_schema(avro_schema_t schema, enum avro_form form, struct err *err)
{
    if (!has_fields(schema, FIELD_NAMES, F_COUNT)) {
        return err_set(err, STATUS_INTERNAL, "embedded schema: fields differ from the program's");
    }
    avro_schema_t warehouses = avro_schema_record_field_get_by_index(schema, F_WAREHOUSES);
    if (!has_fields(avro_schema_array_items(warehouses), WAREHOUSE_FIELD_NAMES,
                    warehouse_fields(form))) {
        return err_set(err, STATUS_INTERNAL,
                       "embedded schema: warehouse fields differ from the program's");
    }
    avro_schema_t causes = avro_schema_record_field_get_by_index(schema, F_CAUSE);
    for (int i = 0; i < CAUSE_COUNT; i++) {
        const char *name = avro_schema_enum_get(causes, i);
        if (name == NULL || strcmp(name, cause_name((enum cause)i)) != 0) {
            return err_set(err, STATUS_INTERNAL,
                           "embedded schema: causes differ from the program's");
        }
    }
    return STATUS_OK;
}

/* --- to the value --- */

static int put_int(avro_value_t *record, size_t at, int32_t number)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_set_int(&field, number);
}

static int put_long(avro_value_t *record, size_t at, int64_t number)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_set_long(&field, number);
}

static int put_boolean(avro_value_t *record, size_t at, bool flag)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_set_boolean(&field, flag);
}

static int put_double(avro_value_t *record, size_t at, double number)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_set_double(&field, number);
}

/* avro-c declares the text char *, and copies it. */
static int set_text(avro_value_t *field, const char *text)
{
    union {
        const char *in;
        char *out;
    } borrowed = {.in = text != NULL ? text : ""};
    return avro_value_set_string_len(field, borrowed.out, strlen(borrowed.in) + 1);
}

static int put_text(avro_value_t *record, size_t at, const char *text)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : set_text(&field, text);
}

static int put_cause(avro_value_t *record, enum cause cause)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, F_CAUSE, &field, NULL);
    return rc != 0 ? rc : avro_value_set_enum(&field, (int)cause);
}

/* Selects the branch of field `at`; *branch may be set only when present. */
static int put_branch(avro_value_t *record, size_t at, bool present, avro_value_t *branch)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    rc = rc != 0 ? rc : avro_value_set_branch(&field, present ? BRANCH_VALUE : BRANCH_NULL, branch);
    return rc != 0 || present ? rc : avro_value_set_null(branch);
}

static int put_optional_text(avro_value_t *record, size_t at, const char *text)
{
    avro_value_t branch;
    int rc = put_branch(record, at, text != NULL, &branch);
    return rc != 0 || text == NULL ? rc : set_text(&branch, text);
}

static int put_optional_int(avro_value_t *record, size_t at, int32_t number)
{
    avro_value_t branch;
    int rc = put_branch(record, at, number != 0, &branch);
    return rc != 0 || number == 0 ? rc : avro_value_set_int(&branch, number);
}

static int put_optional_double(avro_value_t *record, size_t at, bool present, double number)
{
    avro_value_t branch;
    int rc = put_branch(record, at, present, &branch);
    return rc != 0 || !present ? rc : avro_value_set_double(&branch, number);
}

static int put_warehouse(avro_value_t *array, const struct warehouse_stock *w)
{
    avro_value_t item;
    int rc = avro_value_append(array, &item, NULL);
    rc = rc != 0 ? rc : put_int(&item, W_ID, w->warehouse_id);
    rc = rc != 0 ? rc : put_text(&item, W_CODE, w->code);
    rc = rc != 0 ? rc : put_double(&item, W_ON_HAND, w->on_hand);
    rc = rc != 0 ? rc : put_double(&item, W_FREE, w->free);
    rc = rc != 0 ? rc : put_optional_double(&item, W_INCOMING, w->has_forecast, w->incoming);
    rc = rc != 0 ? rc : put_optional_double(&item, W_OUTGOING, w->has_forecast, w->outgoing);
    rc = rc != 0 ? rc : put_optional_double(&item, W_FORECAST, w->has_forecast, w->forecast);
    return rc != 0 ? rc
                   : put_optional_double(&item, W_FREE_CONFIRMED, w->has_free_confirmed,
                                         w->free_confirmed);
}

int avro_stock_put(avro_value_t *value, const struct product_stock *stock)
{
    avro_value_t array;
    int rc = avro_value_reset(value);
    rc = rc != 0 ? rc : put_int(value, F_PRODUCT_ID, stock->product_id);
    rc = rc != 0 ? rc : put_int(value, F_TEMPLATE_ID, stock->template_id);
    rc = rc != 0 ? rc : put_optional_text(value, F_SKU, stock->sku);
    rc = rc != 0 ? rc : put_optional_text(value, F_BARCODE, stock->barcode);
    rc = rc != 0 ? rc : put_optional_int(value, F_COMPANY_ID, stock->company_id);
    rc = rc != 0 ? rc : put_boolean(value, F_ACTIVE, stock->active);
    rc = rc != 0 ? rc : put_boolean(value, F_SHOPIFY_ENABLED, stock->shopify_enabled);
    rc = rc != 0 ? rc : put_boolean(value, F_IS_KIT, stock->is_kit);
    rc = rc != 0 ? rc : put_long(value, F_REVISION, stock->revision);
    rc = rc != 0 ? rc : put_cause(value, stock->cause);
    rc = rc != 0 ? rc : put_long(value, F_CHANGED_AT, stock->changed_at_us);
    rc = rc != 0 ? rc : put_long(value, F_READ_AT, stock->read_at_us);
    rc = rc != 0 ? rc : avro_value_get_by_index(value, F_WAREHOUSES, &array, NULL);
    for (size_t i = 0; rc == 0 && i < stock->warehouse_count; i++) {
        rc = put_warehouse(&array, &stock->warehouses[i]);
    }
    return rc;
}

/* --- from the value --- */

static int get_int(const avro_value_t *record, size_t at, int32_t *number)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_get_int(&field, number);
}

static int get_long(const avro_value_t *record, size_t at, int64_t *number)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_get_long(&field, number);
}

static int get_boolean(const avro_value_t *record, size_t at, bool *flag)
{
    avro_value_t field;
    int number = 0;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    rc = rc != 0 ? rc : avro_value_get_boolean(&field, &number);
    *flag = number != 0;
    return rc;
}

static int get_double(const avro_value_t *record, size_t at, double *number)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_get_double(&field, number);
}

/* The copy is the caller's. */
static int copy_text(const avro_value_t *field, char **text)
{
    const char *ptr = NULL;
    size_t size = 0;
    int rc = avro_value_get_string(field, &ptr, &size);
    if (rc == 0) {
        *text = mem_strndup(ptr, size > 0 ? size - 1 : 0);
    }
    return rc;
}

static int get_text(const avro_value_t *record, size_t at, char **text)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : copy_text(&field, text);
}

static int get_branch(const avro_value_t *record, size_t at, bool *present, avro_value_t *branch)
{
    avro_value_t field;
    int which = BRANCH_NULL;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    rc = rc != 0 ? rc : avro_value_get_discriminant(&field, &which);
    rc = rc != 0 ? rc : avro_value_get_current_branch(&field, branch);
    *present = rc == 0 && which == BRANCH_VALUE;
    return rc;
}

/* Empty counts as absent, as NULL does in the struct. */
static int get_optional_text(const avro_value_t *record, size_t at, char **text)
{
    avro_value_t branch;
    bool present = false;
    int rc = get_branch(record, at, &present, &branch);
    if (rc == 0 && present) {
        rc = copy_text(&branch, text);
    }
    if (*text != NULL && **text == '\0') {
        mem_free(*text);
        *text = NULL;
    }
    return rc;
}

static int get_optional_int(const avro_value_t *record, size_t at, int32_t *number)
{
    avro_value_t branch;
    bool present = false;
    int rc = get_branch(record, at, &present, &branch);
    return rc != 0 || !present ? rc : avro_value_get_int(&branch, number);
}

static int get_optional_double(const avro_value_t *record, size_t at, bool *present, double *number)
{
    avro_value_t branch;
    int rc = get_branch(record, at, present, &branch);
    return rc != 0 || !*present ? rc : avro_value_get_double(&branch, number);
}

static int get_cause(const avro_value_t *record, enum cause *cause)
{
    avro_value_t field;
    int number = 0;
    int rc = avro_value_get_by_index(record, F_CAUSE, &field, NULL);
    rc = rc != 0 ? rc : avro_value_get_enum(&field, &number);
    *cause = (enum cause)number;
    return rc;
}

/* EINVAL: the three forecast fields are neither all there nor all null. */
static int get_warehouse(const avro_value_t *item, enum avro_form form, struct warehouse_stock *w)
{
    bool incoming = false;
    bool outgoing = false;
    int rc = get_int(item, W_ID, &w->warehouse_id);
    rc = rc != 0 ? rc : get_text(item, W_CODE, &w->code);
    rc = rc != 0 ? rc : get_double(item, W_ON_HAND, &w->on_hand);
    rc = rc != 0 ? rc : get_double(item, W_FREE, &w->free);
    rc = rc != 0 ? rc : get_optional_double(item, W_INCOMING, &incoming, &w->incoming);
    rc = rc != 0 ? rc : get_optional_double(item, W_OUTGOING, &outgoing, &w->outgoing);
    rc = rc != 0 ? rc : get_optional_double(item, W_FORECAST, &w->has_forecast, &w->forecast);
    if (rc == 0 && form != AVRO_FORM_1) {
        rc =
            get_optional_double(item, W_FREE_CONFIRMED, &w->has_free_confirmed, &w->free_confirmed);
    }
    if (rc == 0 && (incoming != w->has_forecast || outgoing != w->has_forecast)) {
        avro_set_error("warehouse %" PRId32 " has only a part of its forecast", w->warehouse_id);
        return EINVAL;
    }
    return rc;
}

static int
get_warehouses(const avro_value_t *value, enum avro_form form, struct product_stock *stock)
{
    avro_value_t array;
    size_t count = 0;
    int rc = avro_value_get_by_index(value, F_WAREHOUSES, &array, NULL);
    rc = rc != 0 ? rc : avro_value_get_size(&array, &count);
    if (rc != 0 || count == 0) {
        return rc;
    }
    stock->warehouses = mem_calloc(count, sizeof *stock->warehouses);
    stock->warehouse_count = count;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        avro_value_t item;
        rc = avro_value_get_by_index(&array, i, &item, NULL);
        rc = rc != 0 ? rc : get_warehouse(&item, form, &stock->warehouses[i]);
    }
    return rc;
}

int avro_stock_get(const avro_value_t *value, enum avro_form form, struct product_stock *stock)
{
    int rc = get_int(value, F_PRODUCT_ID, &stock->product_id);
    rc = rc != 0 ? rc : get_int(value, F_TEMPLATE_ID, &stock->template_id);
    rc = rc != 0 ? rc : get_optional_text(value, F_SKU, &stock->sku);
    rc = rc != 0 ? rc : get_optional_text(value, F_BARCODE, &stock->barcode);
    rc = rc != 0 ? rc : get_optional_int(value, F_COMPANY_ID, &stock->company_id);
    rc = rc != 0 ? rc : get_boolean(value, F_ACTIVE, &stock->active);
    rc = rc != 0 ? rc : get_boolean(value, F_SHOPIFY_ENABLED, &stock->shopify_enabled);
    rc = rc != 0 ? rc : get_boolean(value, F_IS_KIT, &stock->is_kit);
    rc = rc != 0 ? rc : get_long(value, F_REVISION, &stock->revision);
    rc = rc != 0 ? rc : get_cause(value, &stock->cause);
    rc = rc != 0 ? rc : get_long(value, F_CHANGED_AT, &stock->changed_at_us);
    rc = rc != 0 ? rc : get_long(value, F_READ_AT, &stock->read_at_us);
    return rc != 0 ? rc : get_warehouses(value, form, stock);
}
