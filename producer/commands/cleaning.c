#include "producer/commands/cleaning.h"

#include "producer/commands/databases.h"

/* One step may take long on a large table, but it must end. */
#define STATEMENT_TIMEOUT_MS (15 * 60 * 1000)

enum status
clean_databases(const struct producer_conf *conf, struct gc_report *report, struct err *err)
{
    struct databases dbs = {0};
    enum status rc = databases_open(conf, "stocksync-producer gc", STATEMENT_TIMEOUT_MS, &dbs, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = horizon_read(dbs.odoo, &report->horizon, err);
    report->has_horizon = rc == STATUS_OK;
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = gc_run(dbs.odoo, dbs.state, conf->gc.keep_attempts_ms, &report->counts, err);
out:
    databases_close(&dbs);
    return rc;
}
