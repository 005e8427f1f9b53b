#include "producer/publish/newest_records.h"

#include <stdlib.h>

#include "common/core/mem.h"

#define FIRST_SIZE ((size_t)1024)

void newest_records_init(struct newest_records *records)
{
    *records = (struct newest_records){0};
}

void newest_records_release(struct newest_records *records)
{
    mem_free(records->places);
    *records = (struct newest_records){0};
}

/* The product's place, or the free one that it takes. */
static struct newest_record *find(const struct newest_records *records, int32_t product_id)
{
    /* Fibonacci hashing: ids are dense, so the upper bits must decide. */
    const uint64_t hash = (uint64_t)(uint32_t)product_id * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(hash >> 32) & (records->size - 1);
    while (records->places[at].product_id != 0 && records->places[at].product_id != product_id) {
        at = (at + 1) & (records->size - 1);
    }
    return &records->places[at];
}

static void grow(struct newest_records *records)
{
    const struct newest_records old = *records;
    records->size = old.size == 0 ? FIRST_SIZE : old.size * 2;
    records->places = mem_calloc(records->size, sizeof *records->places);
    for (size_t i = 0; i < old.size; i++) {
        if (old.places[i].product_id != 0) {
            *find(records, old.places[i].product_id) = old.places[i];
        }
    }
    mem_free(old.places);
}

void newest_records_note(struct newest_records *records,
                         int32_t product_id,
                         int64_t revision,
                         bool tombstone)
{
    if (records->count + 1 > records->size / 4 * 3) {
        grow(records);
    }
    struct newest_record *place = find(records, product_id);
    if (place->product_id == 0) {
        records->count++;
    } else if (revision != 0 && revision < place->revision) {
        return;
    }
    *place = (struct newest_record){
        .revision = revision, .product_id = product_id, .tombstone = tombstone};
}

static int compare(const void *left, const void *right)
{
    const int32_t a = *(const int32_t *)left;
    const int32_t b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

size_t newest_records_take_living(struct newest_records *records, int32_t **ids)
{
    size_t count = 0;
    *ids = mem_calloc(records->count, sizeof **ids);
    for (size_t i = 0; i < records->size; i++) {
        const struct newest_record *place = &records->places[i];
        if (place->product_id != 0 && !place->tombstone) {
            (*ids)[count++] = place->product_id;
        }
    }
    newest_records_release(records);
    qsort(*ids, count, sizeof **ids, compare);
    return count;
}
