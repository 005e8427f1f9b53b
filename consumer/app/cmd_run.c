/* The run command: chooses roles and stores, and runs the process. */
#include <stdio.h>
#include <string.h>

#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/app/commands.h"
#include "consumer/app/process.h"

#define MOD "consumer"

/* A line is one write, so that lines of several stores do not mix. */
static void print_line(const char *line)
{
    (void)printf("%s\n", line);
    (void)fflush(stdout);
}

static bool has_value(const struct cli_call *call, const char *flag, const char *value)
{
    const char *given = NULL;
    for (size_t i = 0; (given = cli_value(call, flag, i)) != NULL; i++) {
        if (strcmp(given, value) == 0) {
            return true;
        }
    }
    return false;
}

static enum status check_roles(const struct cli_call *call, struct err *err)
{
    const char *role = NULL;
    for (size_t i = 0; (role = cli_value(call, "--role", i)) != NULL; i++) {
        if (strcmp(role, "stores") != 0 && strcmp(role, "parents") != 0) {
            return err_set(err, STATUS_USAGE, "--role %s: the roles are stores and parents", role);
        }
    }
    return STATUS_OK;
}

static enum status
check_stores(const struct cli_call *call, const struct consumer_conf *conf, struct err *err)
{
    const char *name = NULL;
    for (size_t i = 0; (name = cli_value(call, "--store", i)) != NULL; i++) {
        enum status rc = consumer_conf_need_named(conf, name, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

/* stores: whether this process serves stores. */
static enum status
choose_roles(const struct cli_call *call, struct process_plan *plan, bool *stores, struct err *err)
{
    bool all = !cli_has(call, "--role") && !cli_has(call, "--store");
    enum status rc = check_roles(call, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *stores = all || cli_has(call, "--store") || has_value(call, "--role", "stores");
    plan->parents = all || has_value(call, "--role", "parents");
    if (plan->dry_run) {
        plan->parents = false; /* it writes marks */
        if (!*stores) {
            return err_set(err, STATUS_USAGE, "--dry-run is for stores, not for --role parents");
        }
    }
    if (plan->parents && plan->conf->shared.odoo.dsn == NULL) {
        if (!all) {
            return err_set(err, STATUS_CONFIG,
                           "--role parents marks kits in Odoo's database: set [odoo] dsn");
        }
        plan->parents = false;
        log_info(MOD, "parents", LF_MSG("role parents does not run here: no [odoo] dsn"));
    }
    return *stores ? consumer_conf_need_store(plan->conf, err) : STATUS_OK;
}

static void choose_stores(const struct cli_call *call, struct process_plan *plan)
{
    for (size_t i = 0; i < plan->conf->stores.count; i++) {
        const struct store_conf *store = consumer_conf_store(plan->conf, i);
        if (!cli_has(call, "--store") || has_value(call, "--store", store->instance.name)) {
            plan->stores[plan->store_count++] = store;
        }
    }
}

static enum status
run_with(const struct cli_call *call, const struct consumer_conf *conf, struct err *err)
{
    bool dry_run = cli_has(call, "--dry-run");
    struct process_plan plan = {.conf = conf,
                                .once = cli_has(call, "--once"),
                                .dry_run = dry_run,
                                .print = dry_run ? print_line : NULL};
    bool stores = false;
    enum status rc = choose_roles(call, &plan, &stores, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = check_stores(call, plan.conf, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    plan.stores = mem_calloc(plan.conf->stores.count, sizeof(struct store_conf *));
    if (stores) {
        choose_stores(call, &plan);
    }
    rc = process_run(&plan, err);
    mem_free(plan.stores);
    return rc;
}

/* The configuration is read a second time, for the values of the file to replace. */
static enum status run_with_rules(const struct cli_call *call, const char *path, struct err *err)
{
    struct consumer_conf conf = {0};
    enum status rc = conf_load_or_report(&consumer_conf_schema, call->conf_path, &conf, NULL, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = conf_overlay_or_report(&consumer_conf_schema, path, &conf, consumer_conf_check, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = run_with(call, &conf, err);
out:
    conf_release(&consumer_conf_schema, &conf);
    return rc;
}

enum status cmd_run(const struct cli_call *call, const void *root, struct err *err)
{
    const char *rules = cli_value(call, "--rules", 0);
    if (rules == NULL) {
        return run_with(call, root, err);
    }
    if (!cli_has(call, "--dry-run")) {
        return err_set(err, STATUS_USAGE,
                       "--rules shows what other rules would write: add --dry-run");
    }
    return run_with_rules(call, rules, err);
}
