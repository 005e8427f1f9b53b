/* The resume command: a person has checked a held store and lets it write again. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "consumer/app/commands.h"
#include "consumer/state/stream_store.h"

static bool is_uuid(const char *text)
{
    size_t len = strlen(text);
    return len == 36 && strspn(text, "0123456789abcdefABCDEF-") == len;
}

/* What a person names. NULL: nothing */
struct naming {
    const char *store, *database, *stream;
};

static enum status
check_call(const struct consumer_conf *conf, const struct naming *named, struct err *err)
{
    if (named->store == NULL) {
        return err_set(err, STATUS_USAGE, "name the store with --store NAME");
    }
    enum status rc = consumer_conf_need_named(conf, named->store, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (named->database != NULL && !is_uuid(named->database)) {
        return err_set(err, STATUS_USAGE,
                       "--database %s: Odoo's database.uuid has 36 characters, such as "
                       "6b3fe631-0676-4a73-8ca9-b4bc37962095",
                       named->database);
    }
    if (named->stream != NULL && !is_uuid(named->stream)) {
        return err_set(err, STATUS_USAGE,
                       "--stream %s: a stream's id has 36 characters; 'stocksync-producer status' "
                       "prints it",
                       named->stream);
    }
    return STATUS_OK;
}

static void take_first(void *arg, const struct state_stream *stream)
{
    struct state_stream *present = arg;
    if (present->id[0] == '\0') {
        *present = *stream;
    }
}

/* Only the stream of this state can be confirmed: another state's producer would go on elsewhere. */
static enum status check_stream(struct state *state, const char *stream, struct err *err)
{
    struct state_stream present = {0};
    enum status rc = state_streams_read(state, take_first, &present, err);
    if (rc != STATUS_OK || strcasecmp(present.id, stream) == 0) {
        return rc;
    }
    return err_set(
        err, STATUS_USAGE,
        "--stream %s: the state's stream is %s; to follow another one, let this consumer "
        "use the [state] dsn of its producer",
        stream, present.id[0] != '\0' ? present.id : "not known yet");
}

/* A hold that must not be passed over without naming what is right. */
static enum status
check_hold(const struct state_guard *before, const struct naming *named, struct err *err)
{
    if (named->database == NULL && strcmp(before->reason, "another_database") == 0) {
        return err_set(err, STATUS_USAGE, "name the right database with --database UUID: %s",
                       before->detail);
    }
    if (named->stream == NULL && strcmp(before->reason, "unknown_stream") == 0) {
        return err_set(err, STATUS_USAGE, "name the right stream with --stream UUID: %s",
                       before->detail);
    }
    return STATUS_OK;
}

static void report(const struct state_guard *before, const struct naming *named)
{
    const char *database = named->database;
    if (before->held_at_us == 0 && before->first_load_waits) {
        (void)printf("the store is not held yet: its first load waits until the topic is read to "
                     "its end; look at its figures then, and resume\n");
    } else if (before->held_at_us == 0) {
        (void)printf("the store is not held%s\n", database == NULL && named->stream == NULL
                                                      ? ": there is nothing to resume"
                                                      : "");
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
    if (named->stream != NULL) {
        (void)printf(
            "the store follows stream %s; records of unknown streams until now are skipped\n",
            named->stream);
    }
}

enum status cmd_resume(const struct cli_call *call, const void *root, struct err *err)
{
    const struct consumer_conf *conf = root;
    const struct naming named = {.store = cli_value(call, "--store", 0),
                                 .database = cli_value(call, "--database", 0),
                                 .stream = cli_value(call, "--stream", 0)};
    struct state_guard before = {0};
    enum status rc = check_call(conf, &named, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct state *state = state_new(conf_state_dsn(&conf->shared), named.store);
    rc = state_guard_read(state, &before, err);
    if (rc == STATUS_OK) {
        rc = check_hold(&before, &named, err);
    }
    if (rc == STATUS_OK && named.stream != NULL) {
        rc = check_stream(state, named.stream, err);
    }
    if (rc != STATUS_OK) {
        goto out;
    }
    bool confirms = named.database != NULL || named.stream != NULL;
    if (confirms || before.held_at_us != 0) {
        rc = state_guard_resume(state, named.database, confirms, err);
        if (rc != STATUS_OK) {
            goto out;
        }
    }
    report(&before, &named);
out:
    state_free(state);
    return rc;
}
