#include <stdio.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/pg/pg_query.h"
#include "consumer/app/commands.h"
#include "consumer/state/leftover_store.h"

#define ARGS_MAX_BYTES ((size_t)1024 * 1024)

/* Reads only the state, so that status works from anywhere and without a running consumer. */
static const char STATUS_SQL[] =
    "SELECT s.store,"
    " (SELECT count(*) FROM stocksync.level l WHERE l.store = s.store),"
    " (SELECT max(written_at) FROM stocksync.level l WHERE l.store = s.store),"
    " (SELECT count(*) FROM stocksync.parked p WHERE p.store = s.store),"
    " (SELECT count(*) FROM stocksync.attempt a WHERE a.store = s.store AND a.outcome IS NULL),"
    " (SELECT string_agg(r.reason || ' ' || r.n, ', ' ORDER BY r.n DESC) FROM"
    "   (SELECT reason, count(*) AS n FROM stocksync.parked p WHERE p.store = s.store GROUP BY "
    "reason) r),"
    " g.held_at, g.detail, g.examples, g.database,"
    " (SELECT string_agg('partition ' || b.partition || ' waits at offset ' || b.record_offset ||"
    "   CASE WHEN b.skip_at IS NULL THEN ': ' || b.detail ELSE ', which is skipped' END, '; '"
    "   ORDER BY b.partition)"
    "  FROM stocksync.blocked_partition b WHERE b.store = s.store AND b.topic = $2),"
    " (SELECT count(*) FROM stocksync.drift d WHERE d.store = s.store AND d.repaired_at IS NULL),"
    " (SELECT min(done_at) FROM stocksync.verification v WHERE v.store = s.store),"
    " t.id::text, t.began_at, t.why,"
    " (SELECT count(*) FROM stocksync.store_stream x WHERE x.store = s.store AND x.stream <> t.id)"
    " FROM unnest($1::text[]) WITH ORDINALITY AS s(store, at)"
    " LEFT JOIN stocksync.guard g ON g.store = s.store"
    " LEFT JOIN (SELECT id, began_at, why FROM stocksync.stream ORDER BY first_revision DESC"
    "   LIMIT 1) t ON true ORDER BY s.at";

/* Records that cannot be read; the next step is named once. */
static void print_blocked(const struct pg_rows *rows)
{
    bool any = false;
    for (int i = 0; i < rows->count; i++) {
        if (!pg_is_null(rows, i, 10)) {
            any = true;
            (void)printf("\n%s is BLOCKED in part: %s\n", pg_text(rows, i, 0),
                         pg_text(rows, i, 10));
        }
    }
    if (any) {
        (void)printf("update the consumer, or pass over a record with 'stocksync-consumer skip'\n");
    }
}

/* Holds, and the database whose records a store applies. */
static void print_guards(const struct pg_rows *rows)
{
    for (int i = 0; i < rows->count; i++) {
        char when[CLOCK_TEXT_SIZE];
        if (!pg_is_null(rows, i, 9)) {
            (void)printf("\n%s applies records of Odoo database %s\n", pg_text(rows, i, 0),
                         pg_text(rows, i, 9));
        }
        if (!pg_is_null(rows, i, 6)) {
            (void)printf("\n%s is HELD since %s: %s\n%s", pg_text(rows, i, 0),
                         clock_format_utc(pg_time_us(rows, i, 6), when), pg_text(rows, i, 7),
                         pg_text(rows, i, 8));
        }
    }
}

/* The present stream of the topic, and stores that have not begun with it. */
static void print_streams(const struct pg_rows *rows)
{
    for (int i = 0; i < rows->count; i++) {
        char when[CLOCK_TEXT_SIZE];
        if (pg_is_null(rows, i, 13)) {
            continue;
        }
        (void)printf("\n%s follows stream %s, which began at %s (%s)\n", pg_text(rows, i, 0),
                     pg_text(rows, i, 13), clock_format_utc(pg_time_us(rows, i, 14), when),
                     pg_text(rows, i, 15));
        if (pg_i64(rows, i, 16) > 0) {
            (void)printf("%s: %lld partitions have not begun with it: start the consumer\n",
                         pg_text(rows, i, 0), (long long)pg_i64(rows, i, 16));
        }
    }
}

/* What the comparison with the stores has found. */
static void print_drift(const struct pg_rows *rows)
{
    for (int i = 0; i < rows->count; i++) {
        char when[CLOCK_TEXT_SIZE];
        if (!pg_is_null(rows, i, 12)) {
            (void)printf("\n%s: every level was compared with the store since %s\n",
                         pg_text(rows, i, 0), clock_format_utc(pg_time_us(rows, i, 12), when));
        }
        if (pg_i64(rows, i, 11) > 0) {
            (void)printf("\n%s: %lld level%s in the store: 'stocksync-consumer reconcile --store "
                         "%s' names them\n",
                         pg_text(rows, i, 0), (long long)pg_i64(rows, i, 11),
                         pg_i64(rows, i, 11) == 1 ? " differs" : "s differ", pg_text(rows, i, 0));
        }
    }
}

static void print_rows(const struct pg_rows *rows)
{
    (void)printf("%-20s %10s  %-24s %8s %8s  %s\n", "store", "levels", "last write (UTC)", "parked",
                 "open", "parked by reason");
    for (int i = 0; i < rows->count; i++) {
        char when[CLOCK_TEXT_SIZE] = "never";
        if (!pg_is_null(rows, i, 2)) {
            (void)clock_format_utc(pg_time_us(rows, i, 2), when);
        }
        const char *reasons = pg_text(rows, i, 5);
        (void)printf("%-20s %10lld  %-24s %8lld %8lld  %s\n", pg_text(rows, i, 0),
                     (long long)pg_i64(rows, i, 1), when, (long long)pg_i64(rows, i, 3),
                     (long long)pg_i64(rows, i, 4), reasons != NULL ? reasons : "");
    }
}

/* --- last numbers of products that are not sold any more --- */

#define EXAMPLES 5

struct leftover_sum {
    size_t products, levels;
    int32_t last;
    struct strbuf examples;
};

/* Rows come in order of products. */
static void add_leftover(void *arg, const struct state_leftover *level)
{
    struct leftover_sum *sum = arg;
    sum->levels++;
    if (sum->products > 0 && sum->last == level->product_id) {
        return;
    }
    sum->last = level->product_id;
    if (sum->products++ < EXAMPLES) {
        strbuf_appendf(&sum->examples, "%s%s (%d)", sum->products > 1 ? ", " : "",
                       level->text != NULL ? level->text : "product", (int)level->product_id);
    }
}

static enum status print_leftovers(void *arg,
                                   const struct consumer_conf *conf,
                                   const struct store_conf *store,
                                   struct err *err)
{
    (void)arg;
    struct leftover_sum sum = {0};
    struct state *state = state_new_read_only(conf_state_dsn(&conf->shared), store->instance.name);
    strbuf_init(&sum.examples, ARGS_MAX_BYTES);
    enum status rc = state_leftovers(state, add_leftover, &sum, err);
    if (rc == STATUS_OK && sum.products > 0) {
        (void)printf("\n%s: %zu products are not sold any more, but keep their last number at %zu "
                     "levels (excluded = %s): %s%s\n",
                     store->instance.name, sum.products, sum.levels,
                     store->policy.excluded == LAST_NUMBER_ZERO ? "zero" : "keep", sum.examples.ptr,
                     sum.products > EXAMPLES ? ", ..." : "");
    }
    strbuf_release(&sum.examples);
    state_free(state);
    return rc;
}

enum status cmd_status(const struct cli_call *call, const void *root, struct err *err)
{
    const struct consumer_conf *conf = root;
    struct pg_conn_options options = {.dsn = conf_state_dsn(&conf->shared),
                                      .application_name = "stocksync-consumer status",
                                      .statement_timeout_ms = 60000};
    struct pg_conn *conn = pg_conn_new(&options);
    const char **names = mem_calloc(conf->stores.count, sizeof *names);
    struct pg_args args;
    struct pg_rows rows = {0};
    for (size_t i = 0; i < conf->stores.count; i++) {
        names[i] = consumer_conf_store(conf, i)->instance.name;
    }
    pg_args_init(&args, ARGS_MAX_BYTES);
    pg_args_text_array(&args, names, conf->stores.count);
    pg_args_text(&args, conf->shared.topic.name);
    enum status rc = pg_conn_open(conn, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = pg_query(conn, STATUS_SQL, &args, "tlzlltzttttlztztl", &rows, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    print_rows(&rows);
    print_guards(&rows);
    print_streams(&rows);
    print_blocked(&rows);
    print_drift(&rows);
    rc = cmd_each_store(call, root, print_leftovers, NULL, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    (void)printf("\nLive state of a running consumer: http://%s/status\n",
                 conf->consumer.listen != NULL ? conf->consumer.listen : "(no listen address)");
out:
    pg_rows_release(&rows);
    pg_args_release(&args);
    pg_conn_free(conn);
    mem_free(names);
    return rc;
}
