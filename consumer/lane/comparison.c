#include "consumer/lane/comparison.h"

#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/streams.h"

#define MOD "verify"

/* Variables of 250 items need about 10 kB. */
#define VARIABLES_MAX_BYTES ((size_t)64 * 1024)
/* Further looks at a time. */
#define LOOKS_AT_A_TIME 2

void comparison_open(struct comparison *x, const struct lane_context *c, struct requests *requests)
{
    *x = (struct comparison){.c = c, .requests = requests};
    differences_open(&x->differences, c);
}

static void drop_answered(struct comparison *x)
{
    while (x->answered != NULL) {
        struct compared_read *read = x->answered;
        x->answered = read->next;
        mem_free(read);
    }
}

void comparison_close(struct comparison *x)
{
    drop_answered(x);
    differences_close(&x->differences);
    *x = (struct comparison){0};
}

void comparison_drop(struct comparison *x)
{
    drop_answered(x);
    memset(x->waiting, 0, sizeof x->waiting);
    differences_drop(&x->differences);
}

/* --- reads --- */

bool comparison_may_read(const struct comparison *x, enum read_purpose purpose, size_t max)
{
    const struct requests *rq = x->requests;
    return x->waiting[purpose] < max && rq->breaker.state == BREAKER_CLOSED &&
           requests_free_slot(rq) != NULL &&
           budget_spares(&rq->budget, rq->costs[OP_LEVELS_READ], clock_monotonic_us());
}

int64_t comparison_points_us(const struct comparison *x)
{
    const struct requests *rq = x->requests;
    return budget_spares_us(&rq->budget, rq->costs[OP_LEVELS_READ], clock_monotonic_us());
}

enum status comparison_read(struct comparison *x,
                            enum read_purpose purpose,
                            const struct level_portion *portion,
                            struct err *err)
{
    struct strbuf variables;
    struct request *r = requests_free_slot(x->requests);
    r->purpose = purpose;
    r->count = portion->count;
    for (size_t i = 0; i < portion->count; i++) {
        r->levels[i] = NULL;
        r->list[i] =
            (struct level_write){.key = {.item = portion->items[i], .location = portion->location},
                                 .product_id = portion->products[i]};
    }
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    inventory_read_variables(portion->location, portion->items, portion->count, &variables);
    enum status rc = requests_send(x->requests, r, OP_LEVELS_READ, strbuf_take(&variables), err);
    strbuf_release(&variables);
    x->waiting[purpose] += rc == STATUS_OK;
    return rc;
}

bool comparison_take_answer(struct comparison *x,
                            const struct request *r,
                            const struct answer *answer)
{
    struct err why = {0};
    struct compared_read *read = mem_calloc(1, sizeof *read);
    read->purpose = r->purpose;
    read->portion.count = r->count;
    read->portion.location = r->list[0].key.location;
    for (size_t i = 0; i < r->count; i++) {
        read->portion.items[i] = r->list[i].key.item;
        read->portion.products[i] = r->list[i].product_id;
    }
    if (inventory_read_answer(answer, x->c->store->quantity_name, read->portion.location,
                              read->portion.items, r->count, read->read, &why) != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "answer_unreadable", &why,
                    LOG_FIELDS(LF_TEXT("store", x->c->store->name),
                               LF_TEXT("request_id", answer->request_id)));
        mem_free(read);
        return false;
    }
    read->next = x->answered;
    x->answered = read;
    return true;
}

/* --- turns --- */

static enum status compare(struct comparison *x, const struct compared_read *read, struct err *err)
{
    struct level_key keys[INVENTORY_MAX_ENTRIES];
    struct level_known known[INVENTORY_MAX_ENTRIES];
    size_t count = read->portion.count;
    for (size_t i = 0; i < count; i++) {
        keys[i] = read->read[i].key;
    }
    enum status rc = streams_read_levels(x->c, keys, count, known, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    x->levels[read->purpose] += count;
    if (read->purpose == READ_AGAIN) {
        return differences_judge_again(&x->differences, &read->portion, read->read, known, err);
    }
    return differences_judge(&x->differences, &read->portion, read->read, known,
                             &x->tasks[read->purpose], err);
}

static enum status compare_all(struct comparison *x, struct err *err)
{
    while (x->answered != NULL) {
        struct compared_read *read = x->answered;
        size_t *waiting = &x->waiting[read->purpose];
        enum status rc = compare(x, read, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        *waiting -= *waiting > 0;
        x->answered = read->next;
        mem_free(read);
    }
    return STATUS_OK;
}

static enum status look_again(struct comparison *x, struct err *err)
{
    struct level_portion portion;
    while (comparison_may_read(x, READ_AGAIN, LOOKS_AT_A_TIME) &&
           differences_take_due(&x->differences, &portion)) {
        enum status rc = comparison_read(x, READ_AGAIN, &portion, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

enum status comparison_turn(struct comparison *x, bool may_read, const char *held, struct err *err)
{
    /* ends first: they belong to repairs that were begun in an earlier turn */
    enum status rc = differences_turn(&x->differences, held, err);
    if (rc == STATUS_OK) {
        rc = compare_all(x, err);
    }
    return rc == STATUS_OK && may_read ? look_again(x, err) : rc;
}

int64_t comparison_due_us(const struct comparison *x, bool may_read)
{
    const struct differences *d = &x->differences;
    if (x->answered != NULL || (d->ended_count > 0 && d->repairing > 0)) {
        return 0;
    }
    int64_t check = d->repairing > 0 ? d->check_at_us : INT64_MAX;
    int64_t look = differences_due_us(d);
    if (!may_read || look == INT64_MAX || x->waiting[READ_AGAIN] >= LOOKS_AT_A_TIME ||
        requests_free_slot(x->requests) == NULL) {
        return check;
    }
    int64_t points = comparison_points_us(x);
    look = look > points ? look : points;
    return look < check ? look : check;
}
