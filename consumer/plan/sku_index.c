#include "consumer/plan/sku_index.h"

#include <string.h>

#include "common/core/mem.h"
#include "consumer/plan/hash_index.h"

#define NONE UINT32_MAX

/* A text with one item. Further items of the same text follow it, without the text. */
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
    size_t shared_count;
};

struct sku_index *sku_index_new(void)
{
    struct sku_index *index = mem_calloc(1, sizeof *index);
    index->free = NONE;
    hash_index_init(&index->by_text);
    return index;
}

void sku_index_free(struct sku_index *index)
{
    if (index == NULL) {
        return;
    }
    for (size_t i = 0; i < index->used; i++) {
        mem_free(index->list[i].text);
    }
    mem_free(index->list);
    hash_index_release(&index->by_text);
    mem_free(index);
}

/* --- entries --- */

static uint32_t take_entry(struct sku_index *index, const struct mapped_item *item)
{
    uint32_t number = index->free;
    if (number != NONE) {
        index->free = index->list[number].more;
    } else {
        if (index->used == index->room) {
            index->room = mem_grow_capacity(index->room, index->used + 1);
            index->list = mem_realloc(index->list, index->room, sizeof *index->list);
        }
        number = (uint32_t)index->used++;
    }
    index->list[number] = (struct entry){.item = *item, .more = NONE};
    return number;
}

/* The place of a text, or the free place at which the search ended. */
static size_t place_of(const struct sku_index *index, const char *text, uint32_t tag)
{
    const struct hash_index *s = &index->by_text;
    size_t i = hash_index_home(s, tag);
    while (
        hash_index_taken(s, i) &&
        (s->list[i].tag != tag || strcmp(index->list[hash_index_number(s, i)].text, text) != 0)) {
        i = hash_index_next(s, i);
    }
    return i;
}

static const struct entry *find(const struct sku_index *index, const char *text)
{
    size_t place = place_of(index, text, hash_index_text_tag(text));
    return hash_index_taken(&index->by_text, place)
               ? &index->list[hash_index_number(&index->by_text, place)]
               : NULL;
}

/* The text's next item; NULL behind the last one. */
static const struct entry *next(const struct sku_index *index, const struct entry *e)
{
    return e->more == NONE ? NULL : &index->list[e->more];
}

/* --- changing --- */

static void add_item(struct sku_index *index, uint32_t head, const struct mapped_item *item)
{
    uint32_t last = head;
    for (uint32_t i = head; i != NONE; i = index->list[i].more) {
        struct mapped_item *known = &index->list[i].item;
        if (known->item == item->item) {
            known->tracked = item->tracked;
            known->locked = item->locked;
            known->bundle = known->bundle || item->bundle;
            known->known = known->known || item->known;
            return;
        }
        last = i;
    }
    index->shared_count += last == head;
    uint32_t number = take_entry(index, item);
    index->list[last].more = number;
}

void sku_index_add(struct sku_index *index, const char *text, const struct mapped_item *item)
{
    if (text == NULL || text[0] == '\0') {
        return;
    }
    uint32_t tag = hash_index_text_tag(text);
    size_t place = place_of(index, text, tag);
    if (hash_index_taken(&index->by_text, place)) {
        add_item(index, hash_index_number(&index->by_text, place), item);
        return;
    }
    uint32_t number = take_entry(index, item);
    index->list[number].text = mem_strdup(text);
    hash_index_add(&index->by_text, tag, number);
}

static void free_entry(struct sku_index *index, uint32_t number)
{
    index->list[number] = (struct entry){.more = index->free};
    index->free = number;
}

/* The text goes with its last item. Further items move up: the text stays with the first entry. */
static void remove_first(struct sku_index *index, size_t place, uint32_t head)
{
    struct entry *first = &index->list[head];
    uint32_t more = first->more;
    if (more == NONE) {
        hash_index_remove(&index->by_text, place);
        mem_free(first->text);
        free_entry(index, head);
        return;
    }
    first->item = index->list[more].item;
    first->more = index->list[more].more;
    free_entry(index, more);
}

void sku_index_remove(struct sku_index *index, const char *text, int64_t item)
{
    size_t place = place_of(index, text, hash_index_text_tag(text));
    if (!hash_index_taken(&index->by_text, place)) {
        return;
    }
    uint32_t head = hash_index_number(&index->by_text, place);
    uint32_t before = NONE;
    uint32_t number = head;
    while (number != NONE && index->list[number].item.item != item) {
        before = number;
        number = index->list[number].more;
    }
    if (number == NONE) {
        return;
    }
    bool was_shared = index->list[head].more != NONE;
    if (before == NONE) {
        remove_first(index, place, head);
    } else {
        index->list[before].more = index->list[number].more;
        free_entry(index, number);
    }
    /* a text whose only item went has no entry any more */
    index->shared_count -= was_shared && index->list[head].more == NONE;
}

void sku_index_inherit(struct sku_index *index, const struct sku_index *old)
{
    struct mapped_item before;
    for (size_t i = 0; i < index->used; i++) {
        const struct entry *head = &index->list[i];
        if (head->text == NULL || head->more == NONE ||
            sku_index_find(old, head->text, &before) != SKU_INDEX_FOUND) {
            continue;
        }
        for (uint32_t number = (uint32_t)i; number != NONE; number = index->list[number].more) {
            index->list[number].item.known = index->list[number].item.item == before.item;
        }
    }
}

/* --- asking --- */

/* The entry of the item that a text stands for; NULL: it is ambiguous. */
static const struct entry *chosen(const struct sku_index *index, const struct entry *head)
{
    if (head->more == NONE) {
        return head;
    }
    for (const struct entry *e = head; e != NULL; e = next(index, e)) {
        if (e->item.known) {
            return e;
        }
    }
    return NULL;
}

enum sku_index_result
sku_index_find(const struct sku_index *index, const char *text, struct mapped_item *item)
{
    const struct entry *head = find(index, text);
    if (head == NULL) {
        return SKU_INDEX_MISSING;
    }
    const struct entry *e = chosen(index, head);
    if (e == NULL) {
        return SKU_INDEX_AMBIGUOUS;
    }
    *item = e->item;
    return SKU_INDEX_FOUND;
}

bool sku_index_has(const struct sku_index *index, const char *text, const struct mapped_item *item)
{
    for (const struct entry *e = find(index, text); e != NULL; e = next(index, e)) {
        if (e->item.item == item->item) {
            return e->item.tracked == item->tracked && e->item.bundle == item->bundle &&
                   e->item.known == item->known;
        }
    }
    return false;
}

static void each_item(const struct sku_index *index,
                      const struct entry *head,
                      void (*each)(void *arg, const char *text, const struct mapped_item *item),
                      void *arg)
{
    for (const struct entry *e = head; e != NULL; e = next(index, e)) {
        each(arg, head->text, &e->item);
    }
}

void sku_index_each(const struct sku_index *index,
                    void (*each)(void *arg, const char *text, const struct mapped_item *item),
                    void *arg)
{
    for (size_t i = 0; i < index->used; i++) {
        if (index->list[i].text != NULL) {
            each_item(index, &index->list[i], each, arg);
        }
    }
}

void sku_index_each_of(const struct sku_index *index,
                       const char *text,
                       void (*each)(void *arg, const char *text, const struct mapped_item *item),
                       void *arg)
{
    each_item(index, find(index, text), each, arg);
}

void sku_index_each_newcomer(
    const struct sku_index *index,
    void (*each)(void *arg, const char *text, int64_t known, int64_t newcomer),
    void *arg)
{
    for (size_t i = 0; i < index->used; i++) {
        const struct entry *head = &index->list[i];
        const struct entry *known = NULL;
        if (head->text != NULL && head->more != NONE) {
            known = chosen(index, head);
        }
        for (const struct entry *e = known != NULL ? head : NULL; e != NULL; e = next(index, e)) {
            if (e != known) {
                each(arg, head->text, known->item.item, e->item.item);
            }
        }
    }
}

/* --- counting --- */

size_t sku_index_count(const struct sku_index *index)
{
    return index->by_text.count;
}

size_t sku_index_shared_count(const struct sku_index *index)
{
    return index->shared_count;
}

static bool is_shared(const struct sku_index *index, const struct entry *e)
{
    (void)index;
    return e->text != NULL && e->more != NONE;
}

static bool is_ambiguous(const struct sku_index *index, const struct entry *e)
{
    return is_shared(index, e) && chosen(index, e) == NULL;
}

static bool is_untracked(const struct sku_index *index, const struct entry *e)
{
    const struct entry *item = e->text != NULL ? chosen(index, e) : NULL;
    return item != NULL && !item->item.tracked;
}

static size_t count_of(const struct sku_index *index,
                       bool (*fits)(const struct sku_index *index, const struct entry *e))
{
    size_t count = 0;
    for (size_t i = 0; i < index->used; i++) {
        count += fits(index, &index->list[i]);
    }
    return count;
}

static size_t examples(const struct sku_index *index,
                       bool (*fits)(const struct sku_index *index, const struct entry *e),
                       const char **texts,
                       size_t max)
{
    size_t filled = 0;
    for (size_t i = 0; i < index->used && filled < max; i++) {
        if (fits(index, &index->list[i])) {
            texts[filled++] = index->list[i].text;
        }
    }
    return filled;
}

size_t sku_index_shared_examples(const struct sku_index *index, const char **texts, size_t max)
{
    return index->shared_count > 0 ? examples(index, is_shared, texts, max) : 0;
}

size_t sku_index_ambiguous_count(const struct sku_index *index)
{
    return index->shared_count > 0 ? count_of(index, is_ambiguous) : 0;
}

size_t sku_index_ambiguous_examples(const struct sku_index *index, const char **texts, size_t max)
{
    return index->shared_count > 0 ? examples(index, is_ambiguous, texts, max) : 0;
}

size_t sku_index_untracked_count(const struct sku_index *index)
{
    return count_of(index, is_untracked);
}

size_t sku_index_untracked_examples(const struct sku_index *index, const char **texts, size_t max)
{
    return examples(index, is_untracked, texts, max);
}
