/**
 * program: the main function of both programs. It parses arguments, loads options, runs the
 * command, prints the failure and chooses the exit code.
 */
#ifndef STOCKSYNC_CORE_PROGRAM_H
#define STOCKSYNC_CORE_PROGRAM_H

#include "common/core/cli.h"
#include "common/core/conf_shared.h"
#include "common/core/metric.h"

struct program {
    const struct cli_program *cli;
    const char *service; /* svc= of the log lines */
    const struct conf_schema *schema;
    struct shared_conf *conf; /* root struct of the program, zeroed; begins with the shared part */
    void (*cross_check)(const void *root, struct conf_problems *problems);
    const struct metric_table *const *metrics; /* NULL-terminated: all that the program registers */
};

/**
 * The command that every program has; put it last in the table. It prints one of
 *
 *     (no flag)    the options in force
 *     --example    a commented file with every option
 *     --metrics    a Markdown table of every metric
 */
#define PROGRAM_CONFIG_COMMAND                                                                     \
    {                                                                                              \
        .name = "config", .summary = "print the options in force, secrets as ***",                 \
        .flags = program_config_flags, .flag_count = 2, .needs_conf = false, .run = NULL           \
    }
extern const struct cli_flag program_config_flags[2];

/** @return the process's exit code */
int program_main(const struct program *program, int argc, char **argv);

#endif
