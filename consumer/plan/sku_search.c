#include "consumer/plan/sku_search.h"

#include <string.h>

#include "common/core/mem.h"

struct look {
    char *text;
    int64_t due_us;
    unsigned looks; /* so far */
};

struct sku_search {
    struct look list[UNMAPPED_MAX]; /* in order of arrival */
    size_t count;
};

struct sku_search *sku_search_new(void)
{
    return mem_calloc(1, sizeof(struct sku_search));
}

void sku_search_free(struct sku_search *u)
{
    for (size_t i = 0; u != NULL && i < u->count; i++) {
        mem_free(u->list[i].text);
    }
    mem_free(u);
}

static struct look *find(struct sku_search *u, const char *text)
{
    for (size_t i = 0; i < u->count; i++) {
        if (strcmp(u->list[i].text, text) == 0) {
            return &u->list[i];
        }
    }
    return NULL;
}

static void forget(struct sku_search *u, struct look *look)
{
    size_t behind = u->count - (size_t)(look - u->list) - 1;
    mem_free(look->text);
    memmove(look, look + 1, behind * sizeof *look);
    u->count--;
}

bool sku_search_want(struct sku_search *u, const char *text, int64_t now_us)
{
    if (find(u, text) != NULL) {
        return true;
    }
    if (u->count == UNMAPPED_MAX) {
        return false;
    }
    u->list[u->count++] = (struct look){.text = mem_strdup(text), .due_us = now_us};
    return true;
}

size_t sku_search_due(const struct sku_search *u, int64_t now_us, const char **texts, size_t max)
{
    size_t filled = 0;
    for (size_t i = 0; i < u->count && filled < max; i++) {
        if (u->list[i].due_us <= now_us) {
            texts[filled++] = u->list[i].text;
        }
    }
    return filled;
}

void sku_search_missed(struct sku_search *u, const char *text, int64_t now_us)
{
    struct look *look = find(u, text);
    if (look == NULL) {
        return;
    }
    if (++look->looks == UNMAPPED_LOOKS) {
        forget(u, look);
        return;
    }
    look->due_us = now_us + (UNMAPPED_FIRST_US << (look->looks - 1));
}

void sku_search_found(struct sku_search *u, const char *text)
{
    struct look *look = find(u, text);
    if (look != NULL) {
        forget(u, look);
    }
}

int64_t sku_search_next_us(const struct sku_search *u)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < u->count; i++) {
        next = u->list[i].due_us < next ? u->list[i].due_us : next;
    }
    return next;
}

size_t sku_search_count(const struct sku_search *u)
{
    return u->count;
}
