#include "consumer/app/cmd_round.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/signals.h"
#include "consumer/app/process.h"
#include "consumer/lane/store_conf.h"

#define MOD "consumer"

#define TICK_MS       200
#define SHOW_EVERY_US INT64_C(500000)
/* Nobody lives for this long: this process does the round. */
#define ALONE_AFTER_US INT64_C(3000000)
#define JSON_MAX_BYTES ((size_t)16 << 20)

/* One round under way. */
struct wait {
    struct round_command *command;
    const struct store_conf *store;
    struct state *state;
    int64_t id;
    struct round_progress progress;
    int64_t began_us, look_at_us, lived_us; /* monotonic */
    bool shown;                             /* a progress line stands on the terminal */
    enum status rc;
    struct err err;
};

/* --- texts --- */

const char *round_printable(const char *text)
{
    static char copy[400];
    (void)snprintf(copy, sizeof copy, "%s", text != NULL ? text : "");
    for (char *c = copy; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            *c = '?';
        }
    }
    return copy;
}

const char *round_number(int32_t number)
{
    static char texts[4][16];
    static unsigned next;
    char *text = texts[next++ % 4];
    if (number == STATE_NO_NUMBER) {
        (void)snprintf(text, sizeof texts[0], "none");
    } else {
        (void)snprintf(text, sizeof texts[0], "%d", number);
    }
    return text;
}

void round_json_number(struct strbuf *out, const char *name, int32_t number)
{
    if (number == STATE_NO_NUMBER) {
        strbuf_appendf(out, ",\"%s\":null", name);
    } else {
        strbuf_appendf(out, ",\"%s\":%d", name, number);
    }
}

/* --- progress --- */

static bool is_done(const struct round_progress *p)
{
    return p->partitions > 0 && p->done >= p->partitions;
}

static int64_t seconds_since(int64_t us)
{
    return (clock_monotonic_us() - us) / 1000000;
}

static void show(struct wait *w)
{
    const struct round_progress *p = &w->progress;
    if (!isatty(STDERR_FILENO)) {
        return;
    }
    w->shown = true;
    if (p->partitions == 0) {
        (void)fprintf(stderr, "\r\033[K[%s] waiting for a lane", w->store->instance.name);
        return;
    }
    (void)fprintf(stderr, "\r\033[K[%s] %lld of %lld levels compared", w->store->instance.name,
                  (long long)p->compared, (long long)p->total);
    if (p->compared > 0 && p->compared < p->total) {
        int64_t spent_us = clock_monotonic_us() - w->began_us;
        int64_t left_s = spent_us / 1000000 * (p->total - p->compared) / p->compared;
        (void)fprintf(stderr, ", about %lld s left", (long long)left_s + 1);
    }
    if (p->waiting > 0) {
        (void)fprintf(stderr, ", %lld looked at again or repaired", (long long)p->waiting);
    }
    if (p->parts < p->partitions) {
        (void)fprintf(stderr, ", %d of %d partitions have no lane yet", p->partitions - p->parts,
                      p->partitions);
    }
}

static void end_line(struct wait *w)
{
    if (w->shown) {
        (void)fprintf(stderr, "\r\033[K");
        w->shown = false;
    }
}

/* Also while this process does the round: shows the lanes that somebody still waits for it. */
static void look(void *arg)
{
    struct wait *w = arg;
    int64_t now = clock_monotonic_us();
    if (now < w->look_at_us || w->rc != STATUS_OK) {
        return;
    }
    w->look_at_us = now + SHOW_EVERY_US;
    w->rc = state_round_wait(w->state, w->id, &w->progress, &w->err);
    if (status_class(w->rc) == CLASS_TRANSIENT) {
        w->rc = STATUS_OK; /* the next look connects again */
        return;
    }
    w->lived_us = w->progress.lane_lives ? now : w->lived_us;
    show(w);
}

/* --- doing it here --- */

static enum status run_here(struct wait *w, struct err *err)
{
    const struct store_conf *stores[] = {w->store};
    const struct process_plan plan = {.conf = w->command->conf,
                                      .stores = stores,
                                      .store_count = 1,
                                      .once = true,
                                      .no_http = true,
                                      .tick = look,
                                      .tick_arg = w};
    log_info(MOD, "round_here", LF_TEXT("store", w->store->instance.name),
             LF_MSG("no consumer of the store runs: this process catches up and does the round"));
    enum status rc = consumer_conf_need_store(plan.conf, err);
    if (rc == STATUS_OK) {
        rc = process_run(&plan, err);
    }
    w->look_at_us = 0;
    w->lived_us = clock_monotonic_us();
    return rc;
}

static enum status interrupted(const struct wait *w, struct err *err)
{
    return err_set(err, STATUS_UNEQUAL,
                   "interrupted: the round of store %s was cancelled; levels that were being "
                   "repaired are written all the same",
                   w->store->instance.name);
}

static enum status wait_for_end(struct wait *w, struct err *err)
{
    look(w);
    while (w->rc == STATUS_OK && !is_done(&w->progress)) {
        if (clock_monotonic_us() - w->lived_us > ALONE_AFTER_US) {
            enum status rc = run_here(w, err);
            if (rc != STATUS_OK) {
                return rc;
            }
        }
        if (!signals_sleep(TICK_MS)) {
            return interrupted(w, err);
        }
        look(w);
    }
    if (w->rc != STATUS_OK) {
        *err = w->err;
    }
    return w->rc;
}

/* --- one store --- */

static bool repairs(const struct round_command *command, const struct store_conf *store)
{
    if (cli_has(command->call, "--repair") || command->push) {
        return true;
    }
    return store->verify.drift == DRIFT_REPAIR && !cli_has(command->call, "--report");
}

static enum status do_round(struct wait *w, int32_t product_id, struct err *err)
{
    struct round_command *command = w->command;
    struct err late = {0};
    enum status rc = state_round_request(w->state, command->push, repairs(command, w->store),
                                         product_id, &w->id, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    w->began_us = w->lived_us = clock_monotonic_us();
    rc = wait_for_end(w, err);
    end_line(w);
    enum status ended = state_round_end(w->state, w->id, &late);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (ended != STATUS_OK) {
        *err = late;
        return ended;
    }
    const struct round_result result = {.store = w->store->instance.name,
                                        .id = w->id,
                                        .seconds = seconds_since(w->began_us),
                                        .progress = w->progress};
    return command->print(command, w->state, &result, err);
}

static enum status read_product(const struct cli_call *call, int32_t *product_id, struct err *err)
{
    long number = 0;
    enum status rc = cli_number(call, "--product", 0, 1, INT32_MAX, &number, err);
    *product_id = (int32_t)number;
    if (rc != STATUS_OK && rc != STATUS_NOT_FOUND) {
        return rc;
    }
    if (number != 0 && cli_has(call, "--sku")) {
        return err_set(err, STATUS_USAGE, "one of --sku and --product");
    }
    return STATUS_OK;
}

static enum status do_store(void *arg,
                            const struct consumer_conf *conf,
                            const struct store_conf *store,
                            struct err *err)
{
    struct round_command *command = arg;
    const char *name = store->instance.name;
    const char *sku = cli_value(command->call, "--sku", 0);
    int32_t product_id = 0;
    enum status rc = read_product(command->call, &product_id, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (store->dry_run) {
        return err_set(err, STATUS_USAGE, "[store.%s] has dry_run = on: nothing is compared", name);
    }
    struct state *state = state_new(conf_state_dsn(&conf->shared), name);
    rc = state_open(state, err);
    if (rc == STATUS_OK && (sku != NULL || product_id != 0)) {
        rc = state_product_find(state, sku, &product_id, err);
        if (rc == STATUS_USAGE && cli_value(command->call, "--store", 0) == NULL &&
            conf->stores.count > 1) {
            rc = STATUS_NOT_FOUND; /* another store may know it */
        }
    }
    if (rc == STATUS_OK) {
        struct wait w = {.command = command, .store = store, .state = state};
        rc = do_round(&w, product_id, err);
        command->stores += rc == STATUS_OK;
    }
    state_free(state);
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

/* --- all stores --- */

static enum status result_of(const struct round_command *command, struct err *err)
{
    if (command->stores == 0) {
        return err->msg[0] != '\0' ? STATUS_USAGE : consumer_conf_need_store(command->conf, err);
    }
    if (command->remain == 0) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_UNEQUAL,
                   command->push ? "%lld level%s not written" : "%lld difference%s remain%s",
                   (long long)command->remain, command->remain == 1 ? "" : "s",
                   command->remain == 1 ? "s" : "");
}

enum status round_command_run(struct round_command *command, struct err *err)
{
    command->json = cli_has(command->call, "--json");
    enum status rc = signals_install(err);
    if (rc != STATUS_OK) {
        return rc;
    }
    strbuf_init(&command->out, JSON_MAX_BYTES);
    strbuf_append_text(&command->out, "{\"stores\":[");
    rc = cmd_each_store(command->call, command->conf, do_store, command, err);
    strbuf_append_text(&command->out, "]}\n");
    if (command->json && command->stores > 0) {
        (void)fwrite(command->out.ptr, 1, command->out.len, stdout);
    }
    strbuf_release(&command->out);
    return rc == STATUS_OK ? result_of(command, err) : rc;
}
