/**
 * component_batch: the distinct products of some records, each with its earliest change time.
 *
 * A product that comes again takes no room. So a component that changes all the time is looked up
 * once a statement. Pure: no I/O, no clock. One owner.
 */
#ifndef STOCKSYNC_PARENTS_COMPONENT_BATCH_H
#define STOCKSYNC_PARENTS_COMPONENT_BATCH_H

#include <stddef.h>
#include <stdint.h>

/* Products of one statement: bounds its arguments, and the work that a failure repeats. */
#define COMPONENT_BATCH_MAX 5000

struct component_batch;

struct component_batch *component_batch_new(void);
/** Accepts NULL. */
void component_batch_free(struct component_batch *batch);
/** Adds a product, or lowers its time. Fewer than COMPONENT_BATCH_MAX must be in it.
 * @param changed_at_us  wall µs */
void component_batch_add(struct component_batch *batch, int32_t product_id, int64_t changed_at_us);
void component_batch_reset(struct component_batch *batch);
size_t component_batch_count(const struct component_batch *batch);
/** In order of arrival; valid until the next change. */
const int32_t *component_batch_products(const struct component_batch *batch);
/** By the same index. */
const int64_t *component_batch_times_us(const struct component_batch *batch);

#endif
