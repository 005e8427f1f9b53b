/* A second file that replaces values of the first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/conf.h"

struct shop_conf {
    struct conf_instance instance;
    char *domain;
    int64_t buffer;
    struct secret token;
    struct conf_pairs locations;
};

struct root {
    char *name;
    struct conf_list shops;
};

static const struct conf_option MAIN_OPTIONS[] = {
    {.key = "name", .type = CONF_TEXT, .help = "what it is called"},
};

static const struct conf_option SHOP_OPTIONS[] = {
    {.key = "domain",
     .type = CONF_TEXT,
     .offset = offsetof(struct shop_conf, domain),
     .required = true,
     .help = "host name"},
    {.key = "buffer",
     .type = CONF_COUNT,
     .offset = offsetof(struct shop_conf, buffer),
     .fallback = "0",
     .help = "held back"},
    {.key = "token",
     .type = CONF_SECRET,
     .offset = offsetof(struct shop_conf, token),
     .help = "credential"},
    {.key = "location.*",
     .type = CONF_PAIRS,
     .offset = offsetof(struct shop_conf, locations),
     .help = "warehouses of a location"},
};

static const struct conf_section SECTIONS[] = {
    {.name = "main", .options = MAIN_OPTIONS, .option_count = 1},
    {.name = "shop.*",
     .options = SHOP_OPTIONS,
     .option_count = 4,
     .offset = offsetof(struct root, shops),
     .size = sizeof(struct shop_conf)},
};

static const struct conf_schema SCHEMA = {.sections = SECTIONS, .section_count = 2};

static const char BASE[] = "[main]\nname = x\n"
                           "[shop.a]\ndomain = a\nbuffer = 3\n"
                           "location.Main = WH\nlocation.Side = S\n"
                           "[shop.b]\ndomain = b\n";

static char path[] = "/tmp/stocksync-overlay-XXXXXX";
static struct root root;
static struct conf_problems problems;
static struct err err;

static void write_file(const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static enum status overlay(const char *text)
{
    write_file(BASE);
    assert_int_equal(conf_load(&SCHEMA, path, &root, &problems, &err), STATUS_OK);
    conf_problems_release(&problems);
    write_file(text);
    return conf_overlay(&SCHEMA, path, &root, &problems, &err);
}

static int open_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd >= 0 ? close(fd) : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static int release(void **state)
{
    (void)state;
    conf_problems_release(&problems);
    conf_release(&SCHEMA, &root);
    return 0;
}

static void only_what_the_file_names_is_replaced(void **state)
{
    (void)state;
    assert_int_equal(overlay("[shop.b]\nbuffer = 7\nlocation.New = N\n"
                             "[shop.a]\nlocation.Main = WH, S\n"),
                     STATUS_OK);
    const struct shop_conf *a = root.shops.elements;
    const struct shop_conf *b = a + 1;
    assert_string_equal(a->domain, "a");
    assert_int_equal(a->buffer, 3);
    assert_int_equal(a->locations.count, 2);
    assert_string_equal(a->locations.list[0].name, "Main");
    assert_string_equal(a->locations.list[0].value, "WH, S");
    assert_string_equal(a->locations.list[1].value, "S");
    assert_string_equal(b->domain, "b");
    assert_int_equal(b->buffer, 7);
    assert_int_equal(b->locations.count, 1);
    assert_string_equal(b->locations.list[0].name, "New");
}

static void problems_have_the_lines_of_the_file(void **state)
{
    static const struct conf_problem EXPECTED[] = {
        {1, "section [main] cannot be changed here"},
        {3, "the configuration has no section [shop.c]"},
        {5, "[shop.a] buffer = 'few': a whole number is needed"},
        {6, "unknown key 'color' in [shop.a]"},
        {7, "[shop.a] domain is required: host name"},
        {8, "[shop.a] domain was already given in line 7"},
        {9, "section [nonsense] cannot be changed here"},
    };
    (void)state;
    assert_int_equal(overlay("[main]\nname = y\n[shop.c]\n[shop.a]\nbuffer = few\ncolor = red\n"
                             "domain =\ndomain = y\n[nonsense]\n"),
                     STATUS_CONFIG);
    assert_int_equal(problems.count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(problems.list[i].line, EXPECTED[i].line);
        assert_string_equal(problems.list[i].text, EXPECTED[i].text);
    }
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(conf_overlay(&SCHEMA, "/tmp/stocksync/none.ini", &root, &problems, &err),
                     STATUS_CONFIG);
    assert_int_equal(problems.count, 0);
}

#define OVERLAY_TEST(function) cmocka_unit_test_teardown(function, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVERLAY_TEST(only_what_the_file_names_is_replaced),
        OVERLAY_TEST(problems_have_the_lines_of_the_file),
        OVERLAY_TEST(a_file_that_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, open_file, remove_file);
}
