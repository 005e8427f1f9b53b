#include "producer/commands/databases.h"

enum status databases_open(const struct producer_conf *conf,
                           const char *application,
                           int timeout_ms,
                           struct databases *dbs,
                           struct err *err)
{
    struct pg_conn_options options = {.dsn = conf->shared.odoo.dsn,
                                      .application_name = application,
                                      .statement_timeout_ms = timeout_ms};
    *dbs = (struct databases){.shared = conf_state_is_odoo(&conf->shared)};
    dbs->odoo = pg_conn_new(&options);
    options.dsn = conf_state_dsn(&conf->shared);
    dbs->state = dbs->shared ? dbs->odoo : pg_conn_new(&options);
    enum status rc = pg_conn_open(dbs->odoo, err);
    if (rc == STATUS_OK && !dbs->shared) {
        rc = pg_conn_open(dbs->state, err);
    }
    return rc;
}

void databases_close(struct databases *dbs)
{
    if (!dbs->shared) {
        pg_conn_free(dbs->state);
    }
    pg_conn_free(dbs->odoo);
    *dbs = (struct databases){0};
}
