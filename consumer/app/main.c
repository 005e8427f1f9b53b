#include "common/core/program.h"
#include "consumer/app/commands.h"
#include "consumer/app/consumer_conf.h"
#include "consumer/intake/record_source.h"
#include "consumer/lane/status.h"
#include "consumer/parents/parents_status.h"
#include "consumer/shopify/graphql.h"

static const struct cli_flag RUN_FLAGS[] = {
    {"--role", "ROLE", true,
     "stores: write stock to Shopify; parents: mark the kits of changed products; default: both"},
    {"--store", "NAME", true,
     "only this store, without role parents unless --role names it; may repeat; default: every "
     "[store.NAME]"},
    {"--once", NULL, false, "work through what is in the topic now, then exit"},
    {"--dry-run", NULL, false,
     "read everything, write nothing, print the writes of a real run; works while the consumer "
     "runs"},
    {"--rules", "FILE", false,
     "with --dry-run: keys of [store.NAME] sections in this file replace those of the "
     "configuration"},
};
static const struct cli_flag HISTORY_FLAGS[] = {
    {"--product", "ID", true, "Odoo's product id (product.product); may repeat"},
    {"--sku", "TEXT", true,
     "every product that a store knows by this SKU (or barcode, as `match` says); may repeat"},
    {"--all", NULL, false, "every product"},
    {"--limit", "N", false, "at most N records"},
};
static const struct cli_flag PARKED_FLAGS[] = {
    {"list", NULL, false, "print parked rows, oldest first; the default"},
    {"retry", NULL, false, "retry rows now; a running consumer does it within seconds"},
    {"drop", NULL, false,
     "forget rows; their quantities are not written until a later record comes"},
    {"--store", "NAME", false, "only this store; default: every [store.NAME]"},
    {"--reason", "WORD", false, "only rows parked for this reason"},
    {"--sku", "TEXT", true, "only products with this SKU or barcode, and their levels; may repeat"},
    {"--product", "ID", true, "only this Odoo product, and its levels; may repeat"},
    {"--subject", "TEXT", false, "only this row, as the list names it"},
    {"--json", NULL, false, "list: one JSON object a line"},
    {"--all", NULL, false, "drop: every row; only --store may be given with it"},
};
static const struct cli_flag RESUME_FLAGS[] = {
    {"--store", "NAME", false, "the held store"},
    {"--database", "UUID", false,
     "apply only records of this Odoo database (its database.uuid) from now on"},
    {"--stream", "UUID", false,
     "follow this stream of the topic, the state's; skip what unknown streams published until now"},
};

static const struct cli_flag SKIP_FLAGS[] = {
    {"--store", "NAME", false, "the store that the record blocks"},
    {"--partition", "N", false, "partition of the topic; without it, the blocked ones are named"},
    {"--offset", "N", false, "offset of the record that blocks it"},
};

static const struct cli_flag CATALOGUE_FLAGS[] = {
    {"--store", "NAME", false, "only this store"},
    {"--reload", NULL, false, "make the running consumer read the store's catalogue again"},
};

static const struct cli_flag RECONCILE_FLAGS[] = {
    {"--store", "NAME", false, "only this store; default: every [store.NAME]"},
    {"--sku", "TEXT", false, "only the product with this SKU or barcode"},
    {"--product", "ID", false, "only this Odoo product"},
    {"--repair", NULL, false,
     "write Odoo's number where the store holds another; default: as the "
     "option drift says"},
    {"--report", NULL, false, "write nothing"},
    {"--json", NULL, false, "print one JSON object"},
};
static const struct cli_flag PUSH_FLAGS[] = {
    {"--store", "NAME", false, "only this store; default: every store that knows the product"},
    {"--sku", "TEXT", false, "the product with this SKU or barcode"},
    {"--product", "ID", false, "this Odoo product"},
    {"--json", NULL, false, "print one JSON object"},
};

static const struct cli_command COMMANDS[] = {
    {"run", "keep stores equal to the topic and mark changed kits, until a signal comes", RUN_FLAGS,
     5, true, cmd_run},
    {"history", "print a product's records from the topic, one JSON object a line", HISTORY_FLAGS,
     4, true, cmd_history},
    {"parked", "list changes that could not be applied, with reasons; retry or drop them",
     PARKED_FLAGS, 10, true, cmd_parked},
    {"resume",
     "resume a held store, or begin its first load, accepting Odoo's current stock; works while "
     "the "
     "consumer runs",
     RESUME_FLAGS, 3, true, cmd_resume},
    {"skip", "pass over a record that blocks its partition; the record is parked", SKIP_FLAGS, 3,
     true, cmd_skip},
    {"catalogue", "show each store's catalogue: known, shared, untracked and missing SKUs",
     CATALOGUE_FLAGS, 2, true, cmd_catalogue},
    {"reconcile",
     "compare every level with the store now and repair what differs; with or without a running "
     "consumer; exits with 1 if a difference remains",
     RECONCILE_FLAGS, 6, true, cmd_reconcile},
    {"push",
     "write one product's levels now, whatever is remembered; exits with 1 if one was not written",
     PUSH_FLAGS, 4, true, cmd_push},
    {"status", "levels, last write and parked rows of each store", NULL, 0, true, cmd_status},
    {"check",
     "check databases, topic, credentials, scopes and locations, and report what is missing", NULL,
     0, true, cmd_check},
    PROGRAM_CONFIG_COMMAND,
};

static const struct cli_program CLI = {
    .name = "stocksync-consumer",
    .summary = "applies Odoo's stock from the topic to Shopify",
    .version = STOCKSYNC_VERSION,
    .commands = COMMANDS,
    .command_count = sizeof COMMANDS / sizeof COMMANDS[0],
};

static const struct metric_table *const METRICS[] = {&lane_metric_table, &graphql_metric_table,
                                                     &record_source_metric_table,
                                                     &parents_metric_table, NULL};

int main(int argc, char **argv)
{
    struct consumer_conf conf = {0};
    const struct program program = {.cli = &CLI,
                                    .service = "consumer",
                                    .schema = &consumer_conf_schema,
                                    .conf = &conf.shared,
                                    .cross_check = consumer_conf_check,
                                    .metrics = METRICS};
    return program_main(&program, argc, argv);
}
