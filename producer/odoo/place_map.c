#include "producer/odoo/place_map.h"

#include <string.h>

#include "common/core/mem.h"

#define SLOTS_MIN 64

void place_map_release(struct place_map *map)
{
    mem_free(map->ids);
    mem_free(map->first);
    mem_free(map->slots);
    mem_free(map->links);
    *map = (struct place_map){0};
}

void place_map_reset(struct place_map *map)
{
    map->count = 0;
    map->link_count = 0;
    if (map->slot_count > 0) {
        memset(map->slots, 0, map->slot_count * sizeof *map->slots);
    }
}

/* Slot that holds the location, or the free one where it belongs. Fibonacci hashing: ids are dense
 * and come in runs. */
static size_t find_slot(const struct place_map *map, int32_t location_id)
{
    uint64_t hash = (uint32_t)location_id * UINT64_C(11400714819323198485);
    size_t slot = (size_t)(hash >> 32) & (map->slot_count - 1);
    while (map->slots[slot] != 0 && map->ids[map->slots[slot] - 1] != location_id) {
        slot = (slot + 1) & (map->slot_count - 1);
    }
    return slot;
}

static void grow_slots(struct place_map *map)
{
    map->slot_count = map->slot_count == 0 ? SLOTS_MIN : map->slot_count * 2;
    mem_free(map->slots);
    map->slots = mem_calloc(map->slot_count, sizeof *map->slots);
    for (size_t i = 0; i < map->count; i++) {
        map->slots[find_slot(map, map->ids[i])] = i + 1;
    }
}

void place_map_add(struct place_map *map, int32_t location_id)
{
    if ((map->count + 1) * 2 > map->slot_count) {
        grow_slots(map);
    }
    size_t slot = find_slot(map, location_id);
    if (map->slots[slot] != 0) {
        return;
    }
    if (map->count == map->capacity) {
        map->capacity = mem_grow_capacity(map->capacity, map->count + 1);
        map->ids = mem_realloc(map->ids, map->capacity, sizeof *map->ids);
        map->first = mem_realloc(map->first, map->capacity, sizeof *map->first);
    }
    map->ids[map->count] = location_id;
    map->first[map->count] = 0;
    map->slots[slot] = ++map->count;
}

void place_map_link(struct place_map *map, int32_t location_id, size_t warehouse)
{
    size_t at = map->slot_count == 0 ? 0 : map->slots[find_slot(map, location_id)];
    if (at == 0) {
        return;
    }
    if (map->link_count == map->link_capacity) {
        map->link_capacity = mem_grow_capacity(map->link_capacity, map->link_count + 1);
        map->links = mem_realloc(map->links, map->link_capacity, sizeof *map->links);
    }
    map->links[map->link_count] =
        (struct place_link){.warehouse = warehouse, .next = map->first[at - 1]};
    map->first[at - 1] = ++map->link_count;
}

static const struct place_link *link_at(const struct place_map *map, size_t one_based)
{
    return one_based == 0 ? NULL : &map->links[one_based - 1];
}

const struct place_link *place_map_first(const struct place_map *map, int32_t location_id)
{
    size_t at = map->slot_count == 0 ? 0 : map->slots[find_slot(map, location_id)];
    return at == 0 ? NULL : link_at(map, map->first[at - 1]);
}

const struct place_link *place_map_next(const struct place_map *map, const struct place_link *link)
{
    return link_at(map, link->next);
}

bool place_map_has(const struct place_map *map, int32_t location_id, size_t warehouse)
{
    for (const struct place_link *link = place_map_first(map, location_id); link != NULL;
         link = place_map_next(map, link)) {
        if (link->warehouse == warehouse) {
            return true;
        }
    }
    return false;
}
