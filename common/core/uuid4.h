/**
 * uuid4: random UUIDs (RFC 4122 version 4), from libuuid. Thread-safe.
 */
#ifndef STOCKSYNC_CORE_UUID4_H
#define STOCKSYNC_CORE_UUID4_H

#define UUID4_TEXT_SIZE 37

/** Writes a new UUID in lower case. @return text */
char *uuid4_text(char text[UUID4_TEXT_SIZE]);

#endif
