#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/health.h"

#define SECOND INT64_C(1000000)
#define NOW    (1000 * SECOND)

enum { ALWAYS, ON_DEMAND };

/* Both servers have answered a second ago. */
static struct health well(void)
{
    return (struct health){
        .count = 2,
        .list = {{.name = "kafka", .answered_us = NOW - SECOND},
                 {.name = "store", .on_demand = true, .answered_us = NOW - SECOND}}};
}

static void expect(const struct health *health, const char *reason)
{
    struct strbuf out;
    strbuf_init(&out, 1000);
    health_append_reason(health, NOW, &out);
    assert_string_equal(out.len > 0 ? out.ptr : "", reason);
    assert_int_equal(health_trouble(health, NOW) == NULL, reason[0] == '\0');
    strbuf_release(&out);
}

static void all_have_answered_recently(void **state)
{
    (void)state;
    struct health h = well();
    expect(&h, "");
    h.list[ALWAYS].failed_us = NOW - 2 * SECOND; /* and has answered since */
    expect(&h, "");
    h = well();
    h.list[ALWAYS].answered_us = NOW - HEALTH_FRESH_US + 1;
    expect(&h, "");
}

static void an_answer_that_never_came_or_is_old_does_not_count(void **state)
{
    (void)state;
    struct health h = well();
    h.list[ALWAYS].answered_us = 0;
    expect(&h, "no answer from kafka yet");
    h.list[ALWAYS].answered_us = NOW - HEALTH_FRESH_US;
    expect(&h, "no answer from kafka for 12 s");
    h = well();
    h.list[ON_DEMAND].answered_us = 0;
    expect(&h, "no answer from store yet");
}

static void a_failure_counts_until_the_next_answer(void **state)
{
    (void)state;
    struct health h = well();
    health_note_failure(&h.list[ALWAYS], NOW, "refused");
    expect(&h, "no answer from kafka for 1 s: refused");
    health_note_answer(&h.list[ALWAYS], NOW + 1);
    expect(&h, "");
    assert_string_equal(h.list[ALWAYS].why, "");
}

static void a_server_on_demand_is_late_when_a_question_waits(void **state)
{
    (void)state;
    struct health h = well();
    h.list[ON_DEMAND].answered_us = NOW - 900 * SECOND; /* nobody has asked since */
    expect(&h, "");
    h.list[ON_DEMAND].asked_us = NOW - HEALTH_FRESH_US + 1;
    expect(&h, "");
    h.list[ON_DEMAND].asked_us = NOW - HEALTH_FRESH_US;
    expect(&h, "no answer from store for 900 s");
}

static void at_rest_answers_do_not_age_but_failures_count(void **state)
{
    (void)state;
    struct health h = well();
    h.rests = true;
    h.list[ALWAYS].answered_us = 0;
    expect(&h, "");
    health_note_failure(&h.list[ALWAYS], NOW, "no topic");
    expect(&h, "no answer from kafka yet: no topic");
}

static void the_document_has_ages_of_the_moment(void **state)
{
    (void)state;
    struct strbuf out;
    struct health h = well();
    h.list[ON_DEMAND].answered_us = 0;
    strbuf_init(&out, 1000);
    health_append_json(&h, NOW, &out);
    assert_string_equal(out.ptr, "\"ready\":false,\"not_ready\":\"no answer from store yet\","
                                 "\"answer_age_seconds\":{\"kafka\":1.000,\"store\":null}");
    strbuf_reset(&out);
    h = well();
    health_append_json(&h, NOW + SECOND, &out);
    assert_string_equal(out.ptr, "\"ready\":true,\"not_ready\":\"\","
                                 "\"answer_age_seconds\":{\"kafka\":2.000,\"store\":2.000}");
    strbuf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_have_answered_recently),
        cmocka_unit_test(an_answer_that_never_came_or_is_old_does_not_count),
        cmocka_unit_test(a_failure_counts_until_the_next_answer),
        cmocka_unit_test(a_server_on_demand_is_late_when_a_question_waits),
        cmocka_unit_test(at_rest_answers_do_not_age_but_failures_count),
        cmocka_unit_test(the_document_has_ages_of_the_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
