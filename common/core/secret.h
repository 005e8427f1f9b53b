/**
 * secret: a credential that cannot be printed by accident.
 *
 * There is no format function. The value leaves through secret_reveal alone, never enters an err or
 * a log line, and is wiped on release. One owner.
 */
#ifndef STOCKSYNC_CORE_SECRET_H
#define STOCKSYNC_CORE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/core/status.h"

struct secret {
    char *value; /* NUL-terminated; NULL when unset */
    size_t len;
};

#define SECRET_MAX_BYTES 8192

/** Copies the value. Replaces and wipes an old one. */
void secret_set(struct secret *s, const char *value);
/**
 * Reads a file, without trailing white space. A name without '/' is looked up in
 * $CREDENTIALS_DIRECTORY (systemd) first.
 *
 * @return STATUS_OK
 *         STATUS_CONFIG  missing, unreadable, empty, too large, with control characters; err names
 *                        the file
 */
NODISCARD enum status secret_read_file(struct secret *s, const char *path, struct err *err);
bool secret_is_set(const struct secret *s);
/** Borrowed until the secret changes; "" when unset. */
const char *secret_reveal(const struct secret *s);
/** Wipes and frees; s may be zero. */
void secret_release(struct secret *s);

#endif
