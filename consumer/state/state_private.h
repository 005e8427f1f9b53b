/**
 * state_private: the connection and its arguments. For consumer/state only.
 */
#ifndef STOCKSYNC_STATE_STATE_PRIVATE_H
#define STOCKSYNC_STATE_STATE_PRIVATE_H

#include "common/pg/pg_query.h"

struct parked_memory;

struct state {
    struct pg_conn *conn;
    struct pg_args args;
    const char *store;            /* borrowed */
    char application[64];         /* name under which the server shows us */
    bool read_only;               /* a dry run */
    struct parked_memory *parked; /* its parked rows; NULL: rows are stored */
    int64_t instance;             /* key of the advisory lock that proves that this process lives */
    unsigned ready_epoch; /* pg_conn's epoch for which schema and lock are settled; 0: none */
    char **cleaned;       /* owned copies made by state_clean */
    size_t cleaned_count;
    size_t cleaned_capacity;
};

/** Opens if needed, empties the arguments and sets $1 to the store. */
NODISCARD enum status state_begin(struct state *s, struct err *err);

/**
 * Text that the server accepts: the text, or a copy with '?' for each byte that is not UTF-8.
 * A sentence cut inside a character or a damaged record must not fail a whole batch.
 * NULL gives NULL. Valid until the next state_begin.
 */
const char *state_clean(struct state *s, const char *text);

#endif
