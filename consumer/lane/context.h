/**
 * context: what the files of a lane share, on one page.
 *
 * session.c fills it when a session starts. Everyone else reads it; the objects that it points to
 * change through their own functions. One thread: the lane's.
 */
#ifndef STOCKSYNC_LANE_CONTEXT_H
#define STOCKSYNC_LANE_CONTEXT_H

#include "consumer/lane/lane_options.h"
#include "consumer/lane/ports.h"
#include "consumer/lane/sink.h"
#include "consumer/lane/status.h"
#include "consumer/plan/brake.h"
#include "consumer/plan/coalescer.h"
#include "consumer/plan/offset_ledger.h"
#include "consumer/plan/parked_set.h"
#include "consumer/plan/rules.h"
#include "consumer/plan/sku_claims.h"
#include "consumer/plan/sku_index.h"

/* Requests whose attempts, and whose outcomes, are stored together. More keep the first waiting. */
#define LANE_GROUP 4
/* Levels whose last written numbers are read in one statement. */
#define LANE_RESOLVE_LEVELS 1000
/* Records, and rows tried again, that one turn plans: bounds its memory. */
#define LANE_TURN_RECORDS 2000

struct lane_context {
    const struct lane_options *options;
    const struct lane_ports *ports;
    const struct lane_metrics *metrics;
    const struct sink *sink;
    struct store *store; /* address, name and token */

    /* connections, opened through the ports */
    struct record_source *source;
    struct graphql *graphql;
    struct state *state;

    /* Numbers up to this revision are of an earlier stream of the topic. They are never written, and
     * what was written for them is not believed. 0: none is. */
    int64_t first_revision;

    /* plan */
    struct store_rules rules;
    struct offset_ledger *ledger;
    struct coalescer *coalescer;
    struct sku_claims *claims;
    struct sku_index *index;   /* owned and replaced by catalogue.c */
    struct parked_set *parked; /* ids of parked products */
    struct brake *brake;

    int stop_fd; /* readable when the lane is asked to stop */
};

#endif
