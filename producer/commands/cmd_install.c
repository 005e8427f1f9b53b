/*
 * install and uninstall: each part of the schema goes to its database; where both are one, in one
 * transaction.
 */
#include <stdio.h>

#include "producer/commands/commands.h"
#include "producer/commands/databases.h"
#include "producer/odoo/install.h"
#include "producer/odoo/install_rights.h"

#define GRANTS_MAX_BYTES ((size_t)64 * 1024)

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

static void report(const struct step *step, const struct install_plan *plan, bool dry_run)
{
    if (dry_run && install_plan_is_empty(plan)) {
        (void)printf("-- %s: nothing to do\n", step->where);
        return;
    }
    if (dry_run) {
        (void)printf("-- %s\nBEGIN;\n%sCOMMIT;\n", step->where, plan->sql.ptr);
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

enum status cmd_install(const struct cli_call *call, const void *root, struct err *err)
{
    const struct producer_conf *conf = root;
    bool dry_run = cli_has(call, "--dry-run");
    const char *role = cli_value(call, "--grants", 0);
    const char *database = cli_value(call, "--database", 0);
    struct databases dbs = {0};
    struct step steps[2];
    struct install_plan plan;
    if (cli_has(call, "--partitions")) {
        return cmd_install_partitions(call, conf, err);
    }
    install_plan_init(&plan);
    enum status rc = databases_open(conf, "stocksync-producer install", 0, &dbs, err);
    size_t count = rc == STATUS_OK ? list_steps(&dbs, steps) : 0;
    if (rc == STATUS_OK && database != NULL) {
        rc = install_accept_database(dbs.odoo, dbs.state, database, err);
        if (rc == STATUS_OK) {
            (void)printf("database %s is the one to publish: the next start publishes every "
                         "product again; each store asks for it too: 'stocksync-consumer resume "
                         "--store NAME --database %s'\n",
                         database, database);
        }
    } else if (rc == STATUS_OK && role != NULL) {
        rc = print_grants(&dbs, conf, role, err);
    } else {
        for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
            rc = dry_run ? install_plan(steps[i].conn, steps[i].parts, conf->shared.odoo.forecast,
                                        &plan, err)
                         : install_run(steps[i].conn, steps[i].parts, conf->shared.odoo.forecast,
                                       &plan, err);
            if (rc == STATUS_OK) {
                report(&steps[i], &plan, dry_run);
            }
        }
        if (rc == STATUS_OK && !dry_run) {
            (void)printf("\nRights for a role that runs both programs and can do nothing else "
                         "(also: install --grants ROLE):\n\n");
            rc = print_grants(&dbs, conf, "stocksync", err);
        }
    }
    install_plan_release(&plan);
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
    install_plan_init(&plan);
    enum status rc = databases_open(conf, "stocksync-producer uninstall", 0, &dbs, err);
    size_t count = rc == STATUS_OK ? list_steps(&dbs, steps) : 0;
    /* the triggers go first */
    for (size_t i = count; i > 0 && rc == STATUS_OK; i--) {
        const struct step *s = &steps[i - 1];
        rc = dry_run ? uninstall_plan(s->conn, s->parts, purge, &plan, err)
                     : uninstall_run(s->conn, s->parts, purge, &plan, err);
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
