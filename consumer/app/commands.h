/**
 * commands: what `stocksync-consumer COMMAND` runs; see cli.h for the contract of a run function.
 * root is a const struct consumer_conf *.
 */
#ifndef STOCKSYNC_CONSUMER_APP_COMMANDS_H
#define STOCKSYNC_CONSUMER_APP_COMMANDS_H

#include "common/core/cli.h"
#include "consumer/state/state.h"

enum status cmd_run(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_history(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_parked(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_resume(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_status(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_catalogue(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_check(const struct cli_call *call, const void *root, struct err *err);
/** Prints what the state knows of a store's catalogue, each line behind `indent`. */
NODISCARD enum status cmd_print_catalogue(struct state *state, const char *indent, struct err *err);

/** run --dry-run: one line to standard output. Any thread. */
void dry_run_print(const char *line);

#endif
