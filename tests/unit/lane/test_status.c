#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "consumer/lane/status.h"
#include "tests/unit/lane/bench.h"

static struct lane_view quiet_view(void)
{
    return (struct lane_view){.store = "alpha",
                              .state = LANE_RUNNING,
                              .why = "at the \"end\"",
                              .since_us = 5000000,
                              .client = {.token_left_s = -1, .token_problem = ""}};
}

static struct lane_view full_view(void)
{
    struct lane_view v = quiet_view();
    v.state = LANE_HELD;
    v.partitions = 3;
    v.pending = 4;
    v.in_flight = 2;
    v.unfinished = 6;
    v.parked = 7;
    v.unimported_levels = 8;
    v.replanning = 2;
    v.leftovers = (struct leftovers_view){.products = 4, .levels = 5, .examples = {"G", "H"}};
    v.oldest_changed_at_us = bench.wall_us - 1500000;
    v.is_dry_run = true;
    (void)snprintf(v.database, sizeof v.database, "db-1");
    v.stream = (struct state_stream){.id = "s-1", .why = "topic", .began_us = 4000000};
    v.hold = (struct lane_hold){.on = true, .ours = true, .reason = "brake_change"};
    v.client = (struct store_view){.points = 1990.4,
                                   .points_maximum = 2000,
                                   .restore_rate = 100,
                                   .breaker = BREAKER_HALF_OPEN,
                                   .token_left_s = 90,
                                   .token_problem = "expires"};
    v.catalogue = (struct catalogue_view){.skus = 10,
                                          .shared = 2,
                                          .ambiguous = 1,
                                          .untracked = 2,
                                          .searched = 3,
                                          .read_wall_us = bench.wall_us - 60000000,
                                          .is_reading = true,
                                          .suspect = 5,
                                          .shared_sku = {"A", "G"},
                                          .ambiguous_sku = {"A"},
                                          .untracked_sku = {"B", "C"},
                                          .searched_sku = {"D", "E", "F"}};
    v.verify = (struct verify_view){.oldest_us = bench.wall_us - 30000000, .open = 6, .round = 7};
    return v;
}

static void assert_json(const struct lane_view *view, const char *expected)
{
    struct strbuf out;
    strbuf_init(&out, 8000);
    status_append_json(&bench.metrics, view, &out);
    assert_string_equal(out.ptr, expected);
    strbuf_release(&out);
}

static void json_of_a_quiet_lane_leaves_out_what_is_not_there(void **state)
{
    (void)state;
    const struct lane_view view = quiet_view();
    metric_add(bench.metrics.record.read, 11);
    metric_add(bench.metrics.level.applied, 12);
    assert_json(&view,
                "{\"store\":\"alpha\",\"state\":\"running\",\"since\":\"at 5 s\","
                "\"why\":\"at the \\\"end\\\"\",\"partitions\":0,\"records\":11,\"applied\":12,"
                "\"pending\":0,\"in_flight\":0,\"unfinished\":0,\"parked_products\":0,"
                "\"unimported_levels\":0,\"replanning\":0,\"skus\":0,\"skus_shared\":0,\"skus_"
                "ambiguous\":0,"
                "\"items_untracked\":0,\"catalogue_reading\":false,\"skus_searched\":0,"
                "\"shared\":[],\"ambiguous\":[],"
                "\"untracked\":[],\"searched\":[],\"drift\":0,"
                "\"leftover_products\":0,\"leftover_levels\":0,\"leftovers\":[],"
                "\"points\":0,\"points_maximum\":0,"
                "\"restore_rate\":0,\"breaker\":\"closed\"}");
}

static void json_of_a_busy_lane_shows_everything(void **state)
{
    (void)state;
    const struct lane_view view = full_view();
    assert_json(&view,
                "{\"store\":\"alpha\",\"state\":\"held\",\"since\":\"at 5 s\","
                "\"why\":\"at the \\\"end\\\"\",\"partitions\":3,\"records\":0,\"applied\":0,"
                "\"pending\":4,\"in_flight\":2,\"unfinished\":6,\"parked_products\":7,"
                "\"unimported_levels\":8,\"replanning\":2,\"skus\":10,\"skus_shared\":2,\"skus_"
                "ambiguous\":1,"
                "\"items_untracked\":2,"
                "\"catalogue_read\":\"at 1794999940 s\",\"catalogue_reading\":true,"
                "\"skus_searched\":3,\"catalogue_suspect_skus\":5,\"shared\":[\"A\",\"G\"],"
                "\"ambiguous\":[\"A\"],\"untracked\":[\"B\",\"C\"],"
                "\"searched\":[\"D\",\"E\",\"F\"],\"drift\":6,"
                "\"verified_since\":\"at 1794999970 "
                "s\",\"round\":7,"
                "\"leftover_products\":4,\"leftover_levels\":5,\"leftovers\":[\"G\",\"H\"],"
                "\"points\":1990,\"points_maximum\":2000,"
                "\"restore_rate\":100,\"breaker\":\"half_open\",\"token_left_s\":90,"
                "\"token_problem\":\"expires\",\"dry_run\":true,\"database\":\"db-1\","
                "\"stream\":\"s-1\",\"stream_reason\":\"topic\",\"stream_since\":\"at 4 s\","
                "\"earlier_stream_records\":0,"
                "\"held\":{\"reason\":\"brake_change\",\"here\":true,\"levels\":0,\"fallen\":0,"
                "\"changed\":0,\"risen\":0,\"examples\":[]}}");
}

static void json_names_the_partitions_that_are_blocked(void **state)
{
    (void)state;
    struct lane_view view = quiet_view();
    struct strbuf out;
    strbuf_init(&out, 20000);
    view.blocked.count = BLOCKED_SHOWN + 1;
    for (int i = 0; i < BLOCKED_SHOWN; i++) {
        view.blocked.shown[i] = (struct state_blocked){.partition = i,
                                                       .offset = 70 + i,
                                                       .schema = "00ff",
                                                       .detail = "a \"newer\" one",
                                                       .blocked_us = 5000000};
    }
    status_append_json(&bench.metrics, &view, &out);
    assert_non_null(strstr(out.ptr, ",\"blocked\":9,\"blocked_partitions\":[{\"partition\":0,"
                                    "\"offset\":70,\"since\":\"at 5 s\",\"schema\":\"00ff\","
                                    "\"why\":\"a \\\"newer\\\" one\"},{\"partition\":1,"));
    assert_non_null(strstr(out.ptr, "\"offset\":77,"));
    assert_null(strstr(out.ptr, "\"offset\":78,"));
    strbuf_release(&out);
    status_set_gauges(&bench.metrics, &view);
    assert_int_equal((int)metric_value(bench.metrics.record.blocked), 9);
}

static int value(const struct metric *m)
{
    return (int)metric_value(m);
}

static void gauges_follow_the_view(void **state)
{
    (void)state;
    struct lane_view view = full_view();
    const struct lane_metrics *m = &bench.metrics;
    status_set_gauges(m, &view);
    for (int i = 0; i < LANE_STATE_COUNT; i++) {
        assert_int_equal(value(m->state[i]), i == LANE_HELD);
    }
    assert_int_equal(value(m->level.pending), 4);
    assert_true(metric_value(m->level.age) > 1.49 && metric_value(m->level.age) < 1.51);
    assert_int_equal(value(m->level.unimported_levels), 8);
    assert_int_equal(value(m->record.unfinished), 6);
    assert_int_equal(value(m->parked.products), 7);
    assert_int_equal(value(m->brake.held), 1);
    assert_int_equal(value(m->catalogue.shared), 2);
    assert_int_equal(value(m->catalogue.ambiguous), 1);
    assert_int_equal(value(m->catalogue.suspect_skus), 5);
    assert_int_equal(value(m->catalogue.untracked), 2);
    assert_int_equal(value(m->catalogue.age), 60);
    assert_int_equal(value(m->verify.age), 30);
    assert_int_equal(value(m->verify.open), 6);
    assert_int_equal(value(m->leftovers), 4);
    assert_int_equal(value(m->replanning), 2);
    view = quiet_view();
    status_set_gauges(m, &view);
    assert_int_equal(value(m->state[LANE_HELD]), 0);
    assert_int_equal(value(m->state[LANE_RUNNING]), 1);
    assert_int_equal(value(m->level.age), 0);
    assert_int_equal(value(m->catalogue.age), 0);
    assert_int_equal(value(m->brake.held), 0);
    view.oldest_changed_at_us = bench.wall_us + 1000000; /* Odoo's clock is ahead */
    status_set_gauges(m, &view);
    assert_int_equal(value(m->level.age), 0);
}

/* Every cell of the struct is filled by exactly one row. */
static void the_metric_table_fills_every_cell(void **state)
{
    (void)state;
    size_t cells = sizeof(struct lane_metrics) / sizeof(struct metric *);
    struct metric *seen[sizeof(struct lane_metrics) / sizeof(struct metric *)];
    memcpy(seen, &bench.metrics, sizeof seen);
    for (size_t i = 0; i < cells; i++) {
        size_t rows = 0;
        for (size_t k = 0; k < lane_metric_table.count; k++) {
            rows += lane_metric_table.rows[k].offset == i * sizeof(struct metric *);
        }
        struct metric *const *cell = &((struct metric **)&bench.metrics)[i];
        /* no record and no level counts there */
        bool unused = cell == &bench.metrics.record.excluded[EXCLUDED_NOT] ||
                      cell == &bench.metrics.verify.found[DRIFT_NONE] ||
                      cell == &bench.metrics.verify.repaired[DRIFT_NONE];
        assert_int_equal(rows, unused ? 0 : 1);
        assert_int_equal(seen[i] == NULL, unused);
    }
}

static void the_metric_table_documents_every_row(void **state)
{
    (void)state;
    const struct metric_table *const tables[] = {&lane_metric_table, NULL};
    struct strbuf out;
    strbuf_init(&out, 100000);
    metric_table_document(tables, &out);
    for (size_t i = 0; i < lane_metric_table.count; i++) {
        const struct metric_row *row = &lane_metric_table.rows[i];
        if (strstr(out.ptr, row->name) == NULL || strstr(out.ptr, row->help) == NULL) {
            fail_msg("%s", row->name);
        }
        for (int s = 0; s < LANE_STATE_COUNT && row->value != NULL; s++) {
            bool is_cell = row->offset == offsetof(struct lane_metrics, state) +
                                              (size_t)s * sizeof(struct metric *);
            assert_true(!is_cell || strcmp(row->value, lane_state_name((enum lane_state)s)) == 0);
        }
        for (int e = 0; e < EXCLUSION_COUNT && row->value != NULL; e++) {
            bool is_cell = row->offset == offsetof(struct lane_metrics, record.excluded) +
                                              (size_t)e * sizeof(struct metric *);
            assert_true(!is_cell || strcmp(row->value, exclusion_name((enum exclusion)e)) == 0);
        }
    }
    strbuf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(json_of_a_quiet_lane_leaves_out_what_is_not_there),
        BENCH_TEST(json_of_a_busy_lane_shows_everything),
        BENCH_TEST(json_names_the_partitions_that_are_blocked),
        BENCH_TEST(gauges_follow_the_view),
        BENCH_TEST(the_metric_table_fills_every_cell),
        BENCH_TEST(the_metric_table_documents_every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
