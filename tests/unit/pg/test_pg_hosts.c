#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/pg/pg_hosts.h"

static struct err err;

static void expect(const char *dsn, unsigned first, const char *host, const char *port)
{
    struct pg_hosts hosts;
    assert_int_equal(pg_hosts_read(dsn, first, &hosts, &err), STATUS_OK);
    if (host == NULL) {
        assert_null(hosts.host);
    } else {
        assert_string_equal(hosts.host, host);
    }
    if (port == NULL) {
        assert_null(hosts.port);
    } else {
        assert_string_equal(hosts.port, port);
    }
    assert_null(hosts.hostaddr);
    pg_hosts_release(&hosts);
}

static void hosts_take_turns(void **state)
{
    (void)state;
    static const char dsn[] = "host=a,bb,ccc port=1,22,333 dbname=x";
    expect(dsn, 0, "a,bb,ccc", "1,22,333");
    expect(dsn, 1, "bb,ccc,a", "22,333,1");
    expect(dsn, 2, "ccc,a,bb", "333,1,22");
    expect(dsn, 3, "a,bb,ccc", "1,22,333");
    expect("postgresql://a:1,b:2/x", 1, "b,a", "2,1");
}

static void one_port_is_for_all_hosts(void **state)
{
    (void)state;
    expect("host=a,b port=5433", 1, "b,a", "5433");
    expect("host=a", 5, "a", NULL);
    expect("dbname=x", 5, NULL, NULL);
    expect("host=a,,c", 1, ",c,a", NULL); /* the empty one is the default */
}

static void a_dsn_that_cannot_be_read_is_refused(void **state)
{
    (void)state;
    struct pg_hosts hosts;
    assert_int_equal(pg_hosts_read("host", 0, &hosts, &err), STATUS_CONFIG);
    pg_hosts_release(&hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_take_turns),
        cmocka_unit_test(one_port_is_for_all_hosts),
        cmocka_unit_test(a_dsn_that_cannot_be_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
