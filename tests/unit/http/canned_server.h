/**
 * canned_server: a peer that answers HTTP requests with prepared bytes, broken ones included. For
 * tests.
 *
 * One thread, one connection at a time, on a free loopback port. Reply n answers request n; the
 * last one answers all that follow.
 */
#ifndef STOCKSYNC_TESTS_CANNED_SERVER_H
#define STOCKSYNC_TESTS_CANNED_SERVER_H

#include <stddef.h>

enum canned_end {
    CANNED_KEEP,  /* the connection stays open for the next request */
    CANNED_CLOSE, /* closed after the bytes */
    CANNED_HANG,  /* open, and nothing more comes */
    CANNED_LEAVE  /* closed, and from then on nobody listens */
};

struct canned_reply {
    const char *bytes; /* NULL: none */
    size_t len;        /* 0: a text */
    enum canned_end end;
};

struct canned_server;

/** replies is borrowed until canned_server_stop. Ends the test program when it cannot start. */
struct canned_server *canned_server_start(const struct canned_reply *replies, size_t count);
/** "http://127.0.0.1:4711". */
const char *canned_server_url(const struct canned_server *s);
/** What has arrived so far, once all is answered: head and body of request i; "" when there is
 * none. */
const char *canned_server_request(struct canned_server *s, size_t i);
size_t canned_server_request_count(struct canned_server *s);
size_t canned_server_connection_count(struct canned_server *s);
void canned_server_stop(struct canned_server *s);

#endif
