/**
 * pg_tid: a row's place in its table, the system column ctid.
 */
#ifndef STOCKSYNC_PG_PG_TID_H
#define STOCKSYNC_PG_PG_TID_H

#include <stdint.h>

struct pg_tid {
    uint32_t block;
    uint16_t offset; /* from 1 on */
};

#endif
