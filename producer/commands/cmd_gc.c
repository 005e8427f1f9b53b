/*
 * gc by hand: what the scheduled task does.
 */
#include <stdio.h>

#include "producer/commands/commands.h"
#include "producer/commands/databases.h"
#include "producer/odoo/gc.h"

enum status cmd_gc(const struct cli_call *call, const void *root, struct err *err)
{
    (void)call;
    const struct producer_conf *conf = root;
    struct databases dbs = {0};
    struct gc_counts counts = {0};
    enum status rc = databases_open(conf, "stocksync-producer gc", 600000, &dbs, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = gc_run(dbs.odoo, dbs.state, conf->gc.keep_attempts_ms, &counts, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    (void)printf("removed: %lld attempts, %lld parked products, %lld products, %lld "
                 "levels\nmarks tables: %s\n",
                 (long long)counts.attempts, (long long)counts.parked_products,
                 (long long)counts.products, (long long)counts.levels,
                 counts.vacuumed ? "vacuumed"
                                 : "not vacuumed: only its owner may (see install --grants)");
out:
    databases_close(&dbs);
    return rc;
}
