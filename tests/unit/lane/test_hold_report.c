#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/hold.h"

static struct lane_hold two_examples(void)
{
    return (struct lane_hold){
        .on = true,
        .ours = true,
        .reason = "brake_zero",
        .figures = {.levels = 100, .fallen = 60, .changed = 61},
        .examples = {{.product_id = 7, .sku = "A\"1", .key = {41, 70}, .from = 5, .to = 0},
                     {.product_id = 8, .sku = "", .key = {42, 70}, .from = 1, .to = -1}},
        .example_count = 2};
}

static void examples_are_written_as_whole_lines(void **state)
{
    (void)state;
    static const char first[] = "product 7 sku A\"1 item 41 location 70: 5 -> 0\n";
    static const char second[] = "product 8 sku  item 42 location 70: 1 -> -1\n";
    const struct lane_hold hold = two_examples();
    char out[200];
    char both[200];
    (void)snprintf(both, sizeof both, "%s%s", first, second);
    hold_write_examples(&hold, out, sizeof out);
    assert_string_equal(out, both);
    hold_write_examples(&hold, out, strlen(both) + 1);
    assert_string_equal(out, both);
    hold_write_examples(&hold, out, strlen(both));
    assert_string_equal(out, first);
    hold_write_examples(&hold, out, strlen(first));
    assert_string_equal(out, "");
}

static void json_shows_reason_figures_and_examples(void **state)
{
    (void)state;
    struct lane_hold hold = two_examples();
    struct strbuf out;
    strbuf_init(&out, 1000);
    hold_append_json(&hold, &out);
    assert_string_equal(
        out.ptr,
        ",\"held\":{\"reason\":\"brake_zero\",\"here\":true,\"levels\":100,\"fallen\":60,"
        "\"changed\":61,\"risen\":0,\"examples\":["
        "{\"product\":7,\"sku\":\"A\\\"1\",\"item\":41,\"location\":70,\"from\":5,\"to\":0},"
        "{\"product\":8,\"sku\":\"\",\"item\":42,\"location\":70,\"from\":1,\"to\":-1}]}");
    strbuf_reset(&out);
    hold.ours = false;
    hold.example_count = 0;
    hold_append_json(&hold, &out);
    assert_non_null(strstr(out.ptr, "\"here\":false"));
    assert_non_null(strstr(out.ptr, "\"examples\":[]}"));
    strbuf_reset(&out);
    hold.on = false;
    hold_append_json(&hold, &out);
    assert_string_equal(out.ptr, "");
    strbuf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_are_written_as_whole_lines),
        cmocka_unit_test(json_shows_reason_figures_and_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
