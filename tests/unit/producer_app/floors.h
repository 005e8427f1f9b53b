/**
 * floors: the producer's floors from round down, over a fake Odoo and a mock cluster.
 */
#ifndef STOCKSYNC_PRODUCER_APP_FLOORS_H
#define STOCKSYNC_PRODUCER_APP_FLOORS_H

#include "tests/unit/kafka/mock_kafka.h"
#include "tests/unit/producer_app/fake_odoo.h"

struct floors {
    struct producer_ports ports;
    struct producer_status *status;
    struct outbox *outbox;
    struct streams *streams;
    struct upkeep *upkeep;
    struct deferred_reader *reader;
    struct deferred *deferred;
    struct full_pass *pass;
    struct round *round;
};

#define FLOORS_PAGE_MARKS 10000

/** Resets the fake and opens all floors. @param full_pass_ms  0: off */
void floors_open(struct floors *floors, struct mock_kafka *mock, int64_t full_pass_ms);
void floors_close(struct floors *floors);

#endif
