/*
 * status: marks waiting, the leader, the stream, and what holds vacuum back. As text or as JSON.
 */
#include <stdio.h>

#include "common/core/clock.h"
#include "common/core/strbuf.h"
#include "common/pg/pg_query.h"
#include "producer/commands/commands.h"
#include "producer/commands/databases.h"
#include "producer/odoo/horizon.h"
#include "producer/odoo/install.h"
#include "producer/odoo/install_copy.h"
#include "producer/odoo/marks.h"
#include "producer/odoo/published.h"
#include "producer/publish/topic_probe.h"

#define REPORT_MAX_BYTES 65536
#define TOPIC_LIMIT_MS   5000

struct report {
    struct databases dbs;
    const struct producer_conf *conf;
    bool json;
    struct strbuf out;
};

/* A time as JSON, null when there was none. */
static void append_time(struct strbuf *out, const char *name, int64_t wall_us)
{
    char text[CLOCK_TEXT_SIZE];
    strbuf_appendf(out, ",\"%s\":", name);
    if (wall_us > 0) {
        strbuf_appendf(out, "\"%s\"", clock_format_utc(wall_us, text));
    } else {
        strbuf_append_text(out, "null");
    }
}

/* A text as JSON, null when there is none. */
static void append_text(struct strbuf *out, const char *name, const char *text)
{
    strbuf_appendf(out, ",\"%s\":", name);
    if (text != NULL) {
        strbuf_append_json(out, text);
    } else {
        strbuf_append_text(out, "null");
    }
}

static const char LEADER_SQL[] =
    "SELECT epoch, since, host, pid, (SELECT count(*) FROM stocksync.parked_product), database"
    " FROM stocksync.owner";
static const char LOCK_SQL[] = "SELECT count(*) > 0 FROM pg_catalog.pg_stat_activity WHERE "
                               "application_name = 'stocksync-producer leader'"
                               " AND datname = pg_catalog.current_database()";

static void show_leader(struct report *r, const struct pg_rows *leader, bool running)
{
    int64_t since_us = pg_is_null(leader, 0, 1) ? 0 : pg_time_us(leader, 0, 1);
    const char *host = pg_text(leader, 0, 2);
    const char *database = pg_text(leader, 0, 5);
    long long epoch = (long long)pg_i64(leader, 0, 0);
    long long parked = (long long)pg_i64(leader, 0, 4);
    char text[CLOCK_TEXT_SIZE];
    if (r->json) {
        strbuf_appendf(&r->out, ",\"leader\":{\"running\":%s,\"epoch\":%lld",
                       running ? "true" : "false", epoch);
        append_time(&r->out, "since", since_us);
        append_text(&r->out, "host", host);
        strbuf_append_char(&r->out, '}');
        append_text(&r->out, "database", database);
        strbuf_appendf(&r->out, ",\"parked_products\":%lld", parked);
        return;
    }
    strbuf_appendf(&r->out, "leader           %s, epoch %lld, since %s%s%s\n",
                   running ? "running" : "not running", epoch,
                   since_us > 0 ? clock_format_utc(since_us, text) : "never",
                   host != NULL ? ", host " : "", host != NULL ? host : "");
    strbuf_appendf(&r->out, "database         %s\n",
                   database != NULL ? database : "not published yet");
    strbuf_appendf(&r->out, "parked products  %lld%s\n", parked,
                   parked > 0 ? ": see 'stocksync-producer parked'" : "");
}

static enum status report_leader(struct report *r, struct err *err)
{
    struct pg_rows leader = {0};
    struct pg_rows lock = {0};
    enum status rc = pg_query(r->dbs.state, LEADER_SQL, NULL, "lztilt", &leader, err);
    if (rc == STATUS_OK) {
        rc = pg_query(r->dbs.odoo, LOCK_SQL, NULL, "b", &lock, err);
    }
    if (rc == STATUS_OK && leader.count == 1) {
        show_leader(r, &leader, pg_bool(&lock, 0, 0));
    }
    pg_rows_release(&leader);
    pg_rows_release(&lock);
    return rc;
}

static const char STREAM_SQL[] = "SELECT id::text, began_at, why, marked_at IS NULL"
                                 " FROM stocksync.stream ORDER BY first_revision DESC LIMIT 1";

static void show_stream(struct report *r, const struct pg_rows *rows)
{
    char since[CLOCK_TEXT_SIZE];
    bool marking = pg_bool(rows, 0, 3);
    if (r->json) {
        strbuf_appendf(&r->out, ",\"stream\":{\"id\":\"%s\",\"why\":\"%s\",\"marking\":%s",
                       pg_text(rows, 0, 0), pg_text(rows, 0, 2), marking ? "true" : "false");
        append_time(&r->out, "since", pg_time_us(rows, 0, 1));
        strbuf_append_char(&r->out, '}');
        return;
    }
    strbuf_appendf(&r->out, "stream           %s, since %s, why: %s%s\n", pg_text(rows, 0, 0),
                   clock_format_utc(pg_time_us(rows, 0, 1), since), pg_text(rows, 0, 2),
                   marking ? ", its products are being marked" : "");
}

static enum status report_stream(struct report *r, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(r->dbs.state, STREAM_SQL, NULL, "tztb", &rows, err);
    if (rc == STATUS_OK && rows.count == 1) {
        show_stream(r, &rows);
    } else if (rc == STATUS_OK) {
        strbuf_append_text(&r->out,
                           r->json ? ",\"stream\":null"
                                   : "stream           none yet: a starting producer begins one\n");
    }
    pg_rows_release(&rows);
    return rc;
}

static const char PARTITIONS_SQL[] =
    "SELECT count(*)::integer FROM stocksync.stream_partition WHERE stream = (SELECT id FROM"
    " stocksync.stream ORDER BY first_revision DESC LIMIT 1)";

/* A cluster that is away is no reason to show nothing else. */
static enum status ask_topic(const struct report *r, struct topic_facts *facts, struct err *err)
{
    const struct shared_conf *shared = &r->conf->shared;
    struct topic_probe *probe = NULL;
    enum status rc = topic_probe_open(&shared->kafka, shared->topic.name, &probe, err);
    if (rc == STATUS_OK) {
        rc = topic_probe_ends(probe, TOPIC_LIMIT_MS, facts, err);
    }
    topic_probe_close(probe);
    return rc;
}

static void show_topic(struct report *r, const struct topic_facts *facts, int of_stream)
{
    bool refused = of_stream > 0 && facts->count != (size_t)of_stream;
    if (r->json) {
        strbuf_appendf(&r->out, ",\"topic\":{\"partitions\":%zu,\"stream_partitions\":%d}",
                       facts->count, of_stream);
        return;
    }
    strbuf_appendf(&r->out, "topic            %s, %zu partitions\n", r->conf->shared.topic.name,
                   facts->count);
    if (refused) {
        strbuf_appendf(&r->out,
                       "  the stream has %d, so nothing is published: 'stocksync-producer install "
                       "--partitions %zu' begins a new stream\n",
                       of_stream, facts->count);
    }
}

static enum status report_topic(struct report *r, struct err *err)
{
    struct topic_facts facts = {0};
    struct pg_rows rows = {0};
    struct err away = {0};
    enum status rc = pg_query(r->dbs.state, PARTITIONS_SQL, NULL, "i", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (ask_topic(r, &facts, &away) == STATUS_OK) {
        show_topic(r, &facts, pg_i32(&rows, 0, 0));
    } else if (r->json) {
        strbuf_append_text(&r->out, ",\"topic\":null");
        append_text(&r->out, "topic_error", away.msg);
    } else {
        strbuf_appendf(&r->out, "topic            %s: %s\n", r->conf->shared.topic.name, away.msg);
    }
    topic_facts_release(&facts);
    pg_rows_release(&rows);
    return STATUS_OK;
}

static enum status report_marks(struct report *r, struct err *err)
{
    struct marks_summary m = {0};
    enum status rc = marks_summary_read(r->dbs.odoo, &m, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    double age = m.oldest_us > 0 ? (double)(clock_wall_us() - m.oldest_us) / 1e6 : 0;
    if (r->json) {
        strbuf_appendf(&r->out, ",\"marks_waiting\":%lld,\"oldest_mark_age_seconds\":%.3f",
                       (long long)m.count, age);
    } else if (m.count > 0) {
        strbuf_appendf(&r->out, "marks waiting    %lld, oldest %.1f s\n", (long long)m.count, age);
    } else {
        strbuf_append_text(&r->out, "marks waiting    0\n");
    }
    return STATUS_OK;
}

static enum status report_horizon(struct report *r, struct err *err)
{
    struct horizon h = {0};
    enum status rc = horizon_read(r->dbs.odoo, &h, err);
    if (rc == STATUS_OK && r->json) {
        strbuf_appendf(&r->out, ",\"vacuum_horizon\":{\"transactions\":%lld,\"seconds\":%lld",
                       (long long)h.age_xids, (long long)h.age_s);
        append_text(&r->out, "holder", h.age_xids > 0 ? h.holder : NULL);
        strbuf_append_char(&r->out, '}');
    } else if (rc == STATUS_OK && h.age_xids > 0) {
        strbuf_appendf(&r->out, "vacuum horizon   %lld transactions behind, %lld s, held by %s\n",
                       (long long)h.age_xids, (long long)h.age_s, h.holder);
    }
    return rc;
}

static enum status report_tables(struct report *r, struct err *err)
{
    struct install_copy_marks marks = {0};
    char warning[256];
    enum status rc = install_copy_marks(r->dbs.odoo, &marks, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    bool warned = install_copy_warning(&marks, warning);
    if (r->json) {
        strbuf_appendf(&r->out, ",\"marks_tables_bytes\":%lld", (long long)marks.bytes);
        append_text(&r->out, "warning", warned ? warning : NULL);
        return STATUS_OK;
    }
    strbuf_appendf(&r->out, "marks tables     %.1f MB\n", (double)marks.bytes / 1e6);
    if (warned) {
        strbuf_appendf(&r->out, "  warning: %s\n", warning);
    }
    return STATUS_OK;
}

static const char KITS_SQL[] =
    "SELECT count(*), count(problem), (SELECT filled_at IS NOT NULL FROM stocksync.kit_table),"
    " (SELECT string_agg(x.kit_id || ' (' || x.problem || ')', ', ') FROM (SELECT kit_id, problem"
    " FROM stocksync.kit WHERE problem IS NOT NULL ORDER BY kit_id LIMIT 5) x) FROM stocksync.kit";

static void show_kits(struct report *r, const struct pg_rows *rows)
{
    long long count = (long long)pg_i64(rows, 0, 0);
    long long broken = (long long)pg_i64(rows, 0, 1);
    bool filled = pg_bool(rows, 0, 2);
    if (r->json) {
        strbuf_appendf(&r->out, ",\"kits\":{\"count\":%lld,\"without_number\":%lld,\"read\":%s",
                       count, broken, filled ? "true" : "false");
        append_text(&r->out, "problems", pg_text(rows, 0, 3));
        strbuf_append_char(&r->out, '}');
        return;
    }
    strbuf_appendf(&r->out, "kits             %lld%s\n", count,
                   filled ? "" : ", not read yet: a starting producer does it");
    if (broken > 0) {
        strbuf_appendf(&r->out, "  without number %lld: %s\n", broken, pg_text(rows, 0, 3));
    }
}

static enum status report_kits(struct report *r, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(r->dbs.odoo, KITS_SQL, NULL, "llbt", &rows, err);
    if (rc == STATUS_OK) {
        show_kits(r, &rows);
    }
    pg_rows_release(&rows);
    return rc;
}

static void show_pass(struct report *r, const struct full_pass_state *pass)
{
    char when[CLOCK_TEXT_SIZE];
    if (r->json) {
        strbuf_appendf(&r->out,
                       ",\"full_pass\":{\"running\":%s,\"compared\":%lld,\"of\":%lld,"
                       "\"republished\":%lld",
                       full_pass_is_running(pass) ? "true" : "false", (long long)pass->compared,
                       (long long)pass->total, (long long)pass->republished);
        append_time(&r->out, "started", pass->started_us);
        append_time(&r->out, "finished", pass->finished_us);
        strbuf_append_char(&r->out, '}');
    } else if (full_pass_is_running(pass)) {
        strbuf_appendf(&r->out,
                       "full pass        running since %s: %lld of %lld products, %lld differed\n",
                       clock_format_utc(pass->started_us, when), (long long)pass->compared,
                       (long long)pass->total, (long long)pass->republished);
    } else if (pass->finished_us > 0) {
        strbuf_appendf(&r->out, "full pass        finished %s: %lld products, %lld differed\n",
                       clock_format_utc(pass->finished_us, when), (long long)pass->compared,
                       (long long)pass->republished);
    } else {
        strbuf_append_text(&r->out, "full pass        not begun\n");
    }
}

static enum status report_pass(struct report *r, struct err *err)
{
    struct full_pass_state pass;
    enum status rc = full_pass_read(r->dbs.odoo, &pass, err);
    if (rc == STATUS_OK && r->conf->producer.full_pass_ms > 0) {
        show_pass(r, &pass);
    }
    return rc;
}

static enum status report_all(struct report *r, struct err *err)
{
    static enum status (*const PARTS[])(struct report * r, struct err * err) = {
        report_leader,  report_stream, report_topic, report_marks,
        report_horizon, report_tables, report_kits,  report_pass};
    bool forecast = r->conf->shared.odoo.forecast;
    enum status rc = install_verify(r->dbs.odoo, INSTALL_ODOO, forecast, err);
    if (rc == STATUS_OK) {
        rc = install_verify(r->dbs.state, INSTALL_STATE, forecast, err);
    }
    strbuf_append_text(&r->out, r->json ? "{\"installed\":true" : "installed        yes\n");
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0] && rc == STATUS_OK; i++) {
        rc = PARTS[i](r, err);
    }
    strbuf_append_text(&r->out, r->json ? "}\n" : "");
    return rc == STATUS_OK ? strbuf_check(&r->out, "the status", err) : rc;
}

enum status cmd_status(const struct cli_call *call, const void *root, struct err *err)
{
    struct report report = {.conf = root, .json = cli_has(call, "--json")};
    strbuf_init(&report.out, REPORT_MAX_BYTES);
    enum status rc =
        databases_open(report.conf, "stocksync-producer status", 60000, &report.dbs, err);
    if (rc == STATUS_OK) {
        rc = report_all(&report, err);
    }
    if (rc == STATUS_OK) {
        (void)printf("%s", report.out.ptr);
    }
    strbuf_release(&report.out);
    databases_close(&report.dbs);
    return rc;
}
