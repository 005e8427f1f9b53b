/**
 * pg_wait: sends statements and reads results without ever blocking in libpq. For common/pg only.
 *
 * A wait ends when the server was silent for the limit of the connection. Every byte from the
 * server begins the limit again, so a long answer may take longer than that. When the process is
 * asked to stop (signals_stop_fd), a wait has only a few seconds left.
 */
#ifndef STOCKSYNC_PG_PG_WAIT_H
#define STOCKSYNC_PG_PG_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/pg/pg_libpq.h"

struct pg_wait {
    PGconn *handle; /* in nonblocking mode, or still connecting */
    int64_t limit_us;
    int64_t begun_us;    /* monotonic */
    int64_t deadline_us; /* monotonic */
    bool late;           /* a wait ended without the server */
};

/** Begins a call: its limit runs from now. */
void pg_wait_begin(struct pg_wait *wait, PGconn *handle, int64_t limit_us);
/**
 * Waits until the socket is ready for one of the events of poll.
 * @return false: the deadline passed, and wait->late is set
 */
bool pg_wait_ready(struct pg_wait *wait, short events);
/**
 * Drives the handshake that PQconnectStartParams began: PQconnectdb would hide the SQLSTATE of a
 * refusal. The connection is then in nonblocking mode.
 * @return false: late, or refused: PQerrorMessage says why
 */
bool pg_wait_connect(struct pg_wait *wait);
/** Sends what libpq has queued, and reads meanwhile. @return false: late, or the connection broke */
bool pg_wait_flush(struct pg_wait *wait);
/** PQgetResult. NULL: no more results; or, if wait->late or the connection broke, no answer. */
PGresult *pg_wait_result(struct pg_wait *wait);
/** Runs text as PQexec does. @return the last result; NULL: late, or the connection broke */
PGresult *pg_wait_exec(struct pg_wait *wait, const char *sql);

#endif
