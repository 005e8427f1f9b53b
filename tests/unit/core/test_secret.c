#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/secret.h"

static char directory[64];

static void write_file(const char *name, const void *content, size_t len)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, len), (ssize_t)len);
    (void)close(fd);
}

static const char *path_of(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void secret_set_replaces(void **state)
{
    (void)state;
    struct secret s = {0};
    assert_false(secret_is_set(&s));
    assert_string_equal(secret_reveal(&s), "");
    secret_set(&s, "one");
    assert_true(secret_is_set(&s));
    secret_set(&s, "second");
    assert_string_equal(secret_reveal(&s), "second");
    secret_set(&s, secret_reveal(&s) + 3);
    assert_string_equal(secret_reveal(&s), "ond");
    secret_set(&s, "");
    assert_false(secret_is_set(&s));
    secret_release(&s);
    secret_release(&s);
}

static void secret_file_cases(void **state)
{
    (void)state;
    static char largest[SECRET_MAX_BYTES + 1];
    static char too_large[SECRET_MAX_BYTES + 2];
    (void)memset(largest, 'x', SECRET_MAX_BYTES);
    (void)memset(too_large, 'x', SECRET_MAX_BYTES + 1);
    const struct {
        const char *content;
        size_t len;
        const char *value; /* NULL: refused */
        const char *why;
    } cases[] = {
        {"token\n", 6, "token", NULL},
        {"token", 5, "token", NULL},
        {"to ken \t\r\n\n", 11, "to ken", NULL},
        {" token", 6, " token", NULL},
        {largest, SECRET_MAX_BYTES, largest, NULL},
        {"", 0, NULL, "is empty"},
        {" \n\t", 3, NULL, "is empty"},
        {"a\nb\n", 4, NULL, "control characters"},
        {"a\0b", 3, NULL, "control characters"},
        {"a\x7F", 2, NULL, "control characters"},
        {too_large, SECRET_MAX_BYTES + 1, NULL, "larger than"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct secret s = {0};
        struct err err = {0};
        secret_set(&s, "old");
        write_file("token", cases[i].content, cases[i].len);
        enum status rc = secret_read_file(&s, path_of("token"), &err);
        if (cases[i].value != NULL) {
            assert_int_equal(rc, STATUS_OK);
            assert_string_equal(secret_reveal(&s), cases[i].value);
        } else {
            assert_int_equal(rc, STATUS_CONFIG);
            assert_non_null(strstr(err.msg, cases[i].why));
            assert_non_null(strstr(err.msg, path_of("token")));
            assert_string_equal(secret_reveal(&s), "old");
        }
        secret_release(&s);
    }
}

static void secret_missing_file_is_named(void **state)
{
    (void)state;
    struct secret s = {0};
    struct err err = {0};
    assert_int_equal(secret_read_file(&s, path_of("nowhere"), &err), STATUS_CONFIG);
    assert_non_null(strstr(err.msg, "nowhere"));
    assert_false(secret_is_set(&s));
}

static void secret_plain_name_is_looked_up_in_the_credentials_directory(void **state)
{
    (void)state;
    struct secret s = {0};
    struct err err = {0};
    write_file("outlet.token", "from systemd\n", 13);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
    assert_int_equal(secret_read_file(&s, "outlet.token", &err), STATUS_OK);
    assert_string_equal(secret_reveal(&s), "from systemd");
    assert_int_equal(secret_read_file(&s, "not-there.token", &err), STATUS_CONFIG);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(secret_read_file(&s, "outlet.token", &err), STATUS_CONFIG);
    secret_release(&s);
}

static int make_directory(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/stocksync_secret_XXXXXX");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path_of("token"));
    (void)unlink(path_of("outlet.token"));
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secret_set_replaces),
        cmocka_unit_test(secret_file_cases),
        cmocka_unit_test(secret_missing_file_is_named),
        cmocka_unit_test(secret_plain_name_is_looked_up_in_the_credentials_directory),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
