/**
 * bench_records: encoded records for the modules that plan them.
 */
#ifndef STOCKSYNC_TESTS_UNIT_LANE_BENCH_RECORDS_H
#define STOCKSYNC_TESTS_UNIT_LANE_BENCH_RECORDS_H

#include "consumer/intake/record_source.h"

struct bench_stock {
    int32_t product_id;
    const char *sku; /* NULL: none */
    double free;     /* in the one warehouse */
    int64_t revision;
    bool inactive, disabled, broken_kit;
    int32_t company_id;
};

/** A record of partition 0 with the next offset. Its bytes stay for the whole program. */
struct source_event bench_event(const struct bench_stock *stock);
/** Key and value as a parked row keeps them. */
struct bytes bench_key(int32_t product_id);
struct bytes bench_value(const struct bench_stock *stock);

#endif
