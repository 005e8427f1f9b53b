#include "common/http/http_client.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/core/strbuf.h"
#include "common/http/ca_bundle.h"
#include "common/http/http_certificate.h"
#include "common/http/http_text.h"
#include "common/http/http_url.h"

#define CONNECT_TIMEOUT_MS 10000

/* Callers wait on a stop descriptor and one or two others. */
#define MAX_FDS 8

/* An idle connection is not used again after this time: many proxies drop one silently after a
 * minute. */
#define CONNECTION_MAX_IDLE_S 50L

enum transfer_state { TRANSFER_IDLE, TRANSFER_RUNNING, TRANSFER_FINISHED, TRANSFER_TAKEN };

struct transfer {
    struct http_client *client;
    CURL *easy;
    char host[sizeof((struct http_address *)NULL)->host];
    struct curl_slist *headers;
    struct strbuf body;
    struct http_answer answer;
    int64_t begun_us;
    bool too_large;
    bool (*take)(void *arg, struct bytes piece); /* NULL: the body is kept */
    void *take_arg;
    char error[CURL_ERROR_SIZE];
    enum transfer_state state;
    struct transfer *next; /* in the list of its state */
};

/* A singly linked list that is appended to and taken from in order. */
struct transfer_list {
    struct transfer *first;
    struct transfer **end; /* where the next one is linked */
};

struct http_client {
    CURLM *multi;
    struct http_client_options options;
    char *ca_file;
    struct strbuf authorities;  /* the system's and those of ca_file; empty: the system's alone */
    bool authorities_uncertain; /* a certificate was refused since ca_file was read */
    curl_socket_t *sockets;     /* of all connections */
    size_t socket_count, socket_room;
    int64_t heard_us; /* when the peer last sent anything, on any connection */
    struct transfer_list running;
    struct transfer_list finished;
    struct transfer *idle; /* handles kept for the next requests */
    size_t untaken_count;  /* running and finished */
};

/* --- lists --- */

static void list_init(struct transfer_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_append(struct transfer_list *list, struct transfer *t)
{
    t->next = NULL;
    *list->end = t;
    list->end = &t->next;
}

static void list_remove(struct transfer_list *list, struct transfer *t)
{
    struct transfer **link = &list->first;
    while (*link != t) {
        link = &(*link)->next;
    }
    *link = t->next;
    if (list->end == &t->next) {
        list->end = link;
    }
    t->next = NULL;
}

/* --- callbacks of curl --- */

static size_t take_body(char *ptr, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * count;
    t->client->heard_us = clock_monotonic_us();
    long status = 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (t->take != NULL && status == 200) {
        return t->take(t->take_arg, bytes_of((const unsigned char *)ptr, len)) ? len : 0;
    }
    strbuf_append(&t->body, ptr, len);
    if (t->body.overflow) {
        t->too_large = true;
        return 0; /* ends the transfer */
    }
    return len;
}

static void forget_headers(struct http_answer *a)
{
    a->retry_after_s = -1;
    a->api_version[0] = '\0';
    a->request_id[0] = '\0';
    a->deprecated[0] = '\0';
}

static void note_header(struct http_answer *a, const char *name, const char *value)
{
    if (strcasecmp(name, "Retry-After") == 0) {
        a->retry_after_s = http_text_seconds(value);
    } else if (strcasecmp(name, "X-Shopify-API-Version") == 0) {
        http_text_printable(a->api_version, sizeof a->api_version, value);
    } else if (strcasecmp(name, "X-Request-Id") == 0) {
        http_text_printable(a->request_id, sizeof a->request_id, value);
    } else if (strcasecmp(name, "X-Shopify-API-Deprecated-Reason") == 0) {
        http_text_printable(a->deprecated, sizeof a->deprecated, value);
    }
}

static size_t take_header(char *ptr, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    struct http_header header;
    t->client->heard_us = clock_monotonic_us();
    http_text_header(ptr, size * count, &header);
    if (header.value != NULL) {
        note_header(&t->answer, header.name, header.value);
    } else if (header.begins_answer) {
        forget_headers(&t->answer); /* the one before was an interim answer */
    }
    return size * count;
}

static int note_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    struct http_client *client = arg;
    (void)purpose;
    MEM_ADD(client, sockets, socket_count, socket_room, &fd);
    return CURL_SOCKOPT_OK;
}

static int close_socket(void *arg, curl_socket_t fd)
{
    struct http_client *client = arg;
    for (size_t i = 0; i < client->socket_count; i++) {
        if (client->sockets[i] == fd) {
            client->sockets[i] = client->sockets[--client->socket_count];
            break;
        }
    }
    return close(fd);
}

/* --- life cycle --- */

static void init_curl(void)
{
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    INVARIANT(code == CURLE_OK, "curl_global_init: %s", curl_easy_strerror(code));
}

static CURLcode set_authorities(CURL *easy, const struct strbuf *text)
{
    struct curl_blob pem = {.data = text->ptr, .len = text->len, .flags = CURL_BLOB_NOCOPY};
    return curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &pem);
}

static enum status
read_authorities(const struct http_client *client, struct strbuf *text, struct err *err)
{
    char *system_file = NULL;
    CURL *easy = curl_easy_init();
    INVARIANT(easy != NULL, "curl_easy_init failed");
    (void)curl_easy_getinfo(easy, CURLINFO_CAINFO, &system_file);
    strbuf_init(text, CA_BUNDLE_MAX_BYTES);
    enum status rc = ca_bundle_read(system_file, client->ca_file, text, err);
    if (rc == STATUS_OK && set_authorities(easy, text) != CURLE_OK) {
        rc = err_set(err, STATUS_STORE_MISCONFIGURED,
                     "ca_file '%s' cannot be used: this libcurl takes no authorities from memory",
                     client->ca_file);
    }
    if (rc != STATUS_OK) {
        strbuf_release(text);
    }
    curl_easy_cleanup(easy);
    return rc;
}

/* The file may have changed since a certificate was refused. Waits until no transfer uses the text;
 * a file that cannot be used changes nothing. */
static void renew_authorities(struct http_client *client)
{
    struct strbuf fresh;
    struct err err = {0};
    if (!client->authorities_uncertain || client->running.first != NULL) {
        return;
    }
    client->authorities_uncertain = false;
    if (read_authorities(client, &fresh, &err) == STATUS_OK) {
        strbuf_release(&client->authorities);
        client->authorities = fresh;
    }
}

enum status http_client_new(const struct http_client_options *options,
                            struct http_client **made,
                            struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, init_curl);
    struct http_client *client = mem_calloc(1, sizeof *client);
    client->options = *options;
    client->ca_file = mem_strdup(options->ca_file);
    list_init(&client->running);
    list_init(&client->finished);
    client->multi = curl_multi_init();
    INVARIANT(client->multi != NULL, "curl_multi_init failed");
    (void)curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                            (long)options->max_connections);
    (void)curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)options->max_connections);
    if (client->ca_file != NULL &&
        read_authorities(client, &client->authorities, err) != STATUS_OK) {
        http_client_free(client);
        return err->status;
    }
    *made = client;
    return STATUS_OK;
}

/* The token leaves our memory with the request that carried it. */
static void wipe_headers(struct transfer *t)
{
    for (struct curl_slist *h = t->headers; h != NULL; h = h->next) {
        for (volatile char *p = h->data; *p != '\0'; p++) {
            *p = '\0';
        }
    }
    curl_slist_free_all(t->headers);
    t->headers = NULL;
}

static void transfer_free(struct transfer *t)
{
    wipe_headers(t);
    curl_easy_cleanup(t->easy);
    strbuf_release(&t->body);
    mem_free(t);
}

static void free_list(struct transfer *t)
{
    while (t != NULL) {
        struct transfer *next = t->next;
        transfer_free(t);
        t = next;
    }
}

void http_client_free(struct http_client *client)
{
    if (client == NULL) {
        return;
    }
    for (struct transfer *t = client->running.first; t != NULL; t = t->next) {
        (void)curl_multi_remove_handle(client->multi, t->easy);
    }
    free_list(client->running.first);
    free_list(client->finished.first);
    free_list(client->idle);
    (void)curl_multi_cleanup(client->multi); /* closes the sockets */
    mem_free(client->sockets);
    mem_free(client->ca_file);
    strbuf_release(&client->authorities);
    mem_free(client);
}

/* --- starting --- */

static struct transfer *transfer_take(struct http_client *client)
{
    struct transfer *t = client->idle;
    if (t != NULL) {
        client->idle = t->next;
        t->next = NULL;
        return t;
    }
    t = mem_calloc(1, sizeof *t);
    t->client = client;
    t->easy = curl_easy_init();
    INVARIANT(t->easy != NULL, "curl_easy_init failed");
    strbuf_init(&t->body, client->options.answer_max_bytes);
    return t;
}

static void transfer_put_back(struct http_client *client, struct transfer *t)
{
    wipe_headers(t);
    curl_easy_reset(t->easy); /* keeps connections, which belong to the multi handle */
    strbuf_reset(&t->body);
    t->state = TRANSFER_IDLE;
    t->next = client->idle;
    client->idle = t;
}

static void add_header(struct transfer *t, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + sizeof ": ";
    char *line = mem_alloc(size);
    (void)snprintf(line, size, "%s: %s", name, value);
    struct curl_slist *list = curl_slist_append(t->headers, line);
    INVARIANT(list != NULL, "curl_slist_append failed");
    t->headers = list;
    struct secret wiped = {.value = line, .len = size - 1};
    secret_release(&wiped); /* the line may hold the token */
}

static void set_headers(struct transfer *t, const struct http_request *request)
{
    struct curl_slist *no_expect = curl_slist_append(NULL, "Expect:");
    INVARIANT(no_expect != NULL, "curl_slist_append failed");
    t->headers = no_expect;
    if (request->content_type != NULL) {
        add_header(t, "Content-Type", request->content_type);
    }
    if (request->accept != NULL) {
        add_header(t, "Accept", request->accept);
    }
    if (request->secret_header != NULL) {
        add_header(t, request->secret_header, secret_reveal(request->secret));
    }
    (void)curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void
set_transport(const struct http_client *client, struct transfer *t, const char *url, bool plain)
{
    CURL *easy = t->easy;
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L); /* bytes/s */
    (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)client->options.stall_s);
    if (t->take == NULL) { /* a body that is handed on may be large; only a stall ends it */
        (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)client->options.timeout_ms);
    }
    (void)curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, CONNECTION_MAX_IDLE_S);
    (void)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, ""); /* all that this libcurl unpacks */
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "stocksync");
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    (void)curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L); /* for the one connection, not a new one */
    (void)curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
    (void)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (plain) {
        /* A proxy from the environment would read the token; over https it only sees a tunnel. */
        (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (client->authorities.len > 0) {
        CURLcode code = set_authorities(easy, &client->authorities);
        INVARIANT(code == CURLE_OK, "CURLOPT_CAINFO_BLOB: %s", curl_easy_strerror(code));
    }
}

static void set_callbacks(struct transfer *t)
{
    (void)curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    (void)curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
    (void)curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    (void)curl_easy_setopt(t->easy, CURLOPT_SOCKOPTFUNCTION, note_socket);
    (void)curl_easy_setopt(t->easy, CURLOPT_SOCKOPTDATA, t->client);
    (void)curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    (void)curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETDATA, t->client);
}

/* With a line end inside, a credential could add headers. */
static bool is_usable(const struct secret *secret)
{
    return secret->len <= SECRET_MAX_BYTES && strpbrk(secret_reveal(secret), "\r\n") == NULL;
}

enum status
http_client_start(struct http_client *client, const struct http_request *request, struct err *err)
{
    struct http_address address = {0};
    enum status rc = http_url_judge(request->url, &address, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (request->secret_header != NULL && !is_usable(request->secret)) {
        return err_set(err, STATUS_CONFIG, "a credential must be one line of at most %d bytes",
                       SECRET_MAX_BYTES);
    }
    renew_authorities(client);
    struct transfer *t = transfer_take(client);
    t->answer = (struct http_answer){.owner = request->owner, .retry_after_s = -1, .transfer = t};
    t->too_large = false;
    t->take = request->take;
    t->take_arg = request->take_arg;
    t->error[0] = '\0';
    t->begun_us = clock_monotonic_us();
    (void)memcpy(t->host, address.host, sizeof t->host);
    set_transport(client, t, request->url, address.plain);
    set_callbacks(t);
    set_headers(t, request);
    if (request->content_type != NULL) {
        (void)curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        (void)curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS,
                               request->body.len > 0 ? (const char *)request->body.ptr : "");
    }
    CURLMcode added = curl_multi_add_handle(client->multi, t->easy);
    INVARIANT(added == CURLM_OK, "curl_multi_add_handle: %s", curl_multi_strerror(added));
    t->state = TRANSFER_RUNNING;
    list_append(&client->running, t);
    client->untaken_count++;
    return STATUS_OK;
}

size_t http_client_running(const struct http_client *client)
{
    return client->untaken_count;
}

/* --- finishing --- */

/* Counts the bytes of all tries. curl repeats a request once when a kept connection turns out to be
 * dead, so that even "could not connect" may follow a request that arrived. */
static bool was_sent(CURL *easy)
{
    long sent = 0;
    return curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent) != CURLE_OK || sent > 0;
}

/*
 * The connections count as dead when nothing has come since this request went out. Over HTTP/2 curl
 * ends the stream alone and keeps using the connection until TCP notices, a quarter of an hour
 * later. Other requests on their way get their unknown outcome at once.
 */
static void
end_dead_connections(const struct http_client *client, const struct transfer *t, CURLcode result)
{
    if (result == CURLE_OPERATION_TIMEDOUT && client->heard_us < t->begun_us) {
        for (size_t i = 0; i < client->socket_count; i++) {
            (void)shutdown(client->sockets[i], SHUT_RDWR); /* curl notices, and closes */
        }
    }
}

static void judge(const struct http_client *client, struct transfer *t, CURLcode result)
{
    struct http_answer *a = &t->answer;
    const char *text = t->error[0] != '\0' ? t->error : curl_easy_strerror(result);
    char origin[24];
    a->elapsed_us = clock_monotonic_us() - t->begun_us;
    if (result == CURLE_OK) {
        (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &a->status);
        a->outcome = HTTP_ANSWERED;
        a->body = strbuf_bytes(&t->body);
        return;
    }
    a->outcome = was_sent(t->easy) ? HTTP_UNKNOWN : HTTP_NOT_SENT;
    (void)snprintf(origin, sizeof origin, "CURLE_%d", (int)result);
    if (t->too_large) {
        (void)err_set_origin(&a->err, STATUS_OUTCOME_UNKNOWN, origin,
                             "the answer is larger than %zu bytes",
                             client->options.answer_max_bytes);
    } else if (a->outcome == HTTP_NOT_SENT && http_certificate_is_refused(result)) {
        http_certificate_explain(
            &(struct http_refusal){t->easy, result, t->host, t->client->ca_file, origin, text},
            &a->err);
        t->client->authorities_uncertain = t->client->ca_file != NULL;
    } else {
        (void)err_set_origin(
            &a->err, a->outcome == HTTP_UNKNOWN ? STATUS_OUTCOME_UNKNOWN : STATUS_STORE_LOST,
            origin, "%s", text);
    }
}

static void collect(struct http_client *client)
{
    int left = 0;
    for (CURLMsg *m = curl_multi_info_read(client->multi, &left); m != NULL;
         m = curl_multi_info_read(client->multi, &left)) {
        if (m->msg != CURLMSG_DONE) {
            continue;
        }
        /* m is gone with the handle's removal */
        CURL *easy = m->easy_handle;
        CURLcode result = m->data.result;
        void *owner = NULL;
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&owner);
        struct transfer *t = owner;
        judge(client, t, result);
        end_dead_connections(client, t, result);
        (void)curl_multi_remove_handle(client->multi, easy);
        list_remove(&client->running, t);
        t->state = TRANSFER_FINISHED;
        list_append(&client->finished, t);
    }
}

static void move_on(struct http_client *client)
{
    int still = 0;
    CURLMcode code = curl_multi_perform(client->multi, &still);
    INVARIANT(code == CURLM_OK, "curl_multi_perform: %s", curl_multi_strerror(code));
    collect(client);
}

void http_client_wait(struct http_client *client, const int *fds, size_t fd_count, int timeout_ms)
{
    struct curl_waitfd extra[MAX_FDS];
    INVARIANT(fd_count <= MAX_FDS, "%zu descriptors", fd_count);
    int64_t deadline = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    bool woken = false;
    move_on(client);
    while (client->finished.first == NULL && !woken) {
        int left_ms = clock_left_ms(deadline);
        int ready = 0;
        for (size_t i = 0; i < fd_count; i++) {
            extra[i] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
        }
        CURLMcode code = curl_multi_poll(client->multi, extra, (unsigned)fd_count, left_ms, &ready);
        INVARIANT(code == CURLM_OK, "curl_multi_poll: %s", curl_multi_strerror(code));
        for (size_t i = 0; i < fd_count; i++) {
            woken = woken || extra[i].revents != 0;
        }
        woken = woken || left_ms == 0;
        move_on(client);
    }
}

bool http_client_next(struct http_client *client, struct http_answer *answer)
{
    struct transfer *t = client->finished.first;
    if (t == NULL) {
        return false;
    }
    list_remove(&client->finished, t);
    t->state = TRANSFER_TAKEN;
    client->untaken_count--;
    *answer = t->answer;
    return true;
}

void http_client_done(struct http_client *client, struct http_answer *answer)
{
    struct transfer *t = answer->transfer;
    INVARIANT(t != NULL && t->state == TRANSFER_TAKEN, "an answer is given back once");
    transfer_put_back(client, t);
    *answer = (struct http_answer){0};
}

void http_client_cancel(struct http_client *client, const void *owner)
{
    struct transfer_list *lists[] = {&client->running, &client->finished};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct transfer *t = lists[i]->first;
        while (t != NULL) {
            struct transfer *next = t->next;
            if (t->answer.owner == owner) {
                if (t->state == TRANSFER_RUNNING) {
                    (void)curl_multi_remove_handle(client->multi, t->easy);
                }
                list_remove(lists[i], t);
                client->untaken_count--;
                transfer_put_back(client, t);
            }
            t = next;
        }
    }
}
