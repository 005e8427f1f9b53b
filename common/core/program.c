#include "common/core/program.h"

#include <stdio.h>

#define TEXT_MAX_BYTES ((size_t)1024 * 1024)

const struct cli_flag program_config_flags[2] = {
    {.name = "--example", .help = "a commented file with every option, its default and meaning"},
    {.name = "--metrics", .help = "a table of every metric, its labels and meaning"},
};

static enum status print_config(const struct program *program,
                                const struct cli_call *call,
                                struct strbuf *out,
                                struct err *err)
{
    if (cli_has(call, "--example")) {
        conf_print_example(program->schema, out);
        return STATUS_OK;
    }
    if (cli_has(call, "--metrics")) {
        metric_table_document(program->metrics, out);
        return STATUS_OK;
    }
    enum status rc = conf_load_or_report(program->schema, call->conf_path, program->conf,
                                         program->cross_check, err);
    conf_print(program->schema, program->conf, out);
    return rc;
}

static enum status run_command(const struct program *program,
                               const struct cli_call *call,
                               struct strbuf *out,
                               struct err *err)
{
    if (call->command->run == NULL) {
        return print_config(program, call, out, err);
    }
    enum status rc = STATUS_OK;
    if (call->command->needs_conf) {
        rc = conf_load_or_report(program->schema, call->conf_path, program->conf,
                                 program->cross_check, err);
        log_init(program->service, (enum log_level)program->conf->log.level);
    }
    return rc == STATUS_OK ? call->command->run(call, program->conf, err) : rc;
}

int program_main(const struct program *program, int argc, char **argv)
{
    struct cli_call call;
    struct strbuf out;
    struct err err = {0};
    log_init(program->service, LOG_INFO);
    strbuf_init(&out, TEXT_MAX_BYTES);
    enum status rc = cli_parse(program->cli, argc, argv, &call, &out, &err);
    if (rc == STATUS_OK && call.command != NULL) {
        rc = run_command(program, &call, &out, &err);
    }
    (void)fwrite(out.ptr, 1, out.len, stdout);
    (void)fflush(stdout);
    strbuf_release(&out);
    if (rc != STATUS_OK && rc != STATUS_STOPPING) {
        (void)fprintf(stderr, "%s: %s\n", program->cli->name,
                      err.msg[0] != '\0' ? err.msg : status_text(rc));
    }
    log_flush();
    conf_release(program->schema, program->conf);
    return status_exit_code(rc);
}
