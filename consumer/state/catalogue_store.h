/**
 * catalogue_store: which inventory item carries which SKU or barcode, and when the whole catalogue
 * was last read. Durable form of plan/sku_index.
 */
#ifndef STOCKSYNC_STATE_CATALOGUE_STORE_H
#define STOCKSYNC_STATE_CATALOGUE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/state/state.h"

/** The shop, and the text its items are matched by. Rows of any other count as absent. */
struct state_catalogue {
    const char *match;
    const char *domain;
};

struct state_item {
    const char *text; /* SKU or barcode; when loaded, valid in the callback only */
    int64_t item;
    bool tracked;
    bool bundle;
    bool known; /* of several items with this text: the one that it stands for */
};

/** For a person. Texts are owned: state_catalogue_report_release. NULL: no example. */
struct state_catalogue_report {
    int64_t read_us; /* 0: never read */
    int64_t texts;
    int64_t shared;    /* texts on several items, one of which is known */
    int64_t ambiguous; /* texts on several items, none of which is */
    int64_t untracked; /* items */
    int64_t unmapped;  /* products */
    char *shared_examples, *ambiguous_examples, *untracked_examples, *unmapped_examples;
};

/**
 * @param read_us  [out] wall clock at which the last complete reading began; 0: none
 * @param wanted   [out] a person asked for another reading since
 */
NODISCARD enum status state_catalogue_look(struct state *s,
                                           const struct state_catalogue *which,
                                           int64_t *read_us,
                                           bool *wanted,
                                           struct err *err);
/** A complete reading that began at read_us is stored. */
NODISCARD enum status state_catalogue_read(struct state *s,
                                           const struct state_catalogue *which,
                                           int64_t read_us,
                                           struct err *err);
/** Asks the processes that serve the store for another reading. */
NODISCARD enum status state_catalogue_want(struct state *s, struct err *err);
/**
 * Lets one process at a time read a store's catalogue. A lost connection loses the lock.
 * @param taken   [out] false: another process has it
 * @param now_us  [out] the server's wall clock: the beginning of the reading
 */
NODISCARD enum status
state_catalogue_lock(struct state *s, bool *taken, int64_t *now_us, struct err *err);
NODISCARD enum status state_catalogue_unlock(struct state *s, struct err *err);
NODISCARD enum status
state_catalogue_report(struct state *s, struct state_catalogue_report *report, struct err *err);
void state_catalogue_report_release(struct state_catalogue_report *report);

/** Calls each for every row; each must not call functions of state. */
NODISCARD enum status state_items_load(struct state *s,
                                       void (*each)(void *arg, const struct state_item *item),
                                       void *arg,
                                       struct err *err);
/** Upserts; each (text, item) at most once in a list. */
NODISCARD enum status
state_items_store(struct state *s, const struct state_item *list, size_t count, struct err *err);
NODISCARD enum status
state_items_remove(struct state *s, const struct state_item *list, size_t count, struct err *err);
/** Deletes the store's catalogue. */
NODISCARD enum status state_items_clear(struct state *s, struct err *err);

#endif
