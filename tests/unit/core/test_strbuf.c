#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/strbuf.h"

static void strbuf_is_an_empty_text_at_once(void **state)
{
    (void)state;
    struct strbuf sb;
    strbuf_init(&sb, 0);
    assert_string_equal(sb.ptr, "");
    assert_int_equal(strbuf_bytes(&sb).len, 0);
    strbuf_append(&sb, NULL, 0);
    assert_false(sb.overflow);
    strbuf_append_char(&sb, 'x');
    assert_true(sb.overflow);
    assert_string_equal(sb.ptr, "");
    strbuf_release(&sb);
    strbuf_release(&sb);
    assert_null(sb.ptr);
}

static void strbuf_grows_and_stays_terminated(void **state)
{
    (void)state;
    struct strbuf sb;
    strbuf_init(&sb, 100000);
    for (int i = 0; i < 10000; i++) {
        strbuf_append_char(&sb, (char)('a' + i % 26));
        assert_int_equal(sb.ptr[sb.len], '\0');
    }
    assert_int_equal(sb.len, 10000);
    assert_int_equal(sb.ptr[9999], 'a' + 9999 % 26);
    strbuf_append(&sb, "\0z", 2);
    assert_int_equal(sb.len, 10002);
    strbuf_release(&sb);
}

static void strbuf_keeps_what_fits_and_says_so(void **state)
{
    (void)state;
    struct strbuf sb;
    struct err err = {0};
    strbuf_init(&sb, 5);
    strbuf_append_text(&sb, "abc");
    assert_int_equal(strbuf_check(&sb, "answer", &err), STATUS_OK);
    strbuf_append_text(&sb, "def");
    assert_string_equal(sb.ptr, "abcde");
    strbuf_append_text(&sb, "g");
    assert_string_equal(sb.ptr, "abcde");
    assert_int_equal(strbuf_check(&sb, "answer", &err), STATUS_TOO_LARGE);
    assert_string_equal(err.msg, "answer is larger than 5 bytes");
    strbuf_reset(&sb);
    assert_false(sb.overflow);
    strbuf_append_text(&sb, "12345");
    assert_int_equal(strbuf_check(&sb, "answer", &err), STATUS_OK);
    assert_string_equal(sb.ptr, "12345");
    strbuf_release(&sb);
}

static void strbuf_appendf_at_every_length_around_its_capacity(void **state)
{
    (void)state;
    char expected[301];
    (void)memset(expected, 'x', 300);
    expected[300] = '\0';
    for (size_t max = 60; max <= 70; max++) {
        for (int width = 50; width < 80; width++) {
            struct strbuf sb;
            strbuf_init(&sb, max);
            strbuf_appendf(&sb, "%.*s", width, expected);
            size_t fits = (size_t)width < max ? (size_t)width : max;
            assert_int_equal(sb.len, fits);
            assert_int_equal(strlen(sb.ptr), fits);
            assert_int_equal(sb.overflow, (size_t)width > max);
            strbuf_release(&sb);
        }
    }
    struct strbuf sb;
    strbuf_init(&sb, 1000);
    strbuf_append_text(&sb, "<");
    strbuf_appendf(&sb, "%s%d>", expected, 42);
    assert_int_equal(sb.len, 304);
    assert_string_equal(sb.ptr + 299, "xx42>");
    strbuf_release(&sb);
}

static void strbuf_json_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *json;
    } CASES[] = {
        {"", "\"\""},
        {NULL, "null"},
        {"plain /", "\"plain /\""},
        {"\"\\", "\"\\\"\\\\\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1F\x7F", "\"\\u0001\\u001f\x7F\""},
        {"K\xC3\xB6ln \xE2\x82\xAC \xF0\x9F\x98\x80",
         "\"K\xC3\xB6ln \xE2\x82\xAC \xF0\x9F\x98\x80\""},
        {"a\xFF\xC3z", "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\""},
        {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct strbuf sb;
        strbuf_init(&sb, 200);
        strbuf_append_json(&sb, CASES[i].text);
        assert_string_equal(sb.ptr, CASES[i].json);
        strbuf_release(&sb);
    }
}

static void strbuf_take_hands_over_and_starts_anew(void **state)
{
    (void)state;
    struct strbuf sb;
    strbuf_init(&sb, 3);
    strbuf_append_text(&sb, "long");
    char *taken = strbuf_take(&sb);
    assert_string_equal(taken, "lon");
    assert_string_equal(sb.ptr, "");
    assert_false(sb.overflow);
    strbuf_append_text(&sb, "new");
    assert_string_equal(sb.ptr, "new");
    assert_string_equal(taken, "lon");
    mem_free(taken);
    strbuf_release(&sb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strbuf_is_an_empty_text_at_once),
        cmocka_unit_test(strbuf_grows_and_stays_terminated),
        cmocka_unit_test(strbuf_keeps_what_fits_and_says_so),
        cmocka_unit_test(strbuf_appendf_at_every_length_around_its_capacity),
        cmocka_unit_test(strbuf_json_escapes),
        cmocka_unit_test(strbuf_take_hands_over_and_starts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
