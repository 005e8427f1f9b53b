/**
 * canned_store: a struct store whose host is a canned_server, and replies made from JSON texts. For
 * tests.
 */
#ifndef STOCKSYNC_TESTS_CANNED_STORE_H
#define STOCKSYNC_TESTS_CANNED_STORE_H

#include "consumer/shopify/store.h"
#include "tests/unit/http/canned_server.h"

#define CANNED_MAX_REPLIES 16

struct canned_store {
    struct store store;
    struct canned_server *server;
    char api_url[128];
    struct canned_reply replies[CANNED_MAX_REPLIES];
    char *texts[CANNED_MAX_REPLIES];
};

/** Answers request n with bodies[n], HTTP 200, the last one for all that follow; token
 * "shpat_<name>". */
void canned_store_start(struct canned_store *s,
                        const char *name,
                        const char *const *bodies,
                        size_t count);
/** As above with the head of the answer given: "HTTP/1.1 200 OK\r\nX-…: …\r\n"; NULL: that of 200.
 */
void canned_store_start_head(struct canned_store *s,
                             const char *name,
                             const char *head,
                             const char *const *bodies,
                             size_t count);
void canned_store_stop(struct canned_store *s);

#endif
