/**
 * option_pairs: options of a store that do not belong together, because units are taken off twice,
 * never, or offered twice. Pure.
 *
 * They are warnings: a person may have a reason.
 */
#ifndef STOCKSYNC_LANE_OPTION_PAIRS_H
#define STOCKSYNC_LANE_OPTION_PAIRS_H

#include "consumer/lane/rule_table.h"

/**
 * Calls say for each finding, with one line of text.
 *
 * @param rules  as rule_table_build made them from store and facts
 */
void option_pairs_check(const struct store_conf *store,
                        const struct rule_facts *facts,
                        const struct store_rules *rules,
                        void (*say)(void *arg, const char *text),
                        void *arg);

#endif
