#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/cli.h"

static enum status run_nothing(const struct cli_call *call, const void *conf, struct err *err)
{
    (void)call;
    (void)conf;
    (void)err;
    return STATUS_OK;
}

static const struct cli_flag FLAGS[] = {
    {"--all", NULL, false, "everything"},
    {"--product", "ID", true, "one product"},
    {"--limit", "N", false, "at most N"},
};
static const struct cli_command COMMANDS[] = {
    {"run", "runs", NULL, 0, true, run_nothing},
    {"fill", "fills", FLAGS, 3, true, run_nothing},
};
static const struct cli_program PROGRAM = {"prog", "does things", "1.2.3", COMMANDS, 2};

static enum status
parse(const char *const *words, struct cli_call *call, struct strbuf *text, struct err *err)
{
    /* main's argv is not const: copies, which the call borrows until the next one */
    static char copies[16][64];
    char *argv[16] = {copies[0]};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++) {
        (void)snprintf(copies[argc], sizeof copies[argc], "%s", words[argc - 1]);
        argv[argc] = copies[argc];
    }
    return cli_parse(&PROGRAM, argc, argv, call, text, err);
}

static void cli_refuses_what_it_does_not_know(void **state)
{
    (void)state;
    static const struct {
        const char *words[6];
        const char *says;
    } cases[] = {
        {{NULL}, "no command given"},
        {{"walk", NULL}, "unknown command 'walk'"},
        {{"fill", "--every", NULL}, "unknown flag '--every'"},
        {{"fill", "extra", NULL}, "unknown flag 'extra'"},
        {{"fill", "--all=1", NULL}, "'--all' takes no value"},
        {{"fill", "--limit", NULL}, "'--limit' needs a value"},
        {{"fill", "--limit=", NULL}, "'--limit' needs a value"},
        {{"fill", "--limit", "1", "--limit=2", NULL}, "'--limit' is given twice"},
        {{"run", "-c", NULL}, "'-c' needs a file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cli_call call;
        struct strbuf text;
        struct err err = {0};
        strbuf_init(&text, 65536);
        assert_int_equal(parse(cases[i].words, &call, &text, &err), STATUS_USAGE);
        assert_non_null(strstr(err.msg, cases[i].says));
        strbuf_release(&text);
    }
}

static void cli_collects_values_in_order(void **state)
{
    (void)state;
    const char *words[] = {"-c", "file.ini", "fill",        "--product",
                           "3",  "--all",    "--product=4", NULL};
    struct cli_call call;
    struct strbuf text;
    struct err err = {0};
    long number = 0;
    strbuf_init(&text, 65536);
    assert_int_equal(parse(words, &call, &text, &err), STATUS_OK);
    assert_string_equal(call.command->name, "fill");
    assert_string_equal(call.conf_path, "file.ini");
    assert_true(cli_has(&call, "--all"));
    assert_false(cli_has(&call, "--limit"));
    assert_string_equal(cli_value(&call, "--product", 0), "3");
    assert_string_equal(cli_value(&call, "--product", 1), "4");
    assert_null(cli_value(&call, "--product", 2));
    assert_int_equal(cli_number(&call, "--product", 1, 1, 100, &number, &err), STATUS_OK);
    assert_int_equal(number, 4);
    assert_int_equal(cli_number(&call, "--product", 1, 5, 100, &number, &err), STATUS_USAGE);
    assert_int_equal(cli_number(&call, "--limit", 0, 1, 100, &number, &err), STATUS_NOT_FOUND);
    strbuf_release(&text);
}

static void cli_number_refuses_what_is_no_whole_number(void **state)
{
    (void)state;
    static const char *const values[] = {"x", "3x", "1.5", "99999999999999999999", "0", "-1"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const char *words[] = {"fill", "--limit", values[i], NULL};
        struct cli_call call;
        struct strbuf text;
        struct err err = {0};
        long number = 7;
        strbuf_init(&text, 65536);
        assert_int_equal(parse(words, &call, &text, &err), STATUS_OK);
        assert_int_equal(cli_number(&call, "--limit", 0, 1, 1000, &number, &err), STATUS_USAGE);
        assert_int_equal(number, 7);
        strbuf_release(&text);
    }
}

static void cli_answers_help_version_and_completion_without_a_command(void **state)
{
    (void)state;
    static const struct {
        const char *words[4];
        const char *contains;
    } cases[] = {
        {{"--help", NULL}, "Usage: prog [-c FILE] COMMAND"},
        {{"-h", NULL}, "fills"},
        {{"fill", "--help", NULL}, "--product ID"},
        {{"--version", NULL}, "prog 1.2.3\n"},
        {{"-V", NULL}, "prog 1.2.3\n"},
        {{"--complete", NULL}, "run\nfill\n"},
        {{"--complete", "fill", NULL}, "--all\n--product\n--limit\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cli_call call;
        struct strbuf text;
        struct err err = {0};
        strbuf_init(&text, 65536);
        assert_int_equal(parse(cases[i].words, &call, &text, &err), STATUS_OK);
        assert_null(call.command);
        assert_non_null(strstr(text.ptr, cases[i].contains));
        strbuf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cli_refuses_what_it_does_not_know),
        cmocka_unit_test(cli_collects_values_in_order),
        cmocka_unit_test(cli_number_refuses_what_is_no_whole_number),
        cmocka_unit_test(cli_answers_help_version_and_completion_without_a_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
