/**
 * horizon: finds the session, prepared transaction or replication slot that holds vacuum back.
 *
 * The oldest snapshot of the cluster holds back the cleaning of every table, including ours. Seeing
 * other roles' sessions takes pg_read_all_stats; hidden_sessions counts those that stay hidden.
 */
#ifndef STOCKSYNC_ODOO_HORIZON_H
#define STOCKSYNC_ODOO_HORIZON_H

#include <stdint.h>

#include "common/core/status.h"
#include "common/pg/pg_conn.h"

/** The one that holds the oldest transaction id. */
struct horizon {
    int64_t age_xids; /* transaction ids behind; 0: nobody */
    int64_t age_s;    /* how long the session or prepared transaction has been open; slots: 0 */
    /* "session 4711 (role odoo, pg_dump, idle in transaction)", "replication slot x (active)",
     * "prepared transaction x (role y)"; "": nobody */
    char holder[160];
    int hidden_sessions;
};

/** @return STATUS_OK, pg_query's statuses */
NODISCARD enum status horizon_read(struct pg_conn *conn, struct horizon *horizon, struct err *err);

#endif
