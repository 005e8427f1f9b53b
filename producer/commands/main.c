#include "common/core/program.h"
#include "producer/app/gc_task.h"
#include "producer/app/status.h"
#include "producer/commands/commands.h"
#include "producer/commands/options.h"

#define WAIT_FLAG                                                                                  \
    {                                                                                              \
        "--wait", "TIME", false, "how long to wait for tables that Odoo uses (default 5m)"         \
    }

static const struct cli_flag INSTALL_FLAGS[] = {
    {"--dry-run", NULL, false, "print the SQL, change nothing"},
    {"--grants", "ROLE", false,
     "print the rights that the runtime role ROLE needs, change nothing"},
    {"--database", "UUID", false, "publish this Odoo database (its database.uuid) from now on"},
    {"--partitions", "N", false,
     "give the topic N partitions, or accept that it has N; the producer begins a new stream"},
    WAIT_FLAG,
};
static const struct cli_flag UNINSTALL_FLAGS[] = {
    {"--dry-run", NULL, false, "print the SQL, change nothing"},
    {"--purge", NULL, false,
     "also drop the marks table and the column shopify_product if install created them"},
    WAIT_FLAG,
};
static const struct cli_flag BACKFILL_FLAGS[] = {
    {"--all", NULL, false, "every product"},
    {"--product", "ID", true, "this product (product.product); may repeat"},
    {"--sku", "TEXT", true, "every product with this internal reference; may repeat"},
    {"--no-wait", NULL, false, "with --all: mark everything at once instead of piece by piece"},
};

static const struct cli_flag STOCK_FLAGS[] = {
    {"--all", NULL, false, "every product"},
    {"--product", "ID", true, "this product (product.product); may repeat"},
    {"--sku", "TEXT", true, "every product with this internal reference; may repeat"},
    {"--group", "WORD", false,
     "warehouse (the default, as in records), or Odoo's own totals: company, all"},
    {"--scope", "WORD", false, "view or lot_stock, instead of [odoo] scope"},
};

static const struct cli_flag PARKED_FLAGS[] = {
    {"--product", "ID", true, "this product (product.product); may repeat"},
    {"--sku", "TEXT", true, "every product with this internal reference; may repeat"},
    {"--json", NULL, false, "one JSON object a line"},
    {"--retry", NULL, false, "mark them, so that the producer tries them now"},
};

static const struct cli_flag STATUS_FLAGS[] = {
    {"--json", NULL, false, "one JSON object"},
};

static const struct cli_command COMMANDS[] = {
    {"run", "publish stock changes until a signal comes", NULL, 0, true, cmd_run},
    {"install", "create or adopt the marks table, triggers and the schema stocksync", INSTALL_FLAGS,
     5, true, cmd_install},
    {"uninstall", "remove what install created; the marks table and the flag stay", UNINSTALL_FLAGS,
     3, true, cmd_uninstall},
    {"backfill", "publish products again", BACKFILL_FLAGS, 4, true, cmd_backfill},
    {"stock", "print current stock and the parts of kits, one JSON object a line", STOCK_FLAGS, 5,
     true, cmd_stock},
    {"parked", "list products that cannot be published, with the reason, or try them again",
     PARKED_FLAGS, 4, true, cmd_parked},
    {"gc", "clean up now, as the scheduled task does", NULL, 0, true, cmd_gc},
    {"status", "show the leader, the stream, marks waiting, and what holds vacuum back",
     STATUS_FLAGS, 1, true, cmd_status},
    {"check", "check databases, rights and topic, and report what is missing", NULL, 0, true,
     cmd_check},
    PROGRAM_CONFIG_COMMAND,
};

static const struct cli_program CLI = {
    .name = "stocksync-producer",
    .summary = "publishes Odoo's stock changes to Kafka",
    .version = STOCKSYNC_VERSION,
    .commands = COMMANDS,
    .command_count = sizeof COMMANDS / sizeof COMMANDS[0],
};

static const struct metric_table *const METRICS[] = {&producer_metric_table, &gc_metric_table,
                                                     NULL};

int main(int argc, char **argv)
{
    struct producer_conf conf = {0};
    const struct program program = {.cli = &CLI,
                                    .service = "producer",
                                    .schema = &producer_conf_schema,
                                    .conf = &conf.shared,
                                    .cross_check = producer_conf_check,
                                    .metrics = METRICS};
    return program_main(&program, argc, argv);
}
