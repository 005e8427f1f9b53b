/**
 * ca_bundle: the system's certificate authorities and those of one further file, as one PEM text.
 *
 * libcurl's file option replaces the system's file, so an option that adds to it needs both in one
 * text. Authorities in the system's directory (CAPATH) stay in force.
 */
#ifndef STOCKSYNC_HTTP_CA_BUNDLE_H
#define STOCKSYNC_HTTP_CA_BUNDLE_H

#include "common/core/status.h"
#include "common/core/strbuf.h"

/* Debian's bundle of 140 authorities is 220 kB. */
#define CA_BUNDLE_MAX_BYTES ((size_t)4 * 1024 * 1024)

/**
 * Reads both files into text.
 *
 * @param system_file  NULL or unreadable: the system keeps its authorities elsewhere; left out
 * @param ca_file      PEM, at least one certificate
 * @param text         initialised with CA_BUNDLE_MAX_BYTES by the caller
 * @return STATUS_OK
 *         STATUS_STORE_MISCONFIGURED  ca_file cannot be read, is too large, or holds no certificate
 */
NODISCARD enum status
ca_bundle_read(const char *system_file, const char *ca_file, struct strbuf *text, struct err *err);

#endif
