/**
 * http_url: decides whether a request may go to a URL. Thread-safe.
 */
#ifndef STOCKSYNC_HTTP_HTTP_URL_H
#define STOCKSYNC_HTTP_HTTP_URL_H

#include <stdbool.h>

#include "common/core/status.h"

/** Where a request goes. */
struct http_address {
    bool plain;     /* http, not https */
    char host[128]; /* printable, cut; for messages */
};

/**
 * Allows https, and http to loopback addresses; no credentials inside.
 *
 * @param address  [out] filled when allowed
 * @return STATUS_OK, STATUS_CONFIG (err names the part that is refused)
 */
NODISCARD enum status
http_url_judge(const char *url, struct http_address *address, struct err *err);

#endif
