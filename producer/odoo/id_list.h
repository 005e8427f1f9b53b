/**
 * id_list: a set of Odoo's ids as a sorted list, for arguments of statements and for look-up. Pure.
 *
 * Calling sequence: id_list_add for each, id_list_sort, then the others; id_list_release. Thread:
 * one.
 */
#ifndef STOCKSYNC_ODOO_ID_LIST_H
#define STOCKSYNC_ODOO_ID_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Zero-initialise; keeps its memory between uses. */
struct id_list {
    int32_t *ids; /* ascending and distinct after id_list_sort */
    size_t count;
    size_t room;
};

void id_list_add(struct id_list *list, int32_t id);
void id_list_add_all(struct id_list *list, const int32_t *ids, size_t count);
/** Sorts and drops repeats. */
void id_list_sort(struct id_list *list);
/** Removes the ids of the other list; both sorted. */
void id_list_subtract(struct id_list *list, const struct id_list *other);
/** Position of an id in a sorted list of ids; count: not found. */
size_t id_list_index(const int32_t *ids, size_t count, int32_t id);
/** Empties, keeps the memory. */
void id_list_reset(struct id_list *list);
void id_list_release(struct id_list *list);

#endif
