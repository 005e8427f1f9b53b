/**
 * uuid5: name-based UUIDs (RFC 4122 version 5, SHA-1), from libuuid. Pure, thread-safe.
 */
#ifndef STOCKSYNC_CORE_UUID5_H
#define STOCKSYNC_CORE_UUID5_H

#include "common/core/bytes.h"

#define UUID5_TEXT_SIZE 37

/** Writes the UUID of name in stocksync's namespace, in lower case. @return text */
char *uuid5_text(struct bytes name, char text[UUID5_TEXT_SIZE]);

#endif
