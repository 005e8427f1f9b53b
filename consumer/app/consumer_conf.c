#include "consumer/app/consumer_conf.h"

#include <ctype.h>
#include <string.h>

#include "common/kafka/kafka_conf.h"
#include "consumer/plan/rules.h"

static const char *const QUANTITIES[] = {"available", "on_hand", NULL};
static const char *const FIRST_LOADS[] = {"hold", "go", NULL};
static const char *const DRIFTS[] = {"repair", "report", NULL};
static const char *const MATCHES[] = {"sku", "barcode", NULL};

static const char *const EXCLUDED[] = {"keep", "zero", NULL};

static const struct conf_option CONSUMER_OPTIONS[] = {
    {.key = "listen",
     .type = CONF_TEXT,
     .offset = offsetof(struct consumer_options, listen),
     .fallback = "127.0.0.1:9401",
     .help = "address of /metrics, /healthz, /readyz and /status; empty: none"},
    {.key = "max_requests",
     .former = "requests",
     .type = CONF_COUNT,
     .offset = offsetof(struct consumer_options, max_requests),
     .fallback = "16",
     .min = 1,
     .max = 64,
     .help = "mutations of one store in flight at a time"},
    {.key = "drain_limit",
     .type = CONF_DURATION,
     .offset = offsetof(struct consumer_options, drain_ms),
     .fallback = "10s",
     .min = 100,
     .max = 120000,
     .help = "how long a stop waits for answers to requests in flight"},
    {.key = "reload_catalogue",
     .type = CONF_DURATION,
     .offset = offsetof(struct consumer_options, reload_catalogue_ms),
     .fallback = "1h",
     .min = 10000,
     .max = INT64_C(30) * 86400000,
     .help = "interval at which a store's SKUs are read again; writes go on meanwhile"},
    {.key = "parents_group",
     .type = CONF_TEXT,
     .offset = offsetof(struct consumer_options, parents_group),
     .fallback = "stocksync-parents",
     .help = "consumer group of role parents; several Odoo databases on one Kafka cluster need one "
             "each"},
};

static const struct conf_option STORE_OPTIONS[] = {
    {.key = "shop_domain",
     .type = CONF_TEXT,
     .offset = offsetof(struct store_conf, shop_domain),
     .required = true,
     .help = "NAME.myshopify.com"},
    {.key = "api_url",
     .type = CONF_TEXT,
     .offset = offsetof(struct store_conf, api_url),
     .help = "replaces https://SHOP_DOMAIN, for proxies and the simulator; plain http on loopback "
             "only"},
    {.key = "api_version",
     .type = CONF_TEXT,
     .offset = offsetof(struct store_conf, api_version),
     .fallback = "2026-10",
     .help = "Admin API version"},
    {.key = "ca_file",
     .type = CONF_TEXT,
     .offset = offsetof(struct store_conf, ca_file),
     .help = "certificate authorities besides the system's, as PEM, for a proxy or the simulator; "
             "read again after a refusal"},
    {.key = "access_token",
     .type = CONF_SECRET,
     .offset = offsetof(struct store_conf, credentials.access_token),
     .help = "Admin API access token; better from a file or the environment"},
    {.key = "access_token_file",
     .type = CONF_TEXT,
     .offset = offsetof(struct store_conf, credentials.access_token_file),
     .help = "file that holds the token; read again after a refusal and on HUP"},
    {.key = "client_id",
     .type = CONF_TEXT,
     .offset = offsetof(struct store_conf, credentials.client_id),
     .help = "instead of a token: client id of an app of the store's organisation; client id and "
             "secret fetch tokens that live for a day"},
    {.key = "client_secret",
     .type = CONF_SECRET,
     .offset = offsetof(struct store_conf, credentials.client_secret),
     .help = "the app's client secret; better from a file or the environment"},
    {.key = "client_secret_file",
     .type = CONF_TEXT,
     .offset = offsetof(struct store_conf, credentials.client_secret_file),
     .help = "file that holds the client secret; read again before each renewal and on HUP"},
    {.key = "quantity",
     .type = CONF_CHOICE,
     .offset = offsetof(struct store_conf, quantity),
     .fallback = "available",
     .choices = QUANTITIES,
     .help = "the Shopify quantity to write"},
    {.key = "unimported_sale_grace",
     .former = "grace",
     .type = CONF_DURATION,
     .offset = offsetof(struct store_conf, unimported_sale_grace_ms),
     .fallback = "15m",
     .min = 0,
     .max = 86400000,
     .help = "how long units that are missing in the store are held back for their order's import; "
             "longer than an import takes; 0s: off"},
    {.key = "basis",
     .type = CONF_CHOICE,
     .offset = offsetof(struct store_conf, basis),
     .fallback = "free",
     .choices = basis_names,
     .help = "the Odoo quantity to start from. free_confirmed: free, less what confirmed moves out "
             "of the warehouse have not reserved yet. It and forecast need [odoo] forecast = on"},
    {.key = "company",
     .type = CONF_TEXT,
     .offset = offsetof(struct store_conf, company),
     .help = "name or id of an Odoo company: products of others are not sold here, those without "
             "a company are. Empty: the company that all mapped warehouses belong to; *: no limit"},
    {.key = "match",
     .type = CONF_CHOICE,
     .offset = offsetof(struct store_conf, match),
     .fallback = "sku",
     .choices = MATCHES,
     .help = "how products are matched to inventory items"},
    {.key = "excluded",
     .type = CONF_CHOICE,
     .offset = offsetof(struct store_conf, policy.excluded),
     .fallback = "keep",
     .choices = EXCLUDED,
     .help = "last number of a product that is not sold any more or has another SKU; keep: listed "
             "in status; zero: 0 is written once"},
    {.key = "activate_levels",
     .former = "activate",
     .type = CONF_BOOL,
     .offset = offsetof(struct store_conf, activate_levels),
     .fallback = "off",
     .help = "on: activate levels that are missing or inactive; off: park them"},
    {.key = "track_items",
     .former = "track",
     .type = CONF_BOOL,
     .offset = offsetof(struct store_conf, track_items),
     .fallback = "off",
     .help =
         "on: track items that the store sells without limit, starting with their first written "
         "quantity"},
    {.key = "location.*",
     .type = CONF_PAIRS,
     .offset = offsetof(struct store_conf, locations),
     .help = "a Shopify location (name or numeric id) = Odoo warehouses (code, or company/code), "
             "separated by commas"},
    {.key = "buffer",
     .type = CONF_COUNT,
     .offset = offsetof(struct store_conf, buffer),
     .fallback = "0",
     .min = 0,
     .max = 1000000000,
     .help = "units held back at each location"},
    {.key = "offer_percent",
     .former = "percent",
     .type = CONF_COUNT,
     .offset = offsetof(struct store_conf, offer_percent),
     .fallback = "100",
     .min = 0,
     .max = 100,
     .help = "percent of the remaining units that is offered, rounded down"},
    {.key = "cap",
     .type = CONF_COUNT,
     .offset = offsetof(struct store_conf, cap),
     .min = 0,
     .max = 1000000000,
     .help = "most units offered at one location; empty: no limit"},
    {.key = "reserve",
     .type = CONF_COUNT,
     .offset = offsetof(struct store_conf, reserve),
     .fallback = "10",
     .min = 1,
     .max = 90,
     .help =
         "percent of the store's query-cost bucket that is left to other users of the app; costs "
         "no throughput"},
    {.key = "brake_window",
     .type = CONF_DURATION,
     .offset = offsetof(struct store_conf, brake_window_ms),
     .fallback = "10m",
     .min = 1000,
     .max = INT64_C(7) * 86400000,
     .help = "brake: Odoo's changes within this time count together, however late they arrive"},
    {.key = "brake_percent",
     .type = CONF_COUNT,
     .offset = offsetof(struct store_conf, brake_percent),
     .fallback = "10",
     .min = 0,
     .max = 100,
     .help = "brake: hold the store when more than this percent of its levels would fall to zero "
             "within the window; 100: off"},
    {.key = "brake_change_percent",
     .type = CONF_COUNT,
     .offset = offsetof(struct store_conf, brake_change_percent),
     .fallback = "80",
     .min = 0,
     .max = 100,
     .help = "brake: the same for levels that would change at all; 100: off"},
    {.key = "brake_least",
     .type = CONF_COUNT,
     .offset = offsetof(struct store_conf, brake_least),
     .fallback = "20",
     .min = 1,
     .max = 1000000000,
     .help = "brake: fewer levels than this never hold a store"},
    {.key = "first_load",
     .type = CONF_CHOICE,
     .offset = offsetof(struct store_conf, policy.first_load),
     .fallback = "hold",
     .choices = FIRST_LOADS,
     .help = "a store that was never written and has caught up: hold waits for 'resume', go does "
             "not"},
    {.key = "verify_every",
     .type = CONF_DURATION,
     .offset = offsetof(struct store_conf, verify.every_ms),
     .fallback = "1h",
     .min = 0,
     .max = INT64_C(30) * 86400000,
     .help = "time within which every level is compared with the store, with query-cost points "
             "that nothing else needs; 0s: off"},
    {.key = "drift",
     .type = CONF_CHOICE,
     .offset = offsetof(struct store_conf, verify.drift),
     .fallback = "repair",
     .choices = DRIFTS,
     .help = "repair: write Odoo's number where the store holds another one; report: log, count "
             "and list the difference"},
    {.key = "dry_run",
     .type = CONF_BOOL,
     .offset = offsetof(struct store_conf, dry_run),
     .fallback = "off",
     .help = "on: read everything, write nothing, log the writes of a real run"},
};

static const struct conf_section SECTIONS[] = {
    SHARED_CONF_SECTIONS,
    {.name = "consumer",
     .options = CONSUMER_OPTIONS,
     .option_count = sizeof CONSUMER_OPTIONS / sizeof CONSUMER_OPTIONS[0],
     .offset = offsetof(struct consumer_conf, consumer),
     .help = "stocksync-consumer"},
    {.name = "store.*",
     .options = STORE_OPTIONS,
     .option_count = sizeof STORE_OPTIONS / sizeof STORE_OPTIONS[0],
     .offset = offsetof(struct consumer_conf, stores),
     .size = sizeof(struct store_conf),
     .help = "one section for each Shopify store; NAME is used in logs, metrics and the consumer "
             "group"},
};

static const char *const FOREIGN[] = {"producer", "gc", NULL};

const struct conf_schema consumer_conf_schema = {
    .sections = SECTIONS,
    .section_count = sizeof SECTIONS / sizeof SECTIONS[0],
    .foreign = FOREIGN,
};

const struct store_conf *consumer_conf_store(const struct consumer_conf *conf, size_t index)
{
    return (const struct store_conf *)conf->stores.elements + index;
}

enum status consumer_conf_need_store(const struct consumer_conf *conf, struct err *err)
{
    if (conf->stores.count > 0) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_CONFIG,
                   "no store is configured: add a section [store.NAME], or run with --role parents "
                   "alone");
}

enum status
consumer_conf_need_named(const struct consumer_conf *conf, const char *name, struct err *err)
{
    for (size_t i = 0; i < conf->stores.count; i++) {
        if (strcmp(consumer_conf_store(conf, i)->instance.name, name) == 0) {
            return STATUS_OK;
        }
    }
    return err_set(err, STATUS_USAGE, "--store %s: there is no section [store.%s]", name, name);
}

/* The name becomes part of a group id, a metric label and a client id. */
static bool is_plain_name(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_') {
            return false;
        }
    }
    return len > 0 && len <= 40;
}

static bool is_host(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '.') {
            return false;
        }
    }
    return len > 0 && strchr(text, '.') != NULL;
}

/* Exactly one kind: with two, it would be unclear which one is used. */
static void check_credentials(const struct store_conf *s, struct conf_problems *problems)
{
    const char *name = s->instance.name;
    int line = s->instance.line;
    const struct store_credentials *c = &s->credentials;
    bool token = secret_is_set(&c->access_token) || c->access_token_file != NULL;
    bool secret = secret_is_set(&c->client_secret) || c->client_secret_file != NULL;
    if (token && (c->client_id != NULL || secret)) {
        conf_problem_add(problems, line,
                         "[store.%s] has an access token and client credentials: keep "
                         "access_token_file, or client_id and client_secret_file",
                         name);
    } else if (!token && c->client_id == NULL && !secret) {
        conf_problem_add(problems, line,
                         "[store.%s] has no credentials: set access_token_file, or client_id and "
                         "client_secret_file",
                         name);
    } else if (!token && c->client_id == NULL) {
        conf_problem_add(problems, line, "[store.%s] has a client secret, but no client_id", name);
    } else if (!token && !secret) {
        conf_problem_add(problems, line,
                         "[store.%s] has a client_id, but no secret: set client_secret_file", name);
    }
}

/* The store's consumer group must not be that of another store's dry run. */
static void check_dry_run_name(const struct consumer_conf *conf,
                               const struct store_conf *s,
                               struct conf_problems *problems)
{
    for (size_t i = 0; i < conf->stores.count; i++) {
        const char *other = consumer_conf_store(conf, i)->instance.name;
        size_t len = strlen(other);
        if (strncmp(s->instance.name, other, len) == 0 &&
            strcmp(s->instance.name + len, DRY_RUN_GROUP_SUFFIX) == 0) {
            conf_problem_add(problems, s->instance.line,
                             "[store.%s]: its consumer group would be that of a dry run of "
                             "[store.%s]; choose another name",
                             s->instance.name, other);
        }
    }
}

static void check_store(const struct consumer_conf *conf,
                        const struct store_conf *s,
                        struct conf_problems *problems)
{
    const char *name = s->instance.name;
    int line = s->instance.line;
    if (!is_plain_name(name)) {
        conf_problem_add(problems, line,
                         "[store.%s]: letters, digits, '-' and '_' only, at most 40", name);
    }
    if (conf->consumer.parents_group != NULL &&
        strncmp(conf->consumer.parents_group, STORE_GROUP_PREFIX, strlen(STORE_GROUP_PREFIX)) ==
            0 &&
        strcmp(conf->consumer.parents_group + strlen(STORE_GROUP_PREFIX), name) == 0) {
        conf_problem_add(problems, line,
                         "[store.%s]: its consumer group would be that of role parents; choose "
                         "another name, or set [consumer] parents_group",
                         name);
    }
    check_dry_run_name(conf, s, problems);
    if (s->shop_domain != NULL && !is_host(s->shop_domain)) {
        conf_problem_add(
            problems, line,
            "[store.%s] shop_domain = %s: a host name such as outlet.myshopify.com is needed", name,
            s->shop_domain);
    }
    if (s->locations.count == 0) {
        conf_problem_add(problems, line,
                         "[store.%s] has no location: add location.NAME = WAREHOUSE", name);
    }
    check_credentials(s, problems);
    if ((s->basis == BASIS_FORECAST || s->basis == BASIS_FREE_CONFIRMED) &&
        conf->shared.odoo.dsn != NULL && !conf->shared.odoo.forecast) {
        conf_problem_add(problems, line, "[store.%s] basis = %s needs [odoo] forecast = on", name,
                         basis_names[s->basis]);
    }
    for (size_t i = 0; i < s->locations.count; i++) {
        const struct conf_pair *p = &s->locations.list[i];
        if (p->value[strspn(p->value, ", \t")] == '\0') {
            conf_problem_add(problems, p->line, "[store.%s] location.%s names no warehouse", name,
                             p->name);
        }
    }
}

void consumer_conf_check(const void *root, struct conf_problems *problems)
{
    const struct consumer_conf *conf = root;
    if (conf_state_dsn(&conf->shared) == NULL) {
        conf_problem_add(problems, 0,
                         "[state] dsn (or [odoo] dsn, where both are one database) is missing");
    }
    if (conf->consumer.parents_group == NULL) {
        conf_problem_add(problems, 0, "[consumer] parents_group is empty");
    }
    kafka_conf_check(&conf->shared.kafka, problems);
    for (size_t i = 0; i < conf->stores.count; i++) {
        check_store(conf, consumer_conf_store(conf, i), problems);
    }
}
