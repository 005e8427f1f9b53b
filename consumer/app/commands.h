/**
 * commands: the functions behind `stocksync-consumer COMMAND`; cli.h has their contract.
 *
 * root is a const struct consumer_conf *.
 */
#ifndef STOCKSYNC_CONSUMER_APP_COMMANDS_H
#define STOCKSYNC_CONSUMER_APP_COMMANDS_H

#include "common/core/cli.h"
#include "consumer/app/consumer_conf.h"
#include "consumer/state/catalogue_store.h"
#include "consumer/state/guard_store.h"
#include "consumer/state/parked_store.h"
#include "consumer/state/state.h"

enum status cmd_run(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_history(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_parked(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_resume(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_skip(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_status(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_catalogue(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_reconcile(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_push(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_check(const struct cli_call *call, const void *root, struct err *err);

/** Prints what the state knows of a store's catalogue, each line after `indent`. */
NODISCARD enum status cmd_print_catalogue(struct state *state, const char *indent, struct err *err);

typedef enum status (*cmd_store_fn)(void *arg,
                                    const struct consumer_conf *conf,
                                    const struct store_conf *store,
                                    struct err *err);
/**
 * Visits the store that --store names, or all of them, until one fails.
 *
 * @return STATUS_OK, STATUS_USAGE: no such store; or what the visit returned
 */
NODISCARD enum status cmd_each_store(const struct cli_call *call,
                                     const struct consumer_conf *conf,
                                     cmd_store_fn visit,
                                     void *arg,
                                     struct err *err);

#endif
