#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "consumer/app/commands.h"
#include "consumer/app/consumer_conf.h"
#include "consumer/state/catalogue_store.h"

static void print_problem(const char *indent, int64_t count, const char *what, const char *examples)
{
    if (count > 0) {
        (void)printf("%s%lld %s: %s%s\n", indent, (long long)count, what,
                     examples != NULL ? examples : "", count > 5 ? ", ..." : "");
    }
}

enum status cmd_print_catalogue(struct state *state, const char *indent, struct err *err)
{
    struct state_catalogue_report report;
    char read_at[CLOCK_TEXT_SIZE];
    enum status rc = state_catalogue_report(state, &report, err);
    if (rc == STATUS_OK && report.read_us == 0) {
        (void)printf("%scatalogue: not read yet\n", indent);
    } else if (rc == STATUS_OK) {
        (void)printf("%scatalogue: %lld texts, read %s\n", indent, (long long)report.texts,
                     clock_format_utc(report.read_us, read_at));
    }
    if (rc == STATUS_OK) {
        print_problem(indent, report.shared, "on several inventory items, none of which is written",
                      report.shared_examples);
        print_problem(indent, report.untracked,
                      "items not tracked by the store, which sells them without limit",
                      report.untracked_examples);
        print_problem(indent, report.unmapped, "products parked, not in the store",
                      report.unmapped_examples);
    }
    state_catalogue_report_release(&report);
    return rc;
}

static enum status show_store(const struct consumer_conf *conf,
                              const struct store_conf *sc,
                              bool reload,
                              struct err *err)
{
    struct state *state = state_new(conf_state_dsn(&conf->shared), sc->instance.name);
    enum status rc = state_open(state, err);
    if (rc == STATUS_OK && reload) {
        rc = state_catalogue_want(state, err);
    }
    if (rc == STATUS_OK) {
        (void)printf("[%s]\n", sc->instance.name);
        rc = cmd_print_catalogue(state, "", err);
    }
    if (rc == STATUS_OK && reload) {
        (void)printf("asked for another reading: a running consumer begins within seconds\n");
    }
    state_free(state);
    return rc;
}

enum status cmd_catalogue(const struct cli_call *call, const void *root, struct err *err)
{
    const struct consumer_conf *conf = root;
    const char *only = cli_value(call, "--store", 0);
    bool found = only == NULL;
    enum status rc = STATUS_OK;
    for (size_t i = 0; i < conf->stores.count && rc == STATUS_OK; i++) {
        const struct store_conf *sc = consumer_conf_store(conf, i);
        if (only == NULL || strcmp(only, sc->instance.name) == 0) {
            found = true;
            rc = show_store(conf, sc, cli_has(call, "--reload"), err);
        }
    }
    return rc == STATUS_OK && !found
               ? err_set(err, STATUS_USAGE, "--store %s: there is no section [store.%s]", only,
                         only)
               : rc;
}
