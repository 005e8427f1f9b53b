/**
 * kit_log: counts and logs what an explosion of kits changed.
 */
#ifndef STOCKSYNC_PRODUCER_APP_KIT_LOG_H
#define STOCKSYNC_PRODUCER_APP_KIT_LOG_H

#include "producer/app/status.h"
#include "producer/odoo/kit_table.h"

/** Names the first kits that have no number. Main thread. */
void kit_log_changes(const struct producer_metrics *metrics,
                     const struct kit_table_changes *changes);

#endif
