#include "consumer/lane/code_log.h"

#include <stdio.h>
#include <string.h>

#include "common/core/logger.h"

#define MOD "lane"

/* @return false: it was logged before, or there is no room */
static bool is_new(struct code_log *log, const char *code)
{
    for (size_t i = 0; i < log->count; i++) {
        if (strcmp(log->codes[i], code) == 0) {
            return false;
        }
    }
    if (log->count == CODE_LOG_MAX) {
        return false;
    }
    (void)snprintf(log->codes[log->count++], sizeof log->codes[0], "%s", code);
    return true;
}

void code_log_answer(struct code_log *log,
                     const char *store,
                     const struct answer *answer,
                     struct metric *counter)
{
    for (size_t i = 0; i <= answer->entry_count; i++) {
        const struct entry_error *e = i > 0 ? &answer->entries[i - 1] : NULL;
        const struct reaction_rule *rule = e != NULL ? e->rule : answer->rule;
        const char *code = e != NULL ? e->code : answer->code;
        bool repeats = e != NULL && strcmp(code, answer->code) == 0;
        if (rule == NULL || !rule->alarm || repeats) {
            continue;
        }
        metric_add(counter, 1);
        if (is_new(log, code)) {
            log_error(MOD, "odd_code", LF_TEXT("store", store), LF_TEXT("origin", code),
                      LF_TEXT("request_id", answer->request_id), LF_TEXT("next", rule->next),
                      LF_MSG(e != NULL ? e->msg : answer->err.msg));
        }
    }
}
