#include "producer/app/mark_watch.h"

#include <poll.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/thread.h"

#define MOD "marks"

#define PERIOD_MS 1000
/* A count reads the whole tables: it may take one part in so many of the time. */
#define COUNT_SHARE 50

struct mark_watch {
    struct mark_watch_port port;
    struct thread thread;
    int64_t count_due_us; /* monotonic */
    bool failing;         /* said once */
};

static enum status count(struct mark_watch *w, int64_t *waiting, struct err *err)
{
    struct marks_summary summary;
    int64_t begun = clock_monotonic_us();
    enum status rc = w->port.count(w->port.conn, &summary, err);
    int64_t now = clock_monotonic_us();
    w->count_due_us = now + (now - begun) * COUNT_SHARE;
    *waiting = rc == STATUS_OK ? summary.count : -1;
    return rc;
}

static enum status look(struct mark_watch *w, struct err *err)
{
    int64_t oldest_us = 0;
    int64_t waiting = -1;
    enum status rc = w->port.open(w->port.conn, err);
    if (rc == STATUS_OK) {
        rc = w->port.oldest(w->port.conn, &oldest_us, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    if (clock_monotonic_us() >= w->count_due_us) {
        rc = count(w, &waiting, err);
    }
    w->port.note(w->port.taker, waiting, oldest_us);
    return rc;
}

static void run(struct thread *self, void *arg)
{
    struct mark_watch *w = arg;
    while (!thread_is_stopping(self)) {
        struct pollfd wake = {.fd = self->wake_fd, .events = POLLIN};
        struct err err = {0};
        bool failed = look(w, &err) != STATUS_OK;
        if (failed && !w->failing) {
            log_failure(LOG_WARN, MOD, "not_read", &err,
                        LOG_FIELDS(LF_MSG("the age of the oldest mark grows until it is read")));
        }
        w->failing = failed;
        (void)poll(&wake, 1, PERIOD_MS);
    }
}

enum status
mark_watch_start(const struct mark_watch_port *port, struct mark_watch **watch, struct err *err)
{
    struct mark_watch *w = mem_calloc(1, sizeof *w);
    w->port = *port;
    enum status rc = thread_start(&w->thread, "marks", run, w, err);
    if (rc != STATUS_OK) {
        mem_free(w);
        return rc;
    }
    *watch = w;
    return STATUS_OK;
}

void mark_watch_stop(struct mark_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    thread_ask_stop(&watch->thread);
    thread_join(&watch->thread);
    mem_free(watch);
}
