/*
 * install and uninstall: each part of the schema goes to its database, in short transactions.
 */
#include <stdio.h>

#include "common/core/conf.h"
#include "producer/commands/commands.h"
#include "producer/commands/databases.h"
#include "producer/odoo/install.h"
#include "producer/odoo/install_rights.h"
#include "producer/odoo/install_steps.h"

#define INSTALL_APPLICATION "stocksync-producer install"
#define GRANTS_MAX_BYTES    ((size_t)64 * 1024)
#define SCRIPT_MAX_BYTES    ((size_t)512 * 1024)

struct step {
    struct pg_conn *conn;
    unsigned parts;
    const char *where;
};

/* The state first: triggers must not come before the tables that the programs need. */
static size_t list_steps(const struct databases *dbs, struct step steps[2])
{
    if (dbs->shared) {
        steps[0] = (struct step){dbs->odoo, INSTALL_ODOO | INSTALL_STATE,
                                 "Odoo's database, state included"};
        return 1;
    }
    steps[0] = (struct step){dbs->state, INSTALL_STATE, "the state database"};
    steps[1] = (struct step){dbs->odoo, INSTALL_ODOO, "Odoo's database"};
    return 2;
}

/* @return STATUS_OK, STATUS_USAGE */
static enum status
read_pace(const struct cli_call *call, struct install_pace *pace, struct err *err)
{
    const char *text = cli_value(call, "--wait", 0);
    int64_t wait_ms = INSTALL_DEFAULT_WAIT_MS;
    if (text != NULL && (!conf_parse_duration_ms(text, &wait_ms) || wait_ms < 0)) {
        return err_set(err, STATUS_USAGE, "--wait %s: expected a duration, such as 5m", text);
    }
    *pace = install_pace_begin(wait_ms);
    return STATUS_OK;
}

static void print_script(const struct step *step, const struct install_plan *plan)
{
    struct strbuf sql;
    strbuf_init(&sql, SCRIPT_MAX_BYTES);
    install_steps_print(plan, &sql);
    (void)printf("-- %s\n%s", step->where, sql.ptr);
    strbuf_release(&sql);
}

static void report(const struct step *step, const struct install_plan *plan, bool dry_run)
{
    if (dry_run && install_plan_is_empty(plan)) {
        (void)printf("-- %s: nothing to do\n", step->where);
        return;
    }
    if (dry_run) {
        print_script(step, plan);
        return;
    }
    if (install_plan_is_empty(plan)) {
        (void)printf("%s: nothing to do\n", step->where);
        return;
    }
    (void)printf("%s:\n%s", step->where, plan->notes.ptr);
}

static enum status print_grants(const struct databases *dbs,
                                const struct producer_conf *conf,
                                const char *role,
                                struct err *err)
{
    struct step steps[2];
    size_t count = list_steps(dbs, steps);
    struct strbuf sql;
    enum status rc = STATUS_OK;
    strbuf_init(&sql, GRANTS_MAX_BYTES);
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        strbuf_appendf(&sql, "-- in %s\n", steps[i].where);
        rc = install_grants(steps[i].conn, steps[i].parts, conf->shared.odoo.forecast, role, &sql,
                            err);
    }
    if (rc == STATUS_OK) {
        rc = strbuf_check(&sql, "the list of grants", err);
    }
    if (rc == STATUS_OK) {
        (void)printf("%s", sql.ptr);
    }
    strbuf_release(&sql);
    return rc;
}

static enum status
accept_database(const struct databases *dbs, const char *database, struct err *err)
{
    enum status rc = install_accept_database(dbs->odoo, dbs->state, database, err);
    if (rc == STATUS_OK) {
        (void)printf("database %s is the one to publish: the next start publishes every "
                     "product again; each store asks for it too: 'stocksync-consumer resume "
                     "--store NAME --database %s'\n",
                     database, database);
    }
    return rc;
}

/* All databases; the marks of a copy are switched on, too. */
static enum status install_all(const struct databases *dbs,
                               const struct producer_conf *conf,
                               bool dry_run,
                               const struct install_pace *pace,
                               struct err *err)
{
    bool forecast = conf->shared.odoo.forecast;
    struct step steps[2];
    struct install_plan plan;
    size_t count = list_steps(dbs, steps);
    enum status rc = STATUS_OK;
    install_plan_init(&plan);
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        const struct step *s = &steps[i];
        rc = dry_run ? install_plan(s->conn, s->parts, forecast, &plan, err)
                     : install_run(s->conn, s->parts, forecast, pace, &plan, err);
        if (rc == STATUS_OK) {
            report(s, &plan, dry_run);
        }
    }
    install_plan_release(&plan);
    return rc;
}

static enum status install_or_print(const struct cli_call *call,
                                    const struct producer_conf *conf,
                                    const struct databases *dbs,
                                    const struct install_pace *pace,
                                    struct err *err)
{
    const char *role = cli_value(call, "--grants", 0);
    bool dry_run = cli_has(call, "--dry-run");
    if (role != NULL) {
        return print_grants(dbs, conf, role, err);
    }
    enum status rc = install_all(dbs, conf, dry_run, pace, err);
    if (rc != STATUS_OK || dry_run) {
        return rc;
    }
    (void)printf("\nRights for a role that runs both programs and can do nothing else "
                 "(also: install --grants ROLE):\n\n");
    return print_grants(dbs, conf, "stocksync", err);
}

enum status cmd_install(const struct cli_call *call, const void *root, struct err *err)
{
    const struct producer_conf *conf = root;
    const char *database = cli_value(call, "--database", 0);
    struct databases dbs = {0};
    struct install_pace pace;
    if (cli_has(call, "--partitions")) {
        return cmd_install_partitions(call, conf, err);
    }
    enum status rc = read_pace(call, &pace, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = databases_open(conf, INSTALL_APPLICATION, 0, &dbs, err);
    if (rc == STATUS_OK && database != NULL) {
        rc = accept_database(&dbs, database, err);
        rc = rc == STATUS_OK ? install_all(&dbs, conf, false, &pace, err) : rc;
    } else if (rc == STATUS_OK) {
        rc = install_or_print(call, conf, &dbs, &pace, err);
    }
    databases_close(&dbs);
    return rc;
}

enum status cmd_uninstall(const struct cli_call *call, const void *root, struct err *err)
{
    const struct producer_conf *conf = root;
    bool dry_run = cli_has(call, "--dry-run");
    bool purge = cli_has(call, "--purge");
    struct databases dbs = {0};
    struct step steps[2];
    struct install_plan plan;
    struct install_pace pace;
    enum status rc = read_pace(call, &pace, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    install_plan_init(&plan);
    rc = databases_open(conf, INSTALL_APPLICATION, 0, &dbs, err);
    size_t count = rc == STATUS_OK ? list_steps(&dbs, steps) : 0;
    /* the triggers go first */
    for (size_t i = count; i > 0 && rc == STATUS_OK; i--) {
        const struct step *s = &steps[i - 1];
        rc = dry_run ? uninstall_plan(s->conn, s->parts, purge, &plan, err)
                     : uninstall_run(s->conn, s->parts, purge, &pace, &plan, err);
        if (rc == STATUS_OK) {
            report(s, &plan, dry_run);
        }
    }
    if (rc == STATUS_OK && !dry_run && !purge) {
        (void)printf("kept: the marks table with its rows and the column shopify_product; --purge "
                     "removes them too\n");
    }
    install_plan_release(&plan);
    databases_close(&dbs);
    return rc;
}
