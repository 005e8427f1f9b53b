/**
 * live_ports: the ports of a running lane: Kafka, Shopify and PostgreSQL.
 */
#ifndef STOCKSYNC_LANE_LIVE_PORTS_H
#define STOCKSYNC_LANE_LIVE_PORTS_H

#include "consumer/lane/ports.h"

extern const struct lane_ports live_ports;

#endif
