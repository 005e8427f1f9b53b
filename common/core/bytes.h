/**
 * bytes: borrowed bytes with their length, never assumed to end with NUL.
 */
#ifndef STOCKSYNC_CORE_BYTES_H
#define STOCKSYNC_CORE_BYTES_H

#include <stddef.h>
#include <string.h>

struct bytes {
    const unsigned char *ptr; /* NULL: empty, or absent where a contract says so */
    size_t len;
};

static inline struct bytes bytes_of(const void *ptr, size_t len)
{
    return (struct bytes){.ptr = ptr, .len = len};
}

static inline struct bytes bytes_text(const char *text)
{
    return bytes_of(text, text != NULL ? strlen(text) : 0);
}

#endif
