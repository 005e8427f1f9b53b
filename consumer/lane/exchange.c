#include "consumer/lane/exchange.h"

#include "common/core/fault.h"
#include "consumer/lane/reception.h"

static void note_version(struct exchange *x, const struct answer *answer)
{
    if (x->version == STATUS_OK) {
        x->version = x->c->ports->store->check_version(x->c->graphql, answer, &x->version_err);
    }
}

/* @return true: the answer is judged, and stays in the group */
static bool take_one(struct exchange *x, const struct answer *answer, struct exchange_news *news)
{
    struct request *r = answer->owner;
    struct lane_signal signal;
    bool ended = reception_take(x->requests, answer, &signal);
    if (signal.kind != SIGNAL_NONE) {
        news->signals[news->signal_count++] = signal;
    }
    if (!ended) {
        return false;
    }
    bool judged = r->purpose == READ_FOR_WRITE ? answers_judge(x->c, x->sales, r, answer, x->out)
                                               : comparison_take_answer(x->comparison, r, answer);
    if (!judged) {
        requests_ask_again(x->requests, r);
        return false;
    }
    return true;
}

static enum status take_group(struct exchange *x, struct exchange_news *news, struct err *err)
{
    const struct store_port *store = x->c->ports->store;
    size_t taken = 0;
    while (taken < LANE_GROUP && store->next(x->c->graphql, &x->answers[x->count])) {
        struct answer *answer = &x->answers[x->count];
        taken++;
        FAULT_POINT("lane.answered");
        note_version(x, answer);
        if (answer->owner == &x->catalogue->reader) {
            enum status rc = catalogue_take_answer(x->catalogue, answer, &news->catalogue, err);
            answer_release(answer);
            if (rc != STATUS_OK) {
                return rc;
            }
        } else if (take_one(x, answer, news)) {
            x->count++;
        } else {
            answer_release(answer);
        }
    }
    news->more = taken == LANE_GROUP;
    return STATUS_OK;
}

static void end_group(struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++) {
        requests_end(x->answers[i].owner);
        answer_release(&x->answers[i]);
    }
    x->count = 0;
}

enum status exchange_take(struct exchange *x, struct exchange_news *news, struct err *err)
{
    *news = (struct exchange_news){0};
    enum status rc = take_group(x, news, err);
    if (rc == STATUS_OK) {
        rc = catalogue_learn(x->catalogue, x->out, err);
    }
    if (rc == STATUS_OK) {
        rc = outcomes_apply(x->c, x->out, err);
    }
    end_group(x);
    return rc;
}

enum status exchange_check_version(const struct exchange *x, struct err *err)
{
    if (x->version != STATUS_OK) {
        *err = x->version_err;
    }
    return x->version;
}
