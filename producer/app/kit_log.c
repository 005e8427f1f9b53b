#include "producer/app/kit_log.h"

#include "common/core/logger.h"

#define MOD "tail"

void kit_log_changes(const struct producer_metrics *metrics,
                     const struct kit_table_changes *changes)
{
    metric_add(metrics->kits, changes->changed);
    metric_add(metrics->kit_problems, changes->problems);
    for (size_t i = 0; i < changes->problems && i < KIT_TABLE_SHOWN; i++) {
        const struct kit_table_problem *k = &changes->shown[i];
        log_warn(MOD, "kit_without_number", LF_INT("product", k->kit_id),
                 LF_TEXT("reason", kit_problem_name(k->problem)), LF_INT("at", k->product_id),
                 LF_MSG("Odoo cannot compute it either: correct its bill of materials; stores "
                        "keep their number until then"));
    }
    if (changes->problems > KIT_TABLE_SHOWN) {
        log_warn(MOD, "kit_without_number", LF_INT("count", changes->problems),
                 LF_MSG("all of them: SELECT * FROM stocksync.kit WHERE problem IS NOT NULL"));
    }
}
