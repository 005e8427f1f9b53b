/**
 * cursor: bounds-checked reader over borrowed bytes.
 *
 * Every read checks first and returns false without moving when too little is left: a value is read
 * as one chain and turned into one status with the byte offset. No allocation. One owner.
 */
#ifndef STOCKSYNC_CORE_CURSOR_H
#define STOCKSYNC_CORE_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/attributes.h"
#include "common/core/bytes.h"

struct cursor {
    const unsigned char *start;
    const unsigned char *pos;
    const unsigned char *end;
};

struct cursor cursor_of(struct bytes bytes);
size_t cursor_left(const struct cursor *c);
size_t cursor_offset(const struct cursor *c);
NODISCARD bool cursor_u8(struct cursor *c, uint8_t *out);
NODISCARD bool cursor_be16(struct cursor *c, uint16_t *out);
NODISCARD bool cursor_be32(struct cursor *c, uint32_t *out);
NODISCARD bool cursor_be64(struct cursor *c, uint64_t *out);
NODISCARD bool cursor_le64(struct cursor *c, uint64_t *out);
/** Borrows len bytes of the input. */
NODISCARD bool cursor_bytes(struct cursor *c, size_t len, struct bytes *out);

#endif
