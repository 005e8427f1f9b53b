/**
 * horizon: who keeps vacuum from cleaning up behind us.
 *
 * The oldest snapshot of the cluster holds back the cleaning of every table, ours too: sessions,
 * prepared transactions, replication slots. Needs pg_read_all_stats to see the sessions of other
 * roles; without it, hidden_sessions counts those that could not be judged.
 */
#ifndef STOCKSYNC_ODOO_HORIZON_H
#define STOCKSYNC_ODOO_HORIZON_H

#include <stdint.h>

#include "common/core/status.h"
#include "common/pg/pg_conn.h"

/** The one that holds the oldest transaction id. */
struct horizon {
    int64_t age_xids; /* how many transaction ids behind; 0: nobody */
    int64_t age_s;    /* how long the session or prepared transaction is open; 0 for slots */
    char holder[160]; /* "session 4711 (role odoo, pg_dump, idle in transaction)", "slot x",
                         "prepared x"; "" */
    int hidden_sessions;
};

/** @return STATUS_OK, pg_query's statuses */
NODISCARD enum status horizon_read(struct pg_conn *conn, struct horizon *horizon, struct err *err);

#endif
