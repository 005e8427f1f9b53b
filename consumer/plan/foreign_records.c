#include "consumer/plan/foreign_records.h"

#include "common/core/mem.h"
#include "consumer/plan/hash_index.h"

struct foreign {
    int32_t product_id;
    struct record_position at;
};

/* The list has no gaps: the last entry replaces one that is removed. */
struct foreign_records {
    struct offset_ledger *ledger; /* borrowed */
    struct foreign *list;
    size_t capacity;
    size_t count;
    struct hash_index by_product;
};

struct foreign_records *foreign_records_new(struct offset_ledger *ledger)
{
    struct foreign_records *f = mem_calloc(1, sizeof *f);
    f->ledger = ledger;
    hash_index_init(&f->by_product);
    return f;
}

void foreign_records_free(struct foreign_records *f)
{
    if (f != NULL) {
        mem_free(f->list);
        hash_index_release(&f->by_product);
        mem_free(f);
    }
}

static uint32_t tag_of(int32_t product_id)
{
    return (uint32_t)hash_index_mix((uint64_t)product_id);
}

static bool find(const struct foreign_records *f, int32_t product_id, size_t *place)
{
    const struct hash_index *s = &f->by_product;
    uint32_t tag = tag_of(product_id);
    for (size_t i = hash_index_home(s, tag); hash_index_taken(s, i); i = hash_index_next(s, i)) {
        if (s->list[i].tag == tag && f->list[hash_index_number(s, i)].product_id == product_id) {
            *place = i;
            return true;
        }
    }
    return false;
}

void foreign_records_add(struct foreign_records *f, int32_t product_id, struct record_position at)
{
    size_t place = 0;
    offset_ledger_hold(f->ledger, at);
    if (find(f, product_id, &place)) {
        struct foreign *known = &f->list[hash_index_number(&f->by_product, place)];
        offset_ledger_finish(f->ledger, known->at);
        known->at = at;
        return;
    }
    if (f->count == f->capacity) {
        f->capacity = mem_grow_capacity(f->capacity, f->count + 1);
        f->list = mem_realloc(f->list, f->capacity, sizeof *f->list);
    }
    f->list[f->count] = (struct foreign){.product_id = product_id, .at = at};
    hash_index_add(&f->by_product, tag_of(product_id), (uint32_t)f->count++);
}

static void remove_at(struct foreign_records *f, size_t place)
{
    uint32_t gap = hash_index_number(&f->by_product, place);
    hash_index_remove(&f->by_product, place);
    uint32_t last = (uint32_t)--f->count;
    if (gap != last) {
        bool found = find(f, f->list[last].product_id, &place);
        INVARIANT(found, "product %d is not indexed", (int)f->list[last].product_id);
        f->by_product.list[place].entry = gap + 1;
        f->list[gap] = f->list[last];
    }
}

void foreign_records_settle(struct foreign_records *f, int32_t product_id)
{
    size_t place = 0;
    if (f->count > 0 && find(f, product_id, &place)) {
        offset_ledger_finish(f->ledger, f->list[hash_index_number(&f->by_product, place)].at);
        remove_at(f, place);
    }
}

void foreign_records_drop_partition(struct foreign_records *f, int32_t partition)
{
    for (size_t i = f->count; i > 0; i--) {
        size_t place = 0;
        if (f->list[i - 1].at.partition == partition &&
            find(f, f->list[i - 1].product_id, &place)) {
            remove_at(f, place);
        }
    }
}

size_t foreign_records_count(const struct foreign_records *f)
{
    return f->count;
}
