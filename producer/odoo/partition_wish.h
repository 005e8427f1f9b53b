/**
 * partition_wish: how many partitions of the topic the state knows and accepts.
 *
 * Another number begins a new stream, which only a person may ask for.
 */
#ifndef STOCKSYNC_ODOO_PARTITION_WISH_H
#define STOCKSYNC_ODOO_PARTITION_WISH_H

#include <stdint.h>

#include "common/core/status.h"
#include "common/pg/pg_conn.h"

struct partition_wish {
    int32_t accepted;  /* 0: no wish */
    int32_t of_stream; /* of the present stream; 0: there is no stream yet */
};

/**
 * @param state  connection to the state database
 * @return STATUS_OK; pg_query's statuses
 */
NODISCARD enum status
partition_wish_read(struct pg_conn *state, struct partition_wish *wish, struct err *err);
/**
 * @param accepted  0: no wish
 * @return as partition_wish_read
 */
NODISCARD enum status
partition_wish_store(struct pg_conn *state, int32_t accepted, struct err *err);

#endif
