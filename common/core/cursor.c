#include "common/core/cursor.h"

struct cursor cursor_of(struct bytes bytes)
{
    /* An absent text may come with a NULL pointer, and arithmetic on that is undefined. */
    static const unsigned char NOTHING[1] = {0};
    const unsigned char *start = bytes.ptr != NULL ? bytes.ptr : NOTHING;
    size_t len = bytes.ptr != NULL ? bytes.len : 0;
    return (struct cursor){.start = start, .pos = start, .end = start + len};
}

size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->pos);
}

size_t cursor_offset(const struct cursor *c)
{
    return (size_t)(c->pos - c->start);
}

static bool read_be(struct cursor *c, size_t len, uint64_t *out)
{
    if (cursor_left(c) < len) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        value = (value << 8U) | c->pos[i];
    }
    c->pos += len;
    *out = value;
    return true;
}

bool cursor_u8(struct cursor *c, uint8_t *out)
{
    uint64_t value = 0;
    if (!read_be(c, 1, &value)) {
        return false;
    }
    *out = (uint8_t)value;
    return true;
}

bool cursor_be16(struct cursor *c, uint16_t *out)
{
    uint64_t value = 0;
    if (!read_be(c, 2, &value)) {
        return false;
    }
    *out = (uint16_t)value;
    return true;
}

bool cursor_be32(struct cursor *c, uint32_t *out)
{
    uint64_t value = 0;
    if (!read_be(c, 4, &value)) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

bool cursor_be64(struct cursor *c, uint64_t *out)
{
    return read_be(c, 8, out);
}

bool cursor_le64(struct cursor *c, uint64_t *out)
{
    if (cursor_left(c) < 8) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 8; i > 0; i--) {
        value = (value << 8U) | c->pos[i - 1];
    }
    c->pos += 8;
    *out = value;
    return true;
}

bool cursor_bytes(struct cursor *c, size_t len, struct bytes *out)
{
    if (cursor_left(c) < len) {
        return false;
    }
    *out = bytes_of(c->pos, len);
    c->pos += len;
    return true;
}
