/**
 * program: what both main functions do: parse arguments, load options, run the command, print the
 * failure, choose the exit code.
 */
#ifndef STOCKSYNC_CORE_PROGRAM_H
#define STOCKSYNC_CORE_PROGRAM_H

#include "common/core/cli.h"
#include "common/core/conf_shared.h"

struct program {
    const struct cli_program *cli;
    const char *service; /* svc= of the log lines */
    const struct conf_schema *schema;
    struct shared_conf
        *conf; /* the program's root struct, zeroed; it begins with struct shared_conf */
    void (*cross_check)(const void *root, struct conf_problems *problems);
};

/** The command that every program has: print the options in force, or with --example a commented
 * file. Put it last in the table. */
#define PROGRAM_CONFIG_COMMAND                                                                     \
    {                                                                                              \
        .name = "config", .summary = "print the options in force, secrets as ***",                 \
        .flags = program_config_flags, .flag_count = 1, .needs_conf = false, .run = NULL           \
    }
extern const struct cli_flag program_config_flags[1];

/** @return the process's exit code */
int program_main(const struct program *program, int argc, char **argv);

#endif
