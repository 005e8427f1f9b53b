#include <string.h>

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "consumer/app/lane_internal.h"

#define MOD "lane"

/* Least pause between two probes of a store that a person must cure; an answer may ask for more. */
#define CLOSED_PROBE_MS  60000
#define REFUSED_PROBE_MS 5000

enum status lane_park_pairs(struct lane *l,
                            const struct pair_verdict *list,
                            size_t count,
                            const char *request_id,
                            struct err *err)
{
    struct state_parked rows[INVENTORY_MAX_ENTRIES];
    if (count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        const struct pair *p = list[i].pair;
        rows[i] = (struct state_parked){.product_id = p->want.product_id,
                                        .key = p->key,
                                        .partition = -1,
                                        .offset = -1,
                                        .revision = p->want.revision,
                                        .quantity = p->want.quantity,
                                        .reason = list[i].reason,
                                        .code = list[i].code,
                                        .detail = list[i].detail,
                                        .request_id = request_id};
        state_subject_level(rows[i].subject, p->key);
        log_warn(MOD, "parked", LF_TEXT("store", l->store.name),
                 LF_INT("product", p->want.product_id), LF_INT("item", p->key.item),
                 LF_INT("location", p->key.location), LF_TEXT("reason", list[i].reason),
                 LF_TEXT("origin", list[i].code), LF_MSG(list[i].detail));
    }
    enum status rc = state_park(l->state, rows, count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    metric_add(l->m.parked, count);
    for (size_t i = 0; i < count; i++) {
        coalescer_finish(l->coalescer, list[i].pair, NULL);
    }
    return STATUS_OK;
}

/* NULL when the level can be written. */
static const char *unwritable(const struct level_read *read, char detail[200])
{
    if (!read->item_found) {
        (void)snprintf(detail, 200, "inventory item %lld does not exist any more",
                       (long long)read->key.item);
        return "item_missing";
    }
    if (!read->connected) {
        (void)snprintf(detail, 200, "item %lld is not stocked at location %lld: activate it there",
                       (long long)read->key.item, (long long)read->key.location);
        return "level_missing";
    }
    if (!read->active) {
        (void)snprintf(detail, 200, "item %lld is deactivated at location %lld: activate it there",
                       (long long)read->key.item, (long long)read->key.location);
        return "level_inactive";
    }
    return NULL;
}

static enum status
read_answered(struct lane *l, struct request *r, const struct answer *answer, struct err *err)
{
    int64_t items[INVENTORY_MAX_ENTRIES];
    struct level_read read[INVENTORY_MAX_ENTRIES];
    struct pair_verdict parks[INVENTORY_MAX_ENTRIES];
    struct pair *equal[INVENTORY_MAX_ENTRIES];
    struct level_write equal_list[INVENTORY_MAX_ENTRIES];
    struct pair *missing[INVENTORY_MAX_ENTRIES];
    struct level_seen seen[INVENTORY_MAX_ENTRIES];
    size_t park_count = 0;
    size_t equal_count = 0;
    size_t seen_count = 0;
    for (size_t i = 0; i < r->count; i++) {
        items[i] = r->list[i].key.item;
    }
    enum status rc = inventory_read_answer(answer, l->store.quantity_name, r->list[0].key.location,
                                           items, r->count, read, err);
    if (rc != STATUS_OK) {
        lane_request_wait(l, r, backoff_next_ms(&r->backoff, 500));
        return STATUS_OK;
    }
    for (size_t i = 0; i < r->count; i++) {
        struct pair *p = r->pairs[i];
        if (lane_levels_cure(l, p, &read[i])) {
            continue;
        }
        const char *reason = unwritable(&read[i], parks[park_count].detail);
        if (reason != NULL) {
            if (!read[i].item_found) {
                lane_catalogue_gone(l, p);
            }
            parks[park_count].pair = p;
            parks[park_count].reason = reason;
            parks[park_count].code = NULL;
            park_count++;
            continue;
        }
        switch (in_flight_judge(&p->memory, l->grace_us, p->want.quantity, read[i].quantity)) {
        case IN_FLIGHT_EQUAL:
            equal[equal_count] = p;
            equal_list[equal_count] = r->list[i];
            equal_list[equal_count++].quantity = read[i].quantity;
            break;
        case IN_FLIGHT_SEEN:
            missing[seen_count] = p;
            seen[seen_count++] = (struct level_seen){
                .key = p->key, .before = p->memory.quantity, .now = read[i].quantity};
            break;
        case IN_FLIGHT_WRITE:
            p->change_from = read[i].quantity;
            lane_put_back(l, p, PAIR_READY);
            break;
        }
    }
    lane_request_end(r);
    rc = lane_note_equal(l, equal, equal_list, equal_count, err);
    if (rc == STATUS_OK) {
        rc = lane_note_seen(l, missing, seen, seen_count, err);
    }
    return rc == STATUS_OK ? lane_park_pairs(l, parks, park_count, answer->request_id, err) : rc;
}

static enum status settle(struct lane *l,
                          struct request *r,
                          const char *outcome,
                          const struct answer *answer,
                          struct err *err)
{
    FAULT_POINT("lane.before_settle");
    return state_attempt_settle(l->state, &r->attempt, outcome, answer->request_id, clock_wall_us(),
                                err);
}

static enum status
set_applied(struct lane *l, struct request *r, const struct answer *answer, struct err *err)
{
    enum status rc = settle(l, r, "applied", answer, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    FAULT_POINT("lane.after_settle");
    int64_t now = clock_wall_us();
    metric_add(l->m.applied, r->count);
    for (size_t i = 0; i < r->count; i++) {
        metric_observe_us(l->m.commit_to_applied, now - r->list[i].changed_at_us);
        if (!r->adopted) {
            in_flight_written(&r->pairs[i]->memory, r->list[i].quantity, r->list[i].wanted);
            coalescer_finish(l->coalescer, r->pairs[i], &r->list[i].quantity);
        }
    }
    l->batch_limit =
        l->batch_limit * 2 > INVENTORY_MAX_ENTRIES ? INVENTORY_MAX_ENTRIES : l->batch_limit * 2;
    lane_request_end(r);
    return STATUS_OK;
}

/* The last error that names entry i, NULL when none does. */
static const struct entry_error *error_of(const struct answer *answer, size_t i)
{
    const struct entry_error *found = NULL;
    for (size_t k = 0; k < answer->entry_count; k++) {
        if (answer->entries[k].index == i) {
            found = &answer->entries[k];
        }
    }
    return found;
}

static bool is_stale_code(const char *code)
{
    return strncmp(code, "CHANGE_FROM_QUANTITY", 20) == 0 ||
           strncmp(code, "COMPARE_QUANTITY", 16) == 0;
}

/* What a pair is parked with whose entry was refused, for the reason that e or the answer gives. */
static struct pair_verdict judge_refusal(struct lane *l,
                                         struct pair *p,
                                         const struct entry_error *e,
                                         const struct answer *answer,
                                         bool is_stale)
{
    struct pair_verdict v = {.pair = p, .reason = is_stale ? "stale" : "refused"};
    v.code = e != NULL ? e->code : answer->code;
    (void)snprintf(v.detail, sizeof v.detail, "%.199s", e != NULL ? e->msg : answer->err.msg);
    if (strcmp(v.code, "INVALID_INVENTORY_ITEM") == 0) {
        v.reason = "item_missing";
        lane_catalogue_gone(l, p);
    }
    return v;
}

/* Stale pairs are read again, refused ones parked, their neighbours are ready at once. */
static enum status
set_refused(struct lane *l, struct request *r, const struct answer *answer, struct err *err)
{
    struct pair_verdict parks[INVENTORY_MAX_ENTRIES];
    size_t park_count = 0;
    bool stale = answer->class == ANSWER_RETRY_NEW;
    bool all = true; /* nobody is named */
    for (size_t k = 0; k < answer->entry_count; k++) {
        all = all && answer->entries[k].index >= r->count;
    }
    if (all && !stale && r->count > 1) {
        l->batch_limit = r->count / 2;
    }
    for (size_t i = 0; i < r->count; i++) {
        struct pair *p = r->pairs[i];
        const struct entry_error *e = error_of(answer, i);
        bool named = all ? (stale || r->count == 1) : e != NULL;
        bool is_stale = stale || (e != NULL && is_stale_code(e->code));
        if (!named) {
            lane_put_back(l, p, PAIR_READY);
        } else if (is_stale && ++p->tries < LANE_MAX_TRIES) {
            metric_add(l->m.stale, 1);
            lane_put_back(l, p, PAIR_UNREAD);
        } else {
            parks[park_count++] = judge_refusal(l, p, e, answer, is_stale);
            metric_add(l->m.refused, 1);
        }
    }
    return lane_park_pairs(l, parks, park_count, answer->request_id, err);
}

static enum status
set_not_applied(struct lane *l, struct request *r, const struct answer *answer, struct err *err)
{
    if (r->adopted || r->backoff.attempt > 0) {
        lane_doubt(l, r);
    }
    enum status rc =
        settle(l, r, answer->class == ANSWER_RETRY_NEW ? "stale" : "refused", answer, err);
    if (rc == STATUS_OK && !r->adopted) {
        rc = set_refused(l, r, answer, err);
    }
    lane_request_end(r);
    return rc;
}

/* The answer says nothing about the entries: the same bytes go out again later. */
static void wait_and_retry(struct lane *l, struct request *r, const struct answer *answer)
{
    int64_t now = clock_monotonic_us();
    int64_t wait_ms = answer->wait_ms;
    enum lane_state state = LANE_BROKEN;
    if (answer->throttled) {
        budget_block(&l->budget, wait_ms * 1000, now);
        metric_add(l->m.throttled, 1);
        state = LANE_THROTTLED;
    } else if (answer->class == ANSWER_RETRY_SAME) {
        wait_ms = backoff_next_ms(&r->backoff, wait_ms);
        metric_add(l->m.unknown, 1);
        state = r->backoff.attempt >= 3 ? LANE_BROKEN : l->view.state;
    } else {
        int64_t least_ms = answer->class == ANSWER_CLOSED ? CLOSED_PROBE_MS : REFUSED_PROBE_MS;
        wait_ms = backoff_next_ms(&r->backoff, wait_ms > least_ms ? wait_ms : least_ms);
        state = answer->class == ANSWER_AUTH ? LANE_UNAUTHORISED : LANE_MISCONFIGURED;
        state = answer->class == ANSWER_CLOSED ? LANE_CLOSED : state;
    }
    log_failure(LOG_WARN, MOD, "request_waits", &answer->err,
                LOG_FIELDS(LF_TEXT("store", l->store.name),
                           LF_TEXT("request", operation_name(r->op)),
                           LF_TEXT("key", r->op == OP_STOCK_SET ? r->attempt.key : ""),
                           LF_INT("backoff_ms", wait_ms)));
    lane_request_wait(l, r, wait_ms);
    if (l->view.state != LANE_DRAINING) {
        lane_set_state(l, state, answer->err.msg);
    }
    if (strcmp(answer->code, "ACCESS_DENIED") == 0) {
        token_doubt(&l->store.token); /* scopes granted later may need a new token */
    }
}

static void note_cost(struct lane *l, const struct request *r, const struct answer *answer)
{
    int64_t now = clock_monotonic_us();
    budget_answered(&l->budget, r->cost, answer->maximum, answer->available, answer->restore_rate,
                    now);
    if (answer->maximum > 0) {
        metric_set(l->m.points, answer->available);
    }
    if (r->op == OP_LEVELS_READ && answer->cost_requested > 0) {
        l->read_cost = answer->cost_requested;
    }
}

static enum status answered(struct lane *l, const struct answer *answer, struct err *err)
{
    struct request *r = answer->owner;
    if (answer->owner == &l->catalogue) {
        return lane_catalogue_answered(l, answer, err);
    }
    note_cost(l, r, answer);
    switch (answer->class) {
    case ANSWER_DONE:
    case ANSWER_RETRY_NEW:
    case ANSWER_ENTRIES:
        break;
    case ANSWER_RETRY_SAME:
    case ANSWER_CONFIG:
    case ANSWER_AUTH:
    case ANSWER_CLOSED:
        wait_and_retry(l, r, answer);
        return STATUS_OK;
    }
    if (l->view.state != LANE_RUNNING && l->view.state != LANE_DRAINING &&
        l->view.state != LANE_CATCHING_UP) {
        lane_set_state(l, LANE_CATCHING_UP, "the store answers");
    }
    if (r->op == OP_LEVELS_READ) {
        return read_answered(l, r, answer, err);
    }
    if (r->op != OP_STOCK_SET) {
        return lane_levels_answered(l, r, answer, err);
    }
    return answer->class == ANSWER_DONE ? set_applied(l, r, answer, err)
                                        : set_not_applied(l, r, answer, err);
}

enum status lane_take_answers(struct lane *l, struct err *err)
{
    struct answer answer = {0};
    struct err version_err = {0};
    enum status version = STATUS_OK;
    enum status rc = STATUS_OK;
    while (rc == STATUS_OK && graphql_next(l->graphql, &answer)) {
        FAULT_POINT("lane.answered");
        rc = answered(l, &answer, err);
        if (version == STATUS_OK) {
            version = graphql_check_version(l->graphql, &answer, &version_err);
        }
        answer_release(&answer);
    }
    /*
     * What has arrived is recorded, for it was executed; but nothing more is written under rules
     * that we do not know. The lane then starts anew, with a read that asks for the version.
     */
    if (rc == STATUS_OK && version != STATUS_OK && l->view.state != LANE_DRAINING) {
        *err = version_err;
        rc = version;
    }
    return rc;
}
