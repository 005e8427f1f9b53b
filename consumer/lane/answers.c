#include "consumer/lane/answers.h"

#include "common/core/logger.h"
#include "consumer/lane/level_setup.h"

#define MOD "lane"

/* STALE answers for one desired quantity before its level is parked. */
#define MAX_TRIES 6

/* --- reads --- */

/* What the numbers mean depends on the state, which may have moved while the store was asked. */
static void resolve_again(struct level *level,
                          const struct level_write *asked,
                          const struct level_read *read,
                          struct outcomes *out)
{
    level->is_read = true;
    level->read_revision = asked->revision;
    level->read_quantity = read->quantity;
    level->read_reserved = read->reserved;
    outcomes_retry(out, level, LEVEL_UNRESOLVED);
}

static bool judge_read(const struct lane_context *c,
                       const struct request *r,
                       const struct answer *answer,
                       struct outcomes *out)
{
    int64_t items[INVENTORY_MAX_ENTRIES];
    struct level_read read[INVENTORY_MAX_ENTRIES];
    struct err why = {0};
    for (size_t i = 0; i < r->count; i++) {
        items[i] = r->list[i].key.item;
    }
    if (inventory_read_answer(answer, c->store->quantity_name, r->list[0].key.location, items,
                              r->count, read, &why) != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "answer_unreadable", &why,
                    LOG_FIELDS(LF_TEXT("store", c->store->name),
                               LF_TEXT("request_id", answer->request_id)));
        return false;
    }
    for (size_t i = 0; i < r->count; i++) {
        struct level *level = r->levels[i];
        /* a newer value that waits is judged by this read too */
        level->read = level->has_next ? level->next.revision : level->desired.revision;
        if (level_setup_needs(c, level, &read[i], out) ||
            level_setup_park_unwritable(level, &read[i], answer, out)) {
            continue;
        }
        resolve_again(level, &r->list[i], &read[i], out);
    }
    return true;
}

/* --- sets --- */

static void
judge_applied(const struct request *r, const struct answer *answer, struct outcomes *out)
{
    const struct settlement settlement = {.attempt = &r->attempt,
                                          .outcome = "applied",
                                          .request_id = answer->request_id,
                                          .applied = true,
                                          .noop = answer->noop};
    outcomes_settle(out, &settlement);
    for (size_t i = 0; i < r->count && !r->adopted; i++) {
        if (r->op == OP_STOCK_ADJUST) { /* by a difference: the store has not said what it holds */
            r->levels[i]->is_read = false;
            outcomes_retry(out, r->levels[i], LEVEL_UNREAD);
        } else {
            outcomes_add(out, r->levels[i], END_APPLIED)->write = r->list[i];
        }
    }
}

/* The gravest error that names entry i; NULL: none does. */
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

static bool names_no_entry(const struct answer *answer, size_t count)
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

/* A refused level is parked by its own error, else by the error of the whole answer. */
static void park(const struct lane_context *c,
                 struct level *level,
                 const struct entry_error *e,
                 const struct answer *answer,
                 struct outcomes *out)
{
    const struct reaction_rule *rule = e != NULL ? e->rule : answer->rule;
    struct outcome *parked = outcomes_park(out, level, reason_of(rule->reaction), "%.159s (%.100s)",
                                           e != NULL ? e->msg : answer->err.msg, rule->next);
    parked->code = e != NULL ? e->code : answer->code;
    parked->request_id = answer->request_id;
    parked->counted = c->metrics->level.refused;
    parked->item = rule->reaction == REACTION_FIND ? ITEM_IS_GONE : ITEM_UNCHANGED;
}

static void read_again(const struct lane_context *c,
                       struct unimported_sales *sales,
                       struct level *level,
                       struct outcomes *out)
{
    struct outcome *one = outcomes_retry(out, level, LEVEL_UNREAD);
    if (level->tries > 0) {
        unimported_sales_note_stale(sales, level->key);
    }
    level->is_read = false;
    one->tried = true;
    one->counted = c->metrics->level.stale;
}

static void bisect(
    struct level *level, const struct request *r, unsigned parts, bool tried, struct outcomes *out)
{
    struct outcome *one = outcomes_add(out, level, END_BISECT);
    one->group = r;
    one->parts = parts;
    one->tried = tried;
}

/*
 * No entry is named, so any may be the cause: halves, each in a separate request, until the bad
 * entries are alone. Stale levels are read again first. After MAX_TRIES one of them keeps changing,
 * and its neighbours must not wait any longer.
 */
static void judge_unnamed(const struct lane_context *c,
                          struct unimported_sales *sales,
                          const struct request *r,
                          bool stale,
                          struct outcomes *out)
{
    for (size_t i = 0; i < r->count; i++) {
        if (stale && r->levels[i]->tries + 1 < MAX_TRIES) {
            read_again(c, sales, r->levels[i], out);
        }
    }
    for (size_t i = 0; i < r->count; i++) {
        if (!stale || r->levels[i]->tries + 1 >= MAX_TRIES) {
            bisect(r->levels[i], r, 2, stale, out);
        }
    }
}

/* Where an entry waits that nothing is known against. */
static enum level_stage stage_of(const struct request *r, size_t i)
{
    if (r->op == OP_STOCK_ADJUST) {
        return LEVEL_HOT;
    }
    return r->list[i].quantity == r->list[i].change_from ? LEVEL_CONFIRM : LEVEL_READY;
}

/* Stale levels are read again, refused ones parked, their neighbours are ready at once. */
static void judge_named(const struct lane_context *c,
                        struct unimported_sales *sales,
                        const struct request *r,
                        const struct answer *answer,
                        bool no_entry,
                        struct outcomes *out)
{
    bool bisecting = r->levels[0]->bisecting; /* the search goes on among the rest */
    for (size_t i = 0; i < r->count; i++) {
        struct level *level = r->levels[i];
        const struct entry_error *e = error_of(answer, i);
        bool stale =
            e != NULL ? e->rule->reaction == REACTION_READ : answer->class == ANSWER_RETRY_NEW;
        if (e == NULL && !no_entry) {
            continue;
        }
        if (stale && level->tries + 1 < MAX_TRIES) {
            read_again(c, sales, level, out);
        } else {
            park(c, level, e, answer, out);
        }
    }
    for (size_t i = 0; i < r->count && !no_entry; i++) {
        if (error_of(answer, i) != NULL) {
            continue;
        }
        if (bisecting) {
            bisect(r->levels[i], r, 1, false, out);
        } else {
            outcomes_retry(out, r->levels[i], stage_of(r, i));
        }
    }
}

/* The store does not know the adjustment, or did not execute it: by compare-and-set. */
static void set_instead(const struct request *r, struct outcomes *out)
{
    for (size_t i = 0; i < r->count; i++) {
        outcomes_retry(out, r->levels[i], LEVEL_READY);
    }
}

static void judge_not_applied(const struct lane_context *c,
                              struct unimported_sales *sales,
                              const struct request *r,
                              const struct answer *answer,
                              struct outcomes *out)
{
    bool stale = answer->class == ANSWER_RETRY_NEW;
    const struct settlement settlement = {.attempt = &r->attempt,
                                          .outcome = stale ? "stale" : "refused",
                                          .request_id = answer->request_id};
    if (r->adopted || r->sends > 1) {
        unimported_sales_note_uncertain(sales, r->list, r->count);
    }
    outcomes_settle(out, &settlement);
    brake_unwrite(c->brake, r->list, r->count);
    if (r->adopted) {
        return;
    }
    bool no_entry = names_no_entry(answer, r->count);
    if (r->op == OP_STOCK_ADJUST && (answer->class != ANSWER_ENTRIES || no_entry)) {
        set_instead(r, out);
        return;
    }
    if (no_entry && r->count > 1) {
        judge_unnamed(c, sales, r, stale, out);
    } else {
        judge_named(c, sales, r, answer, no_entry, out);
    }
}

bool answers_judge(const struct lane_context *c,
                   struct unimported_sales *sales,
                   const struct request *r,
                   const struct answer *answer,
                   struct outcomes *out)
{
    if (r->op == OP_LEVELS_READ) {
        return judge_read(c, r, answer, out);
    }
    if (!operation_is_write(r->op)) {
        level_setup_judge(c, r, answer, out);
    } else if (answer->class == ANSWER_DONE) {
        judge_applied(r, answer, out);
    } else {
        judge_not_applied(c, sales, r, answer, out);
    }
    return true;
}
