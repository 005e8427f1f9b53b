/**
 * health: whether the servers that a job needs answer. Computed from timestamps, never from flags
 * that only success sets. Pure: the time is a parameter (monotonic µs).
 *
 * A job is ready when each server has answered since its last failure, and recently. A server that
 * is asked only when there is work is late when a question waits, not when nobody asks.
 */
#ifndef STOCKSYNC_CORE_HEALTH_H
#define STOCKSYNC_CORE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/strbuf.h"

#define HEALTH_MAX_SERVERS 3
/* An answer counts so long. A server that is asked all the time answers every second or two. */
#define HEALTH_FRESH_US INT64_C(12000000)

struct health_server {
    const char *name;    /* static: "kafka" */
    bool on_demand;      /* asked only when there is work */
    int64_t answered_us; /* last answer; 0: none yet */
    int64_t asked_us;    /* on_demand: a question waits since then; 0: none does */
    int64_t failed_us;   /* last failure; 0: none yet */
    char why[240];       /* what is known of a silence or failure; "": nothing */
};

struct health {
    struct health_server list[HEALTH_MAX_SERVERS];
    unsigned count;
    bool rests; /* a person must act first, so that no server is asked: answers do not age */
};

/** Later than every answer before. */
void health_note_answer(struct health_server *server, int64_t now_us);
void health_note_failure(struct health_server *server, int64_t now_us, const char *why);
/** The first server that keeps the job from being ready; NULL: the job is ready. */
const struct health_server *health_trouble(const struct health *health, int64_t now_us);
/** Appends "no answer from kafka for 13 s: why"; nothing while the job is ready. */
void health_append_reason(const struct health *health, int64_t now_us, struct strbuf *out);
/** Appends members of a JSON object: ready, not_ready (the reason), age of each last answer. */
void health_append_json(const struct health *health, int64_t now_us, struct strbuf *out);

#endif
