#include "common/core/program.h"
#include "consumer/app/commands.h"
#include "consumer/app/consumer_conf.h"

static const struct cli_flag RUN_FLAGS[] = {
    {"--role", "ROLE", true,
     "stores: apply to Shopify; parents: mark the kits of what changed; default: both"},
    {"--store", "NAME", true,
     "only this store, and no role parents unless it is named; may repeat; default: every "
     "[store.NAME]"},
    {"--once", NULL, false, "work through what is in the topic now, then exit"},
    {"--dry-run", NULL, false,
     "read everything, write nothing anywhere, print what would be written; beside a running "
     "consumer too"},
};
static const struct cli_flag HISTORY_FLAGS[] = {
    {"--product", "ID", false, "Odoo's product id (product.product)"},
    {"--all", NULL, false, "every product"},
    {"--limit", "N", false, "at most N records"},
};
static const struct cli_flag PARKED_FLAGS[] = {
    {"list", NULL, false, "print what is parked, oldest first: as without a word"},
    {"retry", NULL, false, "try rows again now: a running consumer does it within seconds"},
    {"drop", NULL, false,
     "forget rows: what they stand for is not written until a later record comes"},
    {"--store", "NAME", false, "only this store; default: every [store.NAME]"},
    {"--reason", "WORD", false, "only rows parked for this reason"},
    {"--sku", "TEXT", false, "only the product with this SKU or barcode, and its levels"},
    {"--product", "ID", false, "only this product of Odoo's, and its levels"},
    {"--subject", "TEXT", false, "only this row, named as the list does"},
    {"--json", NULL, false, "list: one JSON object a line"},
    {"--all", NULL, false, "drop: every row, if no other flag but --store is given"},
};
static const struct cli_flag RESUME_FLAGS[] = {
    {"--store", "NAME", false, "the store that is held"},
    {"--database", "UUID", false,
     "records of this Odoo database (its database.uuid) are applied from now on, of no other"},
};

static const struct cli_flag CATALOGUE_FLAGS[] = {
    {"--store", "NAME", false, "only this store"},
    {"--reload", NULL, false, "have the running consumer read the store's catalogue again"},
};

static const struct cli_command COMMANDS[] = {
    {"run", "keep the stores equal to the topic, and kits marked, until a signal comes", RUN_FLAGS,
     4, true, cmd_run},
    {"history", "print a product's records from the topic, one JSON object a line", HISTORY_FLAGS,
     3, true, cmd_history},
    {"parked", "list what could not be applied, and why; try it again, or drop it", PARKED_FLAGS,
     10, true, cmd_parked},
    {"resume", "a held store goes on: what Odoo says is right; also while run works", RESUME_FLAGS,
     2, true, cmd_resume},
    {"catalogue", "what is known of each store's catalogue: SKUs, shared, untracked, missing ones",
     CATALOGUE_FLAGS, 2, true, cmd_catalogue},
    {"status", "levels, last write and parked rows of each store", NULL, 0, true, cmd_status},
    {"check", "try everything that run needs: databases, topic, tokens, scopes, locations", NULL, 0,
     true, cmd_check},
    PROGRAM_CONFIG_COMMAND,
};

static const struct cli_program CLI = {
    .name = "stocksync-consumer",
    .summary = "applies Odoo's stock from the topic to Shopify",
    .version = STOCKSYNC_VERSION,
    .commands = COMMANDS,
    .command_count = sizeof COMMANDS / sizeof COMMANDS[0],
};

static const struct metric_table *const METRICS[] = {NULL};

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
