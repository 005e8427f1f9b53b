/**
 * rule_watch: do the store's options still mean what the session's rules say? Every few seconds the
 * rules are built again from Odoo's warehouses as the producer notes them.
 *
 *     the same      nothing to do
 *     another one   a warehouse was created, renamed or moved: the session ends, and the next one
 *                   plans the topic with the new rules
 *     none          a warehouse is gone, archived or renamed: the session keeps its rules, which
 *                   name it by id, and shows the problem until it is mended
 *
 * So an archived warehouse counts 0, and the brake decides. A lane that starts with such options is
 * misconfigured.
 */
#ifndef STOCKSYNC_LANE_RULE_WATCH_H
#define STOCKSYNC_LANE_RULE_WATCH_H

#include "consumer/lane/context.h"
#include "consumer/plan/rules_digest.h"

struct rule_watch {
    const struct lane_context *c;
    struct shop_location *locations; /* of the store, as this session found them */
    size_t location_count;
    char digest[RULES_DIGEST_SIZE]; /* of the session's rules */
    int64_t due_us;                 /* monotonic */
    struct err problem;             /* STATUS_OK: none */
};

/** The session's rules are built. @param locations  taken */
void rule_watch_open(struct rule_watch *w,
                     const struct lane_context *c,
                     struct shop_location *locations,
                     size_t location_count);
/** Zero is fine. */
void rule_watch_close(struct rule_watch *w);
/** Call often.
 * @return STATUS_OK; STATUS_RENEW: the rules changed; the state's statuses */
NODISCARD enum status rule_watch_turn(struct rule_watch *w, struct err *err);

#endif
