#include "common/pg/pg_pooler.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/core/clock.h"

#define ANSWER_US INT64_C(2000000)
/* A pool hands out its servers last in, first out, or in turns: three rounds show either. */
#define ROUNDS 3

static bool wait_answer(PGconn *handle, int64_t deadline_us)
{
    while (PQisBusy(handle) == 1) {
        struct pollfd wait = {.fd = PQsocket(handle), .events = POLLIN};
        if (poll(&wait, 1, clock_left_ms(deadline_us)) == 0 || PQconsumeInput(handle) == 0) {
            return false;
        }
    }
    return true;
}

/* The server process that executes a statement now; 0: no answer. */
static int ask_process(PGconn *handle)
{
    int process = 0;
    if (PQsendQuery(handle, "SELECT pg_catalog.pg_backend_pid()") == 0 ||
        !wait_answer(handle, clock_monotonic_us() + ANSWER_US)) {
        return 0;
    }
    for (PGresult *result = PQgetResult(handle); result != NULL; result = PQgetResult(handle)) {
        if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
            process = (int)strtol(PQgetvalue(result, 0, 0), NULL, 10);
        }
        PQclear(result);
        if (!wait_answer(handle, clock_monotonic_us() + ANSWER_US)) {
            return 0;
        }
    }
    return process;
}

/* True when another connection uses the process that served this one, or this one changes it. */
static bool shares_process(PGconn *handle, PGconn *other, int first)
{
    for (int round = 0; round < ROUNDS; round++) {
        int theirs = ask_process(other);
        int ours = ask_process(handle);
        if (theirs == 0 || ours == 0) {
            return false;
        }
        if (theirs == first || ours != first) {
            return true;
        }
    }
    return false;
}

enum status pg_pooler_refuse(PGconn *handle,
                             const char *const *keys,
                             const char *const *values,
                             struct err *err)
{
    int first = ask_process(handle);
    /* A pooler invents the number that identifies the connection for a cancellation. */
    if (first == 0 || first == PQbackendPID(handle)) {
        return STATUS_OK;
    }
    PGconn *other = PQconnectdbParams(keys, values, 1);
    bool shared = PQstatus(other) == CONNECTION_OK && shares_process(handle, other, first);
    PQfinish(other);
    if (!shared) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_CONFIG,
                   "host '%s' port %s is a pooler in transaction mode (PgBouncer, pool_mode = "
                   "transaction): settings and locks of a session do not hold. Connect to "
                   "PostgreSQL itself or to a pool with pool_mode = session",
                   PQhost(handle), PQport(handle));
}
