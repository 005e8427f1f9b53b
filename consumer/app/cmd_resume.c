/* The resume command: a person has checked a held store and lets it write again. */
#include <stdio.h>
#include <string.h>

#include "consumer/app/commands.h"

static bool is_uuid(const char *text)
{
    size_t len = strlen(text);
    return len == 36 && strspn(text, "0123456789abcdefABCDEF-") == len;
}

static enum status check_call(const struct consumer_conf *conf,
                              const char *store,
                              const char *database,
                              struct err *err)
{
    if (store == NULL) {
        return err_set(err, STATUS_USAGE, "name the store with --store NAME");
    }
    enum status rc = consumer_conf_need_named(conf, store, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (database != NULL && !is_uuid(database)) {
        return err_set(err, STATUS_USAGE,
                       "--database %s: Odoo's database.uuid has 36 characters, such as "
                       "6b3fe631-0676-4a73-8ca9-b4bc37962095",
                       database);
    }
    return STATUS_OK;
}

static void report(const struct state_guard *before, const char *database)
{
    if (before->held_at_us == 0 && before->first_load_waits) {
        (void)printf("the store is not held yet: its first load waits until the topic is read to "
                     "its end; look at its figures then, and resume\n");
    } else if (before->held_at_us == 0) {
        (void)printf("the store is not held%s\n",
                     database == NULL ? ": there is nothing to resume" : "");
    } else {
        (void)printf("held: %s\n%s", before->detail, before->examples);
        (void)printf("accepted: a running consumer writes Odoo's current stock within a second, "
                     "otherwise the next start does\n");
    }
    if (database != NULL) {
        (void)printf("the store applies records of database %s from now on%s%s; older records of "
                     "other databases are skipped\n",
                     database, before->database[0] != '\0' ? ", before of " : "", before->database);
    }
}

enum status cmd_resume(const struct cli_call *call, const void *root, struct err *err)
{
    const struct consumer_conf *conf = root;
    const char *store = cli_value(call, "--store", 0);
    const char *database = cli_value(call, "--database", 0);
    struct state_guard before = {0};
    enum status rc = check_call(conf, store, database, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct state *state = state_new(conf_state_dsn(&conf->shared), store);
    rc = state_guard_read(state, &before, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    if (database == NULL && strcmp(before.reason, "another_database") == 0) {
        rc = err_set(err, STATUS_USAGE, "name the right database with --database UUID: %s",
                     before.detail);
        goto out;
    }
    if (database != NULL || before.held_at_us != 0) {
        rc = state_guard_resume(state, database, err);
        if (rc != STATUS_OK) {
            goto out;
        }
    }
    report(&before, database);
out:
    state_free(state);
    return rc;
}
