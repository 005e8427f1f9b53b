/**
 * owner: who may read the marks and publish: lock, epoch, revisions, and whether this is still the
 * same database (cluster, timeline, Odoo's database.uuid).
 *
 * A session advisory lock in Odoo's database on a connection of its own, then the epoch row in the
 * state database is bumped. The lock keeps standbys away; the epoch refuses what a predecessor
 * still tries to store; Kafka's transactional id fences its records. A revision is issued only
 * below a ceiling that was stored before, with synchronous_commit = on. Calling sequence:
 * leader_new; leader_take until STATUS_OK; leader_next_revision, leader_check, leader_sync_warehouses;
 * leader_drop or leader_free. One owner: the producer's main thread.
 */
#ifndef STOCKSYNC_ODOO_LEADER_H
#define STOCKSYNC_ODOO_LEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"

struct leader;
struct stock_warehouse_row;

/** Revisions are reserved this far ahead. */
#define LEADER_REVISION_SPAN_US INT64_C(60000000)

struct leader_options {
    const char *odoo_dsn;  /* borrowed until leader_free */
    const char *state_dsn; /* borrowed until leader_free */
};

/** Why everything must be published again after a take-over. */
enum leader_backfill {
    LEADER_BACKFILL_NONE,
    LEADER_BACKFILL_FIRST, /* nobody ever owned this state: the first load is the operator's to start
                           */
    LEADER_BACKFILL_TIMELINE, /* promoted standby or point-in-time recovery: Kafka may be ahead */
    LEADER_BACKFILL_ACCEPTED  /* another cluster or database, accepted with install
                                --accept-new-database or --database */
};

NODISCARD struct leader *leader_new(const struct leader_options *options);
/** Drops the ownership; accepts NULL. */
void leader_free(struct leader *leader);

/**
 * Tries to become the owner; never waits for the lock. Call every 1 to 2 s while it says
 * STATUS_STANDBY.
 *
 * @return STATUS_OK              owner now; epoch bumped, a revision ceiling stored
 *         STATUS_STANDBY           another producer holds the lock
 *         STATUS_DATABASE_UNFIT  another cluster or another database.uuid than the state
 * remembers, or an older timeline (split brain); err names the next step STATUS_SOURCE_LOST also:
 * the server is a standby in recovery pg_conn's and pg_query's statuses
 */
NODISCARD enum status leader_take(struct leader *leader, struct err *err);
bool leader_is_held(const struct leader *leader);
/** Gives the lock back and closes both connections; leader_take may follow. */
void leader_drop(struct leader *leader);

/**
 * Asks the server whether the lock's connection still lives. Call about once a second.
 * @return STATUS_OK, STATUS_SOURCE_LOST: ownership is gone, stop publishing at once and take again
 */
NODISCARD enum status leader_check(struct leader *leader, struct err *err);

/** Odoo's database.uuid as this take-over found it; "" when Odoo has none. Borrowed until the next
 * leader_take. */
const char *leader_database(const struct leader *leader);
/** Of this take-over; rises with each. */
int64_t leader_epoch(const struct leader *leader);
/** What this take-over found; stays until the next leader_take. */
enum leader_backfill leader_backfill(const struct leader *leader);
/** "none", "first", "timeline", "accepted"; static. */
const char *leader_backfill_name(enum leader_backfill why);
/**
 * Call when all products were marked because of TIMELINE or ACCEPTED: the state remembers this
 * cluster and timeline from now on. Until then every take-over reports the same again, so that a
 * crash in between loses nothing.
 * @return as leader_next_revision
 */
NODISCARD enum status leader_backfill_done(struct leader *leader, struct err *err);
/**
 * The ceiling that the state held at take-over: no revision above it was ever issued by this state.
 * A topic that holds a greater revision is ahead of the state (snapshot put back): then everything
 * must be published again too.
 */
int64_t leader_stored_ceiling(const struct leader *leader);
/** Everything issued from now on is greater than revision: for a topic that is ahead of the state.
 */
NODISCARD enum status leader_raise_above(struct leader *leader, int64_t revision, struct err *err);

/**
 * The next revision: one for each batch. Stores a new ceiling first when little is left, which
 * takes one commit every half minute.
 * @return STATUS_OK, STATUS_FENCED (the epoch row belongs to a successor), pg_query's statuses
 */
NODISCARD enum status
leader_next_revision(struct leader *leader, int64_t *revision, struct err *err);

/** True when the list is what was stored last. */
bool leader_knows_warehouses(struct leader *leader,
                             const struct stock_warehouse_row *list,
                             size_t count);
/** Makes stocksync.warehouse equal to the list, if it differs from what was stored last. @return as
 * leader_next_revision */
NODISCARD enum status leader_sync_warehouses(struct leader *leader,
                                             const struct stock_warehouse_row *list,
                                             size_t count,
                                             struct err *err);

/** A product whose record cannot be published. */
struct leader_parked {
    int32_t product_id;
    const char *reason; /* "too_large", "refused" …; borrowed */
    const char *detail; /* a sentence for a person; borrowed */
};
/** Upserts stocksync.parked_product; call before the marks are deleted. @return as
 * leader_next_revision */
NODISCARD enum status
leader_park(struct leader *leader, const struct leader_parked *list, size_t count, struct err *err);
/** Removes products from stocksync.parked_product that were published now; cheap when none is
 * parked. @return as leader_next_revision */
NODISCARD enum status
leader_unpark(struct leader *leader, const int32_t *product_ids, size_t count, struct err *err);

#endif
