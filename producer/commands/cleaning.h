/**
 * cleaning: one cleaning of Odoo's database and the state's, for the scheduled task.
 */
#ifndef STOCKSYNC_COMMANDS_CLEANING_H
#define STOCKSYNC_COMMANDS_CLEANING_H

#include "producer/app/gc_task.h"

/**
 * Reads the vacuum horizon, then removes what is old. Opens and closes its own connections. A
 * gc_clean_fn. @return databases_open's, horizon_read's and gc_run's statuses
 */
NODISCARD enum status
clean_databases(const struct producer_conf *conf, struct gc_report *report, struct err *err);

#endif
