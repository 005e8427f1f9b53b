/**
 * databases: the two connections that commands use: Odoo's and the state's, which may be the same.
 */
#ifndef STOCKSYNC_COMMANDS_DATABASES_H
#define STOCKSYNC_COMMANDS_DATABASES_H

#include "common/pg/pg_conn.h"
#include "producer/app/producer_conf.h"

struct databases {
    struct pg_conn *odoo;
    struct pg_conn *state; /* the same object as odoo when the databases are one */
    bool shared;
};

/**
 * Opens both.
 * @param timeout_ms  of one statement; 0: none
 * @return pg_conn_open's statuses; databases_close in any case
 */
NODISCARD enum status databases_open(const struct producer_conf *conf,
                                     const char *application,
                                     int timeout_ms,
                                     struct databases *dbs,
                                     struct err *err);
void databases_close(struct databases *dbs);

#endif
