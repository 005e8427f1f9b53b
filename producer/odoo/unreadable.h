/**
 * unreadable: which products' rows cannot be read, and the search for them.
 *
 * A statement for many products fails as a whole when one row cannot be read: a number out of
 * range, or bytes that are damaged. The search bisects the ids until single ones are left, and
 * reads the others together. It never takes a passing condition for such a row. Calls functions
 * that the caller gives, and reads the clock. Thread: any.
 */
#ifndef STOCKSYNC_ODOO_UNREADABLE_H
#define STOCKSYNC_ODOO_UNREADABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "producer/odoo/id_list.h"

/** Of one search. More of them, or a longer search, is no matter of single rows. */
#define UNREADABLE_MAX       500
#define UNREADABLE_SEARCH_US INT64_C(5000000)

/**
 * True when the error is about the data of a row:
 *
 *   22xxx         data exception, but not 22023: a setting
 *   54xxx         a limit of the program
 *   XX001, XX002  data or index corrupted
 *   XX000         the same, as older servers say it (by its untranslated text)
 *
 * Everything else is about the server, the connection, rights, or tables.
 */
bool unreadable_is(const struct err *err);

/** One product. */
struct unreadable {
    int32_t product_id;
    int32_t culprit; /* whose rows are the reason: itself, or a component */
    char why[160];   /* one sentence */
};

/** Zero-initialise. */
struct unreadable_list {
    struct unreadable *list; /* ascending after unreadable_sort */
    size_t count;
    size_t room;
};

void unreadable_add(struct unreadable_list *list,
                    int32_t product_id,
                    int32_t culprit,
                    const char *why);
/** By product; each at most once. */
void unreadable_sort(struct unreadable_list *list);
/** NULL: it is not in the sorted list. */
const struct unreadable *unreadable_find(const struct unreadable_list *list, int32_t product_id);
void unreadable_release(struct unreadable_list *list);

/** How to read, with the first argument of both. */
struct unreadable_port {
    void *arg;
    /* Reads these products; the last successful call counts. */
    enum status (*read)(void *arg, const int32_t *ids, size_t count, struct err *err);
    /* After a failed read: back to a state in which another one is possible. */
    enum status (*back)(void *arg, struct err *err);
};

/**
 * Reads all products that can be read.
 *
 * @param ids   ascending and distinct
 * @param good  [out] replaced: the products of the last read, when some cannot be read; stays
 *              unchanged otherwise
 * @param list  [out] replaced: the products that cannot be read, sorted
 * @return the port's statuses
 *         STATUS_DATABASE_UNFIT  too many, or reading none fails too: the fault is not in single rows
 */
NODISCARD enum status unreadable_search(const struct unreadable_port *port,
                                        const int32_t *ids,
                                        size_t count,
                                        struct id_list *good,
                                        struct unreadable_list *list,
                                        struct err *err);

#endif
