#include "producer/odoo/kit_explode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/model/quantity.h"
#include "producer/odoo/id_list.h"

#define NOWHERE SIZE_MAX

/* --- rows --- */

#define ADD_ROW(rows, list, count, room, row)                                                      \
    do {                                                                                           \
        if ((rows)->count == (rows)->room) {                                                       \
            (rows)->room = mem_grow_capacity((rows)->room, (rows)->count + 1);                     \
            (rows)->list = mem_realloc((rows)->list, (rows)->room, sizeof *(rows)->list);          \
        }                                                                                          \
        (rows)->list[(rows)->count++] = *(row);                                                    \
    } while (0)

void kit_rows_add_product(struct kit_rows *rows, const struct kit_product *row)
{
    ADD_ROW(rows, products, product_count, product_room, row);
}

void kit_rows_add_bom(struct kit_rows *rows, const struct kit_bom *row)
{
    ADD_ROW(rows, boms, bom_count, bom_room, row);
}

void kit_rows_add_line(struct kit_rows *rows, const struct kit_line *row)
{
    ADD_ROW(rows, lines, line_count, line_room, row);
}

void kit_rows_add_filter(struct kit_rows *rows, const struct kit_filter *row)
{
    ADD_ROW(rows, filters, filter_count, filter_room, row);
}

void kit_rows_add_value(struct kit_rows *rows, const struct kit_value *row)
{
    ADD_ROW(rows, values, value_count, value_room, row);
}

void kit_rows_add_uom(struct kit_rows *rows, const struct kit_uom *row)
{
    ADD_ROW(rows, uoms, uom_count, uom_room, row);
}

void kit_rows_add_child(struct kit_rows *rows, const struct kit_child *row)
{
    ADD_ROW(rows, children, child_count, child_room, row);
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

/* Bills of one variant together, then those of one template, in the order in which they are tried.
 */
static int by_owner(const void *left, const void *right)
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
    SORT_ROWS(rows, boms, bom_count, by_owner);
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

static const struct kit_product *find_product(const struct kit_rows *rows, int32_t id)
{
    struct kit_product key = {.id = id};
    return rows->product_count == 0
               ? NULL
               : bsearch(&key, rows->products, rows->product_count, sizeof key, by_product_id);
}

static const struct kit_uom *find_uom(const struct kit_rows *rows, int32_t id)
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

/* Which bills may open a product: of this company or of none, of this operation type or of none. 0:
 * any. */
struct bom_scope {
    int32_t company_id;
    int32_t picking_type_id;
};

static bool is_in_scope(const struct kit_bom *bom, struct bom_scope scope)
{
    return (scope.company_id == 0 || bom->company_id == 0 || bom->company_id == scope.company_id) &&
           (scope.picking_type_id == 0 || bom->picking_type_id == 0 ||
            bom->picking_type_id == scope.picking_type_id);
}

/* First bill of one owner that is in scope; the owner is a variant, or (product_id 0) a template.
 */
static const struct kit_bom *first_bom(const struct kit_rows *rows,
                                       int32_t product_id,
                                       int32_t template_id,
                                       struct bom_scope scope)
{
    struct kit_bom key = {.product_id = product_id,
                          .template_id = template_id,
                          .sequence = INT32_MIN,
                          .has_sequence = true,
                          .id = INT32_MIN};
    for (size_t i = lower_bound(rows->boms, rows->bom_count, sizeof key, &key, by_owner);
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
static const struct kit_bom *
find_bom(const struct kit_rows *rows, const struct kit_product *product, struct bom_scope scope)
{
    if (product == NULL || product->is_service) {
        return NULL;
    }
    const struct kit_bom *own = first_bom(rows, product->id, 0, scope);
    const struct kit_bom *shared =
        product->template_id == 0 ? NULL : first_bom(rows, 0, product->template_id, scope);
    if (own == NULL || shared == NULL) {
        return own != NULL ? own : shared;
    }
    if (sequence_of(own) != sequence_of(shared)) {
        return sequence_of(own) < sequence_of(shared) ? own : shared;
    }
    bool shared_first = rows->order == KIT_BOM_TEMPLATE_FIRST && product->has_priority;
    return shared_first ? shared : own;
}

static size_t first_child(const struct kit_rows *rows, int32_t parent_id)
{
    struct kit_child key = {.parent_id = parent_id, .product_id = INT32_MIN};
    return lower_bound(rows->children, rows->child_count, sizeof key, &key, by_parent);
}

static bool has_children(const struct kit_rows *rows, int32_t product_id)
{
    size_t at = first_child(rows, product_id);
    return at < rows->child_count && rows->children[at].parent_id == product_id;
}

/* Is the line for this variant? Of each attribute line that the filter names, any value must be
 * its. */
static bool applies_to(const struct kit_rows *rows, int32_t line_id, int32_t product_id)
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

/* --- explosion --- */

/* What one line says about one component, in the order in which lines come up. */
struct claim {
    int32_t component_id;
    enum kit_role role;
    double need;
    size_t at;
};

/* A product whose bill was opened, and from where. */
struct opening {
    int32_t product_id;
    size_t from; /* index; NOWHERE: the root */
    size_t depth;
};

struct queued {
    const struct kit_line *line;
    double quantity; /* batches of the bill that the line belongs to */
    size_t opening;  /* whose bill that is */
};

/* A component that limits with a number of its own, and who it limits. */
struct edge {
    int32_t from;
    int32_t to;
};

/* Work of one call. */
struct explosion {
    const struct kit_rows *rows;
    int32_t root;    /* the product asked for */
    int32_t product; /* whose bill or children are opened now: the root, then what limits through */
    struct claim *claims;
    size_t claim_count, claim_room;
    struct opening *openings;
    size_t opening_count, opening_room;
    struct queued *queue;
    size_t queue_count, queue_room;
    struct edge *edges;
    size_t edge_count, edge_room;
    size_t lines; /* that came up so far */
    enum kit_problem problem;
    int32_t problem_product;
};

static void note_problem(struct explosion *e, enum kit_problem problem, int32_t product_id)
{
    if (e->problem == KIT_FINE) {
        e->problem = problem;
        e->problem_product = product_id;
    }
}

static void claim(struct explosion *e, int32_t component_id, enum kit_role role, double need)
{
    /* what limits a component that is a kit itself counts through it */
    if (role == KIT_ROLE_LIMITS && e->product != e->root) {
        role = KIT_ROLE_THROUGH;
    }
    struct claim one = {.component_id = component_id,
                        .role = role,
                        .need = role == KIT_ROLE_LIMITS ? need : 0,
                        .at = e->claim_count};
    ADD_ROW(e, claims, claim_count, claim_room, &one);
}

/* A component that limits and is made of others itself: they come in later. */
static void note_composite(struct explosion *e, const struct kit_product *component)
{
    struct bom_scope any = {0};
    struct edge edge = {.from = e->product, .to = component->id};
    if (find_bom(e->rows, component, any) == NULL && !has_children(e->rows, component->id)) {
        return;
    }
    for (size_t i = 0; i < e->edge_count; i++) {
        if (e->edges[i].from == edge.from && e->edges[i].to == edge.to) {
            return;
        }
    }
    if (e->edge_count == KIT_MAX_THROUGH) {
        note_problem(e, KIT_TOO_LARGE, component->id);
        return;
    }
    ADD_ROW(e, edges, edge_count, edge_room, &edge);
}

/* Odoo's _compute_quantity between units of a component's. to NULL or of another category: the
 * number stays, as Odoo leaves it where it does not refuse. */
static double convert(struct explosion *e,
                      double quantity,
                      const struct kit_uom *from,
                      const struct kit_uom *to,
                      int32_t component_id)
{
    if (quantity == 0 || to == NULL || from == to || from->category_id != to->category_id) {
        return quantity;
    }
    if (from->factor == 0 || to->factor == 0) {
        note_problem(e, KIT_UOM_FACTOR, component_id);
        return quantity;
    }
    return quantity / from->factor * to->factor;
}

static bool is_open(const struct explosion *e, size_t opening, int32_t product_id)
{
    for (; opening != NOWHERE; opening = e->openings[opening].from) {
        if (e->openings[opening].product_id == product_id) {
            return true;
        }
    }
    return false;
}

static void open_bom(struct explosion *e,
                     const struct kit_bom *bom,
                     int32_t product_id,
                     double quantity,
                     size_t from)
{
    struct opening opening = {.product_id = product_id,
                              .from = from,
                              .depth = from == NOWHERE ? 0 : e->openings[from].depth + 1};
    struct kit_line key = {.bom_id = bom->id, .sequence = INT32_MIN, .id = INT32_MIN};
    size_t i = lower_bound(e->rows->lines, e->rows->line_count, sizeof key, &key, by_bom);
    if (opening.depth > KIT_MAX_DEPTH) {
        note_problem(e, KIT_TOO_LARGE, product_id);
        return;
    }
    ADD_ROW(e, openings, opening_count, opening_room, &opening);
    for (; i < e->rows->line_count && e->rows->lines[i].bom_id == bom->id; i++) {
        if (e->lines++ == KIT_MAX_LINES) {
            note_problem(e, KIT_TOO_LARGE, product_id);
        }
        if (e->lines > KIT_MAX_LINES) {
            return;
        }
        struct queued next = {
            .line = &e->rows->lines[i], .quantity = quantity, .opening = e->opening_count - 1};
        ADD_ROW(e, queue, queue_count, queue_room, &next);
    }
}

/* A component that is a kit: its lines take its place. */
static void open_component(struct explosion *e,
                           const struct queued *at,
                           const struct kit_bom *bom,
                           const struct kit_uom *unit,
                           double quantity)
{
    int32_t component_id = at->line->product_id;
    claim(e, component_id, KIT_ROLE_STRUCTURE, 0);
    if (is_open(e, at->opening, component_id)) {
        note_problem(e, KIT_CYCLE, component_id);
        return;
    }
    if (bom->quantity == 0) {
        note_problem(e, KIT_BATCH, component_id);
        return;
    }
    const struct kit_uom *to = find_uom(e->rows, bom->uom_id);
    if (to == NULL) {
        note_problem(e, KIT_UOM_UNKNOWN, component_id);
        return;
    }
    if (quantity != 0 && unit->category_id != to->category_id) {
        note_problem(e, KIT_UOM_CATEGORY, component_id);
    }
    double batches = convert(e, quantity / bom->quantity, unit, to, component_id);
    open_bom(e, bom, component_id, quantity_round_up(batches, to->rounding), at->opening);
}

static void count_component(struct explosion *e,
                            const struct kit_product *component,
                            const struct kit_uom *unit,
                            double quantity)
{
    double rounded = quantity_round_up(quantity, unit->rounding);
    const struct kit_uom *own = find_uom(e->rows, component->uom_id);
    double need = component->is_storable ? convert(e, rounded, unit, own, component->id) : 0;
    if (!isfinite(need)) {
        note_problem(e, KIT_TOO_LARGE, component->id);
        need = 0;
    }
    if (need == 0) {
        claim(e, component->id, KIT_ROLE_STRUCTURE, 0);
        return;
    }
    claim(e, component->id, KIT_ROLE_LIMITS, need);
    note_composite(e, component);
}

static void take_line(struct explosion *e, const struct queued *at, struct bom_scope scope)
{
    const struct kit_line *line = at->line;
    if (!applies_to(e->rows, line->id, e->openings[at->opening].product_id)) {
        return;
    }
    const struct kit_product *component = find_product(e->rows, line->product_id);
    const struct kit_uom *unit = find_uom(e->rows, line->uom_id);
    if (component == NULL) {
        claim(e, line->product_id, KIT_ROLE_STRUCTURE, 0);
        note_problem(e, KIT_COMPONENT_UNKNOWN, line->product_id);
        return;
    }
    if (unit == NULL) {
        claim(e, line->product_id, KIT_ROLE_STRUCTURE, 0);
        note_problem(e, KIT_UOM_UNKNOWN, line->product_id);
        return;
    }
    const struct kit_bom *bom = find_bom(e->rows, component, scope);
    double quantity = at->quantity * line->quantity;
    if (bom != NULL) {
        open_component(e, at, bom, unit, quantity);
    } else {
        count_component(e, component, unit, quantity);
    }
}

/* Opens e->product as a root: breadth first, as Odoo does. */
static void open_kit(struct explosion *e, const struct kit_bom *bom)
{
    struct bom_scope scope = {.company_id = bom->company_id,
                              .picking_type_id = bom->picking_type_id};
    e->opening_count = 0;
    e->queue_count = 0;
    if (bom->quantity == 0) {
        note_problem(e, KIT_BATCH, e->product);
    }
    open_bom(e, bom, e->product, 1, NOWHERE);
    for (size_t i = 0; i < e->queue_count; i++) {
        struct queued at = e->queue[i]; /* a copy: the queue grows */
        take_line(e, &at, scope);
    }
}

static void add_children(struct explosion *e)
{
    for (size_t i = first_child(e->rows, e->product);
         i < e->rows->child_count && e->rows->children[i].parent_id == e->product; i++) {
        int32_t child_id = e->rows->children[i].product_id;
        const struct kit_product *child = find_product(e->rows, child_id);
        if (e->lines++ >= KIT_MAX_LINES) {
            note_problem(e, KIT_TOO_LARGE, e->product);
            return;
        }
        if (child == NULL) {
            claim(e, child_id, KIT_ROLE_STRUCTURE, 0);
            note_problem(e, KIT_COMPONENT_UNKNOWN, child_id);
            continue;
        }
        claim(e, child_id, KIT_ROLE_LIMITS, 1);
        note_composite(e, child);
    }
}

/* What e->product is; its parts become claims. */
static enum kit_kind open_product(struct explosion *e, const struct kit_bom **bom)
{
    struct bom_scope any = {0};
    const struct kit_product *product = find_product(e->rows, e->product);
    *bom = find_bom(e->rows, product, any);
    if (*bom != NULL) {
        open_kit(e, *bom);
        return KIT_PHANTOM;
    }
    if (product != NULL && has_children(e->rows, product->id)) {
        add_children(e);
        return KIT_COMMINGLED;
    }
    return KIT_NONE;
}

/* Is this the first edge to its target? The target is the root's business otherwise. */
static bool leads_to_new(const struct explosion *e, size_t at)
{
    if (e->edges[at].to == e->root) {
        return false;
    }
    for (size_t i = 0; i < at; i++) {
        if (e->edges[i].to == e->edges[at].to) {
            return false;
        }
    }
    return true;
}

static int by_target(const void *left, const void *right)
{
    const struct edge *a = left;
    const struct edge *b = right;
    int result = order(a->to, b->to);
    return result != 0 ? result : order(a->from, b->from);
}

/* Takes products away whose numbers need no other's any more, with the edges to them. @param out
 * edges that begin at each node; what is left above 0 is on a cycle or leads to one */
static void take_away(const struct explosion *e, const struct id_list *nodes, size_t *out)
{
    size_t *ready = mem_calloc(nodes->count, sizeof *ready);
    size_t count = 0;
    for (size_t i = 0; i < nodes->count; i++) {
        if (out[i] == 0) {
            ready[count++] = i;
        }
    }
    while (count > 0) {
        struct edge key = {.from = INT32_MIN, .to = nodes->ids[ready[--count]]};
        for (size_t i = lower_bound(e->edges, e->edge_count, sizeof key, &key, by_target);
             i < e->edge_count && e->edges[i].to == key.to; i++) {
            size_t from = id_list_index(nodes->ids, nodes->count, e->edges[i].from);
            if (--out[from] == 0) {
                ready[count++] = from;
            }
        }
    }
    mem_free(ready);
}

/* Products whose numbers are needed for each other's have none. */
static void find_cycle(struct explosion *e)
{
    struct id_list nodes = {0};
    if (e->edge_count == 0) {
        return;
    }
    qsort(e->edges, e->edge_count, sizeof *e->edges, by_target);
    for (size_t i = 0; i < e->edge_count; i++) {
        id_list_add(&nodes, e->edges[i].from);
        id_list_add(&nodes, e->edges[i].to);
    }
    id_list_sort(&nodes);
    size_t *out = mem_calloc(nodes.count, sizeof *out);
    for (size_t i = 0; i < e->edge_count; i++) {
        out[id_list_index(nodes.ids, nodes.count, e->edges[i].from)]++;
    }
    take_away(e, &nodes, out);
    for (size_t i = 0; i < nodes.count; i++) {
        if (out[i] > 0) {
            note_problem(e, KIT_CYCLE, nodes.ids[i]);
        }
    }
    mem_free(out);
    id_list_release(&nodes);
}

static int by_component(const void *left, const void *right)
{
    const struct claim *a = left;
    const struct claim *b = right;
    int result = order(a->component_id, b->component_id);
    return result != 0 ? result : (a->at > b->at) - (a->at < b->at);
}

/* Claims to parts: needs of one component add up in the order of their lines. */
static void fold_claims(struct explosion *e, struct kit_needs *needs)
{
    needs->count = 0;
    if (e->claim_count > 0) {
        qsort(e->claims, e->claim_count, sizeof *e->claims, by_component);
    }
    for (size_t i = 0; i < e->claim_count; i++) {
        const struct claim *c = &e->claims[i];
        struct kit_part *last = needs->count > 0 ? &needs->parts[needs->count - 1] : NULL;
        if (c->component_id == e->root) {
            continue;
        }
        if (last == NULL || last->component_id != c->component_id) {
            struct kit_part part = {
                .component_id = c->component_id, .role = c->role, .need = c->need};
            ADD_ROW(needs, parts, count, room, &part);
            continue;
        }
        last->need += c->need;
        if (c->role > last->role) {
            last->role = c->role;
        }
    }
    for (size_t i = 0; i < needs->count; i++) {
        struct kit_part *part = &needs->parts[i];
        if (part->role == KIT_ROLE_LIMITS && !isfinite(part->need)) {
            note_problem(e, KIT_TOO_LARGE, part->component_id);
            part->need = 0;
        }
        if (part->role == KIT_ROLE_LIMITS && part->need == 0) {
            part->role = KIT_ROLE_STRUCTURE;
        }
    }
}

void kit_explode(const struct kit_rows *rows, int32_t product_id, struct kit_needs *needs)
{
    struct explosion e = {.rows = rows, .root = product_id, .product = product_id};
    const struct kit_bom *bom = NULL;
    needs->kind = open_product(&e, &bom);
    needs->bom_id = bom != NULL ? bom->id : 0;
    needs->yield = bom != NULL ? bom->quantity : 1;
    for (size_t i = 0; i < e.edge_count && e.lines <= KIT_MAX_LINES; i++) {
        if (leads_to_new(&e, i)) {
            e.product = e.edges[i].to;
            (void)open_product(&e, &bom);
        }
    }
    find_cycle(&e);
    fold_claims(&e, needs);
    needs->problem = e.problem;
    needs->problem_product = e.problem_product;
    mem_free(e.claims);
    mem_free(e.openings);
    mem_free(e.queue);
    mem_free(e.edges);
}

void kit_needs_release(struct kit_needs *needs)
{
    mem_free(needs->parts);
    *needs = (struct kit_needs){0};
}

const char *kit_problem_name(enum kit_problem problem)
{
    switch (problem) {
    case KIT_FINE:
        break;
    case KIT_CYCLE:
        return "cycle";
    case KIT_TOO_LARGE:
        return "too_large";
    case KIT_UOM_UNKNOWN:
        return "uom_unknown";
    case KIT_UOM_FACTOR:
        return "uom_factor";
    case KIT_UOM_CATEGORY:
        return "uom_category";
    case KIT_BATCH:
        return "batch";
    case KIT_COMPONENT_UNKNOWN:
        return "component_unknown";
    }
    return "fine";
}
