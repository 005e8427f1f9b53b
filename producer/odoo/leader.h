/**
 * leader: decides which producer may read the marks and publish.
 *
 * Three fences:
 *
 *   advisory lock     in Odoo's database, on a dedicated connection; keeps standbys away
 *   leader epoch      raised in the state database; refuses writes of a predecessor
 *   transactional id  fences a predecessor's records in Kafka (record_sink)
 *
 * A revision is issued only below a ceiling that was stored before with synchronous_commit = on.
 * Calling sequence: leader_new; leader_take until STATUS_OK; leader_next_revision, leader_check,
 * leader_sync_warehouses; leader_drop or leader_free. Thread: the producer's main thread.
 */
#ifndef STOCKSYNC_ODOO_LEADER_H
#define STOCKSYNC_ODOO_LEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "producer/odoo/id_list.h"
#include "producer/odoo/odoo_version.h"

struct leader;
struct stock_warehouse_row;

struct leader_options {
    const char *odoo_dsn;  /* borrowed until leader_free */
    const char *state_dsn; /* borrowed until leader_free */
};

/** Which database a server holds. */
struct leader_identity {
    int64_t system_identifier; /* of the PostgreSQL cluster */
    int32_t timeline;
    int64_t database_oid;          /* changes when the database is created again and restored */
    char database[ODOO_UUID_SIZE]; /* Odoo's database.uuid; "": it has none */
};

NODISCARD struct leader *leader_new(const struct leader_options *options);
/** Gives up the leadership; accepts NULL. */
void leader_free(struct leader *leader);

/**
 * Tries to become the leader; never waits for the lock. Call every 1 to 2 s while it returns
 * STATUS_STANDBY.
 *
 * @return STATUS_OK              leads now: the epoch is raised
 *         STATUS_STANDBY         another producer holds the lock
 *         STATUS_DATABASE_UNFIT  not the database.uuid that the state remembers, or an older
 *                                timeline (split brain); err names the next step
 *         STATUS_SOURCE_LOST     also: the server is a standby in recovery
 *         pg_conn's and pg_query's statuses
 */
NODISCARD enum status leader_take(struct leader *leader, struct err *err);
bool leader_is_held(const struct leader *leader);
/** Releases the lock and closes both connections; leader_take may follow. */
void leader_drop(struct leader *leader);

/**
 * Asks the server whether the lock's connection still lives. Call about once a second.
 * @return STATUS_OK
 *         STATUS_SOURCE_LOST  the leadership is lost: stop publishing at once and take it again
 */
NODISCARD enum status leader_check(struct leader *leader, struct err *err);

/**
 * Asks lock and state whether this process still leads, after Kafka fenced it.
 * @return STATUS_OK
 *         STATUS_FENCED       a successor raised the epoch
 *         STATUS_SOURCE_LOST  the lock is lost, or the state forgot this epoch (restored): take again
 *         pg_conn's and pg_query's statuses
 */
NODISCARD enum status leader_confirm(struct leader *leader, struct err *err);

/** As read last. Borrowed until leader_free. */
const struct leader_identity *leader_identity(const struct leader *leader);
/** Reads it again; leader_take did so. @return pg_query's statuses; STATUS_DATABASE_UNFIT */
NODISCARD enum status leader_read_identity(struct leader *leader, struct err *err);
/** The epoch of this takeover; rises with each. */
int64_t leader_epoch(const struct leader *leader);
/**
 * The ceiling that the state held at takeover, until a greater one is stored: this state never
 * issued a greater revision. A topic that holds one is ahead of the state, which was restored.
 */
int64_t leader_stored_ceiling(const struct leader *leader);
/**
 * Makes every later revision greater than this one, which the topic has: the state may be younger
 * than the topic (uninstall and install), or older (restored). Call after leader_take, before the
 * first leader_next_revision. Writes only when the topic is ahead of the state.
 * @return as leader_next_revision
 *         STATUS_TOPIC_UNFIT  no clock has made this revision: another program wrote the record
 */
NODISCARD enum status leader_raise_above(struct leader *leader, int64_t revision, struct err *err);

/**
 * Issues the next revision, one for each chunk. Stores a new ceiling first when none is left: one
 * commit a second while records are published, none while there is nothing to publish.
 * @return STATUS_OK
 *         STATUS_FENCED  a successor owns the epoch row
 *         STATUS_SOURCE_LOST  also: the state forgot this epoch (restored): take again
 *         pg_query's statuses
 */
NODISCARD enum status
leader_next_revision(struct leader *leader, int64_t *revision, struct err *err);

/** True when the list equals the one stored last. */
bool leader_knows_warehouses(struct leader *leader,
                             const struct stock_warehouse_row *list,
                             size_t count);
/**
 * Makes stocksync.warehouse equal to the list, unless it equals the one stored last.
 * @return as leader_next_revision
 */
NODISCARD enum status leader_sync_warehouses(struct leader *leader,
                                             const struct stock_warehouse_row *list,
                                             size_t count,
                                             struct err *err);

/**
 * Likewise, from Odoo's tables, whatever is published. Waits for no lock. Call every few seconds.
 * @return as leader_next_revision
 *         STATUS_SOURCE_BUSY  somebody rewrites a table: later
 */
NODISCARD enum status leader_follow_warehouses(struct leader *leader, struct err *err);

/** A product whose record cannot be published. */
struct leader_parked {
    int32_t product_id;
    const char *reason; /* "unreadable", "invalid", "too_large", "refused"; borrowed */
    const char *detail; /* a sentence for a person; borrowed */
};
/**
 * Upserts stocksync.parked_product. Call before the marks are deleted.
 * @return as leader_next_revision
 */
NODISCARD enum status
leader_park(struct leader *leader, const struct leader_parked *list, size_t count, struct err *err);
/** True while it has a row in stocksync.parked_product, as leader_list_parked found them or a call
 * here changed them. */
bool leader_is_parked(const struct leader *leader, int32_t product_id);
/** How many have one. */
size_t leader_parked_count(const struct leader *leader);
/** A parked product is tried again after this time, and after a takeover. One that the broker
 * refuses is tried after a takeover only: each try aborts a Kafka transaction. */
#define LEADER_RETRY_S    3600
#define LEADER_RETRY_MOST 250
/**
 * Reads the parked products again.
 * @param due  [out] replaced: those to try again now, at most LEADER_RETRY_MOST
 * @return pg_conn's and pg_query's statuses
 */
NODISCARD enum status
leader_list_parked(struct leader *leader, struct id_list *due, struct err *err);
/**
 * Removes published products from stocksync.parked_product; asks nothing when none of them is there.
 * @param product_ids  ascending
 * @return as leader_next_revision
 */
NODISCARD enum status
leader_unpark(struct leader *leader, const int32_t *product_ids, size_t count, struct err *err);

#endif
