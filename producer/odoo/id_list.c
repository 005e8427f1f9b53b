#include "producer/odoo/id_list.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"

void id_list_add(struct id_list *list, int32_t id)
{
    id_list_add_all(list, &id, 1);
}

void id_list_add_all(struct id_list *list, const int32_t *ids, size_t count)
{
    if (count == 0) {
        return;
    }
    if (list->count + count > list->room) {
        list->room = mem_grow_capacity(list->room, list->count + count);
        list->ids = mem_realloc(list->ids, list->room, sizeof *list->ids);
    }
    memcpy(list->ids + list->count, ids, count * sizeof *ids);
    list->count += count;
}

static int compare(const void *left, const void *right)
{
    int32_t a = *(const int32_t *)left;
    int32_t b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

void id_list_sort(struct id_list *list)
{
    size_t kept = 0;
    if (list->count == 0) {
        return;
    }
    qsort(list->ids, list->count, sizeof *list->ids, compare);
    for (size_t i = 1; i < list->count; i++) {
        if (list->ids[i] != list->ids[kept]) {
            list->ids[++kept] = list->ids[i];
        }
    }
    list->count = kept + 1;
}

void id_list_subtract(struct id_list *list, const struct id_list *other)
{
    size_t kept = 0;
    size_t at = 0;
    for (size_t i = 0; i < list->count; i++) {
        while (at < other->count && other->ids[at] < list->ids[i]) {
            at++;
        }
        if (at == other->count || other->ids[at] != list->ids[i]) {
            list->ids[kept++] = list->ids[i];
        }
    }
    list->count = kept;
}

size_t id_list_index(const int32_t *ids, size_t count, int32_t id)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ids[middle] < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && ids[low] == id ? low : count;
}

void id_list_reset(struct id_list *list)
{
    list->count = 0;
}

void id_list_release(struct id_list *list)
{
    mem_free(list->ids);
    *list = (struct id_list){0};
}
