/* The reconcile command: compares every level with the store now, and prints what differed. */
#include <stdio.h>
#include <string.h>

#include "consumer/app/cmd_round.h"
#include "consumer/plan/drift.h"

/* Differences that a table and a JSON object name one by one. */
#define TABLE_EXAMPLES 20
#define JSON_EXAMPLES  10000

struct report {
    struct round_command *command;
    int64_t found, repaired;
    size_t lines;
};

/* --- the table --- */

static void print_kind(void *arg, const char *kind, int64_t found, int64_t repaired)
{
    struct report *report = arg;
    if (report->lines++ == 0) {
        (void)printf("%-10s %8s %9s %8s\n", "kind", "found", "repaired", "remain");
    }
    (void)printf("%-10s %8lld %9lld %8lld\n", kind, (long long)found, (long long)repaired,
                 (long long)(found - repaired));
    report->found += found;
    report->repaired += repaired;
}

static void print_example(void *arg, const struct round_example *e)
{
    struct report *report = arg;
    if (report->lines++ == 0) {
        (void)printf("\n%-20s %9s %15s %12s  %-10s %8s %8s  %s\n", "sku", "product", "item",
                     "location", "kind", "expected", "found", "what");
    }
    (void)printf("%-20s %9d %15lld %12lld  %-10s %8s %8s  ", round_printable(e->sku), e->product_id,
                 (long long)e->key.item, (long long)e->key.location, e->kind,
                 round_number(e->expected), round_number(e->found));
    const char *what = e->what != NULL ? e->what : drift_advice(drift_parse(e->kind));
    (void)printf("%s\n", e->repaired ? "repaired" : round_printable(what));
}

static enum status print_table(struct report *report,
                               struct state *state,
                               const struct round_result *r,
                               struct err *err)
{
    (void)printf("[%s] %lld levels compared with the store in %lld s\n", r->store,
                 (long long)r->progress.compared, (long long)r->seconds);
    enum status rc = state_round_tally(state, r->id, print_kind, report, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (report->found == 0) {
        (void)printf("all are equal\n");
        return STATUS_OK;
    }
    report->lines = 0;
    rc = state_round_examples(state, r->id, TABLE_EXAMPLES, print_example, report, err);
    if (rc == STATUS_OK && report->found > TABLE_EXAMPLES) {
        (void)printf("… and %lld more: --json has them\n",
                     (long long)report->found - TABLE_EXAMPLES);
    }
    if (rc == STATUS_OK && r->progress.held[0] != '\0') {
        (void)printf("the store is held: %s\n", round_printable(r->progress.held));
    }
    return rc;
}

/* --- JSON --- */

static void append_kind(void *arg, const char *kind, int64_t found, int64_t repaired)
{
    struct report *report = arg;
    strbuf_appendf(&report->command->out, "%s\"%s\":{\"found\":%lld,\"repaired\":%lld}",
                   report->lines++ > 0 ? "," : "", kind, (long long)found, (long long)repaired);
    report->found += found;
    report->repaired += repaired;
}

static void append_example(void *arg, const struct round_example *e)
{
    struct report *report = arg;
    struct strbuf *out = &report->command->out;
    strbuf_appendf(out, "%s{\"kind\":\"%s\",\"sku\":", report->lines++ > 0 ? "," : "", e->kind);
    strbuf_append_json(out, e->sku);
    strbuf_appendf(out, ",\"product\":%d,\"item\":%lld,\"location\":%lld", e->product_id,
                   (long long)e->key.item, (long long)e->key.location);
    round_json_number(out, "expected", e->expected);
    round_json_number(out, "found", e->found);
    strbuf_appendf(out, ",\"repaired\":%s", e->repaired ? "true" : "false");
    if (e->what != NULL) {
        strbuf_append_text(out, ",\"what\":");
        strbuf_append_json(out, e->what);
    }
    strbuf_append_text(out, "}");
}

static enum status append_json(struct report *report,
                               struct state *state,
                               const struct round_result *r,
                               struct err *err)
{
    struct strbuf *out = &report->command->out;
    strbuf_append_text(out, report->command->stores > 0 ? ",{\"store\":" : "{\"store\":");
    strbuf_append_json(out, r->store);
    strbuf_appendf(out, ",\"levels\":%lld,\"seconds\":%lld,\"kinds\":{",
                   (long long)r->progress.compared, (long long)r->seconds);
    enum status rc = state_round_tally(state, r->id, append_kind, report, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    strbuf_appendf(out, "},\"found\":%lld,\"repaired\":%lld,\"remain\":%lld",
                   (long long)report->found, (long long)report->repaired,
                   (long long)(report->found - report->repaired));
    if (r->progress.held[0] != '\0') {
        strbuf_append_text(out, ",\"held\":");
        strbuf_append_json(out, r->progress.held);
    }
    strbuf_append_text(out, ",\"differences\":[");
    report->lines = 0;
    rc = state_round_examples(state, r->id, JSON_EXAMPLES, append_example, report, err);
    strbuf_append_text(out, "]}");
    return rc;
}

static enum status print_result(struct round_command *command,
                                struct state *state,
                                const struct round_result *result,
                                struct err *err)
{
    struct report report = {.command = command};
    enum status rc = command->json ? append_json(&report, state, result, err)
                                   : print_table(&report, state, result, err);
    command->remain += report.found - report.repaired;
    return rc;
}

enum status cmd_reconcile(const struct cli_call *call, const void *root, struct err *err)
{
    struct round_command command = {.call = call, .conf = root, .print = print_result};
    if (cli_has(call, "--repair") && cli_has(call, "--report")) {
        return err_set(err, STATUS_USAGE, "one of --repair and --report");
    }
    return round_command_run(&command, err);
}
