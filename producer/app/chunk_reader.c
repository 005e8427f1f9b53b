#include "producer/app/chunk_reader.h"

#include "common/pg/pg_query.h"
#include "producer/odoo/marks.h"

void chunk_reader_open(struct chunk_reader *reader,
                       struct pg_conn *conn,
                       const struct odoo_shape *shape,
                       const struct stock_reader_options *options)
{
    reader->conn = conn;
    reader->stock = stock_reader_new(conn, shape, options);
    reader->kits = kit_table_new(conn, shape);
}

void chunk_reader_close(struct chunk_reader *reader)
{
    stock_reader_free(reader->stock);
    kit_table_free(reader->kits);
    id_list_release(&reader->look);
    id_list_release(&reader->look_all);
    *reader = (struct chunk_reader){0};
}

struct chunk chunk_at(const struct cycle_products *list, size_t first, size_t most)
{
    size_t left = list->count - first;
    return (struct chunk){.products = list, .first = first, .count = left < most ? left : most};
}

bool chunk_explodes(const struct chunk *chunk)
{
    for (size_t i = chunk->first; i < chunk->first + chunk->count; i++) {
        if (chunk->products->list[i].look != MARK_LOOK_STOCK) {
            return true;
        }
    }
    return false;
}

bool chunk_has(const struct chunk *chunk, int32_t product_id)
{
    const int32_t *ids = chunk->products->ids + chunk->first;
    return id_list_index(ids, chunk->count, product_id) < chunk->count;
}

/* Kits whose structure a mark speaks of are exploded before anything is computed from them. */
static enum status explode(struct chunk_reader *r,
                           const struct chunk *chunk,
                           struct kit_table_changes *changes,
                           struct err *err)
{
    id_list_reset(&r->look);
    id_list_reset(&r->look_all);
    for (size_t i = chunk->first; i < chunk->first + chunk->count; i++) {
        enum mark_look look = chunk->products->list[i].look;
        if (look != MARK_LOOK_STOCK) {
            id_list_add(&r->look, chunk->products->ids[i]);
        }
        if (look == MARK_LOOK_ALL) {
            id_list_add(&r->look_all, chunk->products->ids[i]);
        }
    }
    return r->look.count == 0
               ? STATUS_OK
               : kit_table_update(r->kits, r->look.ids, r->look.count, &r->look_all, changes, err);
}

enum status chunk_reader_read(struct chunk_reader *reader,
                              const struct chunk *chunk,
                              struct stock_batch *batch,
                              struct kit_table_changes *changes,
                              struct err *err)
{
    *changes = (struct kit_table_changes){0};
    enum status rc = explode(reader, chunk, changes, err);
    return rc == STATUS_OK ? stock_reader_read(reader->stock, chunk->products->ids + chunk->first,
                                               chunk->count, batch, err)
                           : rc;
}

enum status chunk_reader_read_alone(struct chunk_reader *reader,
                                    const struct chunk *chunk,
                                    struct stock_batch *batch,
                                    struct kit_table_changes *changes,
                                    struct err *err)
{
    enum status rc = marks_snapshot_begin(reader->conn, err);
    if (rc == STATUS_OK) {
        rc = chunk_reader_read(reader, chunk, batch, changes, err);
    }
    if (rc == STATUS_OK) {
        rc = marks_snapshot_end(reader->conn, err);
    }
    if (rc != STATUS_OK) {
        pg_rollback(reader->conn);
    }
    return rc;
}
