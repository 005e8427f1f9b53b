/**
 * parked_set: the product ids that a store has parked. After a success it shows without a query
 * whether there is a row to delete. Pure; one lane.
 */
#ifndef STOCKSYNC_PLAN_PARKED_SET_H
#define STOCKSYNC_PLAN_PARKED_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct parked_set;

struct parked_set *parked_set_new(void);
void parked_set_free(struct parked_set *set);
void parked_set_add(struct parked_set *set, int32_t product_id);
/** @return true when it was there */
bool parked_set_remove(struct parked_set *set, int32_t product_id);
bool parked_set_has(const struct parked_set *set, int32_t product_id);
size_t parked_set_count(const struct parked_set *set);

#endif
