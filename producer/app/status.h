/**
 * status: what others see of the producer: its states, the JSON of /status and the metric table.
 *
 *     STARTING ──▶ STANDBY ──lock taken──▶ LEADER ──stop──▶ STOPPING
 *                     ▲                       │
 *                     └──lock's connection lost
 *
 * The producer's main thread writes. producer_status_is_ready and producer_status_append copy the
 * view under a mutex and may be called by any thread.
 */
#ifndef STOCKSYNC_PRODUCER_APP_STATUS_H
#define STOCKSYNC_PRODUCER_APP_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/metric.h"
#include "common/core/strbuf.h"
#include "producer/odoo/published.h"

enum producer_state { PRODUCER_STARTING, PRODUCER_STANDBY, PRODUCER_LEADER, PRODUCER_STOPPING };
#define PRODUCER_STATES 4

/** The cells of producer_metric_table. Updating a cell is thread-safe. */
struct producer_metrics {
    struct metric *marks, *records, *tombstones, *parked, *batches, *settled, *failures;
    struct metric *unsettled, *oldest, *leader, *state[PRODUCER_STATES];
    struct metric *kits, *kit_problems, *compared, *republished, *commit_to_acknowledged;
};

extern const struct metric_table producer_metric_table;

struct producer_status;

/** @param metrics  borrowed until free. @param shows_pass  the JSON has the full pass */
NODISCARD struct producer_status *producer_status_new(const struct producer_metrics *metrics,
                                                      bool shows_pass);
/** Accepts NULL. */
void producer_status_free(struct producer_status *status);

/** Logs the change, if it is one. @param why  copied, like every text below */
void producer_status_enter(struct producer_status *status,
                           enum producer_state state,
                           const char *why);
void producer_status_set_publishing(struct producer_status *status,
                                    bool publishing,
                                    const char *why);
/** Main thread only. */
bool producer_status_is_publishing(const struct producer_status *status);
/** Of this take-over. */
void producer_status_set_leader(struct producer_status *status,
                                int64_t epoch,
                                const char *database);
/**
 * Once a second.
 * @param revision   the last one issued
 * @param unsettled  marks published and not yet deleted
 * @param oldest_us  wall clock, of the oldest mark; 0: none
 */
void producer_status_note(struct producer_status *status,
                          int64_t revision,
                          size_t unsettled,
                          int64_t oldest_us);
void producer_status_note_pass(struct producer_status *status, const struct full_pass_state *pass);

/** True while this process is the leader and publishes. Any thread. */
bool producer_status_is_ready(struct producer_status *status);
/** Appends a JSON object. Any thread. */
void producer_status_append(struct producer_status *status, struct strbuf *out);

#endif
