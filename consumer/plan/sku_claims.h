/**
 * identity: which product owns a SKU (or barcode) on Odoo's side, so that two products never write
 * one inventory item. Pure; one lane owns it.
 *
 * Holds one entry per product of the catalogue, kept durable by state/product_store.
 */
#ifndef STOCKSYNC_PLAN_SKU_CLAIMS_H
#define STOCKSYNC_PLAN_SKU_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/attributes.h"

struct sku_claims;

NODISCARD struct sku_claims *sku_claims_new(void);
void sku_claims_free(struct sku_claims *id);
/**
 * Notes how a product is known now. text NULL or sellable false: it claims no SKU. An older
 * revision than the noted one is ignored.
 * @return true when the product is new or its text or sellable changed (it must be stored); a
 * revision alone is no change
 */
bool sku_claims_note(
    struct sku_claims *id, int32_t product_id, const char *text, bool sellable, int64_t revision);
/** How many sellable products claim this text. */
size_t sku_claims_count_of(const struct sku_claims *id, const char *text);
/** Up to max product ids that claim it, ascending; returns how many were filled. */
size_t sku_claims_claimants(const struct sku_claims *id,
                            const char *text,
                            int32_t *product_ids,
                            size_t max);
/** The text under which a product is noted, NULL when none; borrowed until it is noted again. */
const char *sku_claims_text(const struct sku_claims *id, int32_t product_id);
/** The revision of a product's newest note, 0 when it is unknown. */
int64_t sku_claims_revision(const struct sku_claims *id, int32_t product_id);
/** The text that this product claims and no other; NULL: it claims none, or shares it. Borrowed as
 * above. */
const char *sku_claims_owned_text(const struct sku_claims *id, int32_t product_id);
/** Whether another product claims this one's text too: neither may write. Cheap while nothing is
 * shared. */
bool sku_claims_shares(const struct sku_claims *id, int32_t product_id);
/** How many times a shared text became unique: when it moves, what was parked may be tried again.
 */
uint64_t sku_claims_settled(const struct sku_claims *id);
size_t sku_claims_count(const struct sku_claims *id);

#endif
