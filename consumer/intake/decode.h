/**
 * decode: turns the key and value of a record into a product_stock, or gives the reason why not.
 *
 * One decoder belongs to one thread.
 */
#ifndef STOCKSYNC_INTAKE_DECODE_H
#define STOCKSYNC_INTAKE_DECODE_H

#include <stdbool.h>

#include "common/core/bytes.h"
#include "common/model/product_stock.h"

struct decoder;

NODISCARD enum status decoder_new(struct decoder **decoder, struct err *err);
void decoder_free(struct decoder *decoder);
/**
 * @param value       ptr NULL: a tombstone
 * @param product_id  [out] from the key
 * @param tombstone   [out] the product is gone; stock is left alone
 * @param stock       [out] the caller releases it
 * @return STATUS_OK;
 *         STATUS_RECORD_INVALID: the key is no product id, the value is not ours, or key and value
 *         name different products;
 *         STATUS_SCHEMA_UNKNOWN: a newer producer wrote it: hold the partition
 */
NODISCARD enum status decode_record(struct decoder *decoder,
                                    struct bytes key,
                                    struct bytes value,
                                    int32_t *product_id,
                                    bool *tombstone,
                                    struct product_stock *stock,
                                    struct err *err);

#endif
