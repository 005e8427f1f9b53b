/**
 * odoo_version: what this database is, found in the catalogue: version, modules, tables, where the
 * flag lives.
 *
 * Read once after every connect; everything else in this folder is told, and asks nothing of this
 * kind itself. Odoo's tables are looked for in the schema public.
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
    int server_version; /* PostgreSQL's, such as 150018 */
};

/**
 * Looks at the database and refuses what cannot be served.
 *
 * @param forecast  also require what the forecast is computed from (stock_move)
 * @param shape     [out] filled on STATUS_OK
 * @return STATUS_OK
 *         STATUS_DATABASE_UNFIT  tables or columns missing (err names all of them), a version other
 * that is not served, or the flag is a computed field without a column pg_query's statuses
 */
NODISCARD enum status
odoo_version_read(struct pg_conn *conn, bool forecast, struct odoo_shape *shape, struct err *err);

/** database.uuid as installed databases tell it through stocksync.database_uuid(); "" when there is
 * none. */
#define ODOO_UUID_SIZE 64
NODISCARD enum status
odoo_version_uuid(struct pg_conn *conn, char uuid[ODOO_UUID_SIZE], struct err *err);

#endif
