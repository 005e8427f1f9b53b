#include "producer/app/chunk.h"

#include "producer/app/kit_log.h"
#include "producer/odoo/id_list.h"

struct chunk chunk_at(const struct batch_products *list, size_t first, size_t most)
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

/* One read, as an argument of port->snapshot. */
struct reading {
    const struct chunk_port *port;
    const struct chunk *chunk;
    struct stock_batch *stock;
    struct kit_table_changes changes;
};

static enum status read_one(void *arg, struct err *err)
{
    struct reading *r = arg;
    return r->port->read(r->port->reader, r->chunk, r->stock, &r->changes, err);
}

static enum status share(const struct reading *r, struct err *err)
{
    const struct chunk_port *port = r->port;
    kit_log_changes(port->metrics, &r->changes);
    return port->share_warehouses(port->leader, r->stock->warehouses, r->stock->warehouse_count,
                                  err);
}

enum status chunk_read_here(const struct chunk_port *port,
                            const struct chunk *chunk,
                            struct stock_batch *stock,
                            struct err *err)
{
    struct reading r = {.port = port, .chunk = chunk, .stock = stock};
    enum status rc = read_one(&r, err);
    return rc == STATUS_OK ? share(&r, err) : rc;
}

enum status chunk_read(const struct chunk_port *port,
                       const struct chunk *chunk,
                       struct stock_batch *stock,
                       struct err *err)
{
    struct reading r = {.port = port, .chunk = chunk, .stock = stock};
    enum status rc = port->snapshot(port->conn, read_one, &r, err);
    return rc == STATUS_OK ? share(&r, err) : rc;
}

enum status chunk_share(const struct chunk_port *port,
                        const struct kit_table_changes *changes,
                        const struct stock_batch *stock,
                        struct err *err)
{
    static const struct batch_products none = {0};
    const struct chunk empty = chunk_at(&none, 0, 0);
    struct stock_batch newest = {0};
    kit_log_changes(port->metrics, changes);
    if (port->knows_warehouses(port->leader, stock->warehouses, stock->warehouse_count)) {
        return STATUS_OK;
    }
    return chunk_read(port, &empty, &newest, err);
}
