/**
 * bench_ports: the ports of the bench. They record their calls and answer as the bench says.
 */
#ifndef STOCKSYNC_TESTS_UNIT_LANE_BENCH_PORTS_H
#define STOCKSYNC_TESTS_UNIT_LANE_BENCH_PORTS_H

#include "consumer/lane/ports.h"

extern const struct lane_ports bench_ports;

#endif
