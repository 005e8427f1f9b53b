#include "consumer/plan/sku_index.h"

#include <string.h>

#include "common/core/mem.h"
#include "consumer/plan/hash_index.h"

#define NONE UINT32_MAX

/* A text with one item; further items of the same text hang behind, without the text. */
struct entry {
    char *text; /* NULL: free, or a further item */
    struct mapped_item item;
    uint32_t more; /* the text's next item, or the next free entry */
};

struct sku_index {
    struct entry *list;
    size_t used; /* entries of list that were ever in use */
    size_t room;
    uint32_t free;
    struct hash_index by_text;
    size_t ambiguous_count;
};

struct sku_index *sku_index_new(void)
{
    struct sku_index *m = mem_calloc(1, sizeof *m);
    m->free = NONE;
    hash_index_init(&m->by_text);
    return m;
}

void sku_index_free(struct sku_index *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->used; i++) {
        mem_free(m->list[i].text);
    }
    mem_free(m->list);
    hash_index_release(&m->by_text);
    mem_free(m);
}

/* --- entries --- */

static uint32_t take_entry(struct sku_index *m, const struct mapped_item *item)
{
    uint32_t number = m->free;
    if (number != NONE) {
        m->free = m->list[number].more;
    } else {
        if (m->used == m->room) {
            m->room = mem_grow_capacity(m->room, m->used + 1);
            m->list = mem_realloc(m->list, m->room, sizeof *m->list);
        }
        number = (uint32_t)m->used++;
    }
    m->list[number] = (struct entry){.item = *item, .more = NONE};
    return number;
}

/* The place of a text, or the free place at which the search ended. */
static size_t place_of(const struct sku_index *m, const char *text, uint32_t tag)
{
    const struct hash_index *s = &m->by_text;
    size_t i = hash_index_home(s, tag);
    while (hash_index_taken(s, i) &&
           (s->list[i].tag != tag || strcmp(m->list[hash_index_number(s, i)].text, text) != 0)) {
        i = hash_index_next(s, i);
    }
    return i;
}

static const struct entry *find(const struct sku_index *m, const char *text)
{
    size_t place = place_of(m, text, hash_index_text_tag(text));
    return hash_index_taken(&m->by_text, place) ? &m->list[hash_index_number(&m->by_text, place)]
                                                : NULL;
}

/* The text's next item; NULL behind the last one. */
static const struct entry *next(const struct sku_index *m, const struct entry *e)
{
    return e->more == NONE ? NULL : &m->list[e->more];
}

/* --- changing --- */

static void add_item(struct sku_index *m, uint32_t head, const struct mapped_item *item)
{
    uint32_t last = head;
    for (uint32_t i = head; i != NONE; i = m->list[i].more) {
        struct mapped_item *known = &m->list[i].item;
        if (known->item == item->item) {
            known->tracked = item->tracked;
            known->locked = item->locked;
            known->bundle = known->bundle || item->bundle;
            return;
        }
        last = i;
    }
    m->ambiguous_count += last == head;
    uint32_t number = take_entry(m, item);
    m->list[last].more = number;
}

void sku_index_add(struct sku_index *m, const char *text, const struct mapped_item *item)
{
    if (text == NULL || text[0] == '\0') {
        return;
    }
    uint32_t tag = hash_index_text_tag(text);
    size_t place = place_of(m, text, tag);
    if (hash_index_taken(&m->by_text, place)) {
        add_item(m, hash_index_number(&m->by_text, place), item);
        return;
    }
    uint32_t number = take_entry(m, item);
    m->list[number].text = mem_strdup(text);
    hash_index_add(&m->by_text, tag, number);
}

void sku_index_drop(struct sku_index *m, const char *text)
{
    size_t place = place_of(m, text, hash_index_text_tag(text));
    if (!hash_index_taken(&m->by_text, place)) {
        return;
    }
    uint32_t number = hash_index_number(&m->by_text, place);
    hash_index_remove(&m->by_text, place);
    m->ambiguous_count -= m->list[number].more != NONE;
    mem_free(m->list[number].text);
    while (number != NONE) {
        uint32_t more = m->list[number].more;
        m->list[number] = (struct entry){.more = m->free};
        m->free = number;
        number = more;
    }
}

/* --- asking --- */

enum sku_index_result
sku_index_find(const struct sku_index *m, const char *text, struct mapped_item *item)
{
    const struct entry *e = find(m, text);
    if (e == NULL) {
        return SKU_INDEX_MISSING;
    }
    if (e->more != NONE) {
        return SKU_INDEX_AMBIGUOUS;
    }
    *item = e->item;
    return SKU_INDEX_FOUND;
}

bool sku_index_has(const struct sku_index *m, const char *text, const struct mapped_item *item)
{
    for (const struct entry *e = find(m, text); e != NULL; e = next(m, e)) {
        if (e->item.item == item->item) {
            return e->item.tracked == item->tracked && e->item.bundle == item->bundle;
        }
    }
    return false;
}

static void each_item(const struct sku_index *m,
                      const struct entry *head,
                      void (*each)(void *arg, const char *text, const struct mapped_item *item),
                      void *arg)
{
    for (const struct entry *e = head; e != NULL; e = next(m, e)) {
        each(arg, head->text, &e->item);
    }
}

void sku_index_each(const struct sku_index *m,
                    void (*each)(void *arg, const char *text, const struct mapped_item *item),
                    void *arg)
{
    for (size_t i = 0; i < m->used; i++) {
        if (m->list[i].text != NULL) {
            each_item(m, &m->list[i], each, arg);
        }
    }
}

void sku_index_each_of(const struct sku_index *m,
                       const char *text,
                       void (*each)(void *arg, const char *text, const struct mapped_item *item),
                       void *arg)
{
    each_item(m, find(m, text), each, arg);
}

size_t sku_index_count(const struct sku_index *m)
{
    return m->by_text.count;
}

size_t sku_index_ambiguous_count(const struct sku_index *m)
{
    return m->ambiguous_count;
}

static bool is_ambiguous(const struct entry *e)
{
    return e->text != NULL && e->more != NONE;
}

static bool is_untracked(const struct entry *e)
{
    return e->text != NULL && e->more == NONE && !e->item.tracked;
}

static size_t examples(const struct sku_index *m,
                       bool (*fits)(const struct entry *e),
                       const char **texts,
                       size_t max)
{
    size_t filled = 0;
    for (size_t i = 0; i < m->used && filled < max; i++) {
        if (fits(&m->list[i])) {
            texts[filled++] = m->list[i].text;
        }
    }
    return filled;
}

size_t sku_index_ambiguous_examples(const struct sku_index *m, const char **texts, size_t max)
{
    return examples(m, is_ambiguous, texts, max);
}

size_t sku_index_untracked_count(const struct sku_index *m)
{
    size_t untracked = 0;
    for (size_t i = 0; i < m->used; i++) {
        untracked += is_untracked(&m->list[i]);
    }
    return untracked;
}

size_t sku_index_untracked_examples(const struct sku_index *m, const char **texts, size_t max)
{
    return examples(m, is_untracked, texts, max);
}
