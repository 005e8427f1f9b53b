/**
 * warehouse_store: Odoo's warehouses as the producer noted them.
 */
#ifndef STOCKSYNC_STATE_WAREHOUSE_STORE_H
#define STOCKSYNC_STATE_WAREHOUSE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/state/state.h"

struct state_warehouse {
    int32_t id;
    int32_t company_id; /* 0: not known; an older producer noted the warehouse */
    bool active;
    char *code;
    char *company; /* company's name */
};

/** @param list  [out] the caller's: state_warehouses_release */
NODISCARD enum status
state_warehouses(struct state *s, struct state_warehouse **list, size_t *count, struct err *err);
void state_warehouses_release(struct state_warehouse *list, size_t count);

#endif
