/**
 * odoo_version: finds in the catalogue which Odoo this database holds: version, modules, tables,
 * and the table that has the flag.
 *
 * Read once after every connect and passed on; the other files of this folder ask nothing of the
 * kind. Odoo's tables are expected in the schema public.
 */
#ifndef STOCKSYNC_ODOO_ODOO_VERSION_H
#define STOCKSYNC_ODOO_ODOO_VERSION_H

#include <stdbool.h>

#include "common/core/status.h"
#include "common/pg/pg_conn.h"
#include "producer/odoo/odoo_dialect.h"

#define ODOO_MARKS_TABLE       "stock_availability_dirty_shopify"
#define ODOO_QUANT_MARKS_TABLE ODOO_MARKS_TABLE "_quant"
#define ODOO_FLAG_COLUMN       "shopify_product"

/** On which table the boolean column shopify_product is; the variant's wins when both have one. */
enum odoo_flag { ODOO_FLAG_NONE, ODOO_FLAG_VARIANT, ODOO_FLAG_TEMPLATE };

struct odoo_shape {
    char base_version[32];              /* of ir_module_module's base, such as "15.0.1.3" */
    const struct odoo_dialect *dialect; /* static */
    bool has_mrp;                       /* the table mrp_bom exists: there may be kits */
    bool has_commingled; /* the table product_commingled exists: stock as a sum over children */
    enum odoo_flag flag;
    /* product_template.priority exists and decides between bills; else VARIANT_FIRST */
    bool has_priority;
    int server_version; /* PostgreSQL's, such as 150018 */
};

/**
 * Reads the catalogue and refuses a database that cannot be served.
 *
 * @param forecast  also require the columns of stock_move that the forecast needs
 * @param shape     [out] filled on STATUS_OK
 * @return STATUS_OK
 *         STATUS_DATABASE_UNFIT  tables or columns are missing (err names all of them), the version
 *                                is not served, or the flag is a computed field without a column
 *         pg_query's statuses
 */
NODISCARD enum status
odoo_version_read(struct pg_conn *conn, bool forecast, struct odoo_shape *shape, struct err *err);

#define ODOO_UUID_SIZE 64
/** Reads database.uuid through stocksync.database_uuid(), which install creates; "": there is none.
 * @return pg_query's statuses */
NODISCARD enum status
odoo_version_uuid(struct pg_conn *conn, char uuid[ODOO_UUID_SIZE], struct err *err);

#endif
