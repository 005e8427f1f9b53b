/**
 * place_map: maps each Odoo location of one read to its warehouses. Pure.
 *
 * Calling sequence: place_map_reset; place_map_add for every location that occurs; place_map_link
 * for each warehouse of a location; place_map_first and place_map_next to look up. Most locations
 * have one link (a warehouse's shelf) or none (customers, suppliers, losses). Thread: one.
 */
#ifndef STOCKSYNC_ODOO_PLACE_MAP_H
#define STOCKSYNC_ODOO_PLACE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One warehouse of one location. */
struct place_link {
    size_t warehouse; /* the caller's index */
    size_t next;      /* 1 + index of the location's next link; 0: none */
};

/** Zero-initialise; keeps its memory between reads. */
struct place_map {
    int32_t *ids;  /* distinct locations in the order they came */
    size_t *first; /* by the same index: 1 + index of the first link; 0: none */
    size_t count;
    size_t capacity;
    size_t *slots;     /* hash table: 1 + index in ids; 0: free */
    size_t slot_count; /* a power of two, at least twice count */
    struct place_link *links;
    size_t link_count;
    size_t link_capacity;
};

void place_map_release(struct place_map *map);
/** Empties, keeps the memory. */
void place_map_reset(struct place_map *map);
/** Adds a location; repeats are fine. */
void place_map_add(struct place_map *map, int32_t location_id);
/** Links an added location to a warehouse; ignores other locations. Pointers of place_map_first and
 * place_map_next become invalid. */
void place_map_link(struct place_map *map, int32_t location_id, size_t warehouse);
/** First warehouse of a location; NULL: none. */
const struct place_link *place_map_first(const struct place_map *map, int32_t location_id);
const struct place_link *place_map_next(const struct place_map *map, const struct place_link *link);
/** True when the location belongs to that warehouse. */
bool place_map_has(const struct place_map *map, int32_t location_id, size_t warehouse);

#endif
