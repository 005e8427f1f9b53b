/* fake_parked: parked rows of fake_state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/lane/fake_clock.h"
#include "tests/unit/lane/fake_state.h"

#define GIVEN_OUT_US (60 * FAKE_SECOND)
#define LONGEST_US   (INT64_C(21600) * FAKE_SECOND)

struct fake_parked *fake_state_parked(const char *subject)
{
    for (size_t i = 0; i < fake_state.parked.count; i++) {
        if (strcmp(fake_state.parked.list[i].subject, subject) == 0) {
            return &fake_state.parked.list[i];
        }
    }
    return NULL;
}

static void remove_row(struct fake_parked *row)
{
    mem_free(row->record_key);
    mem_free(row->record_value);
    fake_state_remove((size_t)(row - fake_state.parked.list), fake_state.parked.list,
                      &fake_state.parked.count, sizeof *row);
}

void fake_state_unpark_level(const struct level_write *w)
{
    char subject[160];
    state_subject_level(subject, w->key);
    for (size_t i = fake_state.parked.count; i > 0; i--) {
        struct fake_parked *row = &fake_state.parked.list[i - 1];
        bool same = strcmp(row->subject, subject) == 0;
        bool moved = row->product_id == w->product_id && row->key.item != 0 &&
                     row->key.item != w->key.item && row->key.location == w->key.location;
        if ((same || moved) && row->revision <= w->revision) {
            remove_row(row);
        }
    }
}

/* --- parking --- */

static void copy_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

static void copy_record(struct fake_parked *row, const struct state_parked *p)
{
    if (p->partition >= 0) {
        row->partition = p->partition;
        row->offset = p->offset;
    }
    if (p->record_key.ptr != NULL) {
        mem_free(row->record_key);
        row->record_key = mem_strndup((const char *)p->record_key.ptr, p->record_key.len);
        row->record_key_len = p->record_key.len;
    }
    if (p->record_value.ptr != NULL) {
        mem_free(row->record_value);
        row->record_value = mem_strndup((const char *)p->record_value.ptr, p->record_value.len);
        row->record_value_len = p->record_value.len;
    }
}

/* Each failed try doubles the wait. */
static int64_t retry_us(int64_t wait_s, int32_t attempts)
{
    int64_t wait_us = wait_s * FAKE_SECOND;
    for (int32_t i = 1; i < attempts && wait_us < LONGEST_US; i++) {
        wait_us *= 2;
    }
    wait_us = wait_us < LONGEST_US ? wait_us : LONGEST_US;
    return wait_s > 0 ? clock_wall_us() + wait_us : 0;
}

static void park_one(struct state_parked *p)
{
    struct fake_parked *row = fake_state_parked(p->subject);
    p->first = row == NULL;
    if (row == NULL) {
        const struct fake_parked none = {.partition = -1, .offset = -1};
        MEM_ADD(&fake_state.parked, list, count, room, &none);
        row = &fake_state.parked.list[fake_state.parked.count - 1];
        copy_text(row->subject, sizeof row->subject, p->subject);
    } else if (row->revision > p->revision) {
        return;
    }
    row->product_id = p->product_id;
    row->key = p->key;
    row->quantity = p->quantity;
    row->revision = p->revision;
    row->attempts++;
    row->last_us = clock_wall_us();
    row->retry_us = retry_us(p->wait_s, row->attempts);
    copy_text(row->reason, sizeof row->reason, p->reason);
    copy_text(row->detail, sizeof row->detail, p->detail);
    copy_text(row->code, sizeof row->code, p->code);
    copy_record(row, p);
}

static enum status park(struct state *s, struct state_parked *list, size_t count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("park", err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        assert_non_null(list[i].reason);
        assert_string_not_equal(list[i].reason, "");
        park_one(&list[i]);
        list[i].first = list[i].first && !fake_state.read_only;
    }
    return rc;
}

static enum status
unpark(struct state *s, const char *const *subjects, size_t count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("unpark", err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        struct fake_parked *row = fake_state_parked(subjects[i]);
        if (row != NULL) {
            remove_row(row);
        }
    }
    return rc;
}

static enum status
products(struct state *s, void (*each)(void *arg, int32_t product_id), void *arg, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("parked_products", err);
    for (size_t i = 0; rc == STATUS_OK && i < fake_state.parked.count; i++) {
        const struct fake_parked *row = &fake_state.parked.list[i];
        if (strncmp(row->subject, "product/", strlen("product/")) == 0) {
            each(arg, row->product_id);
        }
    }
    return rc;
}

/* --- retries --- */

static bool is_shared_out(const struct fake_parked *row, const struct state_share *share)
{
    bool found = row->partition < 0;
    for (size_t i = 0; i < share->partition_count; i++) {
        found = found || share->partitions[i] == row->partition;
    }
    return found;
}

/* The callback may park and unpark, so it gets a copy. */
static void give(const struct fake_parked *row, state_parked_fn each, void *arg)
{
    struct fake_parked copy = *row;
    char *key = row->record_key != NULL ? mem_strndup(row->record_key, row->record_key_len) : NULL;
    char *value =
        row->record_value != NULL ? mem_strndup(row->record_value, row->record_value_len) : NULL;
    struct state_parked given = {.product_id = copy.product_id,
                                 .partition = copy.partition,
                                 .key = copy.key,
                                 .topic = "stock",
                                 .offset = copy.offset,
                                 .revision = copy.revision,
                                 .quantity = copy.quantity,
                                 .reason = copy.reason,
                                 .code = copy.code,
                                 .detail = copy.detail,
                                 .record_key = bytes_of(key, row->record_key_len),
                                 .record_value = bytes_of(value, row->record_value_len),
                                 .attempts = copy.attempts};
    memcpy(given.subject, copy.subject, sizeof given.subject);
    each(arg, &given);
    mem_free(key);
    mem_free(value);
}

static enum status place(struct state *s,
                         int32_t (*place_of)(void *arg, int32_t product_id),
                         void *arg,
                         struct err *err)
{
    (void)s;
    for (size_t i = 0; i < fake_state.parked.count; i++) {
        struct fake_parked *row = &fake_state.parked.list[i];
        if (row->partition < 0 && row->product_id != 0) {
            row->partition = place_of(arg, row->product_id);
        }
    }
    return fake_state_enter("parked_place", err);
}

static enum status due(struct state *s,
                       const struct state_share *share,
                       state_parked_fn each,
                       void *arg,
                       size_t *count,
                       struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("parked_due", err);
    int64_t now = clock_wall_us();
    *count = 0;
    if (rc != STATUS_OK || fake_state.read_only) {
        return rc;
    }
    for (size_t i = 0; i < fake_state.parked.count && *count < share->max; i++) {
        struct fake_parked *row = &fake_state.parked.list[i];
        if (row->retry_us != 0 && row->retry_us <= now && is_shared_out(row, share)) {
            row->retry_us = now + GIVEN_OUT_US;
            *count += 1;
            give(row, each, arg);
        }
    }
    return STATUS_OK;
}

static bool is_asked_for(const struct fake_parked *row, const struct state_rescan *sweep)
{
    const char *const *reasons = sweep->reasons;
    bool all = reasons == NULL || reasons[0] == NULL;
    for (size_t i = 0; !all && reasons[i] != NULL; i++) {
        if (strcmp(reasons[i], row->reason) == 0) {
            return strcmp(row->subject, sweep->after) > 0;
        }
    }
    return all && strcmp(row->subject, sweep->after) > 0;
}

/* The row with the least subject behind the page before. */
static struct fake_parked *next_of_sweep(const struct state_share *share,
                                         const struct state_rescan *sweep)
{
    struct fake_parked *found = NULL;
    int64_t rested_us = clock_wall_us() - sweep->rested_ms * 1000;
    for (size_t i = 0; i < fake_state.parked.count; i++) {
        struct fake_parked *row = &fake_state.parked.list[i];
        if (is_asked_for(row, sweep) && row->last_us <= rested_us && is_shared_out(row, share) &&
            (found == NULL || strcmp(row->subject, found->subject) < 0)) {
            found = row;
        }
    }
    return found;
}

static enum status rescan(struct state *s,
                          const struct state_share *share,
                          struct state_rescan *sweep,
                          state_parked_fn each,
                          void *arg,
                          size_t *count,
                          struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("parked_rescan", err);
    struct fake_parked *row = NULL;
    bool nothing = fake_state.read_only && (sweep->reasons == NULL || sweep->reasons[0] == NULL);
    *count = 0;
    while (rc == STATUS_OK && !nothing && *count < share->max &&
           (row = next_of_sweep(share, sweep)) != NULL) {
        memcpy(sweep->after, row->subject, sizeof sweep->after);
        row->retry_us = clock_wall_us() + GIVEN_OUT_US;
        *count += 1;
        give(row, each, arg);
    }
    return rc;
}

static enum status settle(struct state *s, struct state_tried *list, size_t count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("parked_settle", err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        struct fake_parked *row = fake_state_parked(list[i].subject);
        list[i].fixed =
            row == NULL || (row->revision == list[i].revision && row->attempts == list[i].attempts);
        if (row != NULL && list[i].fixed) {
            remove_row(row);
        }
    }
    return rc;
}

static void
each_in_memory(const struct state *s, void (*each)(void *arg, const char *reason), void *arg)
{
    (void)s;
    for (size_t i = 0; fake_state.read_only && i < fake_state.parked.count; i++) {
        each(arg, fake_state.parked.list[i].reason);
    }
}

const struct parked_port fake_parked_port = {.park = park,
                                             .unpark = unpark,
                                             .products = products,
                                             .place = place,
                                             .due = due,
                                             .rescan = rescan,
                                             .settle = settle,
                                             .each_in_memory = each_in_memory};
