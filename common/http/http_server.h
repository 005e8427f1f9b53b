/**
 * http_server: the small HTTP responder of both programs: /metrics, /healthz, /readyz, /status, /.
 *
 * libmicrohttpd runs one thread. Handlers run on it, so they only read metric cells and status
 * snapshots. GET and HEAD only.
 */
#ifndef STOCKSYNC_HTTP_HTTP_SERVER_H
#define STOCKSYNC_HTTP_HTTP_SERVER_H

#include "common/core/status.h"
#include "common/core/strbuf.h"

struct http_server;

/** Writes the body. @return HTTP status, 200 or 503 */
typedef unsigned (*http_handler_fn)(void *context, struct strbuf *body);

/** The metric registry as Prometheus text. */
unsigned http_server_show_metrics(void *context, struct strbuf *body);
#define HTTP_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
/** "ok": the process lives. */
unsigned http_server_show_health(void *context, struct strbuf *body);

struct http_route {
    const char *path;         /* "/metrics" */
    const char *content_type; /* "application/json" */
    http_handler_fn handler;
};

/**
 * @param listen  "127.0.0.1:9400", "[::1]:9400", ":9400" (all addresses); port 0 takes a free one
 * @param routes  borrowed until http_server_free
 * @param server  [out] NULL when listen is empty: no server, and STATUS_OK
 * @return STATUS_OK
 *         STATUS_CONFIG        address malformed
 *         STATUS_ADDRESS_BUSY  address in use, or not to be had; err names it
 */
NODISCARD enum status http_server_start(const char *listen,
                                        const struct http_route *routes,
                                        size_t route_count,
                                        void *context,
                                        struct http_server **server,
                                        struct err *err);
/** "127.0.0.1:9400" with the real port; valid until freed. NULL server gives "". */
const char *http_server_address(const struct http_server *server);
void http_server_free(struct http_server *server);

#endif
