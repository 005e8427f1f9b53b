/**
 * consumer_conf: the consumer's options.
 */
#ifndef STOCKSYNC_CONSUMER_APP_CONSUMER_CONF_H
#define STOCKSYNC_CONSUMER_APP_CONSUMER_CONF_H

#include "common/core/conf_shared.h"
#include "consumer/shopify/store.h"

/* Of a store's consumer group; the store's name follows. */
#define STORE_GROUP_PREFIX "stocksync-"
/* Behind it in a dry run, which must not take partitions from a real one. */
#define DRY_RUN_GROUP_SUFFIX "-dry-run"

struct consumer_options {
    char *listen;
    int64_t max_requests;
    int64_t drain_ms;
    int64_t reload_ms;
    char *parents_group;
};

struct store_conf {
    struct conf_instance instance; /* first member, as conf asks */
    char *shop_domain;
    char *api_url;
    char *api_version;
    char *ca_file;
    struct secret access_token;
    char *access_token_file;
    char *client_id;
    struct secret client_secret;
    char *client_secret_file;
    int quantity;                     /* enum quantity_choice */
    int64_t unimported_sale_grace_ms; /* 0: off */
    int basis;                        /* enum basis */
    int match;                        /* enum match */
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
    bool dry_run;
};

enum quantity_choice { QUANTITY_AVAILABLE, QUANTITY_ON_HAND };

struct consumer_conf {
    struct shared_conf shared; /* first member, as conf_shared asks */
    struct consumer_options consumer;
    struct conf_list stores; /* of struct store_conf */
};

extern const struct conf_schema consumer_conf_schema;

/** What the table cannot say: a store without location or token, a topic that librdkafka refuses …
 */
void consumer_conf_check(const void *root, struct conf_problems *problems);
/** @return STATUS_OK, STATUS_CONFIG: there is no [store.NAME] at all; commands that only read the
 * topic do without */
NODISCARD enum status consumer_conf_need_store(const struct consumer_conf *conf, struct err *err);
const struct store_conf *consumer_conf_store(const struct consumer_conf *conf, size_t index);
/** What a client of the store needs; texts are borrowed from sc, credentials from files are not
 * read yet. Release store->token with token_release. */
void consumer_conf_fill_store(const struct store_conf *sc, struct store *store);

#endif
