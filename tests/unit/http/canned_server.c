#include "tests/unit/http/canned_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/status.h"
#include "common/core/thread.h"

#define MAX_REQUESTS      64
#define REQUEST_MAX_BYTES 65536

struct canned_server {
    struct thread thread;
    pthread_mutex_t mutex; /* of what follows */
    char *requests[MAX_REQUESTS];
    size_t request_count;
    size_t connection_count;
    int listen_fd;
    const struct canned_reply *replies;
    size_t reply_count;
    char url[64];
};

/* Waits until fd is readable; false when the server is to stop. */
static bool wait_readable(struct canned_server *s, int fd)
{
    struct pollfd fds[] = {{.fd = s->thread.wake_fd, .events = POLLIN},
                           {.fd = fd, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0) {
    }
    return !thread_is_stopping(&s->thread);
}

static size_t body_length(const char *head)
{
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, "Content-Length:", 15) == 0) {
            return (size_t)strtoul(line + 17, NULL, 10);
        }
    }
    return 0;
}

/* One whole request, owner is the caller; NULL when the peer is gone. */
static char *read_request(struct canned_server *s, int fd)
{
    char *text = mem_calloc(1, REQUEST_MAX_BYTES);
    size_t used = 0;
    while (used < REQUEST_MAX_BYTES - 1 && wait_readable(s, fd)) {
        ssize_t n = recv(fd, text + used, REQUEST_MAX_BYTES - 1 - used, 0);
        if (n <= 0) {
            break;
        }
        used += (size_t)n;
        const char *end = strstr(text, "\r\n\r\n");
        if (end != NULL && used >= (size_t)(end + 4 - text) + body_length(text)) {
            return text;
        }
    }
    mem_free(text);
    return NULL;
}

static const struct canned_reply *note_request(struct canned_server *s, char *text)
{
    (void)pthread_mutex_lock(&s->mutex);
    size_t i = s->request_count;
    INVARIANT(i < MAX_REQUESTS, "more than %d requests", MAX_REQUESTS);
    s->requests[s->request_count++] = text;
    (void)pthread_mutex_unlock(&s->mutex);
    return &s->replies[i < s->reply_count ? i : s->reply_count - 1];
}

static void send_bytes(int fd, const struct canned_reply *reply)
{
    const char *at = reply->bytes != NULL ? reply->bytes : "";
    size_t left = reply->len > 0 ? reply->len : strlen(at);
    while (left > 0) {
        ssize_t n = send(fd, at, left, MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        at += n;
        left -= (size_t)n;
    }
}

static void serve_connection(struct canned_server *s, int fd)
{
    enum canned_end end = CANNED_KEEP;
    while (end == CANNED_KEEP) {
        char *text = read_request(s, fd);
        if (text == NULL) {
            return;
        }
        const struct canned_reply *reply = note_request(s, text);
        end = reply->end;
        if (end == CANNED_LEAVE) {
            (void)close(s->listen_fd);
            s->listen_fd = -1;
        }
        send_bytes(fd, reply);
    }
    if (end == CANNED_HANG) {
        char byte;
        while (wait_readable(s, fd) && recv(fd, &byte, 1, 0) > 0) {
        }
    }
}

static void run(struct thread *self, void *arg)
{
    struct canned_server *s = arg;
    (void)self;
    while (s->listen_fd >= 0 && wait_readable(s, s->listen_fd)) {
        int fd = accept(s->listen_fd, NULL, NULL);
        if (fd < 0) {
            continue;
        }
        (void)pthread_mutex_lock(&s->mutex);
        s->connection_count++;
        (void)pthread_mutex_unlock(&s->mutex);
        serve_connection(s, fd);
        (void)close(fd);
    }
}

struct canned_server *canned_server_start(const struct canned_reply *replies, size_t count)
{
    struct canned_server *s = mem_calloc(1, sizeof *s);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    struct err err = {0};
    (void)pthread_mutex_init(&s->mutex, NULL);
    s->replies = replies;
    s->reply_count = count;
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    INVARIANT(bind(s->listen_fd, (const struct sockaddr *)&at, sizeof at) == 0 &&
                  listen(s->listen_fd, 16) == 0 &&
                  getsockname(s->listen_fd, (struct sockaddr *)&at, &len) == 0,
              "cannot listen on a loopback port");
    (void)snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", ntohs(at.sin_port));
    enum status rc = thread_start(&s->thread, "canned", run, s, &err);
    INVARIANT(rc == STATUS_OK, "%s", err.msg);
    return s;
}

const char *canned_server_url(const struct canned_server *s)
{
    return s->url;
}

const char *canned_server_request(struct canned_server *s, size_t i)
{
    (void)pthread_mutex_lock(&s->mutex);
    const char *text = i < s->request_count ? s->requests[i] : "";
    (void)pthread_mutex_unlock(&s->mutex);
    return text;
}

size_t canned_server_request_count(struct canned_server *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    size_t count = s->request_count;
    (void)pthread_mutex_unlock(&s->mutex);
    return count;
}

size_t canned_server_connection_count(struct canned_server *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    size_t count = s->connection_count;
    (void)pthread_mutex_unlock(&s->mutex);
    return count;
}

void canned_server_stop(struct canned_server *s)
{
    thread_ask_stop(&s->thread);
    thread_join(&s->thread);
    if (s->listen_fd >= 0) {
        (void)close(s->listen_fd);
    }
    for (size_t i = 0; i < s->request_count; i++) {
        mem_free(s->requests[i]);
    }
    (void)pthread_mutex_destroy(&s->mutex);
    mem_free(s);
}
