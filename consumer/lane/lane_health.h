/**
 * lane_health: whether Kafka, state and store answer a lane. Outlives the lane's sessions.
 *
 * A refusal that only a person can end is an answer of the store. The state is asked once a second,
 * Kafka all the time, and the store when there is work.
 */
#ifndef STOCKSYNC_LANE_LANE_HEALTH_H
#define STOCKSYNC_LANE_LANE_HEALTH_H

#include "common/core/health.h"
#include "consumer/lane/requests.h"

/* Servers of struct health, in the order in which a reason is looked for. */
enum lane_server { LANE_SERVER_STATE, LANE_SERVER_KAFKA, LANE_SERVER_STORE };

void lane_health_init(struct health *health);
/** A session is open: state and store have answered. */
void lane_health_note_opened(struct health *health);
void lane_health_note_state(struct health *health);
/** Takes over what source and requests of the session have noted. */
void lane_health_follow(struct health *health,
                        const struct source_health *source,
                        const struct requests *requests);
/** A session has ended with this failure: of which server? */
void lane_health_note_failure(struct health *health, enum status rc, const struct err *err);
/** Sets the gauges of the last answers. */
void lane_health_set_gauges(const struct health *health, const struct lane_metrics *metrics);

#endif
