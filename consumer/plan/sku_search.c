#include "consumer/plan/sku_search.h"

#include <string.h>

#include "common/core/mem.h"

struct search {
    char *text;
    int64_t due_us;
    unsigned tries; /* so far */
};

struct sku_search {
    struct search list[SKU_SEARCH_MAX]; /* in order of arrival */
    size_t count;
};

struct sku_search *sku_search_new(void)
{
    return mem_calloc(1, sizeof(struct sku_search));
}

void sku_search_free(struct sku_search *s)
{
    for (size_t i = 0; s != NULL && i < s->count; i++) {
        mem_free(s->list[i].text);
    }
    mem_free(s);
}

static struct search *find(struct sku_search *s, const char *text)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->list[i].text, text) == 0) {
            return &s->list[i];
        }
    }
    return NULL;
}

static void forget(struct sku_search *s, struct search *search)
{
    size_t behind = s->count - (size_t)(search - s->list) - 1;
    mem_free(search->text);
    memmove(search, search + 1, behind * sizeof *search);
    s->count--;
}

bool sku_search_want(struct sku_search *s, const char *text, int64_t now_us)
{
    if (find(s, text) != NULL) {
        return true;
    }
    if (s->count == SKU_SEARCH_MAX) {
        return false;
    }
    s->list[s->count++] = (struct search){.text = mem_strdup(text), .due_us = now_us};
    return true;
}

size_t sku_search_due(const struct sku_search *s, int64_t now_us, const char **texts, size_t max)
{
    size_t filled = 0;
    for (size_t i = 0; i < s->count && filled < max; i++) {
        if (s->list[i].due_us <= now_us) {
            texts[filled++] = s->list[i].text;
        }
    }
    return filled;
}

void sku_search_missed(struct sku_search *s, const char *text, int64_t now_us)
{
    struct search *search = find(s, text);
    if (search == NULL) {
        return;
    }
    if (++search->tries == SKU_SEARCH_TRIES) {
        forget(s, search);
        return;
    }
    search->due_us = now_us + (SKU_SEARCH_FIRST_US << (search->tries - 1));
}

void sku_search_found(struct sku_search *s, const char *text)
{
    struct search *search = find(s, text);
    if (search != NULL) {
        forget(s, search);
    }
}

int64_t sku_search_next_us(const struct sku_search *s)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < s->count; i++) {
        next = s->list[i].due_us < next ? s->list[i].due_us : next;
    }
    return next;
}

size_t sku_search_count(const struct sku_search *s)
{
    return s->count;
}
