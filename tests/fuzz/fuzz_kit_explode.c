/**
 * fuzz_kit_explode: any bytes as rows of a small shop. Whatever the rows say, each product's parts
 * keep what kit_explode.h promises; where nothing is rounded, they are also compared with the
 * plainest way to say what a kit needs.
 *
 * Byte 0 is the mode: '1' variant bills first, '2' plain (every unit alike, whole quantities), '3'
 * both. Then rows: a letter and one character for each field, '0' + value; what is no letter of a
 * row is passed over.
 *   p id template unit flags(1 service, 2 storable, 4 priority, 8 archived)
 *   b id template product company type unit sequence(0: none) quantity
 *   l bill product unit sequence quantity
 *   f line attribute value · v product value · u id category factor rounding · c parent child
 * Lines are numbered as they come, from 1; quantities, factors and roundings are places in a list.
 */
#include <math.h>

#include "common/core/status.h"
#include "producer/odoo/kit_explode.h"
#include "tests/fuzz/fuzz_target.h"

enum { PRODUCTS = 13, LINES = 24, UNITS = 5, PLAIN_DEPTH = PRODUCTS };

static const double QUANTITIES[] = {0, 1, 2, 3, 0.5, 0.125, 0.3333333333333333, 0.001, -1, 1e9};
static const double FACTORS[] = {0, 1, 0.08333333333333333, 1000, -2, 0.5};
static const double ROUNDINGS[] = {0, 0.01, 1, 5, -1, 1e-6};
#define COUNT_OF(list) (sizeof(list) / sizeof *(list))

struct input {
    const uint8_t *data;
    size_t size;
    size_t at;
    bool plain;
    bool seen_product[PRODUCTS], seen_bom[PRODUCTS], seen_unit[UNITS + 1];
};

static uint8_t take(struct input *in, size_t below)
{
    const uint8_t byte = in->at < in->size ? in->data[in->at] : '0';
    in->at++;
    return (uint8_t)((uint8_t)(byte - '0') % below);
}

static double take_quantity(struct input *in)
{
    const uint8_t place = take(in, COUNT_OF(QUANTITIES));
    return in->plain ? place % 4 : QUANTITIES[place];
}

/* @return whether it is its first row: an id is a row's key */
static bool first_of(bool *seen, int32_t id)
{
    const bool first = id != 0 && !seen[id];
    seen[id] = true;
    return first;
}

static void read_product(struct input *in, struct kit_rows *rows)
{
    struct kit_product row = {.id = take(in, PRODUCTS), .template_id = take(in, PRODUCTS)};
    row.uom_id = take(in, UNITS + 1);
    const uint8_t flags = take(in, 16);
    row.is_service = (flags & 1) != 0;
    row.is_storable = (flags & 2) != 0;
    row.has_priority = (flags & 4) != 0;
    row.is_archived = (flags & 8) != 0 && !in->plain;
    if (first_of(in->seen_product, row.id)) {
        kit_rows_add_product(rows, &row);
        kit_rows_add_product(rows, &row);
    }
}

static void read_bom(struct input *in, struct kit_rows *rows)
{
    struct kit_bom row = {.id = take(in, PRODUCTS), .template_id = take(in, PRODUCTS)};
    row.product_id = take(in, PRODUCTS);
    row.company_id = take(in, 3);
    row.picking_type_id = take(in, 3);
    row.uom_id = take(in, UNITS + 1);
    row.sequence = take(in, 10);
    row.has_sequence = row.sequence != 0;
    row.quantity = take_quantity(in);
    if (in->plain) {
        row.quantity = 1;
    }
    if (first_of(in->seen_bom, row.id)) {
        kit_rows_add_bom(rows, &row);
    }
}

static void read_line(struct input *in, struct kit_rows *rows)
{
    struct kit_line row = {.bom_id = take(in, PRODUCTS), .product_id = take(in, PRODUCTS)};
    row.uom_id = take(in, UNITS + 1);
    row.sequence = 5 - take(in, 10);
    row.quantity = take_quantity(in);
    if (rows->line_count < LINES) {
        row.id = (int32_t)rows->line_count + 1;
        kit_rows_add_line(rows, &row);
    }
}

static void add_unit(struct kit_rows *rows, int32_t id, int32_t category, double size)
{
    const struct kit_uom row = {
        .id = id, .category_id = category, .factor = size, .rounding = size};
    kit_rows_add_uom(rows, &row);
}

static void read_unit(struct input *in, struct kit_rows *rows)
{
    struct kit_uom row = {.id = take(in, UNITS + 1), .category_id = take(in, 3)};
    row.factor = FACTORS[take(in, COUNT_OF(FACTORS))];
    row.rounding = ROUNDINGS[take(in, COUNT_OF(ROUNDINGS))];
    if (first_of(in->seen_unit, row.id) && !in->plain) {
        kit_rows_add_uom(rows, &row);
    }
}

static void read_pair(struct input *in, struct kit_rows *rows, uint8_t letter)
{
    if (letter == 'f') {
        struct kit_filter row = {.line_id = take(in, LINES + 1)};
        row.attribute_line_id = take(in, 4);
        row.value_id = take(in, 10);
        kit_rows_add_filter(rows, &row);
    } else if (letter == 'v') {
        struct kit_value row = {.product_id = take(in, PRODUCTS)};
        row.value_id = take(in, 10);
        kit_rows_add_value(rows, &row);
    } else {
        struct kit_child row = {.parent_id = take(in, PRODUCTS)};
        row.product_id = take(in, PRODUCTS);
        kit_rows_add_child(rows, &row);
    }
}

static void read_rows(struct input *in, struct kit_rows *rows)
{
    for (int32_t id = 1; id <= UNITS && in->plain; id++) {
        add_unit(rows, id, 1, 1);
    }
    while (in->at < in->size) {
        const uint8_t letter = in->data[in->at++];
        switch (letter) {
        case 'p':
            read_product(in, rows);
            break;
        case 'b':
            read_bom(in, rows);
            break;
        case 'l':
            read_line(in, rows);
            break;
        case 'u':
            read_unit(in, rows);
            break;
        case 'f':
        case 'v':
        case 'c':
            read_pair(in, rows, letter);
            break;
        default:
            break;
        }
    }
}

/* --- the plainest way: recursion, each look-up by going through all rows --- */

struct plain {
    const struct kit_rows *rows;
    const struct kit_bom *root;
    double needs[PRODUCTS];
};

static const struct kit_product *plain_product(const struct kit_rows *rows, int32_t id)
{
    for (size_t i = 0; i < rows->product_count; i++) {
        if (rows->products[i].id == id) {
            return &rows->products[i];
        }
    }
    return NULL;
}

static bool plain_before(const struct kit_bom *a, const struct kit_bom *b, bool template_first)
{
    if (a->has_sequence != b->has_sequence) {
        return a->has_sequence;
    }
    if (a->has_sequence && a->sequence != b->sequence) {
        return a->sequence < b->sequence;
    }
    if ((a->product_id == 0) != (b->product_id == 0)) {
        return (a->product_id == 0) == template_first;
    }
    return a->id < b->id;
}

static const struct kit_bom *plain_bom(const struct kit_rows *rows,
                                       const struct kit_product *product,
                                       const struct kit_bom *root)
{
    const struct kit_bom *best = NULL;
    const bool template_first = rows->order == KIT_BOM_TEMPLATE_FIRST && product->has_priority;
    for (size_t i = 0; i < rows->bom_count && !product->is_service; i++) {
        const struct kit_bom *bom = &rows->boms[i];
        const bool of_it =
            bom->product_id == product->id || (bom->product_id == 0 && product->template_id != 0 &&
                                               bom->template_id == product->template_id);
        const bool company = root == NULL || root->company_id == 0 || bom->company_id == 0 ||
                             bom->company_id == root->company_id;
        const bool type = root == NULL || root->picking_type_id == 0 || bom->picking_type_id == 0 ||
                          bom->picking_type_id == root->picking_type_id;
        if (of_it && company && type && (best == NULL || plain_before(bom, best, template_first))) {
            best = bom;
        }
    }
    return best;
}

static bool plain_has_value(const struct kit_rows *rows, int32_t product_id, int32_t value_id)
{
    for (size_t i = 0; i < rows->value_count; i++) {
        if (rows->values[i].product_id == product_id && rows->values[i].value_id == value_id) {
            return true;
        }
    }
    return false;
}

/* For each filter row one of the same attribute line matches. */
static bool plain_matches(const struct kit_rows *rows, int32_t line_id, int32_t product_id)
{
    for (size_t i = 0; i < rows->filter_count; i++) {
        bool any = false;
        for (size_t k = 0; k < rows->filter_count; k++) {
            any |= rows->filters[k].line_id == line_id &&
                   rows->filters[k].attribute_line_id == rows->filters[i].attribute_line_id &&
                   plain_has_value(rows, product_id, rows->filters[k].value_id);
        }
        if (rows->filters[i].line_id == line_id && !any) {
            return false;
        }
    }
    return true;
}

static void plain_explode(
    struct plain *p, const struct kit_bom *bom, int32_t product_id, double times, int depth)
{
    INVARIANT(depth <= PLAIN_DEPTH, "deeper than there are products, and no cycle");
    for (size_t i = 0; i < p->rows->line_count; i++) {
        const struct kit_line *line = &p->rows->lines[i];
        if (line->bom_id != bom->id || !plain_matches(p->rows, line->id, product_id)) {
            continue;
        }
        const struct kit_product *product = plain_product(p->rows, line->product_id);
        INVARIANT(product != NULL, "a component is not there, and no problem");
        const struct kit_bom *sub = plain_bom(p->rows, product, p->root);
        if (sub != NULL) {
            plain_explode(p, sub, product->id, times * line->quantity, depth + 1);
        } else if (product->is_storable) {
            p->needs[product->id] += times * line->quantity;
        }
    }
}

static void compare_with_plain(const struct kit_rows *rows,
                               const struct kit_product *product,
                               const struct kit_needs *needs)
{
    struct plain p = {.rows = rows, .root = plain_bom(rows, product, NULL)};
    INVARIANT((p.root != NULL) == (needs->kind == KIT_PHANTOM), "product %d", (int)product->id);
    if (p.root == NULL) {
        return;
    }
    INVARIANT(p.root->id == needs->bom_id, "product %d by bill %d", (int)product->id,
              (int)needs->bom_id);
    if (needs->problem != KIT_FINE) {
        return;
    }
    plain_explode(&p, p.root, product->id, 1, 1);
    for (size_t i = 0; i < needs->count; i++) {
        const struct kit_part *part = &needs->parts[i];
        const double need = part->role == KIT_ROLE_LIMITS ? part->need : 0;
        INVARIANT(need == p.needs[part->component_id], "%g of %d", need, (int)part->component_id);
        p.needs[part->component_id] = 0;
    }
    for (size_t id = 0; id < PRODUCTS; id++) {
        INVARIANT(p.needs[id] == 0, "%g of %zu is missing", p.needs[id], id);
    }
}

/* --- what is always so --- */

static void check_part(const struct kit_needs *needs, const struct kit_part *part)
{
    if (part->role >= KIT_ROLE_LIMITS && needs->problem == KIT_FINE) {
        INVARIANT(isfinite(part->need) && part->need != 0, "%g of a part", part->need);
        INVARIANT(needs->kind != KIT_COMMINGLED || part->need == 1, "%g of a child", part->need);
    }
}

static void check_parts(int32_t product_id, const struct kit_needs *needs)
{
    for (size_t i = 0; i < needs->count; i++) {
        const struct kit_part *part = &needs->parts[i];
        INVARIANT(part->component_id != product_id, "a part of itself");
        INVARIANT(i == 0 || part[-1].component_id < part->component_id, "parts out of order");
        check_part(needs, part);
    }
}

static bool keeps_its_kind(const struct kit_needs *needs)
{
    switch (needs->kind) {
    case KIT_NONE:
        return needs->count == 0 && needs->problem == KIT_FINE;
    case KIT_PHANTOM:
        return needs->bom_id != 0;
    case KIT_COMMINGLED:
        return needs->yield == 1;
    }
    return false;
}

static bool same_part(const struct kit_part *a, const struct kit_part *b, bool with_need)
{
    return a->component_id == b->component_id && a->role == b->role &&
           (!with_need || a->role < KIT_ROLE_LIMITS || a->need == b->need);
}

static bool same_bill(const struct kit_needs *a, const struct kit_needs *b)
{
    return a->kind == b->kind &&
           (a->kind != KIT_PHANTOM || (a->bom_id == b->bom_id && a->yield == b->yield));
}

static bool same_problem(const struct kit_needs *a, const struct kit_needs *b)
{
    return a->problem == b->problem &&
           (a->problem == KIT_FINE || a->problem_product == b->problem_product);
}

static void check_same(const struct kit_needs *a, const struct kit_needs *b)
{
    INVARIANT(same_bill(a, b) && same_problem(a, b) && a->count == b->count,
              "another answer to the same question");
    for (size_t i = 0; i < a->count; i++) {
        INVARIANT(same_part(&a->parts[i], &b->parts[i], a->problem == KIT_FINE), "another part");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {.data = data, .size = size};
    struct kit_rows rows = {0};
    struct kit_needs first = {0};
    struct kit_needs again = {0};
    const uint8_t mode = take(&in, 4);
    rows.order = (mode & 1) != 0 ? KIT_BOM_VARIANT_FIRST : KIT_BOM_TEMPLATE_FIRST;
    in.plain = (mode & 2) != 0;
    read_rows(&in, &rows);
    kit_rows_sort(&rows);
    for (int32_t id = 0; id < PRODUCTS; id++) {
        kit_explode(&rows, id, &first);
        const struct kit_product *product = plain_product(&rows, id);
        INVARIANT(product != NULL || first.kind == KIT_NONE, "an unknown kit");
        INVARIANT(keeps_its_kind(&first), "kind %d", (int)first.kind);
        check_parts(id, &first);
        if (in.plain && product != NULL) {
            compare_with_plain(&rows, product, &first);
        }
        kit_rows_sort(&rows);
        kit_explode(&rows, id, &again);
        check_same(&first, &again);
    }
    kit_needs_release(&first);
    kit_needs_release(&again);
    kit_rows_release(&rows);
    return 0;
}
