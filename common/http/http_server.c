#include "common/http/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "common/core/mem.h"
#include "common/core/metric.h"

/* Metrics of a hundred stores are some hundred kB. */
#define BODY_MAX_BYTES    ((size_t)8 * 1024 * 1024)
#define MAX_CONNECTIONS   32U
#define IDLE_TIMEOUT_S    15U
#define LISTEN_BACKLOG    64
#define HOST_MAX_BYTES    64
#define ADDRESS_MAX_BYTES 80

struct http_server {
    struct MHD_Daemon *daemon;
    const struct http_route *routes;
    size_t route_count;
    void *context;
    char address[ADDRESS_MAX_BYTES];
};

/* --- answering: on libmicrohttpd's thread --- */

static enum MHD_Result
reply(struct MHD_Connection *connection, unsigned status, const char *type, struct strbuf *body)
{
    size_t len = body->len;
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(len, strbuf_take(body), mem_free);
    if (response == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static unsigned fill(const struct http_server *server,
                     const char *path,
                     const char *method,
                     const char **type,
                     struct strbuf *body)
{
    *type = "text/plain; charset=utf-8";
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        strbuf_append_text(body, "only GET and HEAD\n");
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    }
    for (size_t i = 0; i < server->route_count; i++) {
        const struct http_route *route = &server->routes[i];
        if (strcmp(route->path, path) != 0) {
            continue;
        }
        unsigned status = route->handler(server->context, body);
        if (body->overflow) {
            strbuf_reset(body);
            strbuf_append_text(body, "the answer is too large\n");
            return MHD_HTTP_INTERNAL_SERVER_ERROR;
        }
        *type = route->content_type;
        return status;
    }
    strbuf_append_text(body, "no such page\n");
    return MHD_HTTP_NOT_FOUND;
}

// NOLINTNEXTLINE(readability-function-size): libmicrohttpd sets the number of parameters
static enum MHD_Result serve(void *arg,
                             struct MHD_Connection *connection,
                             const char *path,
                             const char *method,
                             const char *version,
                             const char *upload,
                             size_t *upload_len,
                             void **request)
{
    static int seen;
    (void)version;
    (void)upload;
    if (*request == NULL) {
        *request = &seen; /* headers alone; an answer may follow on the next call */
        return MHD_YES;
    }
    if (*upload_len > 0) {
        *upload_len = 0; /* a body that nobody asked for */
        return MHD_YES;
    }
    struct strbuf body;
    const char *type = NULL;
    strbuf_init(&body, BODY_MAX_BYTES);
    unsigned status = fill(arg, path, method, &type, &body);
    enum MHD_Result result = reply(connection, status, type, &body);
    strbuf_release(&body);
    return result;
}

/* --- the listening socket: ours, so that a failure has a text --- */

static bool is_port(const char *text)
{
    size_t len = strlen(text);
    return len >= 1 && len <= 5 && strspn(text, "0123456789") == len &&
           strtol(text, NULL, 10) <= 65535;
}

/* "127.0.0.1:9400", "[::1]:9400" or ":9400" in its two parts; host "" is every address. */
static bool split(const char *listen_at, char host[HOST_MAX_BYTES], const char **port)
{
    const char *colon = strrchr(listen_at, ':');
    if (colon == NULL || !is_port(colon + 1)) {
        return false;
    }
    size_t len = (size_t)(colon - listen_at);
    bool bracketed = len >= 2 && listen_at[0] == '[' && colon[-1] == ']';
    const char *from = bracketed ? listen_at + 1 : listen_at;
    len -= bracketed ? 2 : 0;
    if (len >= HOST_MAX_BYTES || (!bracketed && memchr(from, ':', len) != NULL)) {
        return false;
    }
    (void)memcpy(host, from, len);
    host[len] = '\0';
    *port = colon + 1;
    return true;
}

static int open_socket(const struct addrinfo *ai)
{
    const int on = 1;
    const int off = 0;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (ai->ai_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static enum status listen_on(const char *listen_at, int *fd, struct err *err)
{
    char host[HOST_MAX_BYTES];
    const char *port = NULL;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (!split(listen_at, host, &port) ||
        getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &found) != 0) {
        return err_set(err, STATUS_CONFIG,
                       "'%s' is not an address to listen on: write it as 127.0.0.1:9400, "
                       "[::1]:9400 or :9400",
                       listen_at);
    }
    *fd = -1;
    errno = 0;
    /* For every address IPv6 takes IPv4 in as well, so it is tried first. */
    for (int pass = 0; pass < 2 && *fd < 0; pass++) {
        int family = pass == 0 ? AF_INET6 : AF_INET;
        for (const struct addrinfo *ai = found; ai != NULL && *fd < 0; ai = ai->ai_next) {
            if (ai->ai_family == family) {
                *fd = open_socket(ai);
            }
        }
    }
    int saved = errno;
    freeaddrinfo(found);
    return *fd >= 0 ? STATUS_OK
                    : err_set(err, STATUS_ADDRESS_BUSY, "cannot listen on '%s': %s", listen_at,
                              strerror(saved));
}

static void note_address(struct http_server *server, int fd)
{
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof bound;
    char host[INET6_ADDRSTRLEN] = "";
    char port[8] = "";
    (void)getsockname(fd, (struct sockaddr *)&bound, &len);
    (void)getnameinfo((const struct sockaddr *)&bound, len, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV);
    (void)snprintf(server->address, sizeof server->address,
                   bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* libmicrohttpd's thread inherits the mask: signals belong to the program's main thread. */
static struct MHD_Daemon *start_daemon(struct http_server *server, int fd)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, serve, server,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, MHD_OPTION_END);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

unsigned http_server_show_metrics(void *context, struct strbuf *body)
{
    (void)context;
    metric_render(body);
    return 200;
}

unsigned http_server_show_health(void *context, struct strbuf *body)
{
    (void)context;
    strbuf_append_text(body, "ok\n");
    return 200;
}

enum status http_server_start(const char *listen,
                              const struct http_route *routes,
                              size_t route_count,
                              void *context,
                              struct http_server **server,
                              struct err *err)
{
    int fd = -1;
    *server = NULL;
    if (listen == NULL || listen[0] == '\0') {
        return STATUS_OK;
    }
    enum status rc = listen_on(listen, &fd, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct http_server *made = mem_calloc(1, sizeof *made);
    made->routes = routes;
    made->route_count = route_count;
    made->context = context;
    note_address(made, fd);
    made->daemon = start_daemon(made, fd);
    if (made->daemon == NULL) {
        (void)close(fd);
        mem_free(made);
        return err_set(err, STATUS_INTERNAL, "cannot start the HTTP responder on '%s'", listen);
    }
    *server = made;
    return STATUS_OK;
}

const char *http_server_address(const struct http_server *server)
{
    return server != NULL ? server->address : "";
}

void http_server_free(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    MHD_stop_daemon(server->daemon); /* closes the socket and joins the thread */
    mem_free(server);
}
