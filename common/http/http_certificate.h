/**
 * http_certificate: the next step for a person when a certificate was refused. For http_client only.
 */
#ifndef STOCKSYNC_HTTP_HTTP_CERTIFICATE_H
#define STOCKSYNC_HTTP_HTTP_CERTIFICATE_H

#include <stdbool.h>

#include <curl/curl.h>

#include "common/core/status.h"

/** A transfer that failed. */
struct http_refusal {
    CURL *easy;
    CURLcode result;
    const char *host;
    const char *ca_file; /* NULL: none */
    const char *origin;  /* for err */
    const char *text;    /* curl's */
};

bool http_certificate_is_refused(CURLcode result);
/** Fills err with STATUS_STORE_MISCONFIGURED and the next step. */
void http_certificate_explain(const struct http_refusal *refusal, struct err *err);

#endif
