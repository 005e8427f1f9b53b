#include <stdio.h>
#include <string.h>

#include "consumer/app/commands.h"
#include "consumer/app/consumer_conf.h"
#include "consumer/state/state.h"

static void print_row(void *arg, const struct state_parked *row)
{
    size_t *count = arg;
    (void)printf("%-28s %-24s %-28s %s\n", row->subject, row->reason,
                 row->code != NULL ? row->code : "", row->detail);
    *count += 1;
}

static enum status list_store(const struct consumer_conf *conf, const char *store, struct err *err)
{
    size_t count = 0;
    struct state *state = state_new(conf_state_dsn(&conf->shared), store);
    enum status rc = state_open(state, err);
    if (rc == STATUS_OK) {
        (void)printf("[%s]\n", store);
        rc = state_parked_each(state, NULL, print_row, &count, err);
    }
    if (rc == STATUS_OK) {
        (void)printf("%zu parked\n\n", count);
    }
    state_free(state);
    return rc;
}

enum status cmd_parked(const struct cli_call *call, const void *root, struct err *err)
{
    const struct consumer_conf *conf = root;
    const char *only = cli_value(call, "--store", 0);
    enum status rc = STATUS_OK;
    bool found = only == NULL;
    for (size_t i = 0; i < conf->stores.count && rc == STATUS_OK; i++) {
        const char *name = consumer_conf_store(conf, i)->instance.name;
        if (only == NULL || strcmp(only, name) == 0) {
            found = true;
            rc = list_store(conf, name, err);
        }
    }
    return rc == STATUS_OK && !found
               ? err_set(err, STATUS_USAGE, "--store %s: there is no section [store.%s]", only,
                         only)
               : rc;
}
