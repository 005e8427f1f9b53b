/**
 * avro_stock: a record <-> avro-c's value of the embedded schema. For avro_codec only, which holds
 * the lock around every call.
 *
 * avro_stock_put and avro_stock_get return 0 or avro-c's error number, with its text in
 * avro_strerror().
 */
#ifndef STOCKSYNC_AVRO_AVRO_STOCK_H
#define STOCKSYNC_AVRO_AVRO_STOCK_H

#include <avro.h>

#include "common/avro/avro_scan.h"
#include "common/core/status.h"
#include "common/model/product_stock.h"

/** @return STATUS_OK, STATUS_INTERNAL (fields or causes differ from the program's) */
NODISCARD enum status
avro_stock_check_schema(avro_schema_t schema, enum avro_form form, struct err *err);
/** @param value  of AVRO_FORM_NOW */
NODISCARD int avro_stock_put(avro_value_t *value, const struct product_stock *stock);
/**
 * Fills a zeroed stock, which the caller releases in any case.
 *
 * @param form  the value's
 * @return EINVAL too: a warehouse has only a part of its forecast
 */
NODISCARD int
avro_stock_get(const avro_value_t *value, enum avro_form form, struct product_stock *stock);

#endif
