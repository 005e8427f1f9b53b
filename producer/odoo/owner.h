/**
 * owner: who may read the marks and publish: lock, epoch, revisions, and whether this is still the
 * same database (cluster, timeline, Odoo's database.uuid).
 *
 * A session advisory lock in Odoo's database on a connection of its own, then the epoch row in the
 * state database is bumped. The lock keeps standbys away; the epoch refuses what a predecessor
 * still tries to store; Kafka's transactional id fences its records. A revision is issued only
 * below a ceiling that was stored before, with synchronous_commit = on. Calling sequence:
 * owner_new; owner_take until STATUS_OK; owner_next_revision, owner_check, owner_sync_warehouses;
 * owner_drop or owner_free. One owner: the producer's main thread.
 */
#ifndef STOCKSYNC_ODOO_OWNER_H
#define STOCKSYNC_ODOO_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"

struct owner;
struct stock_warehouse_row;

/** Revisions are reserved this far ahead. */
#define OWNER_REVISION_SPAN_US INT64_C(60000000)

struct owner_options {
    const char *odoo_dsn;  /* borrowed until owner_free */
    const char *state_dsn; /* borrowed until owner_free */
};

/** Why everything must be published again after a take-over. */
enum owner_backfill {
    OWNER_BACKFILL_NONE,
    OWNER_BACKFILL_FIRST, /* nobody ever owned this state: the first load is the operator's to start
                           */
    OWNER_BACKFILL_TIMELINE, /* promoted standby or point-in-time recovery: Kafka may be ahead */
    OWNER_BACKFILL_ACCEPTED  /* another cluster or database, accepted with install
                                --accept-new-database or --database */
};

NODISCARD struct owner *owner_new(const struct owner_options *options);
/** Drops the ownership; accepts NULL. */
void owner_free(struct owner *owner);

/**
 * Tries to become the owner; never waits for the lock. Call every 1 to 2 s while it says
 * STATUS_AGAIN.
 *
 * @return STATUS_OK              owner now; epoch bumped, a revision ceiling stored
 *         STATUS_AGAIN           another producer holds the lock
 *         STATUS_DATABASE_UNFIT  another cluster or another database.uuid than the state
 * remembers, or an older timeline (split brain); err names the next step STATUS_SOURCE_LOST also:
 * the server is a standby in recovery pg_conn's and pg_query's statuses
 */
NODISCARD enum status owner_take(struct owner *owner, struct err *err);
bool owner_is_held(const struct owner *owner);
/** Gives the lock back and closes both connections; owner_take may follow. */
void owner_drop(struct owner *owner);

/**
 * Asks the server whether the lock's connection still lives. Call about once a second.
 * @return STATUS_OK, STATUS_SOURCE_LOST: ownership is gone, stop publishing at once and take again
 */
NODISCARD enum status owner_check(struct owner *owner, struct err *err);

/** Odoo's database.uuid as this take-over found it; "" when Odoo has none. Borrowed until the next
 * owner_take. */
const char *owner_database(const struct owner *owner);
/** Of this take-over; rises with each. */
int64_t owner_epoch(const struct owner *owner);
/** What this take-over found; stays until the next owner_take. */
enum owner_backfill owner_backfill(const struct owner *owner);
/** "none", "first", "timeline", "accepted"; static. */
const char *owner_backfill_name(enum owner_backfill why);
/**
 * Call when all products were marked because of TIMELINE or ACCEPTED: the state remembers this
 * cluster and timeline from now on. Until then every take-over reports the same again, so that a
 * crash in between loses nothing.
 * @return as owner_next_revision
 */
NODISCARD enum status owner_backfill_done(struct owner *owner, struct err *err);
/**
 * The ceiling that the state held at take-over: no revision above it was ever issued by this state.
 * A topic that holds a greater revision is ahead of the state (snapshot put back): then everything
 * must be published again too.
 */
int64_t owner_stored_ceiling(const struct owner *owner);
/** Everything issued from now on is greater than revision: for a topic that is ahead of the state.
 */
NODISCARD enum status owner_raise_above(struct owner *owner, int64_t revision, struct err *err);

/**
 * The next revision: one for each batch. Stores a new ceiling first when little is left, which
 * takes one commit every half minute.
 * @return STATUS_OK, STATUS_FENCED (the epoch row belongs to a successor), pg_query's statuses
 */
NODISCARD enum status owner_next_revision(struct owner *owner, int64_t *revision, struct err *err);

/** True when the list is what was stored last. */
bool owner_knows_warehouses(struct owner *owner,
                            const struct stock_warehouse_row *list,
                            size_t count);
/** Makes stocksync.warehouse equal to the list, if it differs from what was stored last. @return as
 * owner_next_revision */
NODISCARD enum status owner_sync_warehouses(struct owner *owner,
                                            const struct stock_warehouse_row *list,
                                            size_t count,
                                            struct err *err);

/** A product whose record cannot be published. */
struct owner_parked {
    int32_t product_id;
    const char *reason; /* "too_large", "refused" …; borrowed */
    const char *detail; /* a sentence for a person; borrowed */
};
/** Upserts stocksync.parked_product; call before the marks are deleted. @return as
 * owner_next_revision */
NODISCARD enum status
owner_park(struct owner *owner, const struct owner_parked *list, size_t count, struct err *err);
/** Removes products from stocksync.parked_product that were published now; cheap when none is
 * parked. @return as owner_next_revision */
NODISCARD enum status
owner_unpark(struct owner *owner, const int32_t *product_ids, size_t count, struct err *err);

#endif
