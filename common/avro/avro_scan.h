/**
 * avro_scan: checks the Avro binary of one ProductStock before avro-c sees it.
 *
 * avro-c 1.11 trusts lengths and counts: negative and giant ones make it allocate or loop. A value
 * that passes here is complete and has no byte left over. Its counts and lengths are within the
 * limits of a record (product_stock.h) and within the bytes that are there. Pure; thread-safe.
 *
 *     int              product_id, template_id
 *     [null, string]   sku, barcode
 *     [null, int]      company_id
 *     boolean          active, shopify_enabled, is_kit
 *     long             revision
 *     enum             cause
 *     long             changed_at, read_at
 *     array of
 *       int              warehouse_id
 *       string           code
 *       double           on_hand, free
 *       [null, double]   incoming, outgoing, forecast
 *       [null, double]   free_confirmed, not in AVRO_FORM_1
 *
 * Source: schemas/avro/product_stock.avsc; Avro 1.11 specification, "Binary Encoding".
 */
#ifndef STOCKSYNC_AVRO_AVRO_SCAN_H
#define STOCKSYNC_AVRO_AVRO_SCAN_H

#include <stdbool.h>

#include "common/core/bytes.h"
#include "common/core/status.h"

/** The schemas that a record may be written with, the present one first. The topic keeps the latest
 * record of each product, so a former schema stays readable. */
enum avro_form {
    AVRO_FORM_NOW,
    AVRO_FORM_1, /* schemas/avro/former/product_stock_1: without free_confirmed */
    AVRO_FORM_COUNT
};

/** @return STATUS_OK, STATUS_RECORD_INVALID (err names the field and the offset) */
NODISCARD enum status
avro_scan_product_stock(struct bytes binary, enum avro_form form, struct err *err);
/** True when text is UTF-8 (RFC 3629) without NUL: then it can be a C string and an Avro string. */
bool avro_scan_is_text(struct bytes text);

#endif
