/**
 * process: the running consumer: one worker for each store, one for role parents, the HTTP
 * responder, and the wait for a signal.
 */
#ifndef STOCKSYNC_CONSUMER_APP_PROCESS_H
#define STOCKSYNC_CONSUMER_APP_PROCESS_H

#include "consumer/app/consumer_conf.h"

struct process_plan {
    const struct consumer_conf *conf;
    const struct store_conf **stores; /* to serve here */
    size_t store_count;
    bool parents; /* run role parents; [odoo] dsn is set */
    bool once;    /* work through what is in the topic now, then end */
    bool dry_run; /* write nothing; no HTTP, for another consumer may use the address */
    bool no_http; /* of a command: another consumer may use the address */
    void (*print)(
        const char *line);   /* takes what a dry run would write; any thread; NULL: log it */
    void (*tick)(void *arg); /* called some times a second, by the main thread; NULL: not */
    void *tick_arg;
};

/**
 * Starts everything, works until a signal or until all work is done, stops everything. Main thread.
 *
 * @return STATUS_OK, the failure of the start, or the first failure that ended a worker
 */
NODISCARD enum status process_run(const struct process_plan *plan, struct err *err);

#endif
