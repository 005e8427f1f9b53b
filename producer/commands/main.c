#include "common/core/program.h"
#include "producer/commands/commands.h"
#include "producer/commands/options.h"

static const struct cli_flag INSTALL_FLAGS[] = {
    {"--dry-run", NULL, false, "print the SQL, change nothing"},
    {"--grants", "ROLE", false,
     "print the rights that the runtime role ROLE needs, change nothing"},
    {"--accept-new-database", NULL, false,
     "after a restore into another cluster: take it as it is"},
    {"--database", "UUID", false,
     "this Odoo database (its database.uuid) is the one to publish from now on"},
};
static const struct cli_flag UNINSTALL_FLAGS[] = {
    {"--dry-run", NULL, false, "print the SQL, change nothing"},
    {"--purge", NULL, false,
     "also drop the marks table and the column shopify_product if install made them"},
};
static const struct cli_flag BACKFILL_FLAGS[] = {
    {"--all", NULL, false, "every product"},
    {"--product", "ID", true, "this product (product.product); may repeat"},
    {"--no-wait", NULL, false, "with --all: mark everything at once instead of by slices"},
};

static const struct cli_flag STOCK_FLAGS[] = {
    {"--all", NULL, false, "every product"},
    {"--product", "ID", true, "this product (product.product); may repeat"},
    {"--group", "WORD", false,
     "warehouse (the default, as in records), or Odoo's own totals: company, all"},
    {"--scope", "WORD", false, "view or lot_stock, instead of [odoo] scope"},
};

static const struct cli_command COMMANDS[] = {
    {"run", "tail the marks and publish stock until a signal comes", NULL, 0, true, cmd_run},
    {"install", "create or adopt the marks table, triggers and the schema stocksync", INSTALL_FLAGS,
     4, true, cmd_install},
    {"uninstall", "remove what install made; the marks table and the flag stay", UNINSTALL_FLAGS, 2,
     true, cmd_uninstall},
    {"backfill", "publish products again", BACKFILL_FLAGS, 3, true, cmd_backfill},
    {"stock", "print what Odoo has now and what kits are made of, one JSON object a line",
     STOCK_FLAGS, 4, true, cmd_stock},
    {"gc", "clean up now, as the scheduled task does", NULL, 0, true, cmd_gc},
    {"status", "what waits, who owns, what holds cleaning back", NULL, 0, true, cmd_status},
    {"check", "try everything that run needs: databases, rights, topic", NULL, 0, true, cmd_check},
    PROGRAM_CONFIG_COMMAND,
};

static const struct cli_program CLI = {
    .name = "stocksync-producer",
    .summary = "publishes Odoo's stock changes to Kafka",
    .version = STOCKSYNC_VERSION,
    .commands = COMMANDS,
    .command_count = sizeof COMMANDS / sizeof COMMANDS[0],
};

int main(int argc, char **argv)
{
    struct producer_conf conf = {0};
    const struct program program = {.cli = &CLI,
                                    .service = "producer",
                                    .schema = &producer_conf_schema,
                                    .conf = &conf.shared,
                                    .cross_check = producer_conf_check};
    return program_main(&program, argc, argv);
}
