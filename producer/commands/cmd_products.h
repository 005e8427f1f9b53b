/**
 * cmd_products: the products that --product ID and --sku TEXT name on a command line; both may
 * repeat.
 *
 * A SKU is Odoo's default_code, compared byte by byte. All products with it are meant, archived
 * ones too; several are named on standard error.
 */
#ifndef STOCKSYNC_COMMANDS_CMD_PRODUCTS_H
#define STOCKSYNC_COMMANDS_CMD_PRODUCTS_H

#include "common/core/cli.h"
#include "common/pg/pg_conn.h"
#include "producer/odoo/id_list.h"

/** Whether the call names a product. */
bool cmd_products_any(const struct cli_call *call);
/** Checks the words of the flags, without a database. @return STATUS_OK, STATUS_USAGE */
NODISCARD enum status cmd_products_check(const struct cli_call *call, struct err *err);
/**
 * Finds the products in Odoo's database.
 *
 * @param ids  [out] sorted; id_list_release in any case
 * @return STATUS_OK
 *         STATUS_USAGE  no product id, or an unknown name: err names it and the next step
 *         pg_query's
 */
NODISCARD enum status cmd_products_find(const struct cli_call *call,
                                        struct pg_conn *odoo,
                                        struct id_list *ids,
                                        struct err *err);

#endif
