/**
 * consumer_conf: the consumer's options.
 */
#ifndef STOCKSYNC_CONSUMER_APP_CONSUMER_CONF_H
#define STOCKSYNC_CONSUMER_APP_CONSUMER_CONF_H

#include "common/core/conf_shared.h"
#include "consumer/lane/store_conf.h"

struct consumer_options {
    char *listen;
    int64_t max_requests;
    int64_t drain_ms;
    int64_t reload_catalogue_ms;
    char *parents_group;
};

struct consumer_conf {
    struct shared_conf shared; /* first member, as conf_shared asks */
    struct consumer_options consumer;
    struct conf_list stores; /* of struct store_conf */
};

extern const struct conf_schema consumer_conf_schema;

/** Checks that the tables cannot express, such as a store without location or credentials. */
void consumer_conf_check(const void *root, struct conf_problems *problems);
/**
 * For commands that need a store; those that only read the topic do not.
 *
 * @return STATUS_OK
 *         STATUS_CONFIG  there is no section [store.NAME]
 */
NODISCARD enum status consumer_conf_need_store(const struct consumer_conf *conf, struct err *err);
/**
 * For a name given with --store.
 *
 * @return STATUS_OK
 *         STATUS_USAGE  there is no section of that name
 */
NODISCARD enum status
consumer_conf_need_named(const struct consumer_conf *conf, const char *name, struct err *err);
/** @param index  below conf->stores.count */
const struct store_conf *consumer_conf_store(const struct consumer_conf *conf, size_t index);

#endif
