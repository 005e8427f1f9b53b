#include "common/http/http_listener.h"

#include <poll.h>

#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/thread.h"

#define MOD "http"

#define RETRY_MS 2000

struct http_listener {
    const char *listen;
    const struct http_route *routes;
    size_t route_count;
    void *context;
    struct http_server *server; /* the thread's until it is joined */
    struct thread thread;       /* only while the address cannot be used */
};

static enum status try_once(struct http_listener *l, struct err *err)
{
    return http_server_start(l->listen, l->routes, l->route_count, l->context, &l->server, err);
}

static void log_address(const struct http_listener *l)
{
    if (l->server != NULL) {
        log_info(MOD, "listening", LF_TEXT("listen", http_server_address(l->server)));
    }
}

static void run(struct thread *self, void *arg)
{
    struct http_listener *l = arg;
    struct err err = {0};
    struct pollfd wake = {.fd = self->wake_fd, .events = POLLIN};
    enum status rc = STATUS_ADDRESS_BUSY;
    while (rc != STATUS_OK && !thread_is_stopping(self)) {
        (void)poll(&wake, 1, RETRY_MS);
        rc = thread_is_stopping(self) ? STATUS_STOPPING : try_once(l, &err);
    }
    log_address(l);
}

enum status http_listener_start(const char *listen,
                                const struct http_route *routes,
                                size_t route_count,
                                void *context,
                                struct http_listener **listener,
                                struct err *err)
{
    struct http_listener *l = mem_calloc(1, sizeof *l);
    *l = (struct http_listener){
        .listen = listen, .routes = routes, .route_count = route_count, .context = context};
    enum status rc = try_once(l, err);
    if (rc == STATUS_ADDRESS_BUSY) {
        log_failure(LOG_ERROR, MOD, "not_listening", err,
                    LOG_FIELDS(LF_MSG("tried again every 2 s; everything else works")));
        rc = thread_start(&l->thread, "http", run, l, err);
    } else if (rc == STATUS_OK) {
        log_address(l);
    }
    if (rc != STATUS_OK) {
        http_listener_free(l);
        return rc;
    }
    *listener = l;
    return STATUS_OK;
}

void http_listener_free(struct http_listener *listener)
{
    if (listener == NULL) {
        return;
    }
    thread_ask_stop(&listener->thread);
    thread_join(&listener->thread);
    http_server_free(listener->server);
    mem_free(listener);
}
