#include "consumer/plan/mapping.h"

#include <string.h>

#include "common/core/mem.h"
#include "consumer/plan/slots.h"

struct mapped_text {
    char *text;
    struct mapped_item item; /* of the first variant that was added */
    bool ambiguous;
};

struct mapping {
    struct mapped_text *list; /* in order of arrival */
    size_t count;
    size_t capacity;
    struct slots by_text;
    size_t ambiguous_count;
};

struct mapping *mapping_new(void)
{
    struct mapping *m = mem_calloc(1, sizeof *m);
    slots_init(&m->by_text);
    return m;
}

void mapping_free(struct mapping *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->count; i++) {
        mem_free(m->list[i].text);
    }
    mem_free(m->list);
    slots_release(&m->by_text);
    mem_free(m);
}

static struct mapped_text *find(const struct mapping *m, const char *text, uint32_t tag)
{
    const struct slots *s = &m->by_text;
    for (size_t i = slots_home(s, tag); slots_taken(s, i); i = slots_next(s, i)) {
        struct mapped_text *t = &m->list[slots_number(s, i)];
        if (s->list[i].tag == tag && strcmp(t->text, text) == 0) {
            return t;
        }
    }
    return NULL;
}

void mapping_add(struct mapping *m, const char *text, const struct mapped_item *item)
{
    if (text == NULL || text[0] == '\0') {
        return;
    }
    uint32_t tag = slots_text_tag(text);
    struct mapped_text *t = find(m, text, tag);
    if (t == NULL) {
        if (m->count == m->capacity) {
            m->capacity = mem_grow_capacity(m->capacity, m->count + 1);
            m->list = mem_realloc(m->list, m->capacity, sizeof *m->list);
        }
        slots_add(&m->by_text, tag, (uint32_t)m->count);
        m->list[m->count++] = (struct mapped_text){.text = mem_strdup(text), .item = *item};
    } else if (t->item.item != item->item) {
        m->ambiguous_count += !t->ambiguous;
        t->ambiguous = true;
    } else {
        t->item.bundle = t->item.bundle || item->bundle;
    }
}

enum mapping_result
mapping_find(const struct mapping *m, const char *text, struct mapped_item *item)
{
    const struct mapped_text *t = find(m, text, slots_text_tag(text));
    if (t == NULL) {
        return MAPPING_MISSING;
    }
    if (t->ambiguous) {
        return MAPPING_AMBIGUOUS;
    }
    *item = t->item;
    return MAPPING_FOUND;
}

size_t mapping_count(const struct mapping *m)
{
    return m->count;
}

size_t mapping_ambiguous_count(const struct mapping *m)
{
    return m->ambiguous_count;
}

size_t mapping_ambiguous_examples(const struct mapping *m, const char **texts, size_t max)
{
    size_t filled = 0;
    for (size_t i = 0; i < m->count && filled < max; i++) {
        if (m->list[i].ambiguous) {
            texts[filled++] = m->list[i].text;
        }
    }
    return filled;
}

size_t mapping_untracked_count(const struct mapping *m)
{
    size_t untracked = 0;
    for (size_t i = 0; i < m->count; i++) {
        untracked += !m->list[i].ambiguous && !m->list[i].item.tracked;
    }
    return untracked;
}
