#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/http/ca_bundle.h"

#define CERTIFICATE(text) "-----BEGIN CERTIFICATE-----\n" text "\n-----END CERTIFICATE-----\n"

struct folder {
    char path[64];
    char ours[96], system[96], nowhere[96];
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make_folder(void **state)
{
    static struct folder f;
    (void)snprintf(f.path, sizeof f.path, "/tmp/stocksync-ca-XXXXXX");
    assert_non_null(mkdtemp(f.path));
    (void)snprintf(f.ours, sizeof f.ours, "%s/ours.pem", f.path);
    (void)snprintf(f.system, sizeof f.system, "%s/system.pem", f.path);
    (void)snprintf(f.nowhere, sizeof f.nowhere, "%s/nowhere.pem", f.path);
    write_file(f.ours, CERTIFICATE("T3Vycw=="));
    write_file(f.system, CERTIFICATE("U3lzdGVt"));
    *state = &f;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *f = *state;
    (void)unlink(f->ours);
    (void)unlink(f->system);
    return rmdir(f->path);
}

static enum status
read_both(const char *system, const char *ours, struct strbuf *text, struct err *err)
{
    strbuf_init(text, CA_BUNDLE_MAX_BYTES);
    return ca_bundle_read(system, ours, text, err);
}

static void ca_file_adds_to_the_system(void **state)
{
    struct folder *f = *state;
    struct strbuf text;
    struct err err = {0};
    assert_int_equal(read_both(f->system, f->ours, &text, &err), STATUS_OK);
    assert_non_null(strstr(text.ptr, CERTIFICATE("T3Vycw==")));
    assert_non_null(strstr(text.ptr, CERTIFICATE("U3lzdGVt")));
    strbuf_release(&text);
}

static void line_end_that_lacks_does_not_join_two_certificates(void **state)
{
    struct folder *f = *state;
    struct strbuf text;
    struct err err = {0};
    write_file(f->ours, "-----BEGIN CERTIFICATE-----\nT3Vycw==\n-----END CERTIFICATE-----");
    assert_int_equal(read_both(f->system, f->ours, &text, &err), STATUS_OK);
    assert_non_null(strstr(text.ptr, "-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nU3"));
    strbuf_release(&text);
}

static void system_without_a_file_is_fine(void **state)
{
    struct folder *f = *state;
    const char *const systems[] = {NULL, f->nowhere, f->path};
    for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++) {
        struct strbuf text;
        struct err err = {0};
        assert_int_equal(read_both(systems[i], f->ours, &text, &err), STATUS_OK);
        assert_non_null(strstr(text.ptr, CERTIFICATE("T3Vycw==")));
        strbuf_release(&text);
    }
}

static void unusable_ca_file_is_named(void **state)
{
    struct folder *f = *state;
    char empty[96];
    (void)snprintf(empty, sizeof empty, "%s/empty.pem", f->path);
    write_file(empty, "no certificate at all\n");
    const struct {
        const char *path;
        const char *why;
    } cases[] = {{f->nowhere, "No such file"}, {f->path, "cannot read"}, {empty, "no certificate"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct strbuf text;
        struct err err = {0};
        assert_int_equal(read_both(f->system, cases[i].path, &text, &err),
                         STATUS_STORE_MISCONFIGURED);
        assert_non_null(strstr(err.msg, cases[i].path));
        assert_non_null(strstr(err.msg, cases[i].why));
        strbuf_release(&text);
    }
    (void)unlink(empty);
}

static void file_over_the_limit_is_refused(void **state)
{
    struct folder *f = *state;
    struct strbuf text;
    struct err err = {0};
    strbuf_init(&text, 64);
    assert_int_equal(ca_bundle_read(f->system, f->ours, &text, &err), STATUS_STORE_MISCONFIGURED);
    assert_non_null(strstr(err.msg, "larger than"));
    strbuf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ca_file_adds_to_the_system, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(line_end_that_lacks_does_not_join_two_certificates,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(system_without_a_file_is_fine, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(unusable_ca_file_is_named, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(file_over_the_limit_is_refused, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
