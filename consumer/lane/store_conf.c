#include "consumer/lane/store_conf.h"

#include <unistd.h>

#include "common/core/clock.h"

void store_conf_fill_store(const struct store_conf *conf, struct store *store)
{
    *store = (struct store){.name = conf->instance.name,
                            .shop_domain = conf->shop_domain,
                            .api_url = conf->api_url,
                            .api_version = conf->api_version,
                            .ca_file = conf->ca_file,
                            .quantity_name =
                                conf->quantity == QUANTITY_ON_HAND ? "on_hand" : "available"};
    const struct store_credentials *credentials = &conf->credentials;
    struct token *token = &store->token;
    token_init(token, (uint64_t)clock_wall_us() ^ (uint64_t)getpid());
    token->client_id = credentials->client_id;
    /* A secret given directly wins: it may come from the environment, which overrides the file. */
    if (secret_is_set(&credentials->access_token)) {
        secret_set(&token->value, secret_reveal(&credentials->access_token));
    } else {
        token->file = credentials->access_token_file;
    }
    if (secret_is_set(&credentials->client_secret)) {
        secret_set(&token->client_secret, secret_reveal(&credentials->client_secret));
    } else {
        token->client_secret_file = credentials->client_secret_file;
    }
}
