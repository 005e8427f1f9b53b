/**
 * live_ports: the ports of a running lane: Kafka, Shopify and PostgreSQL.
 */
#ifndef STOCKSYNC_CONSUMER_LANE_LIVE_PORTS_H
#define STOCKSYNC_CONSUMER_LANE_LIVE_PORTS_H

#include "consumer/lane/ports.h"

extern const struct source_port live_source_port;
extern const struct store_port live_store_port;
extern const struct state_port live_state_port;

#endif
