#include "consumer/parents/component_batch.h"

#include <string.h>

#include "common/core/mem.h"
#include "common/core/status.h"

/* A power of two, more than twice the entries: probing stays short. */
#define SLOTS 16384U

struct component_batch {
    size_t count;
    int32_t products[COMPONENT_BATCH_MAX];
    int64_t times_us[COMPONENT_BATCH_MAX];
    uint16_t slots[SLOTS]; /* index + 1; 0: free */
};

struct component_batch *component_batch_new(void)
{
    return mem_calloc(1, sizeof(struct component_batch));
}

void component_batch_free(struct component_batch *batch)
{
    mem_free(batch);
}

/* The slot of the product, or the free one where it belongs. Ids are dense: multiply to spread
 * them. */
static uint16_t *find_slot(struct component_batch *b, int32_t product_id)
{
    uint32_t at = (uint32_t)product_id * UINT32_C(2654435761) >> 18U;
    while (b->slots[at] != 0 && b->products[b->slots[at] - 1] != product_id) {
        at = (at + 1) % SLOTS;
    }
    return &b->slots[at];
}

void component_batch_add(struct component_batch *batch, int32_t product_id, int64_t changed_at_us)
{
    uint16_t *slot = find_slot(batch, product_id);
    if (*slot != 0) {
        int64_t *known = &batch->times_us[*slot - 1];
        *known = changed_at_us < *known ? changed_at_us : *known;
        return;
    }
    INVARIANT(batch->count < COMPONENT_BATCH_MAX, "more than %d products", COMPONENT_BATCH_MAX);
    batch->products[batch->count] = product_id;
    batch->times_us[batch->count] = changed_at_us;
    *slot = (uint16_t)++batch->count;
}

void component_batch_reset(struct component_batch *batch)
{
    if (batch->count > 0) {
        memset(batch->slots, 0, sizeof batch->slots);
        batch->count = 0;
    }
}

size_t component_batch_count(const struct component_batch *batch)
{
    return batch->count;
}

const int32_t *component_batch_products(const struct component_batch *batch)
{
    return batch->products;
}

const int64_t *component_batch_times_us(const struct component_batch *batch)
{
    return batch->times_us;
}
