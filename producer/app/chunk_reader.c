#include "producer/app/chunk_reader.h"

#include "common/core/mem.h"
#include "producer/odoo/source_snapshot.h"

struct chunk_reader {
    struct pg_conn *conn;       /* borrowed */
    struct stock_reader *stock; /* NULL: closed */
    struct kit_table *kits;
    struct id_list explode;     /* of a chunk: to be exploded */
    struct id_list explode_all; /* of these: with all they are part of */
};

struct chunk_reader *chunk_reader_new(struct pg_conn *conn)
{
    struct chunk_reader *r = mem_calloc(1, sizeof *r);
    r->conn = conn;
    return r;
}

void chunk_reader_free(struct chunk_reader *reader)
{
    if (reader != NULL) {
        chunk_reader_close(reader);
        mem_free(reader);
    }
}

void chunk_reader_open(struct chunk_reader *reader,
                       const struct odoo_shape *shape,
                       const struct stock_reader_options *options)
{
    reader->stock = stock_reader_new(reader->conn, shape, options);
    reader->kits = kit_table_new(reader->conn, shape);
}

void chunk_reader_close(struct chunk_reader *reader)
{
    stock_reader_free(reader->stock);
    kit_table_free(reader->kits);
    id_list_release(&reader->explode);
    id_list_release(&reader->explode_all);
    *reader = (struct chunk_reader){.conn = reader->conn};
}

/* Kits are exploded before anything is computed from them. */
static enum status explode(struct chunk_reader *r,
                           const struct chunk *chunk,
                           struct kit_table_changes *changes,
                           struct err *err)
{
    id_list_reset(&r->explode);
    id_list_reset(&r->explode_all);
    for (size_t i = chunk->first; i < chunk->first + chunk->count; i++) {
        enum mark_look look = chunk->products->list[i].look;
        if (look != MARK_LOOK_STOCK) {
            id_list_add(&r->explode, chunk->products->ids[i]);
        }
        if (look == MARK_LOOK_ALL) {
            id_list_add(&r->explode_all, chunk->products->ids[i]);
        }
    }
    if (r->explode.count == 0) {
        return STATUS_OK;
    }
    return kit_table_update(r->kits, r->explode.ids, r->explode.count, &r->explode_all, changes,
                            err);
}

enum status chunk_reader_read(struct chunk_reader *reader,
                              const struct chunk *chunk,
                              struct stock_batch *stock,
                              struct kit_table_changes *changes,
                              struct err *err)
{
    *changes = (struct kit_table_changes){0};
    enum status rc = explode(reader, chunk, changes, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    const int32_t *ids = chunk->count > 0 ? chunk->products->ids + chunk->first : NULL;
    return stock_reader_read(reader->stock, ids, chunk->count, stock, err);
}

struct reading {
    struct chunk_reader *reader;
    const struct chunk *chunk;
    struct stock_batch *stock;
    struct kit_table_changes *changes;
};

static enum status read_one(void *arg, struct err *err)
{
    struct reading *r = arg;
    return chunk_reader_read(r->reader, r->chunk, r->stock, r->changes, err);
}

enum status chunk_reader_read_alone(struct chunk_reader *reader,
                                    const struct chunk *chunk,
                                    struct stock_batch *stock,
                                    struct kit_table_changes *changes,
                                    struct err *err)
{
    struct reading r = {.reader = reader, .chunk = chunk, .stock = stock, .changes = changes};
    return source_snapshot(reader->conn, read_one, &r, err);
}

enum status chunk_reader_read_ids(struct chunk_reader *reader,
                                  const struct id_list *ids,
                                  struct stock_batch *stock,
                                  struct kit_table_changes *changes,
                                  struct err *err)
{
    static const struct id_list none = {0};
    enum status rc = kit_table_update(reader->kits, ids->ids, ids->count, &none, changes, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return stock_reader_read(reader->stock, ids->ids, ids->count, stock, err);
}

enum status chunk_reader_has_kits(struct chunk_reader *reader, bool *filled, struct err *err)
{
    return kit_table_is_filled(reader->kits, filled, err);
}

enum status chunk_reader_fill_kits(
    struct chunk_reader *reader,
    bool mark,
    void (*progress)(void *arg, size_t done, size_t total, const struct kit_table_changes *changes),
    void *arg,
    struct err *err)
{
    return kit_table_fill(reader->kits, mark, progress, arg, err);
}
