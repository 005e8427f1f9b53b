#include "producer/odoo/kit_columns.h"

#include <string.h>

#include "common/core/mem.h"

void kit_columns_release(struct kit_columns *columns)
{
    struct kit_columns *c = columns;
    id_list_release(&c->deleted);
    mem_free(c->kit);
    mem_free(c->kind);
    mem_free(c->bom);
    mem_free(c->problem);
    mem_free(c->part_kit);
    mem_free(c->part);
    mem_free(c->role);
    mem_free(c->need);
    mem_free(c->yield);
    *c = (struct kit_columns){0};
}

static void reserve(struct kit_columns *c, size_t parts)
{
    if (c->kit_count + 1 > c->kit_room) {
        c->kit_room = mem_grow_capacity(c->kit_room, c->kit_count + 1);
        c->kit = mem_realloc(c->kit, c->kit_room, sizeof *c->kit);
        c->kind = mem_realloc(c->kind, c->kit_room, sizeof *c->kind);
        c->bom = mem_realloc(c->bom, c->kit_room, sizeof *c->bom);
        c->problem = mem_realloc(c->problem, c->kit_room, sizeof *c->problem);
    }
    if (c->part_count + parts > c->part_room) {
        c->part_room = mem_grow_capacity(c->part_room, c->part_count + parts);
        c->part_kit = mem_realloc(c->part_kit, c->part_room, sizeof *c->part_kit);
        c->part = mem_realloc(c->part, c->part_room, sizeof *c->part);
        c->role = mem_realloc(c->role, c->part_room, sizeof *c->role);
        c->need = mem_realloc(c->need, c->part_room, sizeof *c->need);
        c->yield = mem_realloc(c->yield, c->part_room, sizeof *c->yield);
    }
}

void kit_columns_add(struct kit_columns *columns,
                     int32_t kit_id,
                     const struct kit_needs *needs,
                     const char *problem)
{
    struct kit_columns *c = columns;
    const struct kit_needs *n = needs;
    reserve(c, n->count);
    c->kit[c->kit_count] = kit_id;
    c->kind[c->kit_count] = (int32_t)n->kind;
    c->bom[c->kit_count] = n->bom_id;
    memcpy(c->problem[c->kit_count], problem, KIT_PROBLEM_SIZE);
    c->kit_count++;
    for (size_t i = 0; i < n->count; i++) {
        size_t at = c->part_count++;
        c->part_kit[at] = kit_id;
        c->part[at] = n->parts[i].component_id;
        c->role[at] = (int32_t)n->parts[i].role;
        c->need[at] = n->parts[i].need;
        c->yield[at] = n->yield;
    }
}
