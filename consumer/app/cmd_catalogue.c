#include <stdio.h>

#include "common/core/clock.h"
#include "consumer/app/commands.h"

static void
print_problem(const char *indent, int64_t count, const char *problem, const char *examples)
{
    if (count > 0) {
        (void)printf("%s%lld %s: %s%s\n", indent, (long long)count, problem,
                     examples != NULL ? examples : "", count > 5 ? ", ..." : "");
    }
}

enum status cmd_print_catalogue(struct state *state, const char *indent, struct err *err)
{
    struct state_catalogue_report report;
    char read_at[CLOCK_TEXT_SIZE];
    enum status rc = state_catalogue_report(state, &report, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    if (report.read_us == 0) {
        (void)printf("%scatalogue: not read yet\n", indent);
    } else {
        (void)printf("%scatalogue: %lld texts, read %s\n", indent, (long long)report.texts,
                     clock_format_utc(report.read_us, read_at));
    }
    print_problem(indent, report.shared,
                  "on several inventory items, of which only the first is written",
                  report.shared_examples);
    print_problem(indent, report.ambiguous, "on several inventory items, none of which is written",
                  report.ambiguous_examples);
    print_problem(indent, report.untracked,
                  "items not tracked by the store, which sells them without limit",
                  report.untracked_examples);
    print_problem(indent, report.unmapped, "products parked, not in the store",
                  report.unmapped_examples);
out:
    state_catalogue_report_release(&report);
    return rc;
}

/* arg: const bool *, whether to ask for another reading. */
static enum status show_store(void *arg,
                              const struct consumer_conf *conf,
                              const struct store_conf *store,
                              struct err *err)
{
    const bool *reload = arg;
    struct state *state = state_new(conf_state_dsn(&conf->shared), store->instance.name);
    enum status rc = state_open(state, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    if (*reload) {
        rc = state_catalogue_want(state, err);
        if (rc != STATUS_OK) {
            goto out;
        }
    }
    (void)printf("[%s]\n", store->instance.name);
    rc = cmd_print_catalogue(state, "", err);
    if (rc == STATUS_OK && *reload) {
        (void)printf("requested: a running consumer starts reading within seconds\n");
    }
out:
    state_free(state);
    return rc;
}

enum status cmd_catalogue(const struct cli_call *call, const void *root, struct err *err)
{
    bool reload = cli_has(call, "--reload");
    return cmd_each_store(call, root, show_store, &reload, err);
}
