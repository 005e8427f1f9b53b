/**
 * fuzz_answer: any bytes as the body of an answer. Whatever comes, the class, the entries and the
 * texts keep what answer.h and graphql.h promise.
 *
 * Byte 0 chooses the operation ('0' StockSet, '1' LevelsRead …), byte 1 the status ('2': 200, else
 * 503), the rest is the body.
 */
#include <string.h>

#include "common/core/utf8.h"
#include "consumer/shopify/answer.h"
#include "consumer/shopify/inventory.h"
#include "tests/fuzz/fuzz_target.h"

static void check_text(const char *text, size_t size)
{
    INVARIANT(memchr(text, '\0', size) != NULL, "a text without an end");
    struct bytes rest = bytes_text(text);
    while (rest.len > 0) {
        size_t n = utf8_sequence(rest);
        INVARIANT(n > 0, "a text that is not UTF-8");
        rest = bytes_of(rest.ptr + n, rest.len - n);
    }
}

static void check_entries(const struct answer *a)
{
    INVARIANT(a->entry_count == 0 || a->class == ANSWER_ENTRIES || a->class == ANSWER_RETRY_NEW,
              "class %d names entries", (int)a->class);
    INVARIANT(a->entry_count <= ANSWER_MAX_ENTRY_ERRORS, "%zu entries", a->entry_count);
    for (size_t i = 0; i < a->entry_count; i++) {
        const struct entry_error *e = &a->entries[i];
        INVARIANT(e->index < INVENTORY_MAX_ENTRIES, "entry %zu", e->index);
        INVARIANT(i == 0 || e[-1].index <= e->index, "entries out of order");
        check_text(e->code, sizeof e->code);
        check_text(e->msg, sizeof e->msg);
    }
}

static void check_failure(const struct answer *a)
{
    struct err err = {0};
    enum status rc = answer_status(a, &err);
    INVARIANT(rc != STATUS_OK && rc == err.status, "status %s", status_name(rc));
    INVARIANT(err.msg[0] != '\0', "nothing to read");
    INVARIANT(a->wait_ms >= 0 && a->wait_ms <= 300000, "wait %lld", (long long)a->wait_ms);
    INVARIANT(!a->throttled || !a->may_have_executed, "throttled and executed");
    check_text(err.msg, sizeof err.msg);
    check_text(err.origin, sizeof err.origin);
    check_text(a->code, sizeof a->code);
}

static void check_levels(const struct answer *a)
{
    static const int64_t ITEMS[] = {4401, 4402, 4403, 4404};
    enum { COUNT = sizeof ITEMS / sizeof ITEMS[0] };
    struct level_read out[COUNT];
    struct err err = {0};
    enum status rc = inventory_read_answer(a, "available", 7001, ITEMS, COUNT, out, &err);
    INVARIANT(rc == STATUS_OK || rc == STATUS_OUTCOME_UNKNOWN, "status %s", status_name(rc));
    for (size_t i = 0; i < COUNT && rc == STATUS_OK; i++) {
        INVARIANT(out[i].key.item == ITEMS[i] && out[i].key.location == 7001, "another pair");
        INVARIANT(out[i].item_found || !out[i].connected, "a level of no item");
        INVARIANT(out[i].connected || !out[i].active, "active, not connected");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer a;
    if (size < 2) {
        return 0;
    }
    const struct http_answer http = {.outcome = HTTP_ANSWERED,
                                     .status = data[1] == '2' ? 200 : 503,
                                     .body = bytes_of(data + 2, size - 2),
                                     .retry_after_s = -1};
    enum operation op = (enum operation)((uint8_t)(data[0] - '0') % OPERATION_COUNT);
    answer_classify(op, &http, &a);
    INVARIANT((a.json != NULL) == (a.class == ANSWER_DONE), "class %d", (int)a.class);
    check_entries(&a);
    if (a.class != ANSWER_DONE) {
        check_failure(&a);
    } else if (op == OP_LEVELS_READ) {
        check_levels(&a);
    }
    answer_release(&a);
    return 0;
}
