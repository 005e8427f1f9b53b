#include "consumer/plan/sku_losses.h"

#include "common/core/mem.h"
#include "consumer/plan/sku_index.h"

/* A loss of one in so many is suspect. */
#define SUSPECT_SHARE 10
/* A small shop may delete fewer than this at once. */
#define SUSPECT_LEAST 10
/* Two readings agree when no more than one in so many differs. */
#define DIFFERENT_SHARE 10

struct sku_losses {
    struct sku_index *texts;
    size_t mapped;
};

struct comparison {
    const struct sku_index *old, *next;
    struct sku_losses *losses;
};

static void compare(void *arg, const char *text, const struct mapped_item *item)
{
    const struct comparison *comparison = arg;
    struct mapped_item found;
    /* each text once: with the item that it stands for */
    if (sku_index_find(comparison->old, text, &found) != SKU_INDEX_FOUND ||
        found.item != item->item) {
        return;
    }
    comparison->losses->mapped++;
    if (sku_index_find(comparison->next, text, &found) != SKU_INDEX_FOUND) {
        sku_index_add(comparison->losses->texts, text, item);
    }
}

struct sku_losses *sku_losses_new(const struct sku_index *old, const struct sku_index *next)
{
    struct sku_losses *losses = mem_calloc(1, sizeof *losses);
    struct comparison comparison = {.old = old, .next = next, .losses = losses};
    losses->texts = sku_index_new();
    sku_index_each(old, compare, &comparison);
    return losses;
}

void sku_losses_free(struct sku_losses *losses)
{
    if (losses != NULL) {
        sku_index_free(losses->texts);
        mem_free(losses);
    }
}

size_t sku_losses_count(const struct sku_losses *losses)
{
    return sku_index_count(losses->texts);
}

size_t sku_losses_mapped(const struct sku_losses *losses)
{
    return losses->mapped;
}

bool sku_losses_are_suspect(const struct sku_losses *losses)
{
    size_t count = sku_losses_count(losses);
    bool all = count > 0 && count == losses->mapped;
    return all || (count >= SUSPECT_LEAST && count > losses->mapped / SUSPECT_SHARE);
}

struct overlap {
    const struct sku_losses *other;
    size_t count;
};

static void count_common(void *arg, const char *text, const struct mapped_item *item)
{
    struct overlap *overlap = arg;
    struct mapped_item found;
    (void)item;
    overlap->count += sku_index_find(overlap->other->texts, text, &found) == SKU_INDEX_FOUND;
}

bool sku_losses_agree(const struct sku_losses *first, const struct sku_losses *second)
{
    struct overlap overlap = {.other = second};
    size_t a = sku_losses_count(first);
    size_t b = sku_losses_count(second);
    size_t most = a > b ? a : b;
    sku_index_each(first->texts, count_common, &overlap);
    return most - overlap.count <= most / DIFFERENT_SHARE;
}

static void take_first(void *arg, const char *text, const struct mapped_item *item)
{
    const char **first = arg;
    (void)item;
    *first = *first == NULL ? text : *first;
}

const char *sku_losses_example(const struct sku_losses *losses)
{
    const char *first = NULL;
    sku_index_each(losses->texts, take_first, &first);
    return first;
}
