/** Inside of leader: only leader.c and leader_tables.c include this file. */
#ifndef STOCKSYNC_ODOO_LEADER_PRIVATE_H
#define STOCKSYNC_ODOO_LEADER_PRIVATE_H

#include "common/core/strbuf.h"
#include "common/model/revision.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/leader.h"
#include "producer/odoo/odoo_version.h"

/* A few thousand warehouses with their names. */
#define LEADER_WAREHOUSES_MAX_BYTES 4194304

struct leader {
    struct pg_conn *lock;  /* Odoo's database; only carries the advisory lock */
    struct pg_conn *state; /* may be reconnected at any time: every statement compares the epoch */
    bool held;
    unsigned lock_epoch; /* of the connection that got the lock */
    int64_t epoch;
    int64_t stored_ceiling;
    struct leader_identity identity;
    struct id_list parked; /* sorted */
    struct revision_source revisions;
    struct strbuf warehouses; /* the list stored last, as JSON */
    struct strbuf scratch;
};

/**
 * Runs a statement in the state that returns one row while the epoch is ours. $1 is the epoch.
 * @return as leader_next_revision
 */
NODISCARD enum status
leader_query(struct leader *leader, const char *sql, const struct pg_args *args, struct err *err);

#endif
