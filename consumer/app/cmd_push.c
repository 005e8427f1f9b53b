/* The push command: writes one product's levels now, whatever is remembered. */
#include <stdio.h>

#include "consumer/app/cmd_round.h"

struct push_report {
    struct round_command *command;
    size_t lines;
};

static void print_level(void *arg, const struct state_pushed *l)
{
    struct push_report *report = arg;
    if (report->lines++ == 0) {
        (void)printf("%9s %15s %12s %8s %8s  %s\n", "product", "item", "location", "before",
                     "after", "what");
    }
    (void)printf("%9d %15lld %12lld %8s %8s  %s\n", l->product_id, (long long)l->key.item,
                 (long long)l->key.location, round_number(l->before), round_number(l->after),
                 l->what != NULL ? round_printable(l->what) : "written");
    report->command->remain += l->what != NULL;
}

static void append_level(void *arg, const struct state_pushed *l)
{
    struct push_report *report = arg;
    struct strbuf *out = &report->command->out;
    strbuf_appendf(out, "%s{\"product\":%d,\"item\":%lld,\"location\":%lld",
                   report->lines++ > 0 ? "," : "", l->product_id, (long long)l->key.item,
                   (long long)l->key.location);
    round_json_number(out, "before", l->before);
    round_json_number(out, "after", l->after);
    if (l->what != NULL) {
        strbuf_append_text(out, ",\"what\":");
        strbuf_append_json(out, l->what);
    }
    strbuf_append_text(out, "}");
    report->command->remain += l->what != NULL;
}

static enum status print_result(struct round_command *command,
                                struct state *state,
                                const struct round_result *result,
                                struct err *err)
{
    struct push_report report = {.command = command};
    struct strbuf *out = &command->out;
    if (command->json) {
        strbuf_append_text(out, command->stores > 0 ? ",{\"store\":" : "{\"store\":");
        strbuf_append_json(out, result->store);
        strbuf_append_text(out, ",\"levels\":[");
        enum status rc = state_round_pushed(state, result->id, append_level, &report, err);
        strbuf_append_text(out, "]}");
        return rc;
    }
    (void)printf("[%s]\n", result->store);
    enum status rc = state_round_pushed(state, result->id, print_level, &report, err);
    if (rc == STATUS_OK && report.lines == 0) {
        (void)printf("no level: the store has no variant for the product, see "
                     "'stocksync-consumer parked list --store %s'\n",
                     result->store);
        command->remain++;
    }
    return rc;
}

enum status cmd_push(const struct cli_call *call, const void *root, struct err *err)
{
    struct round_command command = {
        .call = call, .conf = root, .push = true, .print = print_result};
    if (!cli_has(call, "--sku") && !cli_has(call, "--product")) {
        return err_set(err, STATUS_USAGE, "name the product with --sku TEXT or --product ID");
    }
    return round_command_run(&command, err);
}
