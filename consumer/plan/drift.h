/**
 * drift: how a level in the store differs from our memory of it. Pure.
 */
#ifndef STOCKSYNC_PLAN_DRIFT_H
#define STOCKSYNC_PLAN_DRIFT_H

#include "consumer/plan/level_write.h"

/* name, text for logs, metrics and tables */
#define DRIFT_MAP(X)                                                                               \
    X(SOLD, "sold")           /* lower, within the grace; the missing units may be in orders */    \
    X(LOWERED, "lowered")     /* lower by a person or an app, or the grace is over */              \
    X(RAISED, "raised")       /* higher than written */                                            \
    X(INACTIVE, "inactive")   /* deactivated at the location */                                    \
    X(MISSING, "missing")     /* not stocked at the location any more */                           \
    X(UNTRACKED, "untracked") /* the store sells the item without limit */                         \
    X(GONE, "gone")           /* the item was deleted */                                           \
    X(UNWRITTEN, "unwritten") /* the store has the level, and we never wrote it */                 \
    X(REGRESSED, "regressed") /* an older number of ours stands over a newer one */

enum drift_kind {
    DRIFT_NONE, /* equal */
#define DRIFT_ENUM(name, text) DRIFT_##name,
    DRIFT_MAP(DRIFT_ENUM)
#undef DRIFT_ENUM
        DRIFT_KIND_COUNT
};

struct drift_facts {
    const struct level_known *known; /* the state's row */
    const struct level_read *read;   /* the store's answer */
    bool is_tracked;                 /* the item should be tracked */
    int64_t grace_us;                /* of unimported sales; 0: none */
    int64_t seen_for_us;             /* since the difference was first seen */
    bool older_of_ours;              /* an attempt with an older revision put the number there */
};

enum drift_kind drift_judge(const struct drift_facts *f);
/** "sold"; static. DRIFT_NONE: "equal". */
const char *drift_name(enum drift_kind kind);
/** What is done about a kind that remains; static. */
const char *drift_advice(enum drift_kind kind);
/** The kind of this name; DRIFT_NONE: there is none. */
enum drift_kind drift_parse(const char *name);

#endif
