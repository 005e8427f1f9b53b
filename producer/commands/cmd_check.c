#include <stdio.h>
#include <string.h>

#include "common/kafka/kafka_topic.h"
#include "common/pg/pg_query.h"
#include "producer/commands/commands.h"
#include "producer/commands/databases.h"
#include "producer/odoo/install.h"
#include "producer/odoo/install_copy.h"
#include "producer/odoo/install_rights.h"
#include "producer/odoo/odoo_version.h"

#define KAFKA_TIMEOUT_MS 10000
#define TEXT_MAX_BYTES   ((size_t)64 * 1024)

static const char PARKED[] = "SELECT count(*) FROM stocksync.parked_product";

struct report {
    enum status worst;
    struct err *first;
};

static void say(struct report *r, const char *what, enum status rc, const struct err *err)
{
    if (rc == STATUS_OK) {
        (void)printf("ok      %s\n", what);
        return;
    }
    (void)printf("FAILED  %s: %s\n", what, err->msg);
    if (r->worst == STATUS_OK) {
        r->worst = rc;
        *r->first = *err;
    }
}

static enum status check_role(struct pg_conn *conn, unsigned parts, bool forecast, struct err *err)
{
    struct strbuf missing;
    struct strbuf warnings;
    strbuf_init(&missing, TEXT_MAX_BYTES);
    strbuf_init(&warnings, TEXT_MAX_BYTES);
    enum status rc = install_check_role(conn, parts, forecast, &missing, &warnings, err);
    if (rc == STATUS_OK) {
        (void)printf("%s", warnings.ptr);
    }
    if (rc == STATUS_OK && missing.len > 0) {
        (void)printf("%s", missing.ptr);
        rc = err_set(
            err, STATUS_PERMISSION,
            "the role lacks rights; 'stocksync-producer install --grants ROLE' prints them");
    }
    strbuf_release(&missing);
    strbuf_release(&warnings);
    return rc;
}

/* Marks that nobody reads are no failure: the producer may have been away. */
static void warn_of_marks(struct pg_conn *odoo)
{
    struct install_copy_marks marks = {0};
    struct err err = {0};
    char warning[256];
    if (install_copy_marks(odoo, &marks, &err) == STATUS_OK &&
        install_copy_warning(&marks, warning)) {
        (void)printf("warning: %s\n", warning);
    }
}

static enum status check_topic(const struct producer_conf *conf, struct err *err)
{
    const struct topic_conf *t = &conf->shared.topic;
    struct kafka_topic_design design = kafka_topic_design_of(t);
    struct strbuf notes;
    strbuf_init(&notes, TEXT_MAX_BYTES);
    enum status rc =
        kafka_topic_ensure(&conf->shared.kafka, &design, false, KAFKA_TIMEOUT_MS, &notes, err);
    (void)printf("%s", notes.ptr);
    strbuf_release(&notes);
    if (rc == STATUS_TOPIC_UNFIT && t->create && strcmp(err->origin, KAFKA_TOPIC_MISSING) == 0) {
        (void)printf("the topic '%s' does not exist yet: run creates it\n", t->name);
        return STATUS_OK;
    }
    return rc;
}

/* Parked products are no failure of the set-up: they are named, and the check goes on. */
static enum status show_parked(struct pg_conn *state, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(state, PARKED, NULL, "l", &rows, err);
    if (rc == STATUS_OK && pg_i64(&rows, 0, 0) > 0) {
        (void)printf("%lld products are parked: 'stocksync-producer parked' lists them\n",
                     (long long)pg_i64(&rows, 0, 0));
    }
    pg_rows_release(&rows);
    return rc;
}

static void check_databases(const struct producer_conf *conf, struct report *r)
{
    struct databases dbs = {0};
    struct odoo_shape shape;
    struct err err = {0};
    bool forecast = conf->shared.odoo.forecast;
    enum status rc = databases_open(conf, "stocksync-producer check", 60000, &dbs, &err);
    say(r,
        dbs.shared ? "connection to Odoo's database, state included"
                   : "connections to Odoo's and the state database",
        rc, &err);
    if (rc == STATUS_OK) {
        rc = odoo_version_read(dbs.odoo, forecast, &shape, &err);
        say(r, "Odoo's version and tables", rc, &err);
        rc = install_check(dbs.odoo, INSTALL_ODOO, forecast, &err);
        say(r, "marks table and triggers", rc, &err);
        if (rc == STATUS_OK) {
            warn_of_marks(dbs.odoo);
            say(r, "rights in Odoo's database", check_role(dbs.odoo, INSTALL_ODOO, forecast, &err),
                &err);
        }
        rc = install_verify(dbs.state, INSTALL_STATE, forecast, &err);
        say(r, "schema stocksync", rc, &err);
        if (rc == STATUS_OK) {
            say(r, "rights in the schema stocksync",
                check_role(dbs.state, INSTALL_STATE, forecast, &err), &err);
            say(r, "parked products", show_parked(dbs.state, &err), &err);
        }
    }
    databases_close(&dbs);
}

enum status cmd_check(const struct cli_call *call, const void *root, struct err *err)
{
    (void)call;
    const struct producer_conf *conf = root;
    struct report r = {.worst = STATUS_OK, .first = err};
    struct err one = {0};
    (void)printf("ok      configuration\n");
    check_databases(conf, &r);
    say(&r, "topic", check_topic(conf, &one), &one);
    return r.worst;
}
