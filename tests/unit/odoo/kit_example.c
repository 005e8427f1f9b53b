#include "tests/unit/odoo/kit_example.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct kit_uom UOMS[] = {
    {UNIT, 1, 1.0, 0.01},
    {DOZEN, 1, 0.08333333333333333, 0.01},
    {BOX6, 1, 0.16666666666666666, 1.0},
    {PACK7, 1, 0.14285714285714285, 0.01},
    {KG, 2, 1.0, 0.01},
    {GRAM, 2, 1000.0, 0.01},
    {WHOLE, 1, 1.0, 1.0},
    {FINE, 1, 0.08333333333333333, 1e-16},
    {BROKEN, 1, 0.0, 0.01},
};

#define SINGLE(id_, uom_, storable_)                                                               \
    {                                                                                              \
        .id = (id_), .template_id = TEMPLATES + (id_), .uom_id = (uom_),                           \
        .is_storable = (storable_), .has_priority = true                                           \
    }
static const struct kit_product PRODUCTS[] = {
    SINGLE(A, UNIT, true),
    SINGLE(B, UNIT, true),
    SINGLE(C, UNIT, true),
    SINGLE(CONSU, UNIT, false),
    {SERVICE, TEMPLATES + SERVICE, UNIT, true, false, true, false},
    SINGLE(KILOS, KG, true),
    SINGLE(DOZENS, DOZEN, true),
    SINGLE(K1, UNIT, true),
    SINGLE(K2, UNIT, true),
    SINGLE(K3, UNIT, true),
    SINGLE(K4, UNIT, true),
    SINGLE(WEIGHTLESS, UNIT, false),
    {RED, COLOURS, UNIT, false, true, true, false},
    {BLUE, COLOURS, UNIT, false, true, true, false},
    {PLAIN, COLOURS, UNIT, false, true, false, false},
    {LOOSE, 0, UNIT, false, true, false, false},
    {LOOSE_CONSU, 0, UNIT, false, false, false, false},
    {OLD, TEMPLATES + OLD, UNIT, false, true, true, true},
    {OLD_CONSU, TEMPLATES + OLD_CONSU, UNIT, false, false, true, true},
    {OLD_RED, COLOURS, UNIT, false, true, true, true},
};

/* Rows of one list are added from the first to the last, or backwards and twice. */
static size_t turns(size_t count, bool backwards)
{
    return backwards ? 2 * count : count;
}

static size_t place(size_t turn, size_t count, bool backwards)
{
    return backwards ? count - 1 - turn / 2 : turn;
}

#define ADD_ALL(rows, name, list, count, backwards)                                                \
    for (size_t turn = 0; turn < turns(count, backwards); turn++) {                                \
        kit_rows_add_##name(rows, &(list)[place(turn, count, backwards)]);                         \
    }

static int32_t unit_or(int32_t uom_id)
{
    return uom_id != 0 ? uom_id : UNIT;
}

void kit_example_add_shop(struct kit_rows *rows, bool backwards)
{
    ADD_ALL(rows, uom, UOMS, sizeof UOMS / sizeof *UOMS, backwards)
    ADD_ALL(rows, product, PRODUCTS, sizeof PRODUCTS / sizeof *PRODUCTS, backwards)
}

static void add_example(struct kit_rows *rows, const struct kit_example *ex, bool backwards)
{
    struct kit_bom boms[MOST];
    struct kit_line lines[MOST];
    size_t n[5] = {0};
    for (; n[0] < MOST && ex->boms[n[0]].id != 0; n[0]++) {
        boms[n[0]] = ex->boms[n[0]];
        boms[n[0]].uom_id = unit_or(boms[n[0]].uom_id);
    }
    for (; n[1] < MOST && ex->lines[n[1]].id != 0; n[1]++) {
        lines[n[1]] = ex->lines[n[1]];
        lines[n[1]].uom_id = unit_or(lines[n[1]].uom_id);
    }
    while (n[2] < MOST && ex->filters[n[2]].line_id != 0) {
        n[2]++;
    }
    while (n[3] < MOST && ex->values[n[3]].product_id != 0) {
        n[3]++;
    }
    while (n[4] < MOST && ex->children[n[4]].parent_id != 0) {
        n[4]++;
    }
    ADD_ALL(rows, bom, boms, n[0], backwards)
    ADD_ALL(rows, line, lines, n[1], backwards)
    ADD_ALL(rows, filter, ex->filters, n[2], backwards)
    ADD_ALL(rows, value, ex->values, n[3], backwards)
    ADD_ALL(rows, child, ex->children, n[4], backwards)
}

const struct kit_part *kit_example_part(const struct kit_needs *needs, int32_t component_id)
{
    for (size_t i = 0; i < needs->count; i++) {
        if (needs->parts[i].component_id == component_id) {
            return &needs->parts[i];
        }
    }
    return NULL;
}

void kit_example_check_order(const char *name, int32_t product, const struct kit_needs *needs)
{
    for (size_t i = 0; i < needs->count; i++) {
        if (needs->parts[i].component_id == product) {
            fail_msg("%s: a part of itself", name);
        }
        if (i > 0 && needs->parts[i - 1].component_id >= needs->parts[i].component_id) {
            fail_msg("%s: parts out of order", name);
        }
    }
}

static void check_parts(const struct kit_example *ex, const struct kit_needs *needs)
{
    size_t count = 0;
    for (; count < MOST && ex->parts[count].component_id != 0; count++) {
        const struct kit_part *want = &ex->parts[count];
        const struct kit_part *got = kit_example_part(needs, want->component_id);
        if (got == NULL) {
            fail_msg("%s: part %d is missing", ex->name, (int)want->component_id);
        } else if (ex->problem == KIT_FINE && got->role != want->role) {
            fail_msg("%s: part %d has role %d, expected %d", ex->name, (int)want->component_id,
                     (int)got->role, (int)want->role);
        } else if (ex->problem == KIT_FINE && want->role >= KIT_ROLE_LIMITS &&
                   got->need != want->need) {
            fail_msg("%s: %.17g of part %d, expected %.17g", ex->name, got->need,
                     (int)want->component_id, want->need);
        }
    }
    if (ex->problem == KIT_FINE && needs->count != count) {
        fail_msg("%s: %zu parts, expected %zu", ex->name, needs->count, count);
    }
}

static void check_example(const struct kit_example *ex, const struct kit_needs *needs)
{
    enum kit_kind kind = ex->bom_id != 0                  ? KIT_PHANTOM
                         : ex->children[0].parent_id != 0 ? KIT_COMMINGLED
                                                          : KIT_NONE;
    if (needs->kind != kind) {
        fail_msg("%s: kind %d, expected %d", ex->name, (int)needs->kind, (int)kind);
    }
    if (kind == KIT_PHANTOM && needs->bom_id != ex->bom_id) {
        fail_msg("%s: bill %d, expected %d", ex->name, (int)needs->bom_id, (int)ex->bom_id);
    }
    if (needs->problem != ex->problem) {
        fail_msg("%s: problem %d, expected %d", ex->name, (int)needs->problem, (int)ex->problem);
    }
    if (ex->problem_product != 0 && needs->problem_product != ex->problem_product) {
        fail_msg("%s: problem at %d, expected %d", ex->name, (int)needs->problem_product,
                 (int)ex->problem_product);
    }
    const double yield = ex->yield != 0 ? ex->yield : 1;
    if (kind != KIT_NONE && ex->problem == KIT_FINE && needs->yield != yield) {
        fail_msg("%s: yield %.17g, expected %.17g", ex->name, needs->yield, yield);
    }
    kit_example_check_order(ex->name, ex->product, needs);
    check_parts(ex, needs);
}

void kit_example_check(const struct kit_example *examples, size_t count)
{
    struct kit_rows rows = {0};
    struct kit_needs needs = {0};
    for (size_t i = 0; i < 2 * count; i++) {
        const struct kit_example *ex = &examples[i % count];
        kit_rows_reset(&rows);
        rows.order = ex->order;
        add_example(&rows, ex, i >= count);
        kit_example_add_shop(&rows, i >= count);
        kit_rows_sort(&rows);
        kit_explode(&rows, ex->product, &needs);
        check_example(ex, &needs);
    }
    kit_needs_release(&needs);
    kit_rows_release(&rows);
}
