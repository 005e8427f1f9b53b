#include "consumer/app/parked_set.h"

#include <uthash.h>

#include "common/core/mem.h"

struct member {
    int32_t product_id;
    UT_hash_handle hh;
};

struct parked_set {
    struct member *members;
};

struct parked_set *parked_set_new(void)
{
    return mem_calloc(1, sizeof(struct parked_set));
}

void parked_set_free(struct parked_set *set)
{
    if (set == NULL) {
        return;
    }
    struct member *m = NULL;
    struct member *next = NULL;
    HASH_ITER (hh, set->members, m, next) {
        HASH_DEL(set->members, m);
        mem_free(m);
    }
    mem_free(set);
}

static struct member *find(const struct parked_set *set, int32_t product_id)
{
    struct member *m = NULL;
    HASH_FIND(hh, set->members, &product_id, sizeof product_id, m);
    return m;
}

void parked_set_add(struct parked_set *set, int32_t product_id)
{
    if (find(set, product_id) != NULL) {
        return;
    }
    struct member *m = mem_calloc(1, sizeof *m);
    m->product_id = product_id;
    HASH_ADD(hh, set->members, product_id, sizeof m->product_id, m);
}

bool parked_set_remove(struct parked_set *set, int32_t product_id)
{
    struct member *m = find(set, product_id);
    if (m == NULL) {
        return false;
    }
    HASH_DEL(set->members, m);
    mem_free(m);
    return true;
}

bool parked_set_has(const struct parked_set *set, int32_t product_id)
{
    return find(set, product_id) != NULL;
}

size_t parked_set_count(const struct parked_set *set)
{
    return HASH_COUNT(set->members);
}
