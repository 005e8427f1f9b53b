#include "producer/odoo/kit_explode.h"

#include <math.h>
#include <stdlib.h>

#include "common/core/mem.h"
#include "common/model/quantity.h"
#include "producer/odoo/id_list.h"

#define NOWHERE SIZE_MAX

/* How the bill of a product was looked up. */
enum lookup { LOOKUP_NONE, LOOKUP_PENDING, LOOKUP_ALONE, LOOKUP_TOGETHER };

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* What one line contributes for one component, in the order of the lines. */
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

/* A component whose own quantity limits a product (from), and that component (to). */
struct edge {
    int32_t from;
    int32_t to;
};

/* Work of one call. */
struct explosion {
    const struct kit_rows *rows;
    int32_t root;    /* the product asked for */
    int32_t product; /* whose bill or children are open now: first the root, then unopened kits */
    struct claim *claims;
    size_t claim_count, claim_room;
    struct opening *openings;
    size_t opening_count, opening_room;
    struct queued *queue;
    size_t queue_count, queue_room;
    struct edge *edges;
    size_t edge_count, edge_room;
    size_t lines; /* opened so far */
    /* By index in rows->products, for the product that is open; NULL: no product is archived, and
       each look-up finds the same. */
    uint8_t *lookups;
    struct id_list pending; /* products that the next look-up includes */
    int32_t leaf;           /* the first component that is not opened; 0: none yet */
    bool has_leaves;        /* there is another one */
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
    /* A component of an unopened kit counts through that kit. */
    if (role == KIT_ROLE_LIMITS && e->product != e->root) {
        role = KIT_ROLE_THROUGH;
    }
    struct claim one = {.component_id = component_id,
                        .role = role,
                        .need = role == KIT_ROLE_LIMITS ? need : 0,
                        .at = e->claim_count};
    MEM_ADD(e, claims, claim_count, claim_room, &one);
}

/* Notes a component that limits and is a kit: its components are added later. */
static void note_composite(struct explosion *e, const struct kit_product *component)
{
    struct kit_scope any = {0};
    struct edge edge = {.from = e->product, .to = component->id};
    if (kit_rows_bom(e->rows, component, any, false) == NULL &&
        !kit_rows_has_children(e->rows, component->id)) {
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
    MEM_ADD(e, edges, edge_count, edge_room, &edge);
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

/* --- looking bills up in Odoo's batches --- */

static uint8_t *lookup_of(const struct explosion *e, const struct kit_product *product)
{
    return &e->lookups[product - e->rows->products];
}

static void await_lookup(struct explosion *e, int32_t product_id)
{
    const struct kit_product *product =
        e->lookups == NULL ? NULL : kit_rows_product(e->rows, product_id);
    if (product != NULL && *lookup_of(e, product) == LOOKUP_NONE) {
        *lookup_of(e, product) = LOOKUP_PENDING;
        id_list_add(&e->pending, product_id);
    }
}

/* Looks up what is pending. Odoo leaves services out before it counts. */
static void look_up(struct explosion *e)
{
    size_t count = 0;
    for (size_t i = 0; i < e->pending.count; i++) {
        count += kit_rows_product(e->rows, e->pending.ids[i])->is_service ? 0 : 1;
    }
    for (size_t i = 0; i < e->pending.count; i++) {
        *lookup_of(e, kit_rows_product(e->rows, e->pending.ids[i])) =
            count > 1 ? LOOKUP_TOGETHER : LOOKUP_ALONE;
    }
    id_list_reset(&e->pending);
}

static const struct kit_bom *
bom_of(struct explosion *e, const struct kit_product *component, struct kit_scope scope)
{
    if (e->lookups != NULL && *lookup_of(e, component) == LOOKUP_PENDING) {
        look_up(e);
    }
    return kit_rows_bom(e->rows, component, scope,
                        e->lookups != NULL && *lookup_of(e, component) == LOOKUP_TOGETHER);
}

static void begin_lookups(struct explosion *e)
{
    id_list_reset(&e->pending);
    e->leaf = 0;
    e->has_leaves = false;
    if (e->rows->has_archived) {
        mem_free(e->lookups);
        e->lookups = mem_calloc(e->rows->product_count, sizeof *e->lookups);
    }
}

/* True for a component that Odoo takes for a plain product when it reads the stock of all of them:
 * an archived variant whose only bills are of its template. */
static bool counts_by_own_quants(const struct explosion *e, const struct kit_product *component)
{
    struct kit_scope any = {0};
    return e->has_leaves && component->is_archived &&
           kit_rows_bom(e->rows, component, any, true) == NULL &&
           kit_rows_bom(e->rows, component, any, false) != NULL;
}

/* Once all lines are opened: which of the claims since first are of kits? */
static void settle_leaves(struct explosion *e, size_t first)
{
    for (size_t i = first; i < e->claim_count; i++) {
        struct claim *c = &e->claims[i];
        if (c->role == KIT_ROLE_STRUCTURE) {
            continue;
        }
        const struct kit_product *component = kit_rows_product(e->rows, c->component_id);
        if (!counts_by_own_quants(e, component)) {
            note_composite(e, component);
        } else if (c->role == KIT_ROLE_LIMITS) {
            c->role = KIT_ROLE_OWN;
        }
    }
}

/* --- opening --- */

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
    size_t i = kit_rows_first_line(e->rows, bom->id);
    if (opening.depth > KIT_MAX_DEPTH) {
        note_problem(e, KIT_TOO_LARGE, product_id);
        return;
    }
    MEM_ADD(e, openings, opening_count, opening_room, &opening);
    for (; i < e->rows->line_count && e->rows->lines[i].bom_id == bom->id; i++) {
        if (e->lines++ == KIT_MAX_LINES) {
            note_problem(e, KIT_TOO_LARGE, product_id);
        }
        if (e->lines > KIT_MAX_LINES) {
            return;
        }
        struct queued next = {
            .line = &e->rows->lines[i], .quantity = quantity, .opening = e->opening_count - 1};
        MEM_ADD(e, queue, queue_count, queue_room, &next);
        await_lookup(e, next.line->product_id);
    }
}

/* A component that is a kit: its lines replace it. */
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
    const struct kit_uom *to = kit_rows_uom(e->rows, bom->uom_id);
    if (to == NULL) {
        note_problem(e, KIT_UOM_UNKNOWN, component_id);
        return;
    }
    if (quantity != 0 && unit->category_id != to->category_id) {
        note_problem(e, KIT_UOM_CATEGORY, component_id);
    }
    double batches = isfinite(to->rounding)
                         ? convert(e, quantity / bom->quantity, unit, to, component_id)
                         : (double)NAN;
    open_bom(e, bom, component_id, quantity_round_up(batches, to->rounding), at->opening);
}

static void count_component(struct explosion *e,
                            const struct kit_product *component,
                            const struct kit_uom *unit,
                            double quantity)
{
    double rounded =
        isfinite(unit->rounding) ? quantity_round_up(quantity, unit->rounding) : (double)NAN;
    if (!component->is_service) {
        e->has_leaves = e->has_leaves || (e->leaf != 0 && e->leaf != component->id);
        e->leaf = component->id;
    }
    const struct kit_uom *own = kit_rows_uom(e->rows, component->uom_id);
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
}

static void take_line(struct explosion *e, const struct queued *at, struct kit_scope scope)
{
    const struct kit_line *line = at->line;
    if (!kit_rows_applies(e->rows, line->id, e->openings[at->opening].product_id)) {
        return;
    }
    const struct kit_product *component = kit_rows_product(e->rows, line->product_id);
    const struct kit_uom *unit = kit_rows_uom(e->rows, line->uom_id);
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
    const struct kit_bom *bom = bom_of(e, component, scope);
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
    struct kit_scope scope = {.company_id = bom->company_id,
                              .picking_type_id = bom->picking_type_id};
    const size_t first_claim = e->claim_count;
    e->opening_count = 0;
    e->queue_count = 0;
    begin_lookups(e);
    if (bom->quantity == 0) {
        note_problem(e, KIT_BATCH, e->product);
    }
    if (!isfinite(bom->quantity)) {
        note_problem(e, KIT_TOO_LARGE, e->product);
    }
    open_bom(e, bom, e->product, 1, NOWHERE);
    look_up(e);
    for (size_t i = 0; i < e->queue_count; i++) {
        struct queued at = e->queue[i]; /* a copy: the queue grows */
        take_line(e, &at, scope);
    }
    settle_leaves(e, first_claim);
}

static void add_children(struct explosion *e)
{
    for (size_t i = kit_rows_first_child(e->rows, e->product);
         i < e->rows->child_count && e->rows->children[i].parent_id == e->product; i++) {
        int32_t child_id = e->rows->children[i].product_id;
        const struct kit_product *child = kit_rows_product(e->rows, child_id);
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

/* Opens e->product, whose parts become claims, and returns its kind. */
static enum kit_kind open_product(struct explosion *e, const struct kit_bom **bom)
{
    struct kit_scope any = {0};
    const struct kit_product *product = kit_rows_product(e->rows, e->product);
    *bom = kit_rows_bom(e->rows, product, any, false);
    if (*bom != NULL) {
        open_kit(e, *bom);
        return KIT_PHANTOM;
    }
    if (product != NULL && kit_rows_has_children(e->rows, product->id)) {
        add_children(e);
        return KIT_COMMINGLED;
    }
    return KIT_NONE;
}

/* True for the first edge to a target other than the root. */
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

/* Index of the first edge to a product; edges are sorted by target. */
static size_t first_edge_to(const struct explosion *e, int32_t to)
{
    size_t low = 0;
    size_t high = e->edge_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (e->edges[middle].to < to) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Removes products that no longer depend on another one, with the edges to them. out: edges that
 * begin at each node; a node left above 0 is on a cycle or leads to one. */
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
        int32_t to = nodes->ids[ready[--count]];
        for (size_t i = first_edge_to(e, to); i < e->edge_count && e->edges[i].to == to; i++) {
            size_t from = id_list_index(nodes->ids, nodes->count, e->edges[i].from);
            if (--out[from] == 0) {
                ready[count++] = from;
            }
        }
    }
    mem_free(ready);
}

/* Products whose quantities depend on each other have none. */
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

/* Folds claims into parts: needs of one component add up in the order of their lines. */
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
            MEM_ADD(needs, parts, count, room, &part);
            continue;
        }
        last->need += c->need;
        if (c->role > last->role) {
            last->role = c->role;
        }
    }
    for (size_t i = 0; i < needs->count; i++) {
        struct kit_part *part = &needs->parts[i];
        if (part->role >= KIT_ROLE_LIMITS && !isfinite(part->need)) {
            note_problem(e, KIT_TOO_LARGE, part->component_id);
            part->need = 0;
        }
        if (part->role >= KIT_ROLE_LIMITS && part->need == 0) {
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
    needs->yield = bom != NULL && isfinite(bom->quantity) ? bom->quantity : 1;
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
    mem_free(e.lookups);
    id_list_release(&e.pending);
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
    case KIT_UNREADABLE:
        return "unreadable";
    }
    return "fine";
}
