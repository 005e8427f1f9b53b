/*
 * The run command: the producer's loop on the main thread, and the threads of the HTTP responder, of
 * the scheduled cleaning and of the watch over the marks.
 */
#include "common/core/logger.h"
#include "common/core/service.h"
#include "common/core/signals.h"
#include "common/http/http_listener.h"
#include "producer/app/connections.h"
#include "producer/app/gc_task.h"
#include "producer/app/mark_watch.h"
#include "producer/app/producer.h"
#include "producer/commands/cleaning.h"
#include "producer/commands/commands.h"

#define MOD "producer"

static unsigned show_ready(void *context, struct strbuf *body)
{
    bool ready = producer_is_ready(context);
    strbuf_append_text(body, ready ? "publishing\n"
                                   : "not publishing, or triggers are missing: see /status\n");
    return ready ? 200 : 503;
}

static unsigned show_metrics(void *context, struct strbuf *body)
{
    producer_refresh_metrics(context);
    return http_server_show_metrics(context, body);
}

static unsigned show_status(void *context, struct strbuf *body)
{
    producer_append_status(context, body);
    strbuf_append_char(body, '\n');
    return 200;
}

static unsigned show_index(void *context, struct strbuf *body)
{
    (void)context;
    strbuf_append_text(body, "stocksync-producer " STOCKSYNC_VERSION
                             "\n\n/status   state, marks, revision (JSON)\n/metrics  Prometheus\n"
                             "/readyz   200 while it is the leader, publishes and no trigger is "
                             "missing\n/healthz  200 while the process lives\n");
    return 200;
}

static const struct http_route ROUTES[] = {
    {"/metrics", HTTP_METRICS_TYPE, show_metrics},
    {"/healthz", "text/plain", http_server_show_health},
    {"/readyz", "text/plain", show_ready},
    {"/status", "application/json", show_status},
    {"/", "text/plain; charset=utf-8", show_index},
};

static void note_marks(void *producer, int64_t waiting, int64_t oldest_us)
{
    producer_note_marks(producer, waiting, oldest_us);
}

static enum status start_watch(struct connections *connections,
                               struct producer *producer,
                               struct mark_watch **watch,
                               struct err *err)
{
    struct mark_watch_port port = connections_mark_watch(connections);
    port.note = note_marks;
    port.taker = producer;
    return mark_watch_start(&port, watch, err);
}

enum status cmd_run(const struct cli_call *call, const void *root, struct err *err)
{
    (void)call;
    const struct producer_conf *conf = root;
    struct connections *connections = NULL;
    struct producer_ports ports = {0};
    struct producer *producer = NULL;
    struct http_listener *listener = NULL;
    struct gc_task *gc = NULL;
    struct mark_watch *watch = NULL;
    enum status rc = signals_install(err);
    if (rc != STATUS_OK) {
        return rc;
    }
    connections = connections_new(conf);
    connections_ports(connections, &ports);
    producer = producer_new(conf, &ports);
    rc = http_listener_start(conf->producer.listen, ROUTES, sizeof ROUTES / sizeof ROUTES[0],
                             producer, &listener, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = gc_task_start(conf, clean_databases, &gc, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = start_watch(connections, producer, &watch, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    log_info(MOD, "started", LF_TEXT("version", STOCKSYNC_VERSION),
             LF_TEXT("topic", conf->shared.topic.name));
    rc = producer_run(producer, err);
out:
    service_stopping();
    mark_watch_stop(watch);
    gc_task_stop(gc);
    http_listener_free(listener);
    producer_free(producer);
    connections_free(connections);
    log_info(MOD, "stopped", LF_TEXT("status", status_name(rc)));
    return rc;
}
