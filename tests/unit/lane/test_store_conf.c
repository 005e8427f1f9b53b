#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/store_conf.h"

static char file[] = "/run/token";
static char secret_file[] = "/run/secret";
static char client_id[] = "client";
static char name[] = "alpha";
static char domain[] = "alpha.myshopify.com";

static struct store_conf conf;
static struct store store;

static int clear_all(void **state)
{
    (void)state;
    conf = (struct store_conf){.instance = {.name = name},
                               .shop_domain = domain,
                               .credentials = {.access_token_file = file,
                                               .client_id = client_id,
                                               .client_secret_file = secret_file}};
    return 0;
}

static int release_all(void **state)
{
    (void)state;
    token_release(&store.token);
    secret_release(&conf.credentials.access_token);
    secret_release(&conf.credentials.client_secret);
    return 0;
}

#define CONF_TEST(function) cmocka_unit_test_setup_teardown(function, clear_all, release_all)

static void credentials_come_from_files(void **state)
{
    (void)state;
    store_conf_fill_store(&conf, &store);
    assert_string_equal(store.name, "alpha");
    assert_string_equal(store.shop_domain, domain);
    assert_string_equal(store.token.file, file);
    assert_string_equal(store.token.client_secret_file, secret_file);
    assert_string_equal(store.token.client_id, "client");
    assert_false(secret_is_set(&store.token.value));
}

/* It may come from the environment, which overrides the file. */
static void a_secret_given_directly_wins_over_its_file(void **state)
{
    (void)state;
    secret_set(&conf.credentials.access_token, "token");
    secret_set(&conf.credentials.client_secret, "hidden");
    store_conf_fill_store(&conf, &store);
    assert_string_equal(secret_reveal(&store.token.value), "token");
    assert_string_equal(secret_reveal(&store.token.client_secret), "hidden");
    assert_null(store.token.file);
    assert_null(store.token.client_secret_file);
}

static void the_quantity_is_named_as_shopify_names_it(void **state)
{
    (void)state;
    store_conf_fill_store(&conf, &store);
    assert_string_equal(store.quantity_name, "available");
    token_release(&store.token);
    conf.quantity = QUANTITY_ON_HAND;
    store_conf_fill_store(&conf, &store);
    assert_string_equal(store.quantity_name, "on_hand");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONF_TEST(credentials_come_from_files),
        CONF_TEST(a_secret_given_directly_wins_over_its_file),
        CONF_TEST(the_quantity_is_named_as_shopify_names_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
