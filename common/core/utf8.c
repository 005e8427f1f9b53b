#include "common/core/utf8.h"

#include <stdbool.h>
#include <string.h>

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0U) == 0x80U;
}

/* RFC 3629 section 4: the range of the second byte depends on the first one. */
static bool second_fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xE0:
        return second >= 0xA0;
    case 0xED:
        return second <= 0x9F;
    case 0xF0:
        return second >= 0x90;
    case 0xF4:
        return second <= 0x8F;
    default:
        return true;
    }
}

size_t utf8_sequence(struct bytes text)
{
    if (text.len == 0) {
        return 0;
    }
    unsigned char first = text.ptr[0];
    if (first < 0x80) {
        return 1;
    }
    size_t len = 0;
    if (first >= 0xC2 && first <= 0xDF) {
        len = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        len = 3;
    } else if (first >= 0xF0 && first <= 0xF4) {
        len = 4;
    }
    if (len == 0 || text.len < len || !second_fits(first, text.ptr[1])) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if (!is_continuation(text.ptr[i])) {
            return 0;
        }
    }
    return len;
}

void utf8_copy(char *out, size_t size, const char *text)
{
    struct bytes rest = bytes_text(text);
    size_t used = 0;
    for (size_t n = utf8_sequence(rest); n > 0 && used + n < size; n = utf8_sequence(rest)) {
        (void)memcpy(out + used, rest.ptr, n);
        used += n;
        rest = bytes_of(rest.ptr + n, rest.len - n);
    }
    out[used] = '\0';
}
