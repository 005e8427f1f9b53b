/**
 * mark_watch: counts the marks and reads the age of the oldest one, on a separate thread and
 * connection. So the figures do not depend on a producer that is stuck, and a standby shows them too.
 *
 * While the marks cannot be read, it notes nothing, and the age grows (status.h).
 */
#ifndef STOCKSYNC_PRODUCER_APP_MARK_WATCH_H
#define STOCKSYNC_PRODUCER_APP_MARK_WATCH_H

#include "producer/odoo/marks.h"

struct mark_watch;

/** Functions of common/pg and producer/odoo, and who takes the figures. */
struct mark_watch_port {
    struct pg_conn *conn;
    enum status (*open)(struct pg_conn *conn, struct err *err);
    enum status (*oldest)(struct pg_conn *conn, int64_t *added_us, struct err *err);
    enum status (*count)(struct pg_conn *conn, struct marks_summary *summary, struct err *err);
    /** @param waiting  -1: not counted. @param oldest_us  wall clock; 0: no mark */
    void (*note)(void *taker, int64_t waiting, int64_t oldest_us);
    void *taker;
};

/**
 * Starts the thread. It reads once a second, and counts when that costs little.
 * @param port  copied
 * @return thread_start's statuses
 */
NODISCARD enum status
mark_watch_start(const struct mark_watch_port *port, struct mark_watch **watch, struct err *err);
/** Ends the thread. Accepts NULL. */
void mark_watch_stop(struct mark_watch *watch);

#endif
