/* fake_blocked: blocked partitions of fake_state. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/lane/fake_state.h"

struct state_blocked *fake_state_blocked(int32_t partition)
{
    for (size_t i = 0; i < fake_state.blocked.count; i++) {
        if (fake_state.blocked.list[i].partition == partition) {
            return &fake_state.blocked.list[i];
        }
    }
    return NULL;
}

void fake_state_block(int32_t partition, int64_t offset, bool skip)
{
    const struct state_blocked row = {.partition = partition, .offset = offset, .skip = skip};
    assert_null(fake_state_blocked(partition));
    MEM_ADD(&fake_state.blocked, list, count, room, &row);
}

static enum status
note(struct state *s, const char *topic, struct state_blocked *list, size_t count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("blocked_note", err);
    assert_string_equal(topic, "stock");
    assert_true(count > 0);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        struct state_blocked *row = fake_state_blocked(list[i].partition);
        list[i].skip =
            !fake_state.read_only && row != NULL && row->offset == list[i].offset && row->skip;
        if (fake_state.read_only) {
            continue;
        }
        if (row != NULL) {
            *row = list[i];
        } else {
            MEM_ADD(&fake_state.blocked, list, count, room, &list[i]);
        }
    }
    return rc;
}

static enum status each_row(struct state *s,
                            const char *topic,
                            void (*each)(void *arg, const struct state_blocked *row),
                            void *arg,
                            struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("blocked_list", err);
    assert_string_equal(topic, "stock");
    for (size_t i = 0; rc == STATUS_OK && i < fake_state.blocked.count; i++) {
        each(arg, &fake_state.blocked.list[i]);
    }
    return rc;
}

static enum status
end(struct state *s, const char *topic, const int32_t *partitions, size_t count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("blocked_end", err);
    assert_string_equal(topic, "stock");
    for (size_t i = 0; rc == STATUS_OK && !fake_state.read_only && i < count; i++) {
        const struct state_blocked *row = fake_state_blocked(partitions[i]);
        if (row != NULL) {
            fake_state_remove((size_t)(row - fake_state.blocked.list), fake_state.blocked.list,
                              &fake_state.blocked.count, sizeof *row);
        }
    }
    return rc;
}

const struct blocked_port fake_blocked_port = {.note = note, .list = each_row, .end = end};
