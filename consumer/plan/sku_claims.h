/**
 * sku_claims: which product owns a SKU (or barcode) on Odoo's side, so that two products never
 * write one inventory item. Pure; one lane owns it.
 *
 * Holds one entry per product of the catalogue. state/product_store makes them durable.
 */
#ifndef STOCKSYNC_PLAN_SKU_CLAIMS_H
#define STOCKSYNC_PLAN_SKU_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/attributes.h"

struct sku_claims;

NODISCARD struct sku_claims *sku_claims_new(void);
void sku_claims_free(struct sku_claims *claims);
/**
 * Notes the present text of a product. text NULL or sellable false: it claims no SKU. Ignores a
 * revision older than the noted one.
 * @return true: it must be stored, since the product is new or its text or sellable changed
 */
bool sku_claims_note(struct sku_claims *claims,
                     int32_t product_id,
                     const char *text,
                     bool sellable,
                     int64_t revision);
/** How many sellable products claim this text. */
size_t sku_claims_count_of(const struct sku_claims *claims, const char *text);
/** Up to max product ids that claim it, ascending. @return how many were filled */
size_t sku_claims_claimants(const struct sku_claims *claims,
                            const char *text,
                            int32_t *product_ids,
                            size_t max);
/** The noted text of a product, borrowed until it is noted again; NULL: none. */
const char *sku_claims_text(const struct sku_claims *claims, int32_t product_id);
/** The revision of a product's newest note; 0: unknown product. */
int64_t sku_claims_revision(const struct sku_claims *claims, int32_t product_id);
/** The text that this product alone claims, borrowed as above; NULL: it claims none, or shares it.
 */
const char *sku_claims_owned_text(const struct sku_claims *claims, int32_t product_id);
/** Another product claims the same text: neither may write. Cheap while nothing is shared. */
bool sku_claims_shares(const struct sku_claims *claims, int32_t product_id);
/** How many times a shared text became unique. When this rises, retry the parked products. */
uint64_t sku_claims_settled(const struct sku_claims *claims);
/** Calls each for every product that claims its text alone, in no order. */
void sku_claims_each_owner(const struct sku_claims *claims,
                           void (*each)(void *arg, int32_t product_id),
                           void *arg);
size_t sku_claims_count(const struct sku_claims *claims);

#endif
