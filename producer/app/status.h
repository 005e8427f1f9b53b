/**
 * status: what others see of the producer: its states, the JSON of /status and the metric table.
 *
 *     STARTING ──▶ STANDBY ──lock taken──▶ LEADER ──stop──▶ STOPPING
 *                     ▲                     ▲  │
 *                     │                mended  any failure
 *                     │                     │  ▼
 *                     └──lock is another's──WAITING
 *
 * WAITING can follow any state but STOPPING, which can follow any. It has a reason, the name of a
 * status, and a sentence. The producer tries again every few seconds, and may hold the lock.
 *
 * The producer publishes while its last attempt succeeded, recently: since the last failure it had
 * an acknowledgement or found no mark, within PRODUCER_STATUS_FRESH_US. The age of the oldest mark
 * grows while the marks cannot be read. Both follow from timestamps, whenever somebody looks.
 *
 * It is ready while it publishes and no trigger is missing: without one, changes pass without a mark.
 *
 * The producer's main thread writes, except producer_status_note_marks. Any thread may look:
 * producer_status_is_publishing, producer_status_append and producer_status_refresh.
 */
#ifndef STOCKSYNC_PRODUCER_APP_STATUS_H
#define STOCKSYNC_PRODUCER_APP_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/metric.h"
#include "common/core/strbuf.h"
#include "producer/odoo/published.h"
#include "producer/odoo/stream_rows.h"

enum producer_state {
    PRODUCER_STARTING,
    PRODUCER_STANDBY,
    PRODUCER_LEADER,
    PRODUCER_WAITING,
    PRODUCER_STOPPING
};
#define PRODUCER_STATES 5

/** How often products were parked, and how many are. */
enum parked_cell { PARKED_TIMES, PARKED_NOW, PARKED_CELLS };

/** The cells of producer_metric_table. Updating a cell is thread-safe. */
struct producer_metrics {
    struct metric *marks, *records, *tombstones, *parked[PARKED_CELLS], *batches, *settled,
        *failures;
    struct metric *unsettled, *waiting, *oldest, *acknowledged, *publishing;
    struct metric *streams, *stream_began, *leader, *state[PRODUCER_STATES];
    struct metric *triggers, *ahead, *pass_running, *pass_finished;
    struct metric *kits, *kit_problems, *compared, *republished, *commit_to_acknowledged;
};

/** Revisions that are further ahead of the clock raise an alarm. */
#define PRODUCER_STATUS_AHEAD_US INT64_C(5000000)
/** A producer that did nothing for so long does not publish. One second less than promised. */
#define PRODUCER_STATUS_FRESH_US INT64_C(14000000)
/** While the marks were read this recently, their age is what was read. */
#define PRODUCER_STATUS_MARKS_FRESH_US INT64_C(5000000)

extern const struct metric_table producer_metric_table;

struct producer_status;

/** @param metrics  borrowed until free. @param shows_pass  the JSON has the full pass */
NODISCARD struct producer_status *producer_status_new(const struct producer_metrics *metrics,
                                                      bool shows_pass);
/** Accepts NULL. */
void producer_status_free(struct producer_status *status);

/** Logs the change, if it is one. Not for WAITING. @param why  copied, like every text below */
void producer_status_enter(struct producer_status *status,
                           enum producer_state state,
                           const char *why);
/** What the producer waited for is there: LEADER. */
void producer_status_begin_publishing(struct producer_status *status);
/** Kafka acknowledged records, or marks were settled. */
void producer_status_note_acknowledged(struct producer_status *status);
/** The marks were read, and none waits. */
void producer_status_note_empty(struct producer_status *status);
/** Enters WAITING. Until the next of these two, the producer does not publish. */
void producer_status_note_failure(struct producer_status *status, const struct err *err);
/** The lock is not ours any more. */
void producer_status_lose_lock(struct producer_status *status);
/** Of this take-over. */
void producer_status_set_leader(struct producer_status *status,
                                int64_t epoch,
                                const char *database);
/** The present stream; copied. */
void producer_status_set_stream(struct producer_status *status, const struct stream *stream);
/**
 * Once a second.
 * @param revision   the last one issued
 * @param unsettled  marks published and not yet deleted
 */
void producer_status_note(struct producer_status *status, int64_t revision, size_t unsettled);
/** Rows of stocksync.parked_product. */
void producer_status_note_parked(struct producer_status *status, size_t count);
/**
 * The marks were read. Any thread.
 * @param waiting    how many; -1: not counted this time
 * @param oldest_us  wall clock, of the oldest mark; 0: none
 */
void producer_status_note_marks(struct producer_status *status, int64_t waiting, int64_t oldest_us);
/** @param missing  triggers that are missing, disabled or altered; NULL: none */
void producer_status_note_triggers(struct producer_status *status, const char *missing);
void producer_status_note_pass(struct producer_status *status, const struct full_pass_state *pass);

/** True while this process is the leader and publishes. Any thread. */
bool producer_status_is_publishing(struct producer_status *status);
/** True while all triggers are there, as far as we know. Any thread. */
bool producer_status_has_triggers(struct producer_status *status);
/** Sets the gauges that change with time alone. Any thread. */
void producer_status_refresh(struct producer_status *status);
/** Appends a JSON object. Any thread. */
void producer_status_append(struct producer_status *status, struct strbuf *out);

#endif
