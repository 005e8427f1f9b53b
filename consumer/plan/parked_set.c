#include "consumer/plan/parked_set.h"

#include "common/core/mem.h"
#include "consumer/plan/hash_index.h"

/* The product id is the entry's number: nothing else needs to be kept. */
struct parked_set {
    struct hash_index index;
};

struct parked_set *parked_set_new(void)
{
    struct parked_set *set = mem_calloc(1, sizeof *set);
    hash_index_init(&set->index);
    return set;
}

void parked_set_free(struct parked_set *set)
{
    if (set != NULL) {
        hash_index_release(&set->index);
        mem_free(set);
    }
}

static uint32_t tag_of(int32_t product_id)
{
    return (uint32_t)hash_index_mix((uint64_t)product_id);
}

/* @return true and its place when the product is there */
static bool find(const struct hash_index *s, int32_t product_id, size_t *place)
{
    uint32_t tag = tag_of(product_id);
    for (size_t i = hash_index_home(s, tag); hash_index_taken(s, i); i = hash_index_next(s, i)) {
        if (s->list[i].tag == tag && hash_index_number(s, i) == (uint32_t)product_id) {
            *place = i;
            return true;
        }
    }
    return false;
}

void parked_set_add(struct parked_set *set, int32_t product_id)
{
    if (!parked_set_has(set, product_id)) {
        hash_index_add(&set->index, tag_of(product_id), (uint32_t)product_id);
    }
}

bool parked_set_remove(struct parked_set *set, int32_t product_id)
{
    size_t place = 0;
    bool found = find(&set->index, product_id, &place);
    if (found) {
        hash_index_remove(&set->index, place);
    }
    return found;
}

bool parked_set_has(const struct parked_set *set, int32_t product_id)
{
    size_t place = 0;
    return find(&set->index, product_id, &place);
}

size_t parked_set_count(const struct parked_set *set)
{
    return set->index.count;
}
