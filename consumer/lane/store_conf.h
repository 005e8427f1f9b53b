/**
 * store_conf: the options of one store, section [store.NAME].
 */
#ifndef STOCKSYNC_LANE_STORE_CONF_H
#define STOCKSYNC_LANE_STORE_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/conf.h"
#include "consumer/shopify/store.h"

/* Of a store's consumer group; the store's name follows. */
#define STORE_GROUP_PREFIX "stocksync-"
/* Follows the name in a dry run, which must not take partitions from a real run. */
#define DRY_RUN_GROUP_SUFFIX "-dry-run"

/* The option company: no limit. */
#define COMPANY_ANY "*"

/* Which of Shopify's quantities is written. */
enum quantity_choice { QUANTITY_AVAILABLE, QUANTITY_ON_HAND };
/* What a store without any written level does once it has caught up. */
enum first_load_choice { FIRST_LOAD_HOLD, FIRST_LOAD_GO };

/* What is done about a level that the store holds otherwise than we left it. */
enum drift_choice { DRIFT_REPAIR, DRIFT_REPORT };

/* Either an access token, or client id and secret; each secret directly or from a file. */
struct store_credentials {
    struct secret access_token;
    char *access_token_file;
    char *client_id;
    struct secret client_secret;
    char *client_secret_file;
};

/* The comparison of every level with the store. */
struct verify_conf {
    int64_t every_ms; /* 0: off */
    int drift;        /* enum drift_choice */
};
/* What becomes of the last number of a product that the store does not sell any more. */
enum last_number { LAST_NUMBER_KEEP, LAST_NUMBER_ZERO };

/* What is done at the first contact with the store, and with what it does not sell any more. */
struct policy_conf {
    int first_load; /* enum first_load_choice */
    int excluded;   /* enum last_number */
};

struct store_conf {
    struct conf_instance instance; /* first member, as conf asks */
    char *shop_domain;
    char *api_url;
    char *api_version;
    char *ca_file;
    struct store_credentials credentials;
    int quantity;                     /* enum quantity_choice */
    int64_t unimported_sale_grace_ms; /* 0: off */
    int basis;                        /* enum basis */
    int match;                        /* enum match */
    char *company;                    /* name or id, COMPANY_ANY; NULL: that of the warehouses */
    bool activate_levels;             /* levels that are missing or inactive */
    bool track_items;                 /* items that the store does not track */
    struct conf_pairs locations;      /* name or id -> warehouses */
    int64_t buffer;
    int64_t offer_percent;
    int64_t cap;     /* -1: none */
    int64_t reserve; /* percent of the bucket */
    int64_t brake_window_ms;
    int64_t brake_percent;        /* 100: off */
    int64_t brake_change_percent; /* 100: off */
    int64_t brake_least;
    struct policy_conf policy;
    struct verify_conf verify;
    bool dry_run;
};

/**
 * Fills in all that a client of the store needs. Texts are borrowed from conf; credentials from
 * files are not read yet. Release store->token with token_release.
 */
void store_conf_fill_store(const struct store_conf *conf, struct store *store);

#endif
