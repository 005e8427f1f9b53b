#include <string.h>

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "consumer/lane/lane_internal.h"

#define MOD "lane"

/* Least pause between two probes of a store that a person must cure; an answer may ask for more. */
#define CLOSED_PROBE_MS  60000
#define REFUSED_PROBE_MS 5000

/* Shopify refuses documents of more than 1000 points on every plan: a greater number is nonsense.
 */
#define COST_MAX 1e6

/* --- codes that a person should look at --- */

static bool was_told(struct lane *l, const char *code)
{
    for (size_t i = 0; i < l->told_code_count; i++) {
        if (strcmp(l->told_codes[i], code) == 0) {
            return true;
        }
    }
    if (l->told_code_count == LANE_TOLD_CODES) {
        return true;
    }
    (void)snprintf(l->told_codes[l->told_code_count++], sizeof l->told_codes[0], "%s", code);
    return false;
}

/* Counted each time, told once a code. */
static void tell_code(struct lane *l,
                      const struct reaction_rule *rule,
                      const char *code,
                      const char *text,
                      const char *request_id)
{
    if (rule == NULL || !rule->alarm) {
        return;
    }
    metric_add(l->m.odd_codes, 1);
    if (!was_told(l, code)) {
        log_error(MOD, "odd_code", LF_TEXT("store", l->store.name), LF_TEXT("origin", code),
                  LF_TEXT("request_id", request_id), LF_TEXT("next", rule->next), LF_MSG(text));
    }
}

static void tell_codes(struct lane *l, const struct answer *answer)
{
    tell_code(l, answer->rule, answer->code, answer->err.msg, answer->request_id);
    for (size_t i = 0; i < answer->entry_count; i++) {
        const struct entry_error *e = &answer->entries[i];
        if (strcmp(e->code, answer->code) != 0) {
            tell_code(l, e->rule, e->code, e->msg, answer->request_id);
        }
    }
}

/* --- parking --- */

enum status lane_park_levels(struct lane *l,
                             const struct level_verdict *list,
                             size_t count,
                             const char *request_id,
                             struct err *err)
{
    struct state_parked rows[INVENTORY_MAX_ENTRIES];
    if (count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        lane_describe_level(l, list[i].level, &rows[i]);
        rows[i].reason = list[i].reason;
        rows[i].code = list[i].code;
        rows[i].detail = list[i].detail;
        rows[i].request_id = request_id;
    }
    enum status rc = lane_park(l, rows, count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        lane_dry_run_count_parked(l, list[i].reason);
    }
    for (size_t i = 0; i < count; i++) {
        coalescer_finish(l->coalescer, list[i].level, NULL);
    }
    return STATUS_OK;
}

/* NULL when the level can be written. */
static const char *unwritable(const struct level_read *read, char *detail, size_t size)
{
    if (!read->item_found) {
        (void)snprintf(detail, size, "inventory item %lld does not exist any more",
                       (long long)read->key.item);
        return "item_missing";
    }
    if (!read->connected) {
        (void)snprintf(detail, size, "item %lld is not stocked at location %lld: activate it there",
                       (long long)read->key.item, (long long)read->key.location);
        return "level_missing";
    }
    if (!read->active) {
        (void)snprintf(detail, size, "item %lld is deactivated at location %lld: activate it there",
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
    struct level_verdict parks[INVENTORY_MAX_ENTRIES];
    struct level *equal[INVENTORY_MAX_ENTRIES];
    struct level_write equal_list[INVENTORY_MAX_ENTRIES];
    struct level *missing[INVENTORY_MAX_ENTRIES];
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
        struct level *p = r->levels[i];
        if (lane_levels_cure(l, p, &read[i])) {
            continue;
        }
        const char *reason = unwritable(&read[i], parks[park_count].detail, sizeof parks->detail);
        if (reason != NULL) {
            if (!read[i].item_found) {
                lane_catalogue_gone(l, p);
            }
            parks[park_count].level = p;
            parks[park_count].reason = reason;
            parks[park_count].code = NULL;
            park_count++;
            continue;
        }
        switch (unimported_judge(&p->memory, l->grace_us, p->desired.quantity, read[i].quantity)) {
        case UNIMPORTED_EQUAL:
            equal[equal_count] = p;
            equal_list[equal_count] = r->list[i];
            equal_list[equal_count++].quantity = read[i].quantity;
            break;
        case UNIMPORTED_SEEN:
            missing[seen_count] = p;
            seen[seen_count++] = (struct level_seen){
                .key = p->key, .before = p->memory.quantity, .now = read[i].quantity};
            break;
        case UNIMPORTED_WRITE:
            p->change_from = read[i].quantity;
            lane_put_back(l, p, LEVEL_READY);
            break;
        }
    }
    lane_request_end(r);
    rc = lane_note_equal(l, equal, equal_list, equal_count, err);
    if (rc == STATUS_OK) {
        rc = lane_note_seen(l, missing, seen, seen_count, err);
    }
    return rc == STATUS_OK ? lane_park_levels(l, parks, park_count, answer->request_id, err) : rc;
}

static void applied(struct lane *l, struct request *r, int64_t now_us)
{
    metric_add(r->noop ? l->m.unchanged : l->m.applied, r->count);
    for (size_t i = 0; i < r->count; i++) {
        metric_observe_us(l->m.commit_to_applied, now_us - r->list[i].changed_at_us);
        if (!r->adopted) {
            unimported_written(&r->levels[i]->memory, r->list[i].quantity, r->list[i].desired);
            coalescer_finish(l->coalescer, r->levels[i], &r->list[i].quantity);
        }
    }
    lane_request_end(r);
}

/* Stores what the answers said of the attempts that were applied, together. */
static enum status settle_applied(struct lane *l, struct err *err)
{
    struct state_outcome outcomes[LANE_GROUP];
    size_t count = l->applied_count;
    int64_t now = clock_wall_us();
    if (count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        const struct request *r = l->applied[i];
        outcomes[i] = (struct state_outcome){
            .attempt = &r->attempt, .outcome = "applied", .request_id = r->request_id};
    }
    FAULT_POINT("lane.before_settle");
    enum status rc = state_attempts_settle(l->state, outcomes, count, now, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    FAULT_POINT("lane.after_settle");
    l->applied_count = 0;
    for (size_t i = 0; i < count; i++) {
        applied(l, l->applied[i], now);
    }
    return STATUS_OK;
}

static enum status
set_applied(struct lane *l, struct request *r, const struct answer *answer, struct err *err)
{
    memcpy(r->request_id, answer->request_id, sizeof r->request_id);
    r->noop = answer->noop;
    l->applied[l->applied_count++] = r;
    return l->applied_count == LANE_GROUP ? settle_applied(l, err) : STATUS_OK;
}

/* The gravest error that names entry i, NULL when none does. */
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

static bool names_nobody(const struct answer *answer, size_t count)
{
    for (size_t k = 0; k < answer->entry_count; k++) {
        if (answer->entries[k].index < count) {
            return false;
        }
    }
    return true;
}

static const char *reason_of(enum reaction reaction)
{
    if (reaction == REACTION_READ || reaction == REACTION_NEW_KEY) {
        return "stale";
    }
    if (reaction == REACTION_FIND) {
        return "item_missing";
    }
    return reaction == REACTION_ACTIVATE ? "level_missing" : "refused";
}

/* What a refused level is parked with: by its own error, else by the whole answer's. */
static void judge(struct lane *l,
                  struct level *level,
                  const struct entry_error *e,
                  const struct answer *answer,
                  struct level_verdict *verdict)
{
    const struct reaction_rule *rule = e != NULL ? e->rule : answer->rule;
    verdict->level = level;
    verdict->reason = reason_of(rule->reaction);
    verdict->code = e != NULL ? e->code : answer->code;
    (void)snprintf(verdict->detail, sizeof verdict->detail, "%.159s (%.100s)",
                   e != NULL ? e->msg : answer->err.msg, rule->next);
    if (rule->reaction == REACTION_FIND) {
        lane_catalogue_gone(l, level);
    }
    metric_add(l->m.refused, 1);
}

/*
 * Nobody is named, so anyone may be the cause: halves, each on its own, until the bad ones are
 * alone. Stale levels are read again first; after LANE_MAX_TRIES somebody in there keeps changing,
 * and those around it must not wait any longer.
 */
static void search(struct lane *l, struct request *r, bool stale)
{
    struct level *suspects[INVENTORY_MAX_ENTRIES];
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct level *p = r->levels[i];
        if (stale && ++p->tries < LANE_MAX_TRIES) {
            metric_add(l->m.stale, 1);
            lane_put_back(l, p, LEVEL_UNREAD);
        } else {
            suspects[count++] = p;
        }
    }
    metric_add(l->m.halved, count > 0);
    lane_put_apart(l, suspects, count, 2);
}

/* Stale levels are read again, refused ones parked, their neighbours are ready at once. */
static enum status
set_refused(struct lane *l, struct request *r, const struct answer *answer, struct err *err)
{
    struct level_verdict parks[INVENTORY_MAX_ENTRIES];
    struct level *rest[INVENTORY_MAX_ENTRIES];
    size_t park_count = 0;
    size_t rest_count = 0;
    bool nobody = names_nobody(answer, r->count);
    bool together = r->levels[0]->bisecting; /* a search goes on among the rest */
    if (nobody && r->count > 1) {
        search(l, r, answer->class == ANSWER_RETRY_NEW);
        return STATUS_OK;
    }
    for (size_t i = 0; i < r->count; i++) {
        struct level *p = r->levels[i];
        const struct entry_error *e = error_of(answer, i);
        bool stale =
            e != NULL ? e->rule->reaction == REACTION_READ : answer->class == ANSWER_RETRY_NEW;
        if (e == NULL && !nobody) {
            rest[rest_count++] = p;
        } else if (stale && ++p->tries < LANE_MAX_TRIES) {
            metric_add(l->m.stale, 1);
            lane_put_back(l, p, LEVEL_UNREAD);
        } else {
            judge(l, p, e, answer, &parks[park_count++]);
        }
    }
    if (together) {
        lane_put_apart(l, rest, rest_count, 1);
        rest_count = 0;
    }
    for (size_t i = 0; i < rest_count; i++) {
        lane_put_back(l, rest[i], LEVEL_READY);
    }
    return lane_park_levels(l, parks, park_count, answer->request_id, err);
}

static enum status
set_not_applied(struct lane *l, struct request *r, const struct answer *answer, struct err *err)
{
    if (r->adopted || r->sends > 1) {
        lane_note_uncertain(l, r);
    }
    const struct state_outcome outcome = {.attempt = &r->attempt,
                                          .outcome = answer->class == ANSWER_RETRY_NEW ? "stale"
                                                                                       : "refused",
                                          .request_id = answer->request_id};
    FAULT_POINT("lane.before_settle");
    enum status rc = state_attempts_settle(l->state, &outcome, 1, clock_wall_us(), err);
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
    char why[sizeof l->view.why];
    (void)snprintf(why, sizeof why, "%.200s", answer->err.msg);
    if (answer->throttled) {
        budget_block(&l->budget, wait_ms * 1000, now);
        metric_add(l->m.throttled, 1);
        metric_add(l->m.throttle_wait, (uint64_t)wait_ms);
        state = LANE_THROTTLED;
    } else if (answer->class == ANSWER_RETRY_SAME) {
        wait_ms = backoff_next_ms(&r->backoff, wait_ms);
        metric_add(l->m.unknown, 1);
        state = l->view.state; /* the breaker judges */
    } else {
        int64_t least_ms = answer->class == ANSWER_CLOSED ? CLOSED_PROBE_MS : REFUSED_PROBE_MS;
        wait_ms = backoff_next_ms(&r->backoff, wait_ms > least_ms ? wait_ms : least_ms);
        state = answer->class == ANSWER_AUTH ? LANE_UNAUTHORISED : LANE_MISCONFIGURED;
        state = answer->class == ANSWER_CLOSED ? LANE_CLOSED : state;
        if (answer->rule != NULL) {
            (void)snprintf(why, sizeof why, "%.200s (%.100s)", answer->err.msg, answer->rule->next);
        }
    }
    if (l->breaker.state == BREAKER_CLOSED) {
        log_failure(
            LOG_WARN, MOD, "request_waits", &answer->err,
            LOG_FIELDS(LF_TEXT("store", l->store.name), LF_TEXT("request", operation_name(r->op)),
                       LF_TEXT("key", r->op == OP_STOCK_SET ? r->attempt.key : ""),
                       LF_TEXT("request_id", answer->request_id), LF_INT("backoff_ms", wait_ms)));
    }
    lane_request_wait(l, r, wait_ms);
    if (l->view.state != LANE_DRAINING) {
        lane_set_state(l, state, why);
    }
    if (strcmp(answer->code, "ACCESS_DENIED") == 0) {
        token_mark_uncertain(&l->store.token); /* scopes granted later may need a new token */
    }
}

static void note_cost(struct lane *l, const struct request *r, const struct answer *answer)
{
    int64_t now = clock_monotonic_us();
    const struct budget_report told = {.maximum = answer->maximum,
                                       .restore_rate = answer->restore_rate,
                                       .level = answer->available,
                                       .charged = answer->cost_actual};
    budget_answered(&l->budget, &r->ticket, &told, now);
    if (answer->maximum > 0) {
        metric_set(l->m.points, answer->available);
    }
    if (answer->cost_actual > 0 && answer->cost_actual < COST_MAX) {
        metric_add(l->m.charged, (uint64_t)answer->cost_actual);
    }
    if (answer->cost_requested > 0 && answer->cost_requested < COST_MAX) {
        l->costs[r->op] = answer->cost_requested;
    }
}

/*
 * The stored bytes of a dead process were refused for what they are, and nothing of them was
 * executed: to send them again would hold the lane for as long as they lie there, also under a new
 * version of the program. The records come from the topic, under another key.
 */
static bool is_given_up(const struct request *r, const struct answer *answer)
{
    return r->adopted && answer->class == ANSWER_CONFIG && answer->rule != NULL &&
           answer->rule->channel != REACTION_HTTP;
}

static enum status answered(struct lane *l, const struct answer *answer, struct err *err)
{
    struct request *r = answer->owner;
    if (answer->owner == &l->catalogue) {
        return lane_catalogue_answered(l, answer, err);
    }
    note_cost(l, r, answer);
    tell_codes(l, answer);
    lane_note_outcome(l, r, answer);
    if (is_given_up(r, answer)) {
        return set_not_applied(l, r, answer, err);
    }
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
    if (rc == STATUS_OK) {
        rc = settle_applied(l, err);
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
