#include "producer/odoo/kit_rows.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"

/* --- rows --- */

void kit_rows_add_product(struct kit_rows *rows, const struct kit_product *row)
{
    MEM_ADD(rows, products, product_count, product_room, row);
    rows->has_archived = rows->has_archived || row->is_archived;
}

void kit_rows_add_bom(struct kit_rows *rows, const struct kit_bom *row)
{
    MEM_ADD(rows, boms, bom_count, bom_room, row);
}

void kit_rows_add_line(struct kit_rows *rows, const struct kit_line *row)
{
    MEM_ADD(rows, lines, line_count, line_room, row);
}

void kit_rows_add_filter(struct kit_rows *rows, const struct kit_filter *row)
{
    MEM_ADD(rows, filters, filter_count, filter_room, row);
}

void kit_rows_add_value(struct kit_rows *rows, const struct kit_value *row)
{
    MEM_ADD(rows, values, value_count, value_room, row);
}

void kit_rows_add_uom(struct kit_rows *rows, const struct kit_uom *row)
{
    MEM_ADD(rows, uoms, uom_count, uom_room, row);
}

void kit_rows_add_child(struct kit_rows *rows, const struct kit_child *row)
{
    MEM_ADD(rows, children, child_count, child_room, row);
}

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_product_id(const void *a, const void *b)
{
    return order(((const struct kit_product *)a)->id, ((const struct kit_product *)b)->id);
}

static int64_t sequence_of(const struct kit_bom *bom)
{
    return bom->has_sequence ? bom->sequence : INT64_MAX;
}

/* Bills of one variant together, then those of one template, in the order in which Odoo tries
 * them. */
static int by_subject(const void *left, const void *right)
{
    const struct kit_bom *a = left;
    const struct kit_bom *b = right;
    int result = order(a->product_id, b->product_id);
    if (result == 0 && a->product_id == 0) {
        result = order(a->template_id, b->template_id);
    }
    if (result == 0) {
        result = order(sequence_of(a), sequence_of(b));
    }
    return result != 0 ? result : order(a->id, b->id);
}

static int by_bom(const void *left, const void *right)
{
    const struct kit_line *a = left;
    const struct kit_line *b = right;
    int result = order(a->bom_id, b->bom_id);
    if (result == 0) {
        result = order(a->sequence, b->sequence);
    }
    return result != 0 ? result : order(a->id, b->id);
}

static int by_line(const void *left, const void *right)
{
    const struct kit_filter *a = left;
    const struct kit_filter *b = right;
    int result = order(a->line_id, b->line_id);
    if (result == 0) {
        result = order(a->attribute_line_id, b->attribute_line_id);
    }
    return result != 0 ? result : order(a->value_id, b->value_id);
}

static int by_product_and_value(const void *left, const void *right)
{
    const struct kit_value *a = left;
    const struct kit_value *b = right;
    int result = order(a->product_id, b->product_id);
    return result != 0 ? result : order(a->value_id, b->value_id);
}

static int by_uom_id(const void *a, const void *b)
{
    return order(((const struct kit_uom *)a)->id, ((const struct kit_uom *)b)->id);
}

static int by_parent(const void *left, const void *right)
{
    const struct kit_child *a = left;
    const struct kit_child *b = right;
    int result = order(a->parent_id, b->parent_id);
    return result != 0 ? result : order(a->product_id, b->product_id);
}

/* Sorts and drops rows that compare equal. Returns how many are left. */
static size_t
sort_rows(void *list, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    char *rows = list;
    size_t kept = 0;
    if (count == 0) {
        return 0;
    }
    qsort(rows, count, size, compare);
    for (size_t i = 1; i < count; i++) {
        if (compare(rows + kept * size, rows + i * size) != 0) {
            kept++;
            memmove(rows + kept * size, rows + i * size, size);
        }
    }
    return kept + 1;
}

#define SORT_ROWS(rows, list, count, compare)                                                      \
    ((rows)->count = sort_rows((rows)->list, (rows)->count, sizeof *(rows)->list, compare))

void kit_rows_sort(struct kit_rows *rows)
{
    SORT_ROWS(rows, products, product_count, by_product_id);
    SORT_ROWS(rows, boms, bom_count, by_subject);
    SORT_ROWS(rows, lines, line_count, by_bom);
    SORT_ROWS(rows, filters, filter_count, by_line);
    SORT_ROWS(rows, values, value_count, by_product_and_value);
    SORT_ROWS(rows, uoms, uom_count, by_uom_id);
    SORT_ROWS(rows, children, child_count, by_parent);
}

void kit_rows_reset(struct kit_rows *rows)
{
    rows->product_count = 0;
    rows->bom_count = 0;
    rows->line_count = 0;
    rows->filter_count = 0;
    rows->value_count = 0;
    rows->uom_count = 0;
    rows->child_count = 0;
    rows->has_archived = false;
}

void kit_rows_release(struct kit_rows *rows)
{
    mem_free(rows->products);
    mem_free(rows->boms);
    mem_free(rows->lines);
    mem_free(rows->filters);
    mem_free(rows->values);
    mem_free(rows->uoms);
    mem_free(rows->children);
    *rows = (struct kit_rows){0};
}

/* --- look-up --- */

const struct kit_product *kit_rows_product(const struct kit_rows *rows, int32_t id)
{
    struct kit_product key = {.id = id};
    return rows->product_count == 0
               ? NULL
               : bsearch(&key, rows->products, rows->product_count, sizeof key, by_product_id);
}

const struct kit_uom *kit_rows_uom(const struct kit_rows *rows, int32_t id)
{
    struct kit_uom key = {.id = id};
    return rows->uom_count == 0 ? NULL
                                : bsearch(&key, rows->uoms, rows->uom_count, sizeof key, by_uom_id);
}

static bool has_value(const struct kit_rows *rows, int32_t product_id, int32_t value_id)
{
    struct kit_value key = {.product_id = product_id, .value_id = value_id};
    return rows->value_count > 0 &&
           bsearch(&key, rows->values, rows->value_count, sizeof key, by_product_and_value) != NULL;
}

/* Index of the first row that does not come before the key. */
static size_t lower_bound(const void *list,
                          size_t count,
                          size_t size,
                          const void *key,
                          int (*compare)(const void *, const void *))
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare((const char *)list + middle * size, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_in_scope(const struct kit_bom *bom, struct kit_scope scope)
{
    return (scope.company_id == 0 || bom->company_id == 0 || bom->company_id == scope.company_id) &&
           (scope.picking_type_id == 0 || bom->picking_type_id == 0 ||
            bom->picking_type_id == scope.picking_type_id);
}

/* First bill in scope of one variant or, when product_id is 0, of one template. */
static const struct kit_bom *first_bom(const struct kit_rows *rows,
                                       int32_t product_id,
                                       int32_t template_id,
                                       struct kit_scope scope)
{
    struct kit_bom key = {.product_id = product_id,
                          .template_id = template_id,
                          .sequence = INT32_MIN,
                          .has_sequence = true,
                          .id = INT32_MIN};
    for (size_t i = lower_bound(rows->boms, rows->bom_count, sizeof key, &key, by_subject);
         i < rows->bom_count; i++) {
        const struct kit_bom *bom = &rows->boms[i];
        if (bom->product_id != product_id || (product_id == 0 && bom->template_id != template_id)) {
            break;
        }
        if (is_in_scope(bom, scope)) {
            return bom;
        }
    }
    return NULL;
}

/* Odoo's _bom_find for one product and phantom bills. */
const struct kit_bom *kit_rows_bom(const struct kit_rows *rows,
                                   const struct kit_product *product,
                                   struct kit_scope scope,
                                   bool together)
{
    if (product == NULL || product->is_service) {
        return NULL;
    }
    const bool has_shared = product->template_id != 0 && !(together && product->is_archived);
    const struct kit_bom *own = first_bom(rows, product->id, 0, scope);
    const struct kit_bom *shared =
        has_shared ? first_bom(rows, 0, product->template_id, scope) : NULL;
    if (own == NULL || shared == NULL) {
        return own != NULL ? own : shared;
    }
    if (sequence_of(own) != sequence_of(shared)) {
        return sequence_of(own) < sequence_of(shared) ? own : shared;
    }
    bool shared_first = rows->order == KIT_BOM_TEMPLATE_FIRST && product->has_priority;
    return shared_first ? shared : own;
}

size_t kit_rows_first_line(const struct kit_rows *rows, int32_t bom_id)
{
    struct kit_line key = {.bom_id = bom_id, .sequence = INT32_MIN, .id = INT32_MIN};
    return lower_bound(rows->lines, rows->line_count, sizeof key, &key, by_bom);
}

size_t kit_rows_first_child(const struct kit_rows *rows, int32_t parent_id)
{
    struct kit_child key = {.parent_id = parent_id, .product_id = INT32_MIN};
    return lower_bound(rows->children, rows->child_count, sizeof key, &key, by_parent);
}

bool kit_rows_has_children(const struct kit_rows *rows, int32_t product_id)
{
    size_t at = kit_rows_first_child(rows, product_id);
    return at < rows->child_count && rows->children[at].parent_id == product_id;
}

bool kit_rows_applies(const struct kit_rows *rows, int32_t line_id, int32_t product_id)
{
    struct kit_filter key = {
        .line_id = line_id, .attribute_line_id = INT32_MIN, .value_id = INT32_MIN};
    size_t i = lower_bound(rows->filters, rows->filter_count, sizeof key, &key, by_line);
    while (i < rows->filter_count && rows->filters[i].line_id == line_id) {
        int32_t attribute = rows->filters[i].attribute_line_id;
        bool matches = false;
        for (; i < rows->filter_count && rows->filters[i].line_id == line_id &&
               rows->filters[i].attribute_line_id == attribute;
             i++) {
            matches = matches || has_value(rows, product_id, rows->filters[i].value_id);
        }
        if (!matches) {
            return false;
        }
    }
    return true;
}
