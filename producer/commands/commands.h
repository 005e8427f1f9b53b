/**
 * commands: the functions that `stocksync-producer COMMAND` runs; cli.h has their contract.
 * root is a const struct producer_conf *.
 */
#ifndef STOCKSYNC_COMMANDS_COMMANDS_H
#define STOCKSYNC_COMMANDS_COMMANDS_H

#include "common/core/cli.h"
#include "producer/app/producer_conf.h"

enum status cmd_run(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_install(const struct cli_call *call, const void *root, struct err *err);
/** install with --partitions N. */
NODISCARD enum status cmd_install_partitions(const struct cli_call *call,
                                             const struct producer_conf *conf,
                                             struct err *err);
enum status cmd_uninstall(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_backfill(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_stock(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_gc(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_parked(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_status(const struct cli_call *call, const void *root, struct err *err);
enum status cmd_check(const struct cli_call *call, const void *root, struct err *err);

#endif
