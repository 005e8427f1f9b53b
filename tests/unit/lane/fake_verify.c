/* Passes, differences and requested rounds of fake_state, as consumer/state/verify_store stores them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "tests/unit/lane/fake_state.h"

static struct fake_drift *open_drift(struct level_key key)
{
    for (size_t i = 0; i < fake_state.drifts.count; i++) {
        struct fake_drift *d = &fake_state.drifts.list[i];
        if (d->key.item == key.item && d->key.location == key.location && d->repaired_us == 0) {
            return d;
        }
    }
    return NULL;
}

const struct fake_drift *fake_state_drift(int64_t item)
{
    const struct fake_drift *found = NULL;
    for (size_t i = 0; i < fake_state.drifts.count; i++) {
        if (fake_state.drifts.list[i].key.item == item) {
            found = &fake_state.drifts.list[i];
        }
    }
    return found;
}

static enum status lane_lock(struct state *s, struct err *err)
{
    (void)s;
    return fake_state_enter("lane_lock", err);
}

/* --- passes --- */

static enum status passes(struct state *s,
                          void (*each)(void *arg, const struct state_pass *pass),
                          void *arg,
                          struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("passes", err);
    for (size_t i = 0; rc == STATUS_OK && i < fake_state.passes.count; i++) {
        each(arg, &fake_state.passes.list[i]);
    }
    return rc;
}

static enum status pass_store(struct state *s, const struct state_pass *pass, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("pass_store", err);
    for (size_t i = 0; rc == STATUS_OK && i < fake_state.passes.count; i++) {
        if (fake_state.passes.list[i].partition == pass->partition) {
            fake_state.passes.list[i] = *pass;
            return rc;
        }
    }
    if (rc == STATUS_OK) {
        MEM_ADD(&fake_state.passes, list, count, room, pass);
    }
    return rc;
}

/* --- differences --- */

/* An answer after the row's write, or none: the order of the list is that of time. */
static bool is_older_of_ours(const struct state_drift *drift)
{
    const struct fake_known *row = fake_state_level(drift->key.item);
    for (size_t i = 0; row != NULL && i < fake_state.attempts.count; i++) {
        const struct fake_attempt *a = &fake_state.attempts.list[i];
        for (size_t k = 0; k < a->count; k++) {
            if (a->list[k].key.item == drift->key.item && a->list[k].quantity == drift->found &&
                a->list[k].revision < row->revision && a->outcome[0] == '\0') {
                return true;
            }
        }
    }
    return false;
}

static enum status
drift_look(struct state *s, struct state_drift *list, size_t count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("drift_look", err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        const struct fake_drift *d = open_drift(list[i].key);
        list[i].first_us = d != NULL ? d->first_us : 0;
        list[i].older_of_ours = is_older_of_ours(&list[i]);
    }
    return rc;
}

static enum status
drift_note(struct state *s, struct state_drift *list, size_t count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("drift_note", err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        struct fake_drift *d = open_drift(list[i].key);
        struct fake_drift one = {.key = list[i].key,
                                 .product_id = list[i].product_id,
                                 .expected = list[i].expected,
                                 .found = list[i].found,
                                 .request = list[i].request,
                                 .first_us = d != NULL ? d->first_us : clock_wall_us()};
        (void)snprintf(one.kind, sizeof one.kind, "%s", list[i].kind);
        (void)snprintf(one.what, sizeof one.what, "%s", list[i].what != NULL ? list[i].what : "");
        list[i].is_new = d == NULL || strcmp(d->kind, list[i].kind) != 0;
        if (d != NULL) {
            *d = one;
        } else {
            MEM_ADD(&fake_state.drifts, list, count, room, &one);
        }
    }
    return rc;
}

static enum status drift_settle(struct state *s,
                                const struct state_drift_end *list,
                                size_t count,
                                void (*closed)(void *arg, size_t at, const char *kind),
                                void *arg,
                                struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("drift_settle", err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        struct fake_drift *d = open_drift(list[i].key);
        if (d == NULL) {
            continue;
        }
        (void)snprintf(d->what, sizeof d->what, "%s", list[i].what != NULL ? list[i].what : "");
        if (list[i].what == NULL) {
            d->repaired_us = clock_wall_us();
            closed(arg, i, d->kind);
        }
    }
    return rc;
}

static enum status drift_open(struct state *s, size_t *count, struct err *err)
{
    (void)s;
    *count = 0;
    for (size_t i = 0; i < fake_state.drifts.count; i++) {
        *count += fake_state.drifts.list[i].repaired_us == 0;
    }
    return fake_state_enter("drift_open", err);
}

static enum status drift_tidy(struct state *s, struct err *err)
{
    (void)s;
    return fake_state_enter("drift_tidy", err);
}

/* --- rounds --- */

void fake_state_request(const struct state_round *round)
{
    const struct fake_round one = {.round = *round};
    MEM_ADD(&fake_state.rounds, list, count, room, &one);
}

static enum status round_look(struct state *s,
                              bool (*fits)(void *arg, const struct state_round *round),
                              void *arg,
                              struct state_round *round,
                              struct err *err)
{
    (void)s;
    *round = (struct state_round){0};
    enum status rc = fake_state_enter("round_look", err);
    for (size_t i = 0; rc == STATUS_OK && round->id == 0 && i < fake_state.rounds.count; i++) {
        if (!fake_state.rounds.list[i].ended && fits(arg, &fake_state.rounds.list[i].round)) {
            *round = fake_state.rounds.list[i].round;
        }
    }
    return rc;
}

static enum status round_progress(struct state *s,
                                  int64_t id,
                                  int32_t partitions,
                                  const struct state_round_part *list,
                                  size_t count,
                                  bool done,
                                  struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("round_progress", err);
    for (size_t i = 0; rc == STATUS_OK && i < fake_state.rounds.count; i++) {
        struct fake_round *r = &fake_state.rounds.list[i];
        if (r->round.id != id) {
            continue;
        }
        r->partitions = partitions;
        r->total = r->compared = 0;
        for (size_t k = 0; k < count; k++) {
            r->total += (size_t)list[k].total;
            r->compared += (size_t)list[k].compared;
            size_t len = strlen(r->round.done);
            if (done) {
                (void)snprintf(r->round.done + len, sizeof r->round.done - len, "%s%d",
                               len > 0 ? "," : "", list[k].partition);
            }
        }
    }
    return rc;
}

static enum status round_levels(
    struct state *s, int64_t id, const struct state_pushed *list, size_t count, struct err *err)
{
    (void)s;
    (void)id;
    enum status rc = fake_state_enter("round_levels", err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        struct fake_pushed one = {
            .key = list[i].key, .before = list[i].before, .after = list[i].after};
        (void)snprintf(one.what, sizeof one.what, "%s", list[i].what != NULL ? list[i].what : "");
        size_t at = 0;
        while (at < fake_state.pushed.count &&
               (fake_state.pushed.list[at].key.item != one.key.item ||
                fake_state.pushed.list[at].key.location != one.key.location)) {
            at++;
        }
        if (at < fake_state.pushed.count) {
            one.before = fake_state.pushed.list[at].before;
            fake_state.pushed.list[at] = one;
        } else {
            MEM_ADD(&fake_state.pushed, list, count, room, &one);
        }
    }
    return rc;
}

const struct verify_port fake_verify_port = {.lane_lock = lane_lock,
                                             .passes = passes,
                                             .pass_store = pass_store,
                                             .look = drift_look,
                                             .note = drift_note,
                                             .settle = drift_settle,
                                             .open = drift_open,
                                             .tidy = drift_tidy,
                                             .round_look = round_look,
                                             .round_progress = round_progress,
                                             .round_levels = round_levels};
