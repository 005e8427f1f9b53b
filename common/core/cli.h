/**
 * cli: arguments as one table of commands; help text and shell completion come from it.
 *
 *     PROGRAM [-c FILE] COMMAND [--flag[=VALUE]|--flag VALUE]…
 *
 * Arguments choose command, file and objects, never option values and never secrets. Main thread.
 */
#ifndef STOCKSYNC_CORE_CLI_H
#define STOCKSYNC_CORE_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "common/core/status.h"
#include "common/core/strbuf.h"

struct cli_flag {
    const char *name;     /* "--product"; or a bare word: "retry" */
    const char *argument; /* "ID"; NULL: takes none */
    bool repeats;
    const char *help;
};

struct cli_call;

struct cli_command {
    const char *name;
    const char *summary; /* one line */
    const struct cli_flag *flags;
    size_t flag_count;
    bool needs_conf; /* the options are loaded before it runs */
    /** Runs the command and prints its output; the caller prints the failure in err.
     * @param conf  the program's root struct; NULL without needs_conf */
    enum status (*run)(const struct cli_call *call, const void *conf, struct err *err);
};

struct cli_program {
    const char *name; /* "stocksync-producer" */
    const char *summary;
    const char *version;
    const struct cli_command *commands;
    size_t command_count;
};

#define CLI_MAX_VALUES 256

/** A parsed command line; borrows argv. */
struct cli_call {
    const struct cli_command *command; /* NULL: help or version was asked for and text is filled */
    const char *conf_path;             /* -c; NULL: default */
    struct {
        const struct cli_flag *flag;
        const char *value; /* NULL for flags without argument */
    } values[CLI_MAX_VALUES];
    size_t value_count;
};

/**
 * @param text  [out] help, version or completion words for standard output when call->command is
 *              NULL
 * @return STATUS_OK, STATUS_USAGE (err names the word and the help)
 */
NODISCARD enum status cli_parse(const struct cli_program *program,
                                int argc,
                                char **argv,
                                struct cli_call *call,
                                struct strbuf *text,
                                struct err *err);
bool cli_has(const struct cli_call *call, const char *flag);
/** The nth value of a flag, NULL when there is none. */
const char *cli_value(const struct cli_call *call, const char *flag, size_t nth);
/** A flag's value as a whole number in [min, max].
 * @return STATUS_OK, STATUS_NOT_FOUND (absent), STATUS_USAGE */
NODISCARD enum status cli_number(const struct cli_call *call,
                                 const char *flag,
                                 size_t nth,
                                 long min,
                                 long max,
                                 long *out,
                                 struct err *err);

#endif
