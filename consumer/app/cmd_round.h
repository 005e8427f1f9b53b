/**
 * cmd_round: what `reconcile` and `push` share: a round is requested in the state, done by the
 * store's running lanes or by this process, waited for, and printed.
 */
#ifndef STOCKSYNC_CONSUMER_APP_CMD_ROUND_H
#define STOCKSYNC_CONSUMER_APP_CMD_ROUND_H

#include "common/core/strbuf.h"
#include "consumer/app/commands.h"
#include "consumer/state/round_store.h"

/** A round that was done for one store. */
struct round_result {
    const char *store;
    int64_t id;
    int64_t seconds;
    struct round_progress progress;
};

struct round_command {
    const struct cli_call *call;
    const struct consumer_conf *conf;
    bool push;
    /** Prints one store's result. @param remain  [in, out] differences that remain */
    enum status (*print)(struct round_command *command,
                         struct state *state,
                         const struct round_result *result,
                         struct err *err);
    bool json;
    struct strbuf out; /* the JSON object */
    size_t stores;     /* done */
    int64_t remain;    /* differences, or levels that were not written */
};

/**
 * Does the round for every store that --store, --sku or --product choose.
 * @return STATUS_OK; STATUS_UNEQUAL: something remains, or the command was interrupted;
 *         STATUS_USAGE; state_open's; process_run's
 */
NODISCARD enum status round_command_run(struct round_command *command, struct err *err);

/** Text without control characters, for a terminal; valid until the next call. */
const char *round_printable(const char *text);
/** "12", or "none". Valid until the next but three calls. */
const char *round_number(int32_t number);
/** Appends ,"name":12 or ,"name":null. */
void round_json_number(struct strbuf *out, const char *name, int32_t number);

#endif
