#include "producer/odoo/unreadable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/mem.h"

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool unreadable_is(const struct err *err)
{
    static const char *const texts[] = {"missing chunk number", "unexpected chunk",
                                        "invalid memory alloc request size",
                                        "compressed data is corrupt"};
    const char *state = err->origin;
    if (err->status != STATUS_INTERNAL || strcmp(state, "22023") == 0) {
        return false;
    }
    if (begins_with(state, "22") || begins_with(state, "54") || strcmp(state, "XX001") == 0 ||
        strcmp(state, "XX002") == 0) {
        return true;
    }
    for (size_t i = 0; strcmp(state, "XX000") == 0 && i < sizeof texts / sizeof texts[0]; i++) {
        if (begins_with(err->msg, texts[i])) {
            return true;
        }
    }
    return false;
}

/* --- the list --- */

void unreadable_add(struct unreadable_list *list,
                    int32_t product_id,
                    int32_t culprit,
                    const char *why)
{
    struct unreadable one = {.product_id = product_id, .culprit = culprit};
    (void)snprintf(one.why, sizeof one.why, "%s", why);
    MEM_ADD(list, list, count, room, &one);
}

static int by_product(const void *a, const void *b)
{
    int32_t left = ((const struct unreadable *)a)->product_id;
    int32_t right = ((const struct unreadable *)b)->product_id;
    return (left > right) - (left < right);
}

void unreadable_sort(struct unreadable_list *list)
{
    size_t kept = 0;
    if (list->count == 0) {
        return;
    }
    qsort(list->list, list->count, sizeof *list->list, by_product);
    for (size_t i = 1; i < list->count; i++) {
        if (list->list[i].product_id != list->list[kept].product_id) {
            list->list[++kept] = list->list[i];
        }
    }
    list->count = kept + 1;
}

const struct unreadable *unreadable_find(const struct unreadable_list *list, int32_t product_id)
{
    const struct unreadable key = {.product_id = product_id};
    return list->count == 0 ? NULL : bsearch(&key, list->list, list->count, sizeof key, by_product);
}

void unreadable_release(struct unreadable_list *list)
{
    mem_free(list->list);
    *list = (struct unreadable_list){0};
}

/* --- the search --- */

struct search {
    const struct unreadable_port *port;
    struct unreadable_list *found;
    int64_t until_us; /* monotonic */
};

/* One read, and back after a failure that is about a row. */
static enum status probe(const struct search *s, const int32_t *ids, size_t count, struct err *err)
{
    struct err second = {0};
    enum status rc = s->port->read(s->port->arg, ids, count, err);
    if (rc == STATUS_OK || !unreadable_is(err)) {
        return rc;
    }
    enum status back = s->port->back(s->port->arg, &second);
    if (back != STATUS_OK) {
        *err = second;
        return back;
    }
    return rc;
}

/* Another status than the failure's, so that nobody searches on. */
static enum status give_up(const char *why, struct err *err)
{
    err->status = STATUS_DATABASE_UNFIT;
    return err_prefix(err, "%s", why);
}

/* PostgreSQL repeats a long value before it says what is wrong with it: both ends are of use. */
static void describe(const struct err *err, char *text, size_t size)
{
    const size_t end = 60;
    const size_t length = strlen(err->msg);
    if (length <= 2 * end) {
        (void)snprintf(text, size, "%s (%s)", err->msg, err->origin);
    } else {
        (void)snprintf(text, size, "%.*s … %s (%s)", (int)end, err->msg, err->msg + length - end,
                       err->origin);
    }
}

static enum status note(const struct search *s, int32_t product_id, struct err *err)
{
    if (s->found->count == UNREADABLE_MAX || clock_monotonic_us() > s->until_us) {
        return give_up("too many rows cannot be read, so nothing is parked: look at the server's "
                       "log and at the table",
                       err);
    }
    char why[sizeof s->found->list->why];
    describe(err, why, sizeof why);
    unreadable_add(s->found, product_id, product_id, why);
    return STATUS_OK;
}

/* Finds the ids among these whose rows cannot be read. Each range of the stack is known to fail;
 * halves that can be read are left out. */
static enum status bisect(const struct search *s, const int32_t *ids, size_t count, struct err *err)
{
    struct range {
        size_t first, count;
        struct err why;
    } stack[64]; /* one more for each halving, and halves of a size_t end */
    size_t depth = 0;
    stack[depth++] = (struct range){.count = count, .why = *err};
    while (depth > 0) {
        const struct range range = stack[--depth];
        if (range.count == 1) {
            *err = range.why;
            enum status rc = note(s, ids[range.first], err);
            if (rc != STATUS_OK) {
                return rc;
            }
            continue;
        }
        for (size_t half = 0; half < 2; half++) {
            size_t left = range.count / 2;
            struct range part = {.first = range.first + (half == 0 ? 0 : left),
                                 .count = half == 0 ? left : range.count - left};
            enum status rc = probe(s, ids + part.first, part.count, &part.why);
            if (rc != STATUS_OK && !unreadable_is(&part.why)) {
                *err = part.why;
                return rc;
            }
            if (rc != STATUS_OK) {
                stack[depth++] = part;
            }
        }
    }
    return STATUS_OK;
}

static void
subtract(struct id_list *good, const int32_t *ids, size_t count, const struct unreadable_list *list)
{
    id_list_reset(good);
    for (size_t i = 0; i < count; i++) {
        if (unreadable_find(list, ids[i]) == NULL) {
            id_list_add(good, ids[i]);
        }
    }
}

enum status unreadable_search(const struct unreadable_port *port,
                              const int32_t *ids,
                              size_t count,
                              struct id_list *good,
                              struct unreadable_list *list,
                              struct err *err)
{
    const struct search s = {
        .port = port, .found = list, .until_us = clock_monotonic_us() + UNREADABLE_SEARCH_US};
    struct err none = {0};
    list->count = 0;
    enum status rc = probe(&s, ids, count, err);
    if (rc == STATUS_OK || !unreadable_is(err)) {
        return rc;
    }
    rc = probe(&s, ids, 0, &none);
    if (rc != STATUS_OK) {
        *err = none;
        return unreadable_is(err) ? give_up("rows that every product needs cannot be read", err)
                                  : rc;
    }
    rc = bisect(&s, ids, count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    unreadable_sort(list);
    subtract(good, ids, count, list);
    rc = probe(&s, good->ids, good->count, err);
    return rc != STATUS_OK && unreadable_is(err)
               ? give_up("rows can be read one by one and not together", err)
               : rc;
}
