/*
 * backfill: marks products with the cause "backfill"; the producer publishes them like any change.
 *
 * Marks go in piece by piece while few wait, so a fresh change waits for one piece at most.
 */
#include <stdio.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/core/signals.h"
#include "producer/commands/cmd_products.h"
#include "producer/commands/commands.h"
#include "producer/commands/databases.h"
#include "producer/odoo/marks.h"

#define PIECE_PRODUCTS  5000
#define POLL_MS         50
#define PROGRESS_US     INT64_C(1000000)
#define STALL_NOTICE_US INT64_C(5000000)

struct progress {
    size_t marked;
    int64_t shown_us;
    int64_t moved_us; /* when the table last shrank */
    int64_t waiting;
    bool terminal;
};

static void show(struct progress *p, bool last)
{
    int64_t now = clock_monotonic_us();
    if (!last && now - p->shown_us < PROGRESS_US) {
        return;
    }
    p->shown_us = now;
    (void)fprintf(stderr, "%s%zu products marked, %lld marks waiting%s", p->terminal ? "\r" : "",
                  p->marked, (long long)p->waiting, p->terminal && !last ? "   " : "\n");
    (void)fflush(stderr);
}

/* Waits until fewer than a piece of marks wait. @return STATUS_STOPPING on a signal */
static enum status wait_for_room(struct pg_conn *conn, struct progress *p, struct err *err)
{
    for (;;) {
        struct marks_summary summary;
        enum status rc = marks_summary_read(conn, &summary, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        int64_t now = clock_monotonic_us();
        if (summary.count < p->waiting) {
            p->moved_us = now;
        }
        p->waiting = summary.count;
        if (summary.count < PIECE_PRODUCTS) {
            return STATUS_OK;
        }
        if (now - p->moved_us > STALL_NOTICE_US) {
            (void)fprintf(stderr, "\nno marks are published: is stocksync-producer running? They "
                                  "wait; Ctrl-C ends the backfill here\n");
            p->moved_us = now;
        }
        show(p, false);
        if (!signals_sleep(POLL_MS)) {
            return STATUS_STOPPING;
        }
    }
}

static enum status mark_all(struct pg_conn *conn, bool wait, struct progress *p, struct err *err)
{
    int32_t after = 0;
    size_t inserted = PIECE_PRODUCTS;
    while (inserted == PIECE_PRODUCTS) {
        enum status rc = wait ? wait_for_room(conn, p, err) : STATUS_OK;
        if (rc == STATUS_OK) {
            rc = marks_insert_slice(conn, after, PIECE_PRODUCTS, &after, &inserted, err);
        }
        if (rc != STATUS_OK) {
            return rc;
        }
        p->marked += inserted;
        show(p, false);
    }
    return STATUS_OK;
}

static enum status
mark_listed(struct pg_conn *conn, const struct cli_call *call, struct progress *p, struct err *err)
{
    struct id_list ids = {0};
    enum status rc = cmd_products_find(call, conn, &ids, err);
    if (rc == STATUS_OK) {
        rc = marks_insert(conn, ids.ids, ids.count, CAUSE_BACKFILL, err);
    }
    p->marked = rc == STATUS_OK ? ids.count : 0;
    id_list_release(&ids);
    return rc;
}

enum status cmd_backfill(const struct cli_call *call, const void *root, struct err *err)
{
    const struct producer_conf *conf = root;
    bool all = cli_has(call, "--all");
    struct databases dbs = {0};
    struct progress p = {.terminal = isatty(STDERR_FILENO), .moved_us = clock_monotonic_us()};
    if (all == cmd_products_any(call)) {
        return err_set(err, STATUS_USAGE,
                       "say --all, or name products with --product ID or --sku TEXT");
    }
    enum status rc = cmd_products_check(call, err);
    if (rc == STATUS_OK) {
        rc = signals_install(err);
    }
    if (rc == STATUS_OK) {
        rc = databases_open(conf, "stocksync-producer backfill", 60000, &dbs, err);
    }
    if (rc == STATUS_OK) {
        rc = all ? mark_all(dbs.odoo, !cli_has(call, "--no-wait"), &p, err)
                 : mark_listed(dbs.odoo, call, &p, err);
    }
    if (rc == STATUS_OK || rc == STATUS_STOPPING) {
        show(&p, true);
    }
    databases_close(&dbs);
    return rc;
}
