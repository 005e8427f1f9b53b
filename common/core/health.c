#include "common/core/health.h"

#include <stdio.h>

#define REASON_MAX_BYTES 1024

void health_note_answer(struct health_server *server, int64_t now_us)
{
    server->answered_us = now_us;
    server->why[0] = '\0';
}

void health_note_failure(struct health_server *server, int64_t now_us, const char *why)
{
    server->failed_us = now_us;
    (void)snprintf(server->why, sizeof server->why, "%s", why);
}

static bool has_failed(const struct health_server *s)
{
    return s->failed_us > 0 && s->failed_us >= s->answered_us;
}

static bool is_late(const struct health_server *s, int64_t now_us)
{
    if (s->answered_us == 0) {
        return true;
    }
    int64_t since_us = s->on_demand ? s->asked_us : s->answered_us;
    return since_us > 0 && now_us - since_us >= HEALTH_FRESH_US;
}

const struct health_server *health_trouble(const struct health *health, int64_t now_us)
{
    for (unsigned i = 0; i < health->count; i++) {
        const struct health_server *s = &health->list[i];
        if (has_failed(s) || (!health->rests && is_late(s, now_us))) {
            return s;
        }
    }
    return NULL;
}

void health_append_reason(const struct health *health, int64_t now_us, struct strbuf *out)
{
    const struct health_server *s = health_trouble(health, now_us);
    if (s == NULL) {
        return;
    }
    if (s->answered_us == 0) {
        strbuf_appendf(out, "no answer from %s yet", s->name);
    } else {
        strbuf_appendf(out, "no answer from %s for %lld s", s->name,
                       (long long)((now_us - s->answered_us) / 1000000));
    }
    if (s->why[0] != '\0') {
        strbuf_appendf(out, ": %s", s->why);
    }
}

void health_append_json(const struct health *health, int64_t now_us, struct strbuf *out)
{
    struct strbuf reason;
    strbuf_init(&reason, REASON_MAX_BYTES);
    health_append_reason(health, now_us, &reason);
    strbuf_appendf(out, "\"ready\":%s,\"not_ready\":", reason.len == 0 ? "true" : "false");
    strbuf_append_json(out, reason.len == 0 ? "" : reason.ptr);
    strbuf_append_text(out, ",\"answer_age_seconds\":{");
    for (unsigned i = 0; i < health->count; i++) {
        const struct health_server *s = &health->list[i];
        strbuf_appendf(out, "%s\"%s\":", i > 0 ? "," : "", s->name);
        if (s->answered_us == 0) {
            strbuf_append_text(out, "null");
        } else {
            strbuf_appendf(out, "%.3f", (double)(now_us - s->answered_us) / 1e6);
        }
    }
    strbuf_append_text(out, "}");
    strbuf_release(&reason);
}
