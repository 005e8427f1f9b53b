#include "common/pg/pg_pooler.h"

#include <stdlib.h>

/* Other clients may take the server in between. */
#define ROUNDS 3

/* The server process that executes a statement now; 0: no answer. */
static int ask_process(struct pg_wait *wait)
{
    int process = 0;
    PGresult *result = pg_wait_exec(wait, "SELECT pg_catalog.pg_backend_pid()");
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
        process = (int)strtol(PQgetvalue(result, 0, 0), NULL, 10);
    }
    PQclear(result);
    return process;
}

/*
 * True when another connection uses the process that served this one, or this one changes it. A pool
 * hands out its servers last in, first out, or in turns. An odd number of questions in a round meets
 * both of two servers that take turns.
 */
static bool compare_processes(struct pg_wait *ours, struct pg_wait *theirs, int first)
{
    for (int round = 0; round < ROUNDS; round++) {
        int other = ask_process(theirs);
        int now = ask_process(ours);
        int again = ask_process(ours);
        if (other == 0 || now == 0 || again == 0) {
            return false;
        }
        if (other == first || now != first || again != first) {
            return true;
        }
    }
    return false;
}

bool pg_pooler_shares_process(struct pg_wait *wait,
                              const char *const *keys,
                              const char *const *values)
{
    struct pg_wait second;
    int first = ask_process(wait);
    /* A pooler invents the number that identifies the connection for a cancellation. */
    if (first == 0 || first == PQbackendPID(wait->handle)) {
        return false;
    }
    PGconn *other = PQconnectStartParams(keys, values, 1);
    pg_wait_begin(&second, other, wait->limit_us);
    bool shared = pg_wait_connect(&second) && compare_processes(wait, &second, first);
    PQfinish(other);
    return shared;
}
