#include "consumer/plan/drift.h"

#include <stddef.h>
#include <string.h>

static const char *const NAMES[DRIFT_KIND_COUNT] = {[DRIFT_NONE] = "equal",
#define DRIFT_NAME(name, text) [DRIFT_##name] = (text),
                                                    DRIFT_MAP(DRIFT_NAME)
#undef DRIFT_NAME
};

static const char *const ADVICE[DRIFT_KIND_COUNT] = {
    [DRIFT_NONE] = "",
    [DRIFT_SOLD] = "held back until the order is imported into Odoo, or its grace is over",
    [DRIFT_LOWERED] = "see who changes the level in the store",
    [DRIFT_RAISED] = "see who changes the level in the store",
    [DRIFT_INACTIVE] = "activate the level in the store, or set activate_levels = on",
    [DRIFT_MISSING] = "stock the item at the location, or set activate_levels = on",
    [DRIFT_UNTRACKED] = "track the item in the store, or set track_items = on",
    [DRIFT_GONE] = "create the variant again, or archive the product in Odoo",
    [DRIFT_UNWRITTEN] = "'stocksync-producer backfill --product ID' publishes its number again",
    [DRIFT_REGRESSED] = "report it as a fault of stocksync, with the log",
};

static enum drift_kind judge_number(const struct drift_facts *f)
{
    int32_t found = f->read->quantity;
    if (found == f->known->quantity) {
        return DRIFT_NONE;
    }
    if (f->older_of_ours) {
        return DRIFT_REGRESSED;
    }
    if (found > f->known->quantity) {
        return DRIFT_RAISED;
    }
    int64_t fall = (int64_t)f->known->quantity - found;
    bool sold = f->read->withheld < 0 || f->read->withheld >= fall;
    return sold && f->seen_for_us < f->grace_us ? DRIFT_SOLD : DRIFT_LOWERED;
}

enum drift_kind drift_judge(const struct drift_facts *f)
{
    const struct level_read *read = f->read;
    if (!f->known->found) {
        return read->item_found && read->connected && read->active ? DRIFT_UNWRITTEN : DRIFT_NONE;
    }
    if (!read->item_found) {
        return DRIFT_GONE;
    }
    if (!read->connected) {
        return DRIFT_MISSING;
    }
    if (!read->active) {
        return DRIFT_INACTIVE;
    }
    if (!read->tracked && f->is_tracked) {
        return DRIFT_UNTRACKED;
    }
    return judge_number(f);
}

const char *drift_name(enum drift_kind kind)
{
    return NAMES[kind];
}

const char *drift_advice(enum drift_kind kind)
{
    return ADVICE[kind];
}

enum drift_kind drift_parse(const char *name)
{
    for (int i = DRIFT_NONE + 1; i < DRIFT_KIND_COUNT; i++) {
        if (strcmp(NAMES[i], name) == 0) {
            return (enum drift_kind)i;
        }
    }
    return DRIFT_NONE;
}
