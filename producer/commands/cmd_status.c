/*
 * gc by hand, and status: marks waiting, the leader, and what holds vacuum back.
 */
#include <stdio.h>

#include "common/core/clock.h"
#include "common/pg/pg_query.h"
#include "producer/commands/commands.h"
#include "producer/commands/databases.h"
#include "producer/odoo/gc.h"
#include "producer/odoo/horizon.h"
#include "producer/odoo/install.h"
#include "producer/odoo/marks.h"
#include "producer/odoo/published.h"

static const char LEADER_SQL[] =
    "SELECT epoch, since, host, pid, revision_ceiling, (SELECT "
    "count(*) FROM stocksync.parked_product), database FROM stocksync.owner";
static const char LOCK_SQL[] = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE "
                               "application_name = 'stocksync-producer leader'"
                               " AND datname = pg_catalog.current_database()";

static enum status print_leader(const struct databases *dbs, struct err *err)
{
    struct pg_rows leader = {0};
    struct pg_rows lock = {0};
    char since[CLOCK_TEXT_SIZE] = "never";
    enum status rc = pg_query(dbs->state, LEADER_SQL, NULL, "lztillt", &leader, err);
    if (rc == STATUS_OK) {
        rc = pg_query(dbs->odoo, LOCK_SQL, NULL, "l", &lock, err);
    }
    if (rc == STATUS_OK && leader.count == 1) {
        if (!pg_is_null(&leader, 0, 1)) {
            (void)clock_format_utc(pg_time_us(&leader, 0, 1), since);
        }
        (void)printf("leader           %s, epoch %lld, since %s%s%s\n",
                     pg_i64(&lock, 0, 0) > 0 ? "running" : "not running",
                     (long long)pg_i64(&leader, 0, 0), since,
                     pg_is_null(&leader, 0, 2) ? "" : ", host ",
                     pg_is_null(&leader, 0, 2) ? "" : pg_text(&leader, 0, 2));
        (void)printf("database         %s\n",
                     pg_is_null(&leader, 0, 6) ? "not published yet" : pg_text(&leader, 0, 6));
        (void)printf("parked products  %lld%s\n", (long long)pg_i64(&leader, 0, 5),
                     pg_i64(&leader, 0, 5) > 0 ? ": see 'stocksync-producer parked'" : "");
    }
    pg_rows_release(&leader);
    pg_rows_release(&lock);
    return rc;
}

static const char STREAM_SQL[] = "SELECT id::text, began_at, why, marked_at IS NULL"
                                 " FROM stocksync.stream ORDER BY first_revision DESC LIMIT 1";

static enum status print_stream(const struct databases *dbs, struct err *err)
{
    struct pg_rows rows = {0};
    char since[CLOCK_TEXT_SIZE];
    enum status rc = pg_query(dbs->state, STREAM_SQL, NULL, "tztb", &rows, err);
    if (rc == STATUS_OK && rows.count == 0) {
        (void)printf("stream           none yet: a starting producer begins one\n");
    } else if (rc == STATUS_OK) {
        (void)printf("stream           %s, since %s, why: %s%s\n", pg_text(&rows, 0, 0),
                     clock_format_utc(pg_time_us(&rows, 0, 1), since), pg_text(&rows, 0, 2),
                     pg_bool(&rows, 0, 3) ? ", its products are being marked" : "");
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status print_marks(const struct databases *dbs, struct err *err)
{
    struct marks_summary m = {0};
    struct horizon h = {0};
    enum status rc = marks_summary_read(dbs->odoo, &m, err);
    if (rc == STATUS_OK) {
        double age = m.oldest_us > 0 ? (double)(clock_wall_us() - m.oldest_us) / 1e6 : 0;
        (void)printf("marks waiting    %lld", (long long)m.count);
        if (m.count > 0) {
            (void)printf(", oldest %.1f s", age);
        }
        (void)printf("\n");
        rc = horizon_read(dbs->odoo, &h, err);
    }
    if (rc == STATUS_OK && h.age_xids > 0) {
        (void)printf("vacuum horizon   %lld transactions behind, %lld s, held by %s\n",
                     (long long)h.age_xids, (long long)h.age_s, h.holder);
    }
    return rc;
}

static const char KITS_SQL[] =
    "SELECT count(*), count(problem), (SELECT filled_at IS NOT NULL FROM stocksync.kit_table),"
    " (SELECT string_agg(x.kit_id || ' (' || x.problem || ')', ', ') FROM (SELECT kit_id, problem"
    " FROM stocksync.kit WHERE problem IS NOT NULL ORDER BY kit_id LIMIT 5) x) FROM stocksync.kit";

static enum status print_kits(const struct databases *dbs, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(dbs->odoo, KITS_SQL, NULL, "llbt", &rows, err);
    if (rc == STATUS_OK) {
        (void)printf("kits             %lld%s\n", (long long)pg_i64(&rows, 0, 0),
                     pg_bool(&rows, 0, 2) ? "" : ", not read yet: a starting producer does it");
        if (pg_i64(&rows, 0, 1) > 0) {
            (void)printf("  without number %lld: %s\n", (long long)pg_i64(&rows, 0, 1),
                         pg_text(&rows, 0, 3));
        }
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status
print_pass(const struct producer_conf *conf, const struct databases *dbs, struct err *err)
{
    struct full_pass_state pass;
    char when[CLOCK_TEXT_SIZE];
    enum status rc = full_pass_read(dbs->odoo, &pass, err);
    if (rc != STATUS_OK || conf->producer.full_pass_ms <= 0) {
        return rc;
    }
    if (full_pass_is_running(&pass)) {
        (void)printf("full pass        running since %s: %lld of %lld products, %lld differed\n",
                     clock_format_utc(pass.started_us, when), (long long)pass.compared,
                     (long long)pass.total, (long long)pass.republished);
    } else if (pass.finished_us > 0) {
        (void)printf("full pass        finished %s: %lld products, %lld differed\n",
                     clock_format_utc(pass.finished_us, when), (long long)pass.compared,
                     (long long)pass.republished);
    } else {
        (void)printf("full pass        not begun\n");
    }
    return STATUS_OK;
}

enum status cmd_status(const struct cli_call *call, const void *root, struct err *err)
{
    (void)call;
    const struct producer_conf *conf = root;
    struct databases dbs = {0};
    enum status rc = databases_open(conf, "stocksync-producer status", 60000, &dbs, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = install_verify(dbs.odoo, INSTALL_ODOO, conf->shared.odoo.forecast, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = install_verify(dbs.state, INSTALL_STATE, conf->shared.odoo.forecast, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    (void)printf("installed        yes\n");
    rc = print_leader(&dbs, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = print_stream(&dbs, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = print_marks(&dbs, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = print_kits(&dbs, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = print_pass(conf, &dbs, err);
out:
    databases_close(&dbs);
    return rc;
}

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
