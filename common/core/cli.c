#include "common/core/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_COLUMN 26

static const struct cli_command *find_command(const struct cli_program *program, const char *name)
{
    for (size_t i = 0; i < program->command_count; i++) {
        if (strcmp(program->commands[i].name, name) == 0) {
            return &program->commands[i];
        }
    }
    return NULL;
}

static const struct cli_flag *
find_flag(const struct cli_command *command, const char *name, size_t len)
{
    for (size_t i = 0; i < command->flag_count; i++) {
        const char *known = command->flags[i].name;
        if (strlen(known) == len && strncmp(known, name, len) == 0) {
            return &command->flags[i];
        }
    }
    return NULL;
}

static void
append_row(struct strbuf *out, const char *left, const char *argument, const char *right)
{
    size_t start = out->len;
    strbuf_appendf(out, "  %s%s%s", left, argument != NULL ? " " : "",
                   argument != NULL ? argument : "");
    do {
        strbuf_append_char(out, ' ');
    } while (out->len - start < NAME_COLUMN);
    strbuf_appendf(out, "%s\n", right);
}

static void append_program_help(const struct cli_program *program, struct strbuf *out)
{
    strbuf_appendf(out, "%s: %s\n\nUsage: %s [-c FILE] COMMAND [flags]\n\nCommands:\n",
                   program->name, program->summary, program->name);
    for (size_t i = 0; i < program->command_count; i++) {
        append_row(out, program->commands[i].name, NULL, program->commands[i].summary);
    }
    strbuf_append_text(out, "\nFlags of every command:\n");
    append_row(out, "-c, --config", "FILE",
               "options; default /etc/stocksync/stocksync.ini, if it exists");
    append_row(out, "-h, --help", NULL, "this text, or that of one command");
    append_row(out, "-V, --version", NULL, "version");
    strbuf_append_text(
        out, "\nEvery scalar option can be set by an environment variable: STOCKSYNC_ODOO_DSN for "
             "[odoo] dsn.\n"
             "Exit codes: 0 done, 64 wrong usage, 69 something needed is unavailable, 70 internal "
             "error,\n78 configuration or permission, 80 another producer took over.\n");
}

static void append_command_help(const struct cli_program *program,
                                const struct cli_command *command,
                                struct strbuf *out)
{
    strbuf_appendf(out, "%s %s: %s\n\nUsage: %s [-c FILE] %s", program->name, command->name,
                   command->summary, program->name, command->name);
    for (size_t i = 0; i < command->flag_count; i++) {
        const struct cli_flag *f = &command->flags[i];
        strbuf_appendf(out, " [%s%s%s]%s", f->name, f->argument != NULL ? " " : "",
                       f->argument != NULL ? f->argument : "", f->repeats ? "…" : "");
    }
    strbuf_append_char(out, '\n');
    if (command->flag_count > 0) {
        strbuf_append_text(out, "\nFlags:\n");
        for (size_t i = 0; i < command->flag_count; i++) {
            append_row(out, command->flags[i].name, command->flags[i].argument,
                       command->flags[i].help);
        }
    }
}

/* Words for the shell's completion: commands, or the flags of the command named. */
static void
append_completion(const struct cli_program *program, const char *command_name, struct strbuf *out)
{
    const struct cli_command *command =
        command_name != NULL ? find_command(program, command_name) : NULL;
    if (command == NULL) {
        for (size_t i = 0; i < program->command_count; i++) {
            strbuf_appendf(out, "%s\n", program->commands[i].name);
        }
        return;
    }
    for (size_t i = 0; i < command->flag_count; i++) {
        strbuf_appendf(out, "%s\n", command->flags[i].name);
    }
}

static enum status
add_value(struct cli_call *call, const struct cli_flag *flag, const char *value, struct err *err)
{
    for (size_t i = 0; i < call->value_count && !flag->repeats; i++) {
        if (call->values[i].flag == flag) {
            return err_set(err, STATUS_USAGE, "'%s' is given twice", flag->name);
        }
    }
    if (call->value_count == CLI_MAX_VALUES) {
        return err_set(err, STATUS_USAGE, "more than %d flags", CLI_MAX_VALUES);
    }
    call->values[call->value_count].flag = flag;
    call->values[call->value_count].value = value;
    call->value_count++;
    return STATUS_OK;
}

/* One "--flag", "--flag VALUE" or "--flag=VALUE" at argv[*at]; moves *at to the last word used. */
static enum status parse_flag(const struct cli_program *program,
                              struct cli_call *call,
                              int argc,
                              char **argv,
                              int *at,
                              struct err *err)
{
    const char *word = argv[*at];
    const char *equals = strchr(word, '=');
    size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const struct cli_flag *flag = find_flag(call->command, word, len);
    if (flag == NULL) {
        return err_set(err, STATUS_USAGE, "unknown flag '%s'; see '%s %s --help'", word,
                       program->name, call->command->name);
    }
    if (flag->argument == NULL) {
        if (equals != NULL) {
            return err_set(err, STATUS_USAGE, "'%s' takes no value", flag->name);
        }
        return add_value(call, flag, NULL, err);
    }
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (value == NULL && *at + 1 < argc) {
        *at += 1;
        value = argv[*at];
    }
    if (value == NULL || value[0] == '\0') {
        return err_set(err, STATUS_USAGE, "'%s' needs a value: %s %s", flag->name, flag->name,
                       flag->argument);
    }
    return add_value(call, flag, value, err);
}

static bool is_word(const char *word, const char *brief, const char *full)
{
    return strcmp(word, brief) == 0 || strcmp(word, full) == 0;
}

/* Words that ask for a text instead of a command. @return true: the text is written */
static bool answer_question(const struct cli_program *program,
                            struct cli_call *call,
                            const char *word,
                            const char *next,
                            struct strbuf *text)
{
    if (is_word(word, "-h", "--help") && call->command != NULL) {
        append_command_help(program, call->command, text);
    } else if (is_word(word, "-h", "--help") ||
               (call->command == NULL && strcmp(word, "help") == 0)) {
        append_program_help(program, text);
    } else if (is_word(word, "-V", "--version")) {
        strbuf_appendf(text, "%s %s\n", program->name, program->version);
    } else if (call->command == NULL && strcmp(word, "--complete") == 0) {
        append_completion(program, next, text);
    } else {
        return false;
    }
    call->command = NULL;
    return true;
}

/* One word that is no question; moves *at to the last word used. */
static enum status parse_word(const struct cli_program *program,
                              struct cli_call *call,
                              int argc,
                              char **argv,
                              int *at,
                              struct err *err)
{
    const char *word = argv[*at];
    if (is_word(word, "-c", "--config")) {
        if (*at + 1 >= argc) {
            return err_set(err, STATUS_USAGE, "'%s' needs a file", word);
        }
        *at += 1;
        call->conf_path = argv[*at];
        return STATUS_OK;
    }
    if (call->command != NULL) {
        return parse_flag(program, call, argc, argv, at, err);
    }
    call->command = find_command(program, word);
    return call->command != NULL
               ? STATUS_OK
               : err_set(err, STATUS_USAGE, "unknown command '%s'; see '%s --help'", word,
                         program->name);
}

enum status cli_parse(const struct cli_program *program,
                      int argc,
                      char **argv,
                      struct cli_call *call,
                      struct strbuf *text,
                      struct err *err)
{
    *call = (struct cli_call){0};
    for (int i = 1; i < argc; i++) {
        if (answer_question(program, call, argv[i], i + 1 < argc ? argv[i + 1] : NULL, text)) {
            return STATUS_OK;
        }
        enum status rc = parse_word(program, call, argc, argv, &i, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    if (call->command == NULL) {
        return err_set(err, STATUS_USAGE, "no command given; see '%s --help'", program->name);
    }
    return STATUS_OK;
}

bool cli_has(const struct cli_call *call, const char *flag)
{
    for (size_t i = 0; i < call->value_count; i++) {
        if (strcmp(call->values[i].flag->name, flag) == 0) {
            return true;
        }
    }
    return false;
}

const char *cli_value(const struct cli_call *call, const char *flag, size_t nth)
{
    for (size_t i = 0; i < call->value_count; i++) {
        if (strcmp(call->values[i].flag->name, flag) == 0) {
            if (nth == 0) {
                return call->values[i].value;
            }
            nth--;
        }
    }
    return NULL;
}

enum status cli_number(const struct cli_call *call,
                       const char *flag,
                       size_t nth,
                       long min,
                       long max,
                       long *out,
                       struct err *err)
{
    const char *text = cli_value(call, flag, nth);
    if (text == NULL) {
        return STATUS_NOT_FOUND;
    }
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max) {
        return err_set(err, STATUS_USAGE, "'%s %s': a whole number from %ld to %ld is needed", flag,
                       text, min, max);
    }
    *out = value;
    return STATUS_OK;
}
