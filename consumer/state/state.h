/**
 * state: a store's memory in the schema stocksync, over one PostgreSQL connection.
 *
 * This header opens and closes it. One header per group of tables has the rest:
 *
 *     warehouse_store    Odoo's warehouses, for settings and checks
 *     level_store        quantities last written to Shopify
 *     attempt_store      mutations, stored before they are sent
 *     unimported_store   sales that Odoo has not imported yet
 *     product_store      SKU or barcode of each product
 *     catalogue_store    which inventory item carries which text
 *     parked_store       records and levels that could not be applied, and their retries
 *     parked_list        the same rows, for commands
 *     planned_store      which rules planned each partition of the topic
 *     leftover_store     last numbers of products that are not sold any more
 *     guard_store        why a store is held, and what a person has accepted
 *
 * Every write is one statement per batch. synchronous_commit stays on, because an attempt must be
 * durable before it is sent. Outcomes may be lost: a lost outcome is like a process that died
 * before it stored the outcome.
 *
 * Read-only (dry run): functions that would write do nothing and return STATUS_OK, with nothing
 * found or given out. The server refuses any write that this rule misses.
 *
 * Statuses are those of pg_query. One owner: the lane's thread. Tables: schemas/sql/state_*.sql.
 */
#ifndef STOCKSYNC_STATE_STATE_H
#define STOCKSYNC_STATE_STATE_H

#include "common/core/attributes.h"
#include "common/core/status.h"

struct state;

/** @param dsn, store  borrowed until freed */
NODISCARD struct state *state_new(const char *dsn, const char *store);
NODISCARD struct state *state_new_read_only(const char *dsn, const char *store);
void state_free(struct state *s);
/**
 * Connects if needed, checks the schema's version and takes the advisory lock that proves that this
 * process lives. Every other function opens too: after STATUS_SOURCE_LOST the next call reconnects.
 * @return STATUS_OK; pg_conn's statuses;
 *         STATUS_DATABASE_UNFIT: err says to run install;
 *         STATUS_SOURCE_BUSY: the server still holds the lock of our lost connection
 */
NODISCARD enum status state_open(struct state *s, struct err *err);
/** Whether the database answers. Opens when needed. @return state_open's, pg_query's */
NODISCARD enum status state_probe(struct state *s, struct err *err);

#endif
