/**
 * product_stock: the record that travels through Kafka, as a plain struct.
 *
 * Source: schemas/avro/product_stock.avsc. Quantities are doubles in the product's own unit, before
 * any store rule. Strings are UTF-8. A struct product_stock owns its strings and warehouses
 * (product_stock_release), except where a function says "borrowed". One owner.
 */
#ifndef STOCKSYNC_MODEL_PRODUCT_STOCK_H
#define STOCKSYNC_MODEL_PRODUCT_STOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/strbuf.h"

/** Why a record was made. Order is the Avro enum's; never reorder. */
enum cause { CAUSE_STOCK, CAUSE_PRODUCT, CAUSE_BOM, CAUSE_PARENT, CAUSE_BACKFILL };
#define CAUSE_COUNT 5

/** One warehouse's numbers, Odoo's own: _compute_quantities_dict with that warehouse as context. */
struct warehouse_stock {
    int32_t warehouse_id;
    bool has_forecast; /* the three below were read ([odoo] forecast = on); Avro null otherwise */
    bool has_free_confirmed; /* so was free_confirmed; older records lack it */
    char *code;              /* stock_warehouse.code, never NULL */
    double on_hand;          /* qty_available */
    double free;             /* free_qty */
    double incoming;
    double outgoing;
    double forecast;       /* virtual_available */
    double free_confirmed; /* free, less what moves out of the warehouse have not reserved yet */
};

struct product_stock {
    int32_t product_id;
    int32_t template_id; /* 0: the row has no template, which only broken data has */
    char *sku;           /* default_code; NULL when NULL or empty */
    char *barcode;       /* NULL when NULL or empty */
    int32_t company_id;  /* 0: shared by all companies */
    bool active;         /* variant and template both active */
    bool shopify_enabled;
    bool is_kit;
    int64_t revision;      /* µs since the epoch, rising; see revision.h */
    enum cause cause;      /* of the earliest mark */
    int64_t changed_at_us; /* earliest mark, wall clock */
    int64_t read_at_us;    /* when the state was read, wall clock */
    /* Every active warehouse, by warehouse_id ascending. None: a kit without a number, because its
     * bill of materials is broken. */
    struct warehouse_stock *warehouses;
    size_t warehouse_count;
};

/** Limits: a record over them is parked, not published. */
#define PRODUCT_STOCK_MAX_TEXT_BYTES 4096
#define PRODUCT_STOCK_MAX_WAREHOUSES 10000

/** Decimal product id, NUL-terminated. */
#define PRODUCT_STOCK_KEY_SIZE 12
void product_stock_format_key(int32_t product_id, char key[PRODUCT_STOCK_KEY_SIZE]);
/** @return STATUS_OK, STATUS_RECORD_INVALID (not canonical decimal, or not within 1 … 2^31−1) */
NODISCARD enum status
product_stock_parse_key(struct bytes key, int32_t *product_id, struct err *err);

/** "stock", "product", "bom", "parent", "backfill"; static. */
const char *cause_name(enum cause cause);
/** @return false for an unknown name */
bool cause_parse(const char *text, enum cause *out);

/** Appends the record as one JSON object with the schema's field names, in its order. A double is
 * the shortest text that reads back equal. */
void product_stock_append_json(const struct product_stock *stock, struct strbuf *out);

/**
 * A 64-bit digest of the record's content, without revision, cause and times, which differ in every
 * record. Never 0. It is stored, so the algorithm (FNV-1a) must stay.
 */
int64_t product_stock_digest(const struct product_stock *stock);

/** Frees strings and warehouses, and zeroes the struct. */
void product_stock_release(struct product_stock *stock);

#endif
