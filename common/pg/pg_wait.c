#include "common/pg/pg_wait.h"

#include <errno.h>
#include <poll.h>

#include "common/core/clock.h"
#include "common/core/signals.h"

/* Once the process is asked to stop: what is left for the calls together, and at least for each. */
#define STOP_GRACE_US      INT64_C(5000000)
#define STOP_GRACE_CALL_US INT64_C(3000000)

void pg_wait_begin(struct pg_wait *wait, PGconn *handle, int64_t limit_us)
{
    int64_t now = clock_monotonic_us();
    *wait = (struct pg_wait){
        .handle = handle, .limit_us = limit_us, .begun_us = now, .deadline_us = now + limit_us};
}

static int64_t deadline(const struct pg_wait *wait)
{
    int64_t stop_us = signals_stop_us();
    if (stop_us == 0) {
        return wait->deadline_us;
    }
    int64_t all = stop_us + STOP_GRACE_US;
    int64_t own = wait->begun_us + STOP_GRACE_CALL_US;
    int64_t last = all > own ? all : own;
    return last < wait->deadline_us ? last : wait->deadline_us;
}

bool pg_wait_ready(struct pg_wait *wait, short events)
{
    for (;;) {
        bool stopping = signals_stop_us() != 0;
        struct pollfd fds[] = {{.fd = PQsocket(wait->handle), .events = events},
                               {.fd = stopping ? -1 : signals_stop_fd(), .events = POLLIN}};
        int left_ms = clock_left_ms(deadline(wait));
        int ready = poll(fds, 2, left_ms);
        if (ready < 0 && errno != EINTR) {
            return true; /* the socket is gone: libpq's next call says so */
        }
        if (ready > 0 && fds[0].revents != 0) {
            return true;
        }
        if (ready == 0 && left_ms == 0) {
            wait->late = true;
            return false;
        }
    }
}

bool pg_wait_connect(struct pg_wait *wait)
{
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (want != PGRES_POLLING_OK) {
        if (want == PGRES_POLLING_FAILED ||
            !pg_wait_ready(wait, want == PGRES_POLLING_READING ? POLLIN : POLLOUT)) {
            return false;
        }
        want = PQconnectPoll(wait->handle);
    }
    return PQsetnonblocking(wait->handle, 1) == 0;
}

static bool consume(struct pg_wait *wait)
{
    wait->deadline_us = clock_monotonic_us() + wait->limit_us;
    return PQconsumeInput(wait->handle) == 1;
}

bool pg_wait_flush(struct pg_wait *wait)
{
    int left = PQflush(wait->handle);
    while (left > 0) {
        struct pollfd now = {.fd = PQsocket(wait->handle), .events = POLLIN};
        if (!pg_wait_ready(wait, POLLIN | POLLOUT)) {
            return false;
        }
        if (poll(&now, 1, 0) > 0 && !consume(wait)) {
            return false;
        }
        left = PQflush(wait->handle);
    }
    return left == 0;
}

PGresult *pg_wait_result(struct pg_wait *wait)
{
    while (PQisBusy(wait->handle) != 0) {
        if (!pg_wait_ready(wait, POLLIN)) {
            return NULL;
        }
        /* After a failure the result may be there all the same: the server's reason. */
        if (!consume(wait) && PQisBusy(wait->handle) != 0) {
            return NULL;
        }
    }
    return PQgetResult(wait->handle);
}

PGresult *pg_wait_exec(struct pg_wait *wait, const char *sql)
{
    PGresult *last = NULL;
    if (PQsendQuery(wait->handle, sql) != 1 || !pg_wait_flush(wait)) {
        return NULL;
    }
    for (PGresult *result = pg_wait_result(wait); result != NULL; result = pg_wait_result(wait)) {
        PQclear(last);
        last = result;
    }
    if (wait->late) {
        PQclear(last);
        return NULL;
    }
    return last;
}
