/**
 * state_private: what the files of this folder share. For consumer/state only.
 */
#ifndef STOCKSYNC_STATE_STATE_PRIVATE_H
#define STOCKSYNC_STATE_STATE_PRIVATE_H

#include "common/pg/pg_query.h"
#include "consumer/state/state.h"

struct state {
    struct pg_conn *conn;
    struct pg_args args;
    const char *store;    /* borrowed */
    char application[64]; /* name under which the server shows us */
    bool read_only;       /* dry run: what would write does nothing */
    int64_t instance;     /* whose advisory lock says that this process lives */
    unsigned ready_epoch; /* pg_conn's epoch for which schema and lock are settled; 0: none */
    char **cleaned;       /* owned copies made by state_clean */
    size_t cleaned_count;
    size_t cleaned_capacity;
};

/** Opens if needed, empties the arguments and sets $1 to the store. */
NODISCARD enum status state_begin(struct state *s, struct err *err);

/**
 * Text that the server accepts: text itself, or a copy with '?' for each byte that is not UTF-8 (a
 * sentence cut in the middle of a character, a damaged record): one bad byte must not refuse a
 * whole batch. NULL gives NULL. Valid until the next state_begin.
 */
const char *state_clean(struct state *s, const char *text);

/** Columns of entries, for the arguments in this order. */
enum write_column {
    WRITE_ITEM,
    WRITE_LOCATION,
    WRITE_PRODUCT,
    WRITE_QUANTITY,
    WRITE_CHANGE_FROM,
    WRITE_REVISION,
    WRITE_CHANGED_AT,
    WRITE_WANTED
};
/** Appends one column of a list as an array argument. */
void state_args_column(struct pg_args *args,
                       enum write_column column,
                       const struct level_write *list,
                       size_t count);

/** Appends items, then locations, as array arguments. */
void state_args_keys(struct pg_args *args, const struct level_key *keys, size_t count);

/** The columns with which every statement that reads parked rows begins; more may follow. */
enum parked_row_column {
    PARKED_COLUMN_SUBJECT,
    PARKED_COLUMN_PRODUCT,
    PARKED_COLUMN_ITEM,
    PARKED_COLUMN_LOCATION,
    PARKED_COLUMN_TOPIC,
    PARKED_COLUMN_PARTITION,
    PARKED_COLUMN_OFFSET,
    PARKED_COLUMN_REVISION,
    PARKED_COLUMN_QUANTITY,
    PARKED_COLUMN_REASON,
    PARKED_COLUMN_CODE,
    PARKED_COLUMN_DETAIL,
    PARKED_COLUMN_REQUEST_ID,
    PARKED_COLUMN_ATTEMPTS,
    PARKED_COLUMN_COUNT
};
#define PARKED_ROW_SHAPE "tilltillitttti"
/** One of them, without its record; texts are borrowed from rows. */
struct state_parked state_parked_row(const struct pg_rows *rows, int row);

#endif
