/* The skip command: a person passes over a record that blocks its partition. */
#include <limits.h>
#include <stdio.h>

#include "consumer/app/commands.h"
#include "consumer/state/blocked_store.h"

#define NAMED_MAX_BYTES ((size_t)64 * 1024)

struct place {
    const char *store;
    int32_t partition;
    int64_t offset;
};

static void name_row(void *arg, const struct state_blocked *row)
{
    struct strbuf *named = arg;
    strbuf_appendf(named, "%spartition %d is blocked at offset %lld (%s)%s",
                   named->len > 0 ? "; " : "", (int)row->partition, (long long)row->offset,
                   row->detail, row->skip ? ", and is skipped already" : "");
}

/* The error names every record that could be skipped. */
static enum status refuse(struct state *state,
                          const char *topic,
                          const struct place *place,
                          const char *why,
                          struct err *err)
{
    struct strbuf named;
    strbuf_init(&named, NAMED_MAX_BYTES);
    enum status rc = state_blocked_list(state, topic, name_row, &named, err);
    if (rc == STATUS_OK) {
        rc = err_set(err, STATUS_USAGE, "%s: in store '%s' %s", why, place->store,
                     named.len > 0 ? named.ptr : "no partition is blocked");
    }
    strbuf_release(&named);
    return rc;
}

static enum status read_place(const struct cli_call *call,
                              const struct consumer_conf *conf,
                              struct place *place,
                              bool *complete,
                              struct err *err)
{
    long partition = 0;
    long offset = 0;
    place->store = cli_value(call, "--store", 0);
    if (place->store == NULL) {
        return err_set(err, STATUS_USAGE, "name the store with --store NAME");
    }
    enum status rc = consumer_conf_need_named(conf, place->store, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    enum status has_partition = cli_number(call, "--partition", 0, 0, INT32_MAX, &partition, err);
    if (has_partition == STATUS_USAGE) {
        return has_partition;
    }
    enum status has_offset = cli_number(call, "--offset", 0, 0, LONG_MAX, &offset, err);
    if (has_offset == STATUS_USAGE) {
        return has_offset;
    }
    *complete = has_partition == STATUS_OK && has_offset == STATUS_OK;
    place->partition = (int32_t)partition;
    place->offset = offset;
    return STATUS_OK;
}

static enum status
skip(struct state *state, const char *topic, const struct place *place, struct err *err)
{
    char why[100];
    bool found = false;
    enum status rc = state_blocked_skip(state, topic, place->partition, place->offset, &found, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (!found) {
        (void)snprintf(why, sizeof why, "partition %d is not blocked at offset %lld",
                       (int)place->partition, (long long)place->offset);
        return refuse(state, topic, place, why, err);
    }
    (void)printf(
        "[%s] record/%s/%d/%lld is skipped: a running consumer parks it within seconds and "
        "reads on, otherwise the next start does\n",
        place->store, topic, (int)place->partition, (long long)place->offset);
    return STATUS_OK;
}

enum status cmd_skip(const struct cli_call *call, const void *root, struct err *err)
{
    const struct consumer_conf *conf = root;
    const char *topic = conf->shared.topic.name;
    struct place place = {0};
    bool complete = false;
    enum status rc = read_place(call, conf, &place, &complete, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct state *state = state_new(conf_state_dsn(&conf->shared), place.store);
    rc = complete
             ? skip(state, topic, &place, err)
             : refuse(state, topic, &place, "name the record with --partition N --offset N", err);
    state_free(state);
    return rc;
}
