/**
 * http_listener: an http_server that is started again until its address is free.
 *
 * Another process may hold the address for a while. The program works meanwhile, without its pages.
 * Calls: one thread.
 */
#ifndef STOCKSYNC_HTTP_HTTP_LISTENER_H
#define STOCKSYNC_HTTP_HTTP_LISTENER_H

#include "common/http/http_server.h"

struct http_listener;

/**
 * Parameters as for http_server_start; listen and context are borrowed until free.
 * @return STATUS_OK, also while the address cannot be used: it is tried every 2 s and the log says so
 *         STATUS_CONFIG (address malformed), thread_start's statuses
 */
NODISCARD enum status http_listener_start(const char *listen,
                                          const struct http_route *routes,
                                          size_t route_count,
                                          void *context,
                                          struct http_listener **listener,
                                          struct err *err);
/** Ends the server, or the attempts. Accepts NULL. */
void http_listener_free(struct http_listener *listener);

#endif
