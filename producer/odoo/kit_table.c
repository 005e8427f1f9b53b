#include "producer/odoo/kit_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/kit_columns.h"
#include "producer/odoo/kit_source.h"
#include "producer/odoo/marks.h"
#include "producer/odoo/plans.h"
#include "producer/odoo/source_snapshot.h"
#include "producer/odoo/unreadable.h"

/* Kits that are exploded together when all are. */
#define FILL_SLICE 5000
/* Arguments of one statement: lists of ids, at most as long as the lines of one slice. */
#define ARGS_MAX_BYTES ((size_t)256 * 1024 * 1024)

static const char STORED[] = "SELECT kit_id, kind, COALESCE(bom_id, 0), problem FROM stocksync.kit"
                             " WHERE kit_id = ANY ($1::integer[])";

static const char STORED_PARTS[] = "SELECT kit_id, component_id, need, yield, own"
                                   " FROM stocksync.kit_component"
                                   " WHERE kit_id = ANY ($1::integer[])";

static const char COUNT_UP[] = "UPDATE stocksync.kit_table SET version = version + 1";
static const char DELETE_PARTS[] =
    "DELETE FROM stocksync.kit_component WHERE kit_id = ANY ($1::integer[])";
static const char DELETE_KITS[] = "DELETE FROM stocksync.kit WHERE kit_id = ANY ($1::integer[])";
static const char INSERT_KITS[] =
    "INSERT INTO stocksync.kit (kit_id, kind, bom_id, problem)"
    " SELECT k.id, k.kind, NULLIF(k.bom, 0), k.problem FROM"
    " unnest($1::integer[], $2::integer[], $3::integer[], $4::text[]) AS k(id, kind, bom, problem)";
/* Roles as enum kit_role counts them. */
_Static_assert(KIT_ROLE_THROUGH == 1 && KIT_ROLE_OWN == 3, "INSERT_PARTS");
static const char INSERT_PARTS[] =
    "INSERT INTO stocksync.kit_component (kit_id, component_id, need, yield, own)"
    " SELECT c.kit, c.id, CASE c.role WHEN 0 THEN NULL WHEN 1 THEN 0 ELSE c.need END, c.yield,"
    " c.role = 3 FROM"
    " unnest($1::integer[], $2::integer[], $3::integer[], $4::float8[], $5::float8[])"
    " AS c(kit, id, role, need, yield)";

static const char MARK_PARTS_OF[] =
    "INSERT INTO public." ODOO_MARKS_TABLE " (product_id, cause)"
    " SELECT DISTINCT c.kit_id, $2::smallint FROM stocksync.kit_component c"
    " WHERE c.component_id = ANY ($1::integer[])";

static const char IS_FILLED[] = "SELECT filled_at IS NOT NULL FROM stocksync.kit_table";
static const char NOTE_FILLED[] = "UPDATE stocksync.kit_table SET filled_at = now()";

#define ALL_STORED "SELECT kit_id AS id FROM stocksync.kit"
#define ALL_PHANTOM                                                                                \
    " UNION SELECT b.product_id FROM public.mrp_bom b"                                             \
    " WHERE b.type = 'phantom' AND b.active AND b.product_id IS NOT NULL"                          \
    " UNION SELECT p.id FROM public.mrp_bom b JOIN public.product_product p"                       \
    " ON p.product_tmpl_id = b.product_tmpl_id"                                                    \
    " WHERE b.type = 'phantom' AND b.active AND b.product_id IS NULL"
#define ALL_COMMINGLED                                                                             \
    " UNION SELECT parent_product_id FROM public.product_commingled"                               \
    " WHERE parent_product_id IS NOT NULL"
static const char *const ALL_KITS[2][2] = {
    {ALL_STORED, ALL_STORED ALL_COMMINGLED},
    {ALL_STORED ALL_PHANTOM, ALL_STORED ALL_PHANTOM ALL_COMMINGLED}};

/* A row of stocksync.kit, as read; its parts are stored_parts[first_part …]. */
struct stored_kit {
    int32_t kit_id;
    enum kit_kind kind;
    int32_t bom_id;
    char problem[KIT_PROBLEM_SIZE];
};

struct stored_part {
    int32_t kit_id;
    struct kit_part part;
    double yield;
};

struct kit_table {
    struct pg_conn *conn;
    struct odoo_shape shape;
    struct pg_args args;
    struct kit_source *source;
    struct kit_rows rows;
    struct stored_kit *stored;
    size_t stored_count;
    struct stored_part *stored_parts;
    size_t stored_part_count;
    struct kit_needs needs;
    struct kit_columns out;
    struct unreadable_list unreadable; /* kits whose bills cannot be read */
    struct id_list readable;           /* the others, when there are such */
};

struct kit_table *kit_table_new(struct pg_conn *conn, const struct odoo_shape *shape)
{
    struct kit_table *t = mem_calloc(1, sizeof *t);
    t->conn = conn;
    t->shape = *shape;
    t->source = kit_source_new(conn, shape);
    pg_args_init(&t->args, ARGS_MAX_BYTES);
    return t;
}

void kit_table_free(struct kit_table *table)
{
    if (table == NULL) {
        return;
    }
    pg_args_release(&table->args);
    kit_rows_release(&table->rows);
    kit_source_free(table->source);
    mem_free(table->stored);
    mem_free(table->stored_parts);
    kit_needs_release(&table->needs);
    kit_columns_release(&table->out);
    unreadable_release(&table->unreadable);
    id_list_release(&table->readable);
    mem_free(table);
}

/* --- reading the stored kits --- */

static int by_kit(const void *left, const void *right)
{
    int32_t a = ((const struct stored_kit *)left)->kit_id;
    int32_t b = ((const struct stored_kit *)right)->kit_id;
    return (a > b) - (a < b);
}

static int by_kit_and_component(const void *left, const void *right)
{
    const struct stored_part *a = left;
    const struct stored_part *b = right;
    if (a->kit_id != b->kit_id) {
        return a->kit_id < b->kit_id ? -1 : 1;
    }
    return (a->part.component_id > b->part.component_id) -
           (a->part.component_id < b->part.component_id);
}

static void take_stored(struct kit_table *t, const struct pg_rows *rows)
{
    t->stored_count = (size_t)rows->count;
    t->stored = mem_realloc(t->stored, t->stored_count, sizeof *t->stored);
    for (int i = 0; i < rows->count; i++) {
        struct stored_kit *kit = &t->stored[i];
        const char *problem = pg_text(rows, i, 3);
        kit->kit_id = pg_i32(rows, i, 0);
        kit->kind = (enum kit_kind)pg_i32(rows, i, 1);
        kit->bom_id = pg_i32(rows, i, 2);
        (void)snprintf(kit->problem, sizeof kit->problem, "%s", problem != NULL ? problem : "");
    }
    if (t->stored_count > 0) {
        qsort(t->stored, t->stored_count, sizeof *t->stored, by_kit);
    }
}

static void take_stored_parts(struct kit_table *t, const struct pg_rows *rows)
{
    t->stored_part_count = (size_t)rows->count;
    t->stored_parts = mem_realloc(t->stored_parts, t->stored_part_count, sizeof *t->stored_parts);
    for (int i = 0; i < rows->count; i++) {
        double need = pg_f64(rows, i, 2);
        t->stored_parts[i] =
            (struct stored_part){.kit_id = pg_i32(rows, i, 0),
                                 .part = {.component_id = pg_i32(rows, i, 1),
                                          .role = pg_is_null(rows, i, 2) ? KIT_ROLE_STRUCTURE
                                                  : need == 0            ? KIT_ROLE_THROUGH
                                                  : pg_bool(rows, i, 4)  ? KIT_ROLE_OWN
                                                                         : KIT_ROLE_LIMITS,
                                          .need = need},
                                 .yield = pg_f64(rows, i, 3)};
    }
    if (t->stored_part_count > 0) {
        qsort(t->stored_parts, t->stored_part_count, sizeof *t->stored_parts, by_kit_and_component);
    }
}

static enum status load_stored_parts(struct kit_table *t, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(t->conn, STORED_PARTS, &t->args, "iiddb", &rows, err);
    if (rc == STATUS_OK) {
        take_stored_parts(t, &rows);
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status
load_stored(struct kit_table *t, const int32_t *ids, size_t count, struct err *err)
{
    struct pg_rows rows = {0};
    pg_args_reset(&t->args);
    pg_args_i32_array(&t->args, ids, count);
    t->stored_part_count = 0;
    enum status rc = pg_query(t->conn, STORED, &t->args, "ihit", &rows, err);
    if (rc == STATUS_OK) {
        take_stored(t, &rows);
    }
    pg_rows_release(&rows);
    if (rc != STATUS_OK || t->stored_count == 0) {
        return rc;
    }
    return load_stored_parts(t, err);
}

static const struct stored_kit *find_stored(const struct kit_table *t, int32_t kit_id)
{
    struct stored_kit key = {.kit_id = kit_id};
    return t->stored_count == 0 ? NULL
                                : bsearch(&key, t->stored, t->stored_count, sizeof key, by_kit);
}

static size_t first_stored_part(const struct kit_table *t, int32_t kit_id)
{
    size_t low = 0;
    size_t high = t->stored_part_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->stored_parts[middle].kit_id < kit_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* --- comparing and writing --- */

static void format_problem(const struct kit_needs *needs, char text[KIT_PROBLEM_SIZE])
{
    text[0] = '\0';
    if (needs->problem != KIT_FINE) {
        (void)snprintf(text, KIT_PROBLEM_SIZE, "%s at product %d", kit_problem_name(needs->problem),
                       needs->problem_product);
    }
}

static bool is_stored(const struct kit_table *t,
                      int32_t kit_id,
                      const struct stored_kit *stored,
                      const char *problem)
{
    const struct kit_needs *n = &t->needs;
    if (stored == NULL || stored->kind != n->kind || stored->bom_id != n->bom_id ||
        strcmp(stored->problem, problem) != 0) {
        return false;
    }
    size_t first = first_stored_part(t, kit_id);
    for (size_t i = 0; i < n->count; i++) {
        const struct stored_part *part = &t->stored_parts[first + i];
        if (first + i >= t->stored_part_count || part->kit_id != kit_id ||
            part->part.component_id != n->parts[i].component_id ||
            part->part.role != n->parts[i].role || part->part.need != n->parts[i].need ||
            part->yield != n->yield) {
            return false;
        }
    }
    return first + n->count == t->stored_part_count ||
           t->stored_parts[first + n->count].kit_id != kit_id;
}

static void note_problem(struct kit_table_changes *changes,
                         int32_t kit_id,
                         enum kit_problem problem,
                         int32_t product_id)
{
    if (changes->problems < KIT_TABLE_SHOWN) {
        changes->shown[changes->problems] = (struct kit_table_problem){
            .kit_id = kit_id, .problem = problem, .product_id = product_id};
    }
    changes->problems++;
}

/* A product whose bills cannot be read keeps its parts. It has no quantity until they can. */
static void explode_unreadable(struct kit_table *t, int32_t id, struct kit_table_changes *changes)
{
    char problem[KIT_PROBLEM_SIZE];
    const struct stored_kit *stored = find_stored(t, id);
    struct kit_needs *n = &t->needs;
    n->kind = stored != NULL ? stored->kind : KIT_PHANTOM;
    n->bom_id = stored != NULL ? stored->bom_id : 0;
    n->problem = KIT_UNREADABLE;
    n->problem_product = id;
    n->count = 0;
    n->yield = 1;
    for (size_t i = first_stored_part(t, id);
         i < t->stored_part_count && t->stored_parts[i].kit_id == id; i++) {
        MEM_ADD(n, parts, count, room, &t->stored_parts[i].part);
        n->yield = t->stored_parts[i].yield;
    }
    format_problem(n, problem);
    changes->exploded++;
    if (!is_stored(t, id, stored, problem)) {
        changes->changed++;
        id_list_add(&t->out.deleted, id);
        kit_columns_add(&t->out, id, n, problem);
        note_problem(changes, id, KIT_UNREADABLE, id);
    }
}

/* Explodes one product and notes the rows to store. */
static void explode(struct kit_table *t, int32_t id, struct kit_table_changes *changes)
{
    char problem[KIT_PROBLEM_SIZE] = "";
    const struct stored_kit *stored = find_stored(t, id);
    kit_explode(&t->rows, id, &t->needs);
    if (t->needs.kind == KIT_NONE && stored == NULL) {
        return;
    }
    changes->exploded++;
    format_problem(&t->needs, problem);
    if (is_stored(t, id, stored, problem)) {
        return;
    }
    changes->changed++;
    id_list_add(&t->out.deleted, id);
    if (t->needs.kind == KIT_NONE) {
        return;
    }
    kit_columns_add(&t->out, id, &t->needs, problem);
    if (t->needs.problem != KIT_FINE) {
        note_problem(changes, id, t->needs.problem, t->needs.problem_product);
    }
}

static enum status write_parts(struct kit_table *t, struct err *err)
{
    const struct kit_columns *c = &t->out;
    pg_args_reset(&t->args);
    pg_args_i32_array(&t->args, c->part_kit, c->part_count);
    pg_args_i32_array(&t->args, c->part, c->part_count);
    pg_args_i32_array(&t->args, c->role, c->part_count);
    pg_args_f64_array(&t->args, c->need, c->part_count);
    pg_args_f64_array(&t->args, c->yield, c->part_count);
    return pg_query(t->conn, INSERT_PARTS, &t->args, "", NULL, err);
}

static enum status write_kits(struct kit_table *t, struct err *err)
{
    const struct kit_columns *c = &t->out;
    const char **problems = mem_calloc(c->kit_count + 1, sizeof *problems);
    for (size_t i = 0; i < c->kit_count; i++) {
        problems[i] = c->problem[i][0] != '\0' ? c->problem[i] : NULL;
    }
    pg_args_reset(&t->args);
    pg_args_i32_array(&t->args, c->kit, c->kit_count);
    pg_args_i32_array(&t->args, c->kind, c->kit_count);
    pg_args_i32_array(&t->args, c->bom, c->kit_count);
    pg_args_text_array(&t->args, problems, c->kit_count);
    enum status rc = pg_query(t->conn, INSERT_KITS, &t->args, "", NULL, err);
    mem_free(problems);
    if (rc != STATUS_OK || c->part_count == 0) {
        return rc;
    }
    return write_parts(t, err);
}

static enum status
query_ids(struct kit_table *t, const char *sql, const struct id_list *ids, struct err *err)
{
    pg_args_reset(&t->args);
    pg_args_i32_array(&t->args, ids->ids, ids->count);
    return pg_query(t->conn, sql, &t->args, "", NULL, err);
}

static enum status write(struct kit_table *t, struct err *err)
{
    enum status rc = pg_query(t->conn, COUNT_UP, NULL, "", NULL, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = query_ids(t, DELETE_PARTS, &t->out.deleted, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = query_ids(t, DELETE_KITS, &t->out.deleted, err);
    if (rc != STATUS_OK || t->out.kit_count == 0) {
        return rc;
    }
    return write_kits(t, err);
}

static enum status mark_parts_of(struct kit_table *t, const struct id_list *ids, struct err *err)
{
    pg_args_reset(&t->args);
    pg_args_i32_array(&t->args, ids->ids, ids->count);
    pg_args_i32(&t->args, MARK_PART);
    return pg_query(t->conn, MARK_PARTS_OF, &t->args, "", NULL, err);
}

static enum status load_bills(void *arg, const int32_t *ids, size_t count, struct err *err)
{
    struct kit_table *t = arg;
    enum status rc = plans_for(t->conn, count, err);
    return rc == STATUS_OK ? kit_source_load(t->source, ids, count, &t->rows, err) : rc;
}

static enum status go_back(void *arg, struct err *err)
{
    const struct kit_table *t = arg;
    return source_snapshot_back(t->conn, err);
}

static enum status load(struct kit_table *t, const int32_t *ids, size_t count, struct err *err)
{
    const struct unreadable_port port = {.arg = t, .read = load_bills, .back = go_back};
    enum status rc = plans_for(t->conn, count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = load_stored(t, ids, count, err);
    if (rc == STATUS_OK) {
        rc = source_snapshot_point(t->conn, err);
    }
    return rc == STATUS_OK ? unreadable_search(&port, ids, count, &t->readable, &t->unreadable, err)
                           : rc;
}

enum status kit_table_update(struct kit_table *table,
                             const int32_t *ids,
                             size_t count,
                             const struct id_list *part_of,
                             struct kit_table_changes *changes,
                             struct err *err)
{
    struct kit_table *t = table;
    *changes = (struct kit_table_changes){0};
    id_list_reset(&t->out.deleted);
    t->out.kit_count = 0;
    t->out.part_count = 0;
    enum status rc = load(t, ids, count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        if (unreadable_find(&t->unreadable, ids[i]) != NULL) {
            explode_unreadable(t, ids[i], changes);
        } else {
            explode(t, ids[i], changes);
        }
    }
    changes->changed_ids = t->out.deleted.ids;
    if (changes->changed > 0) {
        rc = write(t, err);
    }
    if (rc != STATUS_OK || part_of->count == 0) {
        return rc;
    }
    return mark_parts_of(t, part_of, err);
}

/* --- all of them --- */

enum status kit_table_is_filled(struct kit_table *table, bool *filled, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(table->conn, IS_FILLED, NULL, "b", &rows, err);
    if (rc == STATUS_OK) {
        *filled = rows.count == 1 && pg_bool(&rows, 0, 0);
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status read_all_ids(struct kit_table *t, struct id_list *all, struct err *err)
{
    struct pg_rows rows = {0};
    const char *sql = ALL_KITS[t->shape.has_mrp ? 1 : 0][t->shape.has_commingled ? 1 : 0];
    enum status rc = plans_for_sums(t->conn, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = plans_for(t->conn, FILL_SLICE, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(t->conn, sql, NULL, "i", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        id_list_add(all, pg_i32(&rows, i, 0));
    }
    id_list_sort(all);
    pg_rows_release(&rows);
    return rc;
}

/* Arguments of kit_table_fill, and the kits to explode. */
struct filling {
    struct kit_table *table;
    bool mark;
    void (*progress)(void *arg, size_t done, size_t total, const struct kit_table_changes *changes);
    void *arg;
    struct id_list all;
};

static enum status fill_slice(struct filling *fill, size_t first, size_t count, struct err *err)
{
    static const struct id_list none = {0};
    struct kit_table_changes changes;
    struct kit_table *t = fill->table;
    enum status rc = kit_table_update(t, fill->all.ids + first, count, &none, &changes, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (fill->mark && changes.changed > 0) {
        rc = marks_insert(t->conn, changes.changed_ids, changes.changed, CAUSE_PARENT, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    if (fill->progress != NULL) {
        fill->progress(fill->arg, first + count, fill->all.count, &changes);
    }
    return STATUS_OK;
}

static enum status fill_in_snapshot(void *arg, struct err *err)
{
    struct filling *fill = arg;
    enum status rc = read_all_ids(fill->table, &fill->all, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t done = 0; done < fill->all.count; done += FILL_SLICE) {
        size_t left = fill->all.count - done;
        rc = fill_slice(fill, done, left < FILL_SLICE ? left : FILL_SLICE, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return pg_query(fill->table->conn, NOTE_FILLED, NULL, "", NULL, err);
}

enum status kit_table_fill(
    struct kit_table *table,
    bool mark,
    void (*progress)(void *arg, size_t done, size_t total, const struct kit_table_changes *changes),
    void *arg,
    struct err *err)
{
    struct filling fill = {.table = table, .mark = mark, .progress = progress, .arg = arg};
    enum status rc = source_snapshot(table->conn, fill_in_snapshot, &fill, err);
    id_list_release(&fill.all);
    return rc;
}
