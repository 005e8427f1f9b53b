#include "consumer/parents/read_positions.h"

#include <string.h>

#include "common/core/mem.h"

struct position {
    bool assigned;
    bool at_end;       /* the end was seen since the last record */
    int64_t read;      /* -1: none yet; so are the others */
    int64_t marked;    /* the marks are committed */
    int64_t committed; /* in Kafka */
};

struct read_positions {
    struct position *list;              /* by partition */
    struct partition_offset *to_commit; /* room for all of them */
    size_t count;
};

struct read_positions *read_positions_new(void)
{
    return mem_calloc(1, sizeof(struct read_positions));
}

void read_positions_free(struct read_positions *positions)
{
    if (positions == NULL) {
        return;
    }
    mem_free(positions->list);
    mem_free(positions->to_commit);
    mem_free(positions);
}

static struct position *position_of(struct read_positions *ps, int32_t partition)
{
    size_t at = (size_t)partition;
    if (at >= ps->count) {
        size_t count = mem_grow_capacity(ps->count, at + 1);
        ps->list = mem_realloc(ps->list, count, sizeof *ps->list);
        ps->to_commit = mem_realloc(ps->to_commit, count, sizeof *ps->to_commit);
        memset(ps->list + ps->count, 0, (count - ps->count) * sizeof *ps->list);
        ps->count = count;
    }
    return &ps->list[at];
}

void read_positions_assign(struct read_positions *positions, int32_t partition)
{
    *position_of(positions, partition) =
        (struct position){.assigned = true, .read = -1, .marked = -1, .committed = -1};
}

void read_positions_drop(struct read_positions *positions, int32_t partition)
{
    *position_of(positions, partition) = (struct position){.assigned = false};
}

void read_positions_note_read(struct read_positions *positions, int32_t partition, int64_t offset)
{
    struct position *p = position_of(positions, partition);
    p->at_end = false;
    p->read = offset + 1;
}

void read_positions_restart(struct read_positions *positions, int32_t partition, int64_t offset)
{
    *position_of(positions, partition) =
        (struct position){.assigned = true, .read = offset, .marked = -1, .committed = -1};
}

void read_positions_note_end(struct read_positions *positions, int32_t partition)
{
    position_of(positions, partition)->at_end = true;
}

void read_positions_note_marked(struct read_positions *positions)
{
    for (size_t i = 0; i < positions->count; i++) {
        positions->list[i].marked = positions->list[i].read;
    }
}

static bool is_uncommitted(const struct position *p)
{
    return p->assigned && p->marked > p->committed;
}

bool read_positions_has_uncommitted(const struct read_positions *positions)
{
    for (size_t i = 0; i < positions->count; i++) {
        if (is_uncommitted(&positions->list[i])) {
            return true;
        }
    }
    return false;
}

size_t read_positions_take_uncommitted(struct read_positions *positions,
                                       const struct partition_offset **list)
{
    size_t count = 0;
    for (size_t i = 0; i < positions->count; i++) {
        struct position *p = &positions->list[i];
        if (is_uncommitted(p)) {
            positions->to_commit[count++] =
                (struct partition_offset){.partition = (int32_t)i, .next_offset = p->marked};
            p->committed = p->marked;
        }
    }
    *list = positions->to_commit;
    return count;
}

bool read_positions_are_drained(const struct read_positions *positions)
{
    size_t assigned = 0;
    for (size_t i = 0; i < positions->count; i++) {
        const struct position *p = &positions->list[i];
        if (p->assigned && (!p->at_end || p->marked < p->read)) {
            return false;
        }
        assigned += p->assigned;
    }
    return assigned > 0;
}
