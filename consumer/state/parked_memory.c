#include "consumer/state/parked_memory.h"

#include <stdio.h>
#include <string.h>

#include <uthash.h>

#include "common/core/mem.h"

/* The reason that a later record can fix; see lane/parking.h. */
#define FIXABLE "sku_shared_in_odoo"

struct kept {
    struct state_parked row; /* its texts and bytes are owned */
    char *reason, *detail;
    unsigned char *key, *value;
    UT_hash_handle hh;
};

struct parked_memory {
    struct kept *rows; /* by subject, in order of arrival */
};

struct parked_memory *parked_memory_new(void)
{
    return mem_calloc(1, sizeof(struct parked_memory));
}

static struct kept *find(const struct parked_memory *m, const char *subject)
{
    struct kept *found = NULL;
    HASH_FIND_STR(m->rows, subject, found);
    return found;
}

static void drop(struct parked_memory *m, struct kept *kept)
{
    HASH_DEL(m->rows, kept);
    mem_free(kept->reason);
    mem_free(kept->detail);
    mem_free(kept->key);
    mem_free(kept->value);
    mem_free(kept);
}

void parked_memory_free(struct parked_memory *m)
{
    if (m == NULL) {
        return;
    }
    while (m->rows != NULL) {
        drop(m, m->rows);
    }
    mem_free(m);
}

static unsigned char *copy_of(struct bytes bytes, bool wanted)
{
    return wanted && bytes.ptr != NULL
               ? (unsigned char *)mem_strndup((const char *)bytes.ptr, bytes.len)
               : NULL;
}

static void park_one(struct parked_memory *m, const struct state_parked *row)
{
    struct kept *old = find(m, row->subject);
    int32_t attempts = old != NULL ? old->row.attempts + 1 : 1;
    bool fixable = strcmp(row->reason, FIXABLE) == 0;
    if (old != NULL && row->revision < old->row.revision) {
        return;
    }
    struct kept *kept = mem_calloc(1, sizeof *kept);
    kept->row = *row;
    kept->row.attempts = attempts;
    kept->row.topic = kept->row.code = kept->row.request_id = NULL;
    kept->row.reason = kept->reason = mem_strdup(row->reason);
    kept->row.detail = kept->detail = mem_strdup(row->detail);
    kept->key = copy_of(row->record_key, fixable);
    kept->value = copy_of(row->record_value, fixable);
    if (old != NULL &&
        kept->key == NULL) { /* a row without a record keeps that of the row before */
        kept->key = old->key;
        kept->value = old->value;
        kept->row.record_key = old->row.record_key;
        kept->row.record_value = old->row.record_value;
        old->key = old->value = NULL;
    }
    kept->row.record_key.ptr = kept->key;
    kept->row.record_value.ptr = kept->value;
    if (old != NULL) {
        drop(m, old);
    }
    HASH_ADD_STR(m->rows, row.subject, kept);
}

void parked_memory_park(struct parked_memory *m, const struct state_parked *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        park_one(m, &list[i]);
    }
}

void parked_memory_unpark(struct parked_memory *m, const char *const *subjects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct kept *kept = find(m, subjects[i]);
        if (kept != NULL) {
            drop(m, kept);
        }
    }
}

static bool has_reason(const char *const *reasons, const char *reason)
{
    for (size_t i = 0; reasons != NULL && reasons[i] != NULL; i++) {
        if (strcmp(reasons[i], reason) == 0) {
            return true;
        }
    }
    return false;
}

void parked_memory_rescan(struct parked_memory *m,
                          const struct state_share *share,
                          struct state_sweep *sweep,
                          state_parked_fn each,
                          void *arg,
                          size_t *count)
{
    const struct kept *after = sweep->after[0] != '\0' ? find(m, sweep->after) : NULL;
    const struct kept *kept = after != NULL ? after->hh.next : m->rows;
    *count = 0;
    for (; kept != NULL && *count < share->max; kept = kept->hh.next) {
        if (strcmp(kept->reason, FIXABLE) != 0 || !has_reason(sweep->reasons, kept->reason)) {
            continue;
        }
        memcpy(sweep->after, kept->row.subject, sizeof sweep->after);
        *count += 1;
        each(arg, &kept->row);
    }
}

void parked_memory_settle(struct parked_memory *m, struct state_tried *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct kept *kept = find(m, list[i].subject);
        list[i].cured = kept != NULL && kept->row.revision == list[i].revision &&
                        kept->row.attempts == list[i].attempts;
        if (list[i].cured) {
            drop(m, kept);
        }
    }
}

void parked_memory_each(const struct parked_memory *m,
                        void (*each)(void *arg, const char *reason),
                        void *arg)
{
    for (const struct kept *kept = m->rows; kept != NULL; kept = kept->hh.next) {
        bool is_level = kept->row.key.item != 0;
        if (!is_level || strcmp(kept->reason, FIXABLE) != 0) {
            each(arg, kept->reason);
        }
    }
}
