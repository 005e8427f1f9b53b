#include "consumer/state/parked_memory.h"

#include <string.h>

#include "common/core/mem.h"
#include "consumer/plan/hash_index.h"

/* The reason that a later record can fix; see lane/parking.h. */
#define FIXABLE "sku_shared_in_odoo"

struct kept {
    struct state_parked row; /* its texts and bytes are owned */
    char *reason, *detail;
    unsigned char *key, *value;
};

struct parked_memory {
    struct kept **list; /* in order of arrival; NULL: taken off */
    size_t count, room;
    struct hash_index index; /* by subject */
};

struct parked_memory *parked_memory_new(void)
{
    struct parked_memory *m = mem_calloc(1, sizeof *m);
    hash_index_init(&m->index);
    return m;
}

/* @return false: there is no row of this subject */
static bool find(const struct parked_memory *m, const char *subject, size_t *place)
{
    const struct hash_index *index = &m->index;
    uint32_t tag = hash_index_text_tag(subject);
    for (size_t i = hash_index_home(index, tag); hash_index_taken(index, i);
         i = hash_index_next(index, i)) {
        if (index->list[i].tag == tag &&
            strcmp(m->list[hash_index_number(index, i)]->row.subject, subject) == 0) {
            *place = i;
            return true;
        }
    }
    return false;
}

static struct kept *get(const struct parked_memory *m, const char *subject)
{
    size_t place = 0;
    return find(m, subject, &place) ? m->list[hash_index_number(&m->index, place)] : NULL;
}

static void free_kept(struct kept *kept)
{
    if (kept == NULL) {
        return;
    }
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
    for (size_t i = 0; i < m->count; i++) {
        free_kept(m->list[i]);
    }
    mem_free(m->list);
    hash_index_release(&m->index);
    mem_free(m);
}

static void drop(struct parked_memory *m, const char *subject)
{
    size_t place = 0;
    if (!find(m, subject, &place)) {
        return;
    }
    size_t number = hash_index_number(&m->index, place);
    hash_index_remove(&m->index, place);
    free_kept(m->list[number]);
    m->list[number] = NULL;
}

static void add(struct parked_memory *m, struct kept *kept)
{
    hash_index_add(&m->index, hash_index_text_tag(kept->row.subject), (uint32_t)m->count);
    if (m->count == m->room) {
        m->room = mem_grow_capacity(m->room, m->count + 1);
        m->list = mem_realloc(m->list, m->room, sizeof(struct kept *));
    }
    m->list[m->count++] = kept;
}

static unsigned char *copy_of(struct bytes bytes, bool wanted)
{
    return wanted && bytes.ptr != NULL
               ? (unsigned char *)mem_strndup((const char *)bytes.ptr, bytes.len)
               : NULL;
}

/* A row without a record keeps that of the row before. */
static void keep_record(struct kept *kept, struct kept *old)
{
    if (old == NULL || kept->key != NULL) {
        return;
    }
    kept->key = old->key;
    kept->value = old->value;
    kept->row.record_key.len = old->row.record_key.len;
    kept->row.record_value.len = old->row.record_value.len;
    old->key = old->value = NULL;
}

static void park_one(struct parked_memory *m, const struct state_parked *row)
{
    struct kept *old = get(m, row->subject);
    bool fixable = strcmp(row->reason, FIXABLE) == 0;
    if (old != NULL && row->revision < old->row.revision) {
        return;
    }
    struct kept *kept = mem_calloc(1, sizeof *kept);
    kept->row = *row;
    kept->row.attempts = old != NULL ? old->row.attempts + 1 : 1;
    kept->row.topic = kept->row.code = kept->row.request_id = NULL;
    kept->row.reason = kept->reason = mem_strdup(row->reason);
    kept->row.detail = kept->detail = mem_strdup(row->detail);
    kept->key = copy_of(row->record_key, fixable);
    kept->value = copy_of(row->record_value, fixable);
    keep_record(kept, old);
    kept->row.record_key.ptr = kept->key;
    kept->row.record_value.ptr = kept->value;
    drop(m, row->subject);
    add(m, kept);
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
        drop(m, subjects[i]);
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
                          struct state_rescan *rescan,
                          state_parked_fn each,
                          void *arg,
                          size_t *count)
{
    size_t place = 0;
    bool goes_on = rescan->after[0] != '\0' && find(m, rescan->after, &place);
    *count = 0;
    for (size_t i = goes_on ? hash_index_number(&m->index, place) + 1 : 0;
         i < m->count && *count < share->max; i++) {
        const struct kept *kept = m->list[i];
        if (kept == NULL || strcmp(kept->reason, FIXABLE) != 0 ||
            !has_reason(rescan->reasons, kept->reason)) {
            continue;
        }
        memcpy(rescan->after, kept->row.subject, sizeof rescan->after);
        *count += 1;
        each(arg, &kept->row);
    }
}

void parked_memory_settle(struct parked_memory *m, struct state_tried *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct kept *kept = get(m, list[i].subject);
        list[i].fixed = kept != NULL && kept->row.revision == list[i].revision &&
                        kept->row.attempts == list[i].attempts;
        if (list[i].fixed) {
            drop(m, list[i].subject);
        }
    }
}

void parked_memory_each(const struct parked_memory *m,
                        void (*each)(void *arg, const char *reason),
                        void *arg)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct kept *kept = m->list[i];
        bool is_shared_level =
            kept != NULL && kept->row.key.item != 0 && strcmp(kept->reason, FIXABLE) == 0;
        if (kept != NULL && !is_shared_level) {
            each(arg, kept->reason);
        }
    }
}
