#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "consumer/app/worker.h"

/* Longer than any test may take. */
#define LONG_MS 60000

/* What one session of the fake job does. */
struct step {
    enum status rc;
    bool worked;
    bool waits; /* until it is woken */
};

/* The fake job: its sessions follow the script; after its end, every session returns STATUS_OK. */
struct job {
    struct step script[16];
    size_t sessions;
    struct worker *worker;
    struct view_port view;
    bool stop_when_failed, reload_when_failed; /* asked for as soon as a pause begins */
    int64_t pauses_ms[16];
    enum status failures[16];
    size_t failure_count, reload_count, stopped_count;
    bool took_reload;
};

static void publish(const struct job *j, bool ready, const char *json)
{
    struct health health = {.count = 1, .list = {{.name = "kafka"}}};
    health.list[0].answered_us = ready ? clock_monotonic_us() : 0;
    j->view.publish(j->view.arg, &health, json);
}

static enum status session(void *arg, struct thread *thread, bool *worked, struct err *err)
{
    struct job *j = arg;
    const struct step *step = &j->script[j->sessions++];
    struct pollfd wake = {.fd = thread->wake_fd, .events = POLLIN};
    if (step->waits) {
        publish(j, true, "{\"state\":\"running\"}");
        (void)poll(&wake, 1, LONG_MS);
        j->took_reload = step->rc != STATUS_STOPPING && thread_take_reload(thread);
    }
    *worked = step->worked;
    return step->rc == STATUS_OK ? STATUS_OK
                                 : err_set(err, step->rc, "session %zu failed", j->sessions);
}

static void failed(void *arg, enum status rc, const struct err *err, int64_t pause_ms)
{
    struct job *j = arg;
    (void)err;
    j->failures[j->failure_count] = rc;
    j->pauses_ms[j->failure_count++] = pause_ms;
    if (j->stop_when_failed) {
        worker_ask_stop(j->worker);
    }
    if (j->reload_when_failed) {
        worker_ask_reload(j->worker);
    }
}

static void reloaded(void *arg)
{
    struct job *j = arg;
    j->reload_count++;
}

static void stopped(void *arg)
{
    struct job *j = arg;
    j->stopped_count++;
    publish(j, false, "{\"state\":\"stopped\"}");
}

static const struct worker_limits quick = {
    .first_pause_ms = 1, .max_pause_ms = 2, .slow_probe_ms = 3, .patience_ms = LONG_MS};
static const struct worker_limits slow = {.first_pause_ms = LONG_MS,
                                          .max_pause_ms = LONG_MS,
                                          .slow_probe_ms = LONG_MS,
                                          .patience_ms = LONG_MS};

static void start(struct job *j, const struct worker_limits *limits, bool once)
{
    struct err err = {0};
    j->worker = worker_new(limits);
    j->view = worker_view(j->worker);
    const struct worker_job job = {.name = "job",
                                   .arg = j,
                                   .once = once,
                                   .session = session,
                                   .failed = failed,
                                   .reloaded = reloaded,
                                   .stopped = stopped};
    assert_int_equal(worker_start(j->worker, &job, &err), STATUS_OK);
}

static bool is_done(const struct job *j)
{
    return worker_is_done(j->worker);
}

static bool is_ready(const struct job *j)
{
    return worker_is_ready(j->worker);
}

static void wait_until(bool (*condition)(const struct job *), const struct job *j)
{
    int64_t deadline = clock_monotonic_us() + INT64_C(10000000);
    while (!condition(j)) {
        assert_true(clock_monotonic_us() < deadline);
        (void)poll(NULL, 0, 1);
    }
}

/* The worker ends well and calls the job's last function once. */
static void finish(const struct job *j)
{
    struct err err = {0};
    wait_until(is_done, j);
    assert_int_equal(worker_result(j->worker, &err), STATUS_OK);
    assert_int_equal(j->stopped_count, 1);
    worker_free(j->worker);
}

static void worker_ends_with_a_session_that_is_done(void **state)
{
    (void)state;
    struct job j = {.script = {{.rc = STATUS_OK, .worked = true}}};
    start(&j, &slow, false);
    finish(&j);
    assert_int_equal(j.sessions, 1);
    assert_int_equal(j.failure_count, 0);
}

static void worker_begins_again_after_a_pause(void **state)
{
    (void)state;
    struct job j = {
        .script = {{.rc = STATUS_BROKER_LOST}, {.rc = STATUS_AUTH}, {.rc = STATUS_CONFIG}}};
    start(&j, &quick, false);
    finish(&j);
    assert_int_equal(j.sessions, 4);
    assert_int_equal(j.failures[0], STATUS_BROKER_LOST);
    assert_in_range(j.pauses_ms[0], 0, 1);
    assert_int_equal(j.failures[1], STATUS_AUTH);
    assert_int_equal(j.pauses_ms[1], 3); /* only a person can fix these */
    assert_int_equal(j.failures[2], STATUS_CONFIG);
    assert_int_equal(j.pauses_ms[2], 3);
}

/* Without that, the bound of the twelfth pause would be two seconds. */
static void worker_pauses_start_over_after_work(void **state)
{
    (void)state;
    const struct worker_limits doubling = {
        .first_pause_ms = 1, .max_pause_ms = LONG_MS, .patience_ms = LONG_MS};
    struct job j = {0};
    for (size_t i = 0; i < 12; i++) {
        j.script[i] = (struct step){.rc = STATUS_BROKER_LOST, .worked = true};
    }
    start(&j, &doubling, false);
    finish(&j);
    assert_int_equal(j.failure_count, 12);
    for (size_t i = 0; i < j.failure_count; i++) {
        assert_in_range(j.pauses_ms[i], 0, 1);
    }
}

/* Kafka and databases are tried soon, however often they failed. */
static void worker_pauses_depend_on_who_failed(void **state)
{
    (void)state;
    static const struct worker_limits limits = {
        .first_pause_ms = 8, .max_pause_ms = 8, .away_pause_ms = 1, .server_pause_ms = 2};
    struct job j = {0};
    for (size_t i = 0; i < 12; i += 3) {
        j.script[i] = (struct step){.rc = STATUS_SOURCE_LOST};
        j.script[i + 1] = (struct step){.rc = STATUS_BROKER_LOST};
        j.script[i + 2] = (struct step){.rc = STATUS_STORE_LOST};
    }
    start(&j, &limits, false);
    finish(&j);
    for (size_t i = 0; i < 12; i += 3) {
        assert_in_range(j.pauses_ms[i], 0, 1);
        assert_in_range(j.pauses_ms[i + 1], 0, 2);
        assert_in_range(j.pauses_ms[i + 2], 0, 8);
    }
}

static void worker_renews_a_session_at_once(void **state)
{
    (void)state;
    struct job j = {.script = {{.rc = STATUS_RENEW}, {.rc = STATUS_RENEW}}};
    start(&j, &slow, true);
    finish(&j);
    assert_int_equal(j.sessions, 3);
    assert_int_equal(j.failure_count, 0);
}

static void worker_stops_while_it_pauses(void **state)
{
    (void)state;
    struct job j = {.script = {{.rc = STATUS_AUTH}}, .stop_when_failed = true};
    start(&j, &slow, false);
    finish(&j);
    assert_int_equal(j.sessions, 1);
    assert_int_equal(j.pauses_ms[0], LONG_MS);
    assert_int_equal(j.reload_count, 0);
}

static void worker_stops_a_session(void **state)
{
    (void)state;
    struct job j = {.script = {{.rc = STATUS_STOPPING, .waits = true}}};
    start(&j, &slow, false);
    wait_until(is_ready, &j);
    worker_ask_stop(j.worker);
    finish(&j);
    assert_int_equal(j.sessions, 1);
    assert_int_equal(j.failure_count, 0);
}

static void worker_reload_ends_a_pause(void **state)
{
    (void)state;
    struct job j = {.script = {{.rc = STATUS_AUTH}}, .reload_when_failed = true};
    start(&j, &slow, false);
    finish(&j);
    assert_int_equal(j.sessions, 2);
    assert_int_equal(j.reload_count, 1);
}

static void worker_leaves_a_reload_to_the_session_that_runs(void **state)
{
    (void)state;
    struct job j = {.script = {{.rc = STATUS_OK, .waits = true}}};
    start(&j, &slow, false);
    wait_until(is_ready, &j);
    worker_ask_reload(j.worker);
    finish(&j);
    assert_true(j.took_reload);
    assert_int_equal(j.reload_count, 0);
}

static void worker_with_once_does_not_wait_for_a_person(void **state)
{
    (void)state;
    static const enum status cases[] = {STATUS_AUTH, STATUS_STORE_MISCONFIGURED, STATUS_CONFIG};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        struct job j = {.script = {{.rc = cases[i]}}};
        start(&j, &slow, true);
        wait_until(is_done, &j);
        assert_int_equal(worker_result(j.worker, &err), cases[i]);
        assert_string_equal(err.msg, "session 1 failed");
        assert_int_equal(j.failure_count, 0);
        assert_int_equal(j.stopped_count, 1);
        worker_free(j.worker);
    }
}

static void worker_with_once_tries_again_what_may_pass(void **state)
{
    (void)state;
    struct job j = {.script = {{.rc = STATUS_BROKER_LOST}, {.rc = STATUS_TIMED_OUT}}};
    start(&j, &quick, true);
    finish(&j);
    assert_int_equal(j.sessions, 3);
    assert_int_equal(j.failure_count, 2);
}

static void worker_with_once_gives_up_when_its_patience_ends(void **state)
{
    (void)state;
    struct err err = {0};
    struct worker_limits limits = quick;
    limits.patience_ms = -1;
    struct job j = {.script = {{.rc = STATUS_BROKER_LOST}}};
    start(&j, &limits, true);
    wait_until(is_done, &j);
    assert_int_equal(worker_result(j.worker, &err), STATUS_BROKER_LOST);
    assert_int_equal(j.sessions, 1);
    worker_free(j.worker);
}

static void worker_shows_what_the_job_published_last(void **state)
{
    (void)state;
    struct strbuf out;
    struct job j = {.script = {{.rc = STATUS_OK, .waits = true}}};
    strbuf_init(&out, 1000);
    start(&j, &slow, false);
    wait_until(is_ready, &j);
    worker_append_status(j.worker, &out);
    assert_non_null(strstr(out.ptr, "{\"state\":\"running\",\"ready\":true,\"not_ready\":\"\","
                                    "\"answer_age_seconds\":{\"kafka\":0."));
    worker_ask_stop(j.worker);
    wait_until(is_done, &j);
    assert_false(worker_is_ready(j.worker));
    strbuf_reset(&out);
    worker_append_status(j.worker, &out);
    assert_string_equal(out.ptr, "{\"state\":\"stopped\",\"ready\":false,"
                                 "\"not_ready\":\"no answer from kafka yet\","
                                 "\"answer_age_seconds\":{\"kafka\":null}}");
    strbuf_reset(&out);
    worker_append_reason(j.worker, &out);
    assert_string_equal(out.ptr, "no answer from kafka yet");
    strbuf_release(&out);
    finish(&j);
}

static void worker_never_started_has_an_empty_status(void **state)
{
    (void)state;
    struct strbuf out;
    struct worker *w = worker_new(&worker_limits);
    strbuf_init(&out, 1000);
    worker_append_status(w, &out);
    assert_string_equal(out.ptr, "{}");
    assert_false(worker_is_ready(w));
    strbuf_release(&out);
    worker_free(w);
    worker_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worker_ends_with_a_session_that_is_done),
        cmocka_unit_test(worker_begins_again_after_a_pause),
        cmocka_unit_test(worker_pauses_start_over_after_work),
        cmocka_unit_test(worker_pauses_depend_on_who_failed),
        cmocka_unit_test(worker_renews_a_session_at_once),
        cmocka_unit_test(worker_stops_while_it_pauses),
        cmocka_unit_test(worker_stops_a_session),
        cmocka_unit_test(worker_reload_ends_a_pause),
        cmocka_unit_test(worker_leaves_a_reload_to_the_session_that_runs),
        cmocka_unit_test(worker_with_once_does_not_wait_for_a_person),
        cmocka_unit_test(worker_with_once_tries_again_what_may_pass),
        cmocka_unit_test(worker_with_once_gives_up_when_its_patience_ends),
        cmocka_unit_test(worker_shows_what_the_job_published_last),
        cmocka_unit_test(worker_never_started_has_an_empty_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
