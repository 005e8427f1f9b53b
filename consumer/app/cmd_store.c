#include <string.h>

#include "consumer/app/commands.h"

enum status cmd_each_store(const struct cli_call *call,
                           const struct consumer_conf *conf,
                           cmd_store_fn visit,
                           void *arg,
                           struct err *err)
{
    const char *only = cli_value(call, "--store", 0);
    enum status rc = only != NULL ? consumer_conf_need_named(conf, only, err) : STATUS_OK;
    for (size_t i = 0; i < conf->stores.count && rc == STATUS_OK; i++) {
        const struct store_conf *store = consumer_conf_store(conf, i);
        if (only == NULL || strcmp(only, store->instance.name) == 0) {
            rc = visit(arg, conf, store, err);
        }
    }
    return rc;
}
