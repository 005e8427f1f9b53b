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
#include "common/core/mem.h"

/* --- a small program with every type --- */

struct main_conf {
    char *name;
    bool fast;
    int64_t count;
    int64_t limit; /* may be unset */
    int64_t wait_ms;
    int64_t bytes;
    int mode;
    struct secret token;
    char *dsn;
};

struct store_conf {
    struct conf_instance instance;
    char *domain;
    int64_t buffer;
    struct conf_pairs locations;
};

struct root {
    struct main_conf main;
    struct conf_pairs kafka;
    struct conf_list stores;
};

static const char *const MODES[] = {"table", "logical", NULL};

static const struct conf_option MAIN_OPTIONS[] = {
    {.key = "name",
     .type = CONF_TEXT,
     .offset = offsetof(struct main_conf, name),
     .fallback = "shop",
     .help = "what it is called"},
    {.key = "fast",
     .type = CONF_BOOL,
     .offset = offsetof(struct main_conf, fast),
     .fallback = "off",
     .help = "hurry"},
    {.key = "count",
     .type = CONF_COUNT,
     .offset = offsetof(struct main_conf, count),
     .fallback = "12",
     .min = 1,
     .max = 1000,
     .help = "how many"},
    {.key = "limit",
     .former = "most",
     .type = CONF_COUNT,
     .offset = offsetof(struct main_conf, limit),
     .help = "most; empty: none"},
    {.key = "wait",
     .type = CONF_DURATION,
     .offset = offsetof(struct main_conf, wait_ms),
     .fallback = "90s",
     .min = 100,
     .max = 86400000,
     .help = "how long"},
    {.key = "bytes",
     .type = CONF_SIZE,
     .offset = offsetof(struct main_conf, bytes),
     .fallback = "1M",
     .help = "how large"},
    {.key = "mode",
     .type = CONF_CHOICE,
     .offset = offsetof(struct main_conf, mode),
     .fallback = "table",
     .choices = MODES,
     .help = "which way"},
    {.key = "token",
     .type = CONF_SECRET,
     .offset = offsetof(struct main_conf, token),
     .help = "the key to it all"},
    {.key = "dsn",
     .type = CONF_TEXT,
     .offset = offsetof(struct main_conf, dsn),
     .secret_value = true,
     .help = "connection string"},
};

static const struct conf_option KAFKA_OPTIONS[] = {
    {.key = "*", .type = CONF_PAIRS, .offset = 0, .help = "any property"},
};

static const struct conf_option STORE_OPTIONS[] = {
    {.key = "domain",
     .type = CONF_TEXT,
     .offset = offsetof(struct store_conf, domain),
     .required = true,
     .help = "host name"},
    {.key = "buffer",
     .former = "held",
     .type = CONF_COUNT,
     .offset = offsetof(struct store_conf, buffer),
     .fallback = "0",
     .help = "held back"},
    {.key = "location.*",
     .type = CONF_PAIRS,
     .offset = offsetof(struct store_conf, locations),
     .help = "warehouses of a location"},
};

#define COUNT_OF(a) (sizeof(a) / sizeof(a)[0])

static const struct conf_section SECTIONS[] = {
    {.name = "main",
     .options = MAIN_OPTIONS,
     .option_count = COUNT_OF(MAIN_OPTIONS),
     .offset = offsetof(struct root, main),
     .help = "the main thing"},
    {.name = "kafka",
     .options = KAFKA_OPTIONS,
     .option_count = COUNT_OF(KAFKA_OPTIONS),
     .offset = offsetof(struct root, kafka),
     .help = "passed through"},
    {.name = "store.*",
     .options = STORE_OPTIONS,
     .option_count = COUNT_OF(STORE_OPTIONS),
     .offset = offsetof(struct root, stores),
     .size = sizeof(struct store_conf),
     .help = "one for each store"},
};

static const char *const FOREIGN[] = {"consumer", "other.*", NULL};

static const struct conf_schema SCHEMA = {
    .sections = SECTIONS, .section_count = COUNT_OF(SECTIONS), .foreign = FOREIGN};

/* --- helpers --- */

static char path[64];

static void write_bytes(const void *text, size_t len)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

struct loaded {
    struct root root;
    struct conf_problems problems;
    struct err err;
    enum status rc;
};

static struct loaded load(const char *text)
{
    struct loaded l = {0};
    write_bytes(text, strlen(text));
    l.rc = conf_load(&SCHEMA, path, &l.root, &l.problems, &l.err);
    return l;
}

static void release(struct loaded *l)
{
    conf_problems_release(&l->problems);
    conf_release(&SCHEMA, &l->root);
    conf_release(&SCHEMA, &l->root); /* harmless twice */
}

/* All problems as "LINE: text|LINE: text". */
static const char *joined(const struct conf_problems *problems)
{
    static struct strbuf out;
    strbuf_release(&out);
    strbuf_init(&out, 10000);
    for (size_t i = 0; i < problems->count; i++) {
        strbuf_appendf(&out, "%s%d: %s", i > 0 ? "|" : "", problems->list[i].line,
                       problems->list[i].text);
    }
    return out.ptr;
}

static void assert_problems(const char *text, const char *expected)
{
    struct loaded l = load(text);
    assert_string_equal(joined(&l.problems), expected);
    assert_int_equal(l.rc, expected[0] != '\0' ? STATUS_CONFIG : STATUS_OK);
    release(&l);
}

static void assert_loads(const struct loaded *l)
{
    assert_string_equal(joined(&l->problems), "");
    assert_int_equal(l->rc, STATUS_OK);
}

static const struct store_conf *store(const struct root *root, size_t i)
{
    return (const struct store_conf *)root->stores.elements + i;
}

/* --- values --- */

static void conf_parse_bool_cases(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok, value;
    } CASES[] = {{"on", true, true},      {"off", true, false}, {"true", true, true},
                 {"false", true, false},  {"yes", true, true},  {"no", true, false},
                 {"1", true, true},       {"0", true, false},   {"", false, false},
                 {"On", false, false},    {"2", false, false},  {"on ", false, false},
                 {"onoff", false, false}, {" on", false, false}};
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        bool value = false;
        assert_int_equal(conf_parse_bool(CASES[i].text, &value), CASES[i].ok);
        assert_int_equal(value, CASES[i].value);
    }
}

struct number_case {
    const char *text;
    int64_t value; /* -1: refused */
};

static void assert_numbers(bool (*parse)(const char *, int64_t *),
                           const struct number_case *cases,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = -1;
        assert_int_equal(parse(cases[i].text, &value), cases[i].value != -1);
        assert_true(value == cases[i].value);
    }
}

static void conf_parse_duration_cases(void **state)
{
    (void)state;
    static const struct number_case CASES[] = {
        {"0ms", 0},
        {"250ms", 250},
        {"5s", 5000},
        {"10m", 600000},
        {"1h", 3600000},
        {"30d", INT64_C(2592000000)},
        {"007s", 7000},
        {"5", -1},
        {"0", -1},
        {"", -1},
        {"s", -1},
        {"-5s", -1},
        {"+5s", -1},
        {" 5s", -1},
        {"5 s", -1},
        {"5s ", -1},
        {"1.5s", -1},
        {"5S", -1},
        {"5sec", -1},
        {"0x5s", -1},
        {"9223372036854775807ms", INT64_MAX},
        {"9223372036854775808ms", -1},
        {"9223372036854776s", -1},
        {"99999999999999999999d", -1},
        {"106751991168d", -1},
    };
    assert_numbers(conf_parse_duration_ms, CASES, COUNT_OF(CASES));
}

static void conf_parse_size_cases(void **state)
{
    (void)state;
    static const struct number_case CASES[] = {
        {"0", 0},
        {"1", 1},
        {"65536", 65536},
        {"64k", 65536},
        {"4M", 4194304},
        {"1G", INT64_C(1073741824)},
        {"", -1},
        {"k", -1},
        {"1K", -1},
        {"1kb", -1},
        {"1.5M", -1},
        {"-1", -1},
        {"1 k", -1},
        {"9999999999G", -1},
        {"9223372036854775807", INT64_MAX},
        {"8589934591G", INT64_C(9223372035781033984)},
    };
    assert_numbers(conf_parse_size, CASES, COUNT_OF(CASES));
}

/* --- loading --- */

static void assert_defaults(const struct main_conf *c)
{
    assert_string_equal(c->name, "shop");
    assert_false(c->fast);
    assert_int_equal(c->count, 12);
    assert_int_equal(c->limit, -1);
    assert_int_equal(c->wait_ms, 90000);
    assert_int_equal(c->bytes, 1024 * 1024);
    assert_int_equal(c->mode, 0);
    assert_false(secret_is_set(&c->token));
    assert_null(c->dsn);
}

static void conf_defaults_without_a_file(void **state)
{
    (void)state;
    struct loaded l = {0};
    l.rc = conf_load(&SCHEMA, NULL, &l.root, &l.problems, &l.err);
    assert_loads(&l);
    assert_defaults(&l.root.main);
    assert_int_equal(l.root.kafka.count, 0);
    assert_int_equal(l.root.stores.count, 0);
    release(&l);
}

static void conf_file_sets_every_type(void **state)
{
    (void)state;
    struct loaded l = load("\xEF\xBB\xBF# a comment\n"
                           "; another\r\n"
                           "   # an indented one\n"
                           "\n"
                           "[main]   ; with a comment\n"
                           "name = K\xC3\xB6ln; Mitte#1   ; the rest is a comment\n"
                           "fast=yes\n"
                           "count\t=\t1000\r\n"
                           "limit = 0\n"
                           "wait = 100ms # shortest\n"
                           "bytes : 3k\n"
                           "mode = logical\n"
                           "token = a;b#c=d:e\n"
                           "dsn = host=/run/postgresql dbname=shop user=stocksync\n"
                           "[kafka]\n"
                           "bootstrap.servers = 127.0.0.1:9092,h:1\n"
                           "client.id =\n"
                           "[store.a-b]\n"
                           "domain = a.myshopify.com");
    assert_loads(&l);
    const struct main_conf *c = &l.root.main;
    assert_string_equal(c->name, "K\xC3\xB6ln; Mitte#1");
    assert_true(c->fast);
    assert_int_equal(c->count, 1000);
    assert_int_equal(c->limit, 0);
    assert_int_equal(c->wait_ms, 100);
    assert_int_equal(c->bytes, 3072);
    assert_int_equal(c->mode, 1);
    assert_string_equal(secret_reveal(&c->token), "a;b#c=d:e");
    assert_string_equal(c->dsn, "host=/run/postgresql dbname=shop user=stocksync");
    assert_int_equal(l.root.kafka.count, 2);
    assert_string_equal(l.root.kafka.list[0].name, "bootstrap.servers");
    assert_string_equal(l.root.kafka.list[0].value, "127.0.0.1:9092,h:1");
    assert_int_equal(l.root.kafka.list[0].line, 16);
    assert_string_equal(l.root.kafka.list[1].value, "");
    assert_string_equal(store(&l.root, 0)->domain, "a.myshopify.com");
    release(&l);
}

static void conf_empty_values(void **state)
{
    (void)state;
    struct loaded l = load("[main]\nname =\nlimit =\ntoken =\ndsn =\n");
    assert_loads(&l);
    assert_null(l.root.main.name);
    assert_int_equal(l.root.main.limit, -1);
    assert_false(secret_is_set(&l.root.main.token));
    release(&l);
    assert_problems("[main]\ncount =\nfast =\nmode =\n",
                    "2: [main] count = '': a whole number from 1 to 1000 is needed"
                    "|3: [main] fast = '': on or off is needed"
                    "|4: [main] mode = '': table or logical is needed");
}

static void conf_repeated_sections_keep_the_order_of_the_file(void **state)
{
    (void)state;
    struct loaded l = load("[store.outlet]\n"
                           "location.Berlin = WH, NO\n"
                           "domain = o.myshopify.com\n"
                           "location.Bad Ems = SO\n"
                           "location.123 =\n"
                           "[main]\n"
                           "[store.Fab.rik 2]\n"
                           "domain = f.myshopify.com\n"
                           "buffer = 3\n");
    assert_loads(&l);
    assert_int_equal(l.root.stores.count, 2);
    const struct store_conf *a = store(&l.root, 0);
    const struct store_conf *b = store(&l.root, 1);
    assert_string_equal(a->instance.name, "outlet");
    assert_int_equal(a->instance.line, 1);
    assert_string_equal(a->domain, "o.myshopify.com");
    assert_int_equal(a->buffer, 0);
    assert_int_equal(a->locations.count, 3);
    assert_string_equal(a->locations.list[0].name, "Berlin");
    assert_string_equal(a->locations.list[0].value, "WH, NO");
    assert_int_equal(a->locations.list[0].line, 2);
    assert_string_equal(a->locations.list[1].name, "Bad Ems");
    assert_string_equal(a->locations.list[2].name, "123");
    assert_string_equal(a->locations.list[2].value, "");
    assert_string_equal(b->instance.name, "Fab.rik 2");
    assert_int_equal(b->instance.line, 7);
    assert_int_equal(b->buffer, 3);
    assert_int_equal(b->locations.count, 0);
    release(&l);
}

static void conf_section_name_may_be_longer_than_the_parser_keeps(void **state)
{
    (void)state;
    struct loaded l =
        load("[store.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx1]\n"
             "domain = a\n"
             "[store.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx2]\n"
             "domain = b\n");
    assert_loads(&l);
    assert_int_equal(l.root.stores.count, 2);
    assert_string_equal(store(&l.root, 1)->domain, "b");
    release(&l);
}

static void conf_longest_line_is_read_whole(void **state)
{
    (void)state;
    for (size_t len = 990; len <= 1010; len++) {
        char text[1100];
        int head = snprintf(text, sizeof text, "[main]\nname = ");
        size_t line = strlen("name = ");
        (void)memset(text + head, 'x', len - line);
        (void)snprintf(text + (size_t)head + len - line, 20, "\ncount = 5\n");
        struct loaded l = load(text);
        if (len <= 1000) {
            assert_loads(&l);
            assert_int_equal(strlen(l.root.main.name), len - line);
        } else {
            assert_string_equal(joined(&l.problems), "2: the line is longer than 1000 bytes");
        }
        assert_int_equal(l.root.main.count, 5);
        release(&l);
    }
}

/* --- problems --- */

static void conf_problem_cases(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *problems;
    } CASES[] = {
        {"", ""},
        {"\n\n", ""},
        {"name = x\n", "1: 'name' stands before any [section]"},
        {"[main]\nnmae = x\n", "2: unknown key 'nmae' in [main]"},
        {"[main]\nName = x\n", "2: unknown key 'Name' in [main]"},
        {"[mian]\nname = x\nnonsense = y\n[main]\n", "1: unknown section [mian]"},
        {"[store]\n", "1: unknown section [store]"},
        {"[store.]\n", "1: unknown section [store.]"},
        {"[]\nx = 1\n", "1: '[]' is not a section: [name]"},
        {"[main\nname = x\n", "1: '[main' is not a section: [name]"},
        {"[main] x\nname = x\n", "1: '[main] x' is not a section: [name]"},
        {"[main]\nname\n", "2: this is not 'key = value'"},
        {"[main]\n= x\n", "2: this is not 'key = value'"},
        {"[main]\nname ; = x\n", "2: this is not 'key = value'"},
        {"[main]\nname = a\n  b\n",
         "3: the line begins with white space; a value cannot go on in the next line"},
        {"[main]\n name = a\n",
         "2: the line begins with white space; a value cannot go on in the next line"},
        {"[main]\nname = a\x01\n", "2: the line holds control characters or is not UTF-8"},
        {"[main]\nname = a\xC3\n", "2: the line holds control characters or is not UTF-8"},
        {"[main]\nname = a\rb\n", "2: the line holds control characters or is not UTF-8"},
        {"[main]\nname = a\ncount = 2\nname = b\nname = c\n",
         "4: [main] name was already given in line 2|5: [main] name was already given in line 2"},
        {"[main]\n[kafka]\n[main]\nname = x\n", "3: section [main] was already given in line 1"},
        {"[store.a]\ndomain = x\n[store.a]\ndomain = y\n",
         "3: section [store.a] was already given in line 1"},
        {"[kafka]\na.b = 1\nc = 2\na.b = 3\n", "4: [kafka] a.b was already given in line 2"},
        {"[store.a]\ndomain = x\nlocation.B = 1\nlocation.B = 2\n",
         "4: [store.a] location.B was already given in line 3"},
        {"[store.a]\ndomain = x\nlocation. = 1\n", "3: unknown key 'location.' in [store.a]"},
        {"[store.a]\ndomain = x\nlocation = 1\n", "3: unknown key 'location' in [store.a]"},
        {"[store.a]\nbuffer = 1\n[store.b]\ndomain =\n",
         "1: [store.a] domain is required: host name|4: [store.b] domain is required: host name"},
        {"[main]\ncount = 0\n", "2: [main] count = '0': a whole number from 1 to 1000 is needed"},
        {"[main]\ncount = 1001\n",
         "2: [main] count = '1001': a whole number from 1 to 1000 is needed"},
        {"[main]\ncount = 1e2\n",
         "2: [main] count = '1e2': a whole number from 1 to 1000 is needed"},
        {"[main]\ncount = 99999999999999999999\n",
         "2: [main] count = '99999999999999999999': a whole number from 1 to 1000 is needed"},
        {"[main]\nlimit = -1\n", "2: [main] limit = '-1': a whole number is needed"},
        {"[main]\nwait = 99ms\n", "2: [main] wait = '99ms': a duration (250ms, 5s, 10m, 1h, 30d) "
                                  "from 100ms to 1d is needed"},
        {"[main]\nbytes = 1T\n", "2: [main] bytes = '1T': a size (65536, 64k, 4M, 1G) is needed"},
        {"[main]\nfast = maybe\nmode = tables\n",
         "2: [main] fast = 'maybe': on or off is needed"
         "|3: [main] mode = 'tables': table or logical is needed"},
        {"[main]\ntoken = abc ;def\n",
         "2: [main] token: a secret cannot stand before ' ;' or ' #': nothing says whether they "
         "belong to it"},
        {"[main]\ndsn = password=a #b\n",
         "2: [main] dsn: a secret cannot stand before ' ;' or ' #': nothing says whether they "
         "belong to it"},
        {"[main]\nname = x\nmost = 5\n", "3: [main] most is now called limit: rename it"},
        {"[main]\nmost = 5\nlimit = 6\nmost = no number\n",
         "2: [main] most is now called limit: rename it"
         "|4: [main] most is now called limit: rename it"},
        {"[store.a]\ndomain = x\n[store.b]\nheld = 1\ndomain = y\n",
         "4: [store.b] held is now called buffer: rename it"},
        {"[kafka]\nmost = 5\n[store.a]\ndomain = x\nlocation.held = 1\n", ""},
        {"[consumer]\nwhatever = 1\nwhatever = 2\n[other.x]\ny = 1\n", ""},
        {"[consumer]\nwhatever\n", "2: this is not 'key = value'"},
        {"[other.]\n", "1: unknown section [other.]"},
        {"[main]\nx = 1\n[nope]\n[kafka]\n= 1\n[main]\n[store.a]\n",
         "2: unknown key 'x' in [main]|3: unknown section [nope]|5: this is not 'key = value'"
         "|6: section [main] was already given in line 1|7: [store.a] domain is required: host "
         "name"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        assert_problems(CASES[i].text, CASES[i].problems);
    }
}

static void conf_nul_byte_is_a_problem(void **state)
{
    (void)state;
    struct loaded l = {0};
    write_bytes("[main]\nname = a\0b\n", 18);
    l.rc = conf_load(&SCHEMA, path, &l.root, &l.problems, &l.err);
    assert_string_equal(joined(&l.problems),
                        "2: the line holds control characters or is not UTF-8");
    release(&l);
}

static void conf_unreadable_files_are_errors_without_problems(void **state)
{
    (void)state;
    struct loaded l = {0};
    l.rc = conf_load(&SCHEMA, "/tmp/stocksync/not/there.ini", &l.root, &l.problems, &l.err);
    assert_int_equal(l.rc, STATUS_CONFIG);
    assert_int_equal(l.problems.count, 0);
    assert_string_equal(l.err.msg,
                        "cannot open '/tmp/stocksync/not/there.ini': No such file or directory");
    l.rc = conf_load(&SCHEMA, "/tmp", &l.root, &l.problems, &l.err);
    assert_int_equal(l.rc, STATUS_CONFIG);
    assert_string_equal(l.err.msg, "cannot read '/tmp': Is a directory");

    size_t len = 1024 * 1024 + 1;
    char *large = mem_alloc(len);
    (void)memset(large, '\n', len);
    write_bytes(large, len);
    l.rc = conf_load(&SCHEMA, path, &l.root, &l.problems, &l.err);
    assert_int_equal(l.rc, STATUS_CONFIG);
    assert_non_null(strstr(l.err.msg, "is larger than 1048576 bytes"));
    write_bytes(large, len - 1);
    l.rc = conf_load(&SCHEMA, path, &l.root, &l.problems, &l.err);
    assert_loads(&l);
    mem_free(large);
    release(&l);
}

static void conf_secrets_are_not_shown_in_problems(void **state)
{
    (void)state;
    struct loaded l = load("[main]\nhunter2\ntoken = hunter2 ;x\ntoken = hunter2\n");
    assert_int_equal(l.problems.count, 3);
    assert_null(strstr(joined(&l.problems), "hunter2"));
    release(&l);
}

/* --- environment --- */

struct env_case {
    const char *name;
    const char *value;
    const char *file;
    const char *problems;
};

static void conf_environment_wins_over_the_file(void **state)
{
    (void)state;
    (void)setenv("STOCKSYNC_MAIN_COUNT", "7", 1);
    (void)setenv("STOCKSYNC_MAIN_TOKEN", "from ;env", 1);
    (void)setenv("STOCKSYNC_MAIN_NAME", "", 1);
    (void)setenv("STOCKSYNC_STORE_A_B_DOMAIN", "env.myshopify.com", 1);
    (void)setenv("STOCKSYNC_STORE_A_B_LOCATION_BAD_EMS", "X", 1);
    struct loaded l = load("[main]\n"
                           "count = nonsense\n"
                           "token = file\n"
                           "[store.a-b]\n"
                           "location.Bad Ems = SO\n"
                           "location.Berlin = WH\n");
    assert_loads(&l);
    assert_int_equal(l.root.main.count, 7);
    assert_string_equal(secret_reveal(&l.root.main.token), "from ;env");
    assert_null(l.root.main.name);
    const struct store_conf *s = store(&l.root, 0);
    assert_string_equal(s->domain, "env.myshopify.com");
    assert_int_equal(s->locations.count, 2);
    assert_string_equal(s->locations.list[0].name, "Bad Ems");
    assert_string_equal(s->locations.list[0].value, "X");
    assert_int_equal(s->locations.list[0].line, 0);
    assert_string_equal(s->locations.list[1].value, "WH");
    assert_int_equal(s->locations.list[1].line, 6);
    release(&l);
}

static void conf_environment_works_without_a_file(void **state)
{
    (void)state;
    struct loaded l = {0};
    (void)setenv("STOCKSYNC_MAIN_DSN", "dbname=x", 1);
    (void)setenv("STOCKSYNC_KAFKA_SASL_PASSWORD", "p=q", 1);
    l.rc = conf_load(&SCHEMA, NULL, &l.root, &l.problems, &l.err);
    assert_loads(&l);
    assert_string_equal(l.root.main.dsn, "dbname=x");
    assert_int_equal(l.root.kafka.count, 1);
    assert_string_equal(l.root.kafka.list[0].name, "sasl.password");
    assert_string_equal(l.root.kafka.list[0].value, "p=q");
    assert_int_equal(l.root.kafka.list[0].line, 0);
    release(&l);
}

static void conf_environment_replaces_a_pass_through_key_once(void **state)
{
    (void)state;
    (void)setenv("STOCKSYNC_KAFKA_SSL_CA_LOCATION", "/env", 1);
    struct loaded l = load("[kafka]\nssl.ca.location = /file\n");
    assert_loads(&l);
    assert_int_equal(l.root.kafka.count, 1);
    assert_string_equal(l.root.kafka.list[0].name, "ssl.ca.location");
    assert_string_equal(l.root.kafka.list[0].value, "/env");
    release(&l);
}

static void conf_environment_problems(void **state)
{
    (void)state;
    static const struct env_case CASES[] = {
        {"STOCKSYNC_MAIN_COUNT", "x", "[main]\ncount = 5\n",
         "0: STOCKSYNC_MAIN_COUNT: [main] count = 'x': a whole number from 1 to 1000 is needed"},
        {"STOCKSYNC_MAIN_COUNT", "0", "[store.a]\n",
         "1: [store.a] domain is required: host name"
         "|0: STOCKSYNC_MAIN_COUNT: [main] count = '0': a whole number from 1 to 1000 is needed"},
        {"STOCKSYNC_MAIN_NAME", "a\nb", "",
         "0: STOCKSYNC_MAIN_NAME holds control characters or is not UTF-8"},
        {"STOCKSYNC_MAIN_TOKEN", "a\rb", "",
         "0: STOCKSYNC_MAIN_TOKEN holds control characters or is not UTF-8"},
        {"STOCKSYNC_MAIN_MOST", "5", "[main]\nlimit = 6\n",
         "0: STOCKSYNC_MAIN_MOST is now called STOCKSYNC_MAIN_LIMIT: rename it"},
        {"STOCKSYNC_STORE_A_B_HELD", "", "[store.a-b]\ndomain = x\nheld = 1\n",
         "3: [store.a-b] held is now called buffer: rename it"
         "|0: STOCKSYNC_STORE_A_B_HELD is now called STOCKSYNC_STORE_A_B_BUFFER: rename it"},
        {"STOCKSYNC_STORE_A_HELD", "1", "[store.b]\ndomain = x\n", ""},
        {"STOCKSYNC_STORE_A_DOMAIN", "", "[store.a]\ndomain = x\n",
         "2: [store.a] domain is required: host name"},
        {"STOCKSYNC_STORE_A_LOCATION_X_Y", "1",
         "[store.a]\ndomain = d\nlocation.x-y = 1\nlocation.x.y = 2\n",
         "3: STOCKSYNC_STORE_A_LOCATION_X_Y could mean several keys of [store.a]"
         "|4: STOCKSYNC_STORE_A_LOCATION_X_Y could mean several keys of [store.a]"},
        {"STOCKSYNC_UNUSED", "1", "[store.a]\ndomain = d\nlocation.x-y = 1\nlocation.x.y = 2\n",
         ""},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        (void)setenv(CASES[i].name, CASES[i].value, 1);
        assert_problems(CASES[i].file, CASES[i].problems);
        (void)unsetenv(CASES[i].name);
    }
}

static void conf_sections_with_one_environment_name_are_refused_once(void **state)
{
    (void)state;
    assert_problems("[store.a-b]\ndomain = x\n[store.A_b]\ndomain = y\n",
                    "3: [store.a-b] buffer and [store.A_b] buffer have the same environment name "
                    "STOCKSYNC_STORE_A_B_BUFFER: rename one");
}

/* --- printing --- */

static void conf_print_reads_back_and_hides_secrets(void **state)
{
    (void)state;
    struct strbuf out;
    struct strbuf again;
    strbuf_init(&out, 10000);
    strbuf_init(&again, 10000);
    struct loaded l =
        load("[main]\nwait = 120s\nbytes = 65536\ntoken = hunter2\ndsn = password=hunter2\n"
             "[kafka]\nbootstrap.servers = h:1\n"
             "[store.a]\ndomain = d\nlocation.Bad Ems = SO, WH\n"
             "[store.b]\ndomain = e\nbuffer = 4\n");
    assert_loads(&l);
    conf_print(&SCHEMA, &l.root, &out);
    assert_string_equal(out.ptr,
                        "[main]\nname = shop\nfast = off\ncount = 12\nlimit = \nwait = 2m\n"
                        "bytes = 64k\nmode = table\ntoken = ***\ndsn = ***\n"
                        "\n[kafka]\nbootstrap.servers = h:1\n"
                        "\n[store.a]\ndomain = d\nbuffer = 0\nlocation.Bad Ems = SO, WH\n"
                        "\n[store.b]\ndomain = e\nbuffer = 4\n");
    release(&l);
    l = load(out.ptr);
    assert_loads(&l);
    conf_print(&SCHEMA, &l.root, &again);
    assert_string_equal(again.ptr, out.ptr);
    release(&l);
    strbuf_release(&out);
    strbuf_release(&again);
}

static void conf_print_hides_secret_pairs(void **state)
{
    (void)state;
    static const struct conf_option OPTIONS[] = {
        {.key = "*", .type = CONF_PAIRS, .secret_value = true, .help = "x"}};
    static const struct conf_section ONE[] = {
        {.name = "kafka", .options = OPTIONS, .option_count = 1, .offset = 0, .help = "x"}};
    static const struct conf_schema SECRET = {.sections = ONE, .section_count = 1};
    struct conf_pairs root = {0};
    struct conf_problems problems = {0};
    struct err err = {0};
    struct strbuf out;
    strbuf_init(&out, 1000);
    write_bytes("[kafka]\nsasl.password = hunter2\n", 32);
    assert_int_equal(conf_load(&SECRET, path, &root, &problems, &err), STATUS_OK);
    conf_print(&SECRET, &root, &out);
    assert_string_equal(out.ptr, "[kafka]\nsasl.password = ***\n");
    strbuf_release(&out);
    conf_problems_release(&problems);
    conf_release(&SECRET, &root);
}

static void conf_durations_and_sizes_print_in_their_largest_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *shown;
    } CASES[] = {
        {"[main]\nwait = 1500ms\n", "wait = 1500ms\n"}, {"[main]\nwait = 3600s\n", "wait = 1h\n"},
        {"[main]\nwait = 24h\n", "wait = 1d\n"},        {"[main]\nbytes = 0\n", "bytes = 0\n"},
        {"[main]\nbytes = 1025\n", "bytes = 1025\n"},   {"[main]\nbytes = 1024M\n", "bytes = 1G\n"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct strbuf out;
        strbuf_init(&out, 10000);
        struct loaded l = load(CASES[i].text);
        conf_print(&SCHEMA, &l.root, &out);
        assert_non_null(strstr(out.ptr, CASES[i].shown));
        release(&l);
        strbuf_release(&out);
    }
}

/* The example with its keys switched on: "#key = value" and "#[store.NAME]" lose their '#'. */
static char *switched_on(const char *example)
{
    struct strbuf out;
    strbuf_init(&out, 10000);
    for (const char *c = example; *c != '\0'; c++) {
        bool starts_line = c == example || c[-1] == '\n';
        if (!(starts_line && c[0] == '#' && c[1] != ' ')) {
            strbuf_append_char(&out, *c);
        }
    }
    char *taken = strbuf_take(&out);
    strbuf_release(&out);
    return taken;
}

static void conf_example_reads_back_as_the_defaults(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 10000);
    conf_print_example(&SCHEMA, &out);
    assert_non_null(
        strstr(out.ptr, "# the main thing\n[main]\n\n# what it is called\n#name = shop\n"));
    assert_non_null(
        strstr(out.ptr, "\n# how many\n# a whole number from 1 to 1000\n#count = 12\n"));
    assert_non_null(strstr(out.ptr, "\n# one for each store\n#[store.NAME]\n"));
    assert_non_null(strstr(out.ptr, "\n# host name\n# required\n#domain = \n"));
    assert_non_null(strstr(out.ptr, "\n#location.NAME = \n"));

    struct loaded l = load(out.ptr);
    assert_loads(&l);
    assert_defaults(&l.root.main);
    assert_int_equal(l.root.kafka.count, 0);
    assert_int_equal(l.root.stores.count, 0);
    release(&l);

    char *on = switched_on(out.ptr);
    l = load(on);
    assert_non_null(strstr(joined(&l.problems), "[store.NAME] domain is required: host name"));
    assert_int_equal(l.problems.count, 1);
    assert_defaults(&l.root.main);
    assert_int_equal(l.root.stores.count, 1);
    assert_string_equal(store(&l.root, 0)->locations.list[0].name, "NAME");
    release(&l);
    strbuf_release(&out);
    mem_free(on);
}

/* --- fixtures --- */

static int clean_environment(void **state)
{
    (void)state;
    static const char *const NAMES[] = {
        "STOCKSYNC_MAIN_COUNT",
        "STOCKSYNC_MAIN_TOKEN",
        "STOCKSYNC_MAIN_NAME",
        "STOCKSYNC_STORE_A_B_DOMAIN",
        "STOCKSYNC_MAIN_DSN",
        "STOCKSYNC_STORE_A_B_LOCATION_BAD_EMS",
        "STOCKSYNC_KAFKA_SASL_PASSWORD",
        "STOCKSYNC_KAFKA_SSL_CA_LOCATION",
    };
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        (void)unsetenv(NAMES[i]);
    }
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/stocksync_conf_XXXXXX");
    int fd = mkstemp(path);
    return fd >= 0 ? close(fd) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    (void)joined(&(struct conf_problems){0});
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_parse_bool_cases),
        cmocka_unit_test(conf_parse_duration_cases),
        cmocka_unit_test(conf_parse_size_cases),
        cmocka_unit_test(conf_defaults_without_a_file),
        cmocka_unit_test(conf_file_sets_every_type),
        cmocka_unit_test(conf_empty_values),
        cmocka_unit_test(conf_repeated_sections_keep_the_order_of_the_file),
        cmocka_unit_test(conf_section_name_may_be_longer_than_the_parser_keeps),
        cmocka_unit_test(conf_longest_line_is_read_whole),
        cmocka_unit_test(conf_problem_cases),
        cmocka_unit_test(conf_nul_byte_is_a_problem),
        cmocka_unit_test(conf_unreadable_files_are_errors_without_problems),
        cmocka_unit_test(conf_secrets_are_not_shown_in_problems),
        cmocka_unit_test_teardown(conf_environment_wins_over_the_file, clean_environment),
        cmocka_unit_test_teardown(conf_environment_works_without_a_file, clean_environment),
        cmocka_unit_test_teardown(conf_environment_replaces_a_pass_through_key_once,
                                  clean_environment),
        cmocka_unit_test(conf_environment_problems),
        cmocka_unit_test(conf_sections_with_one_environment_name_are_refused_once),
        cmocka_unit_test(conf_print_reads_back_and_hides_secrets),
        cmocka_unit_test(conf_print_hides_secret_pairs),
        cmocka_unit_test(conf_durations_and_sizes_print_in_their_largest_unit),
        cmocka_unit_test(conf_example_reads_back_as_the_defaults),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
