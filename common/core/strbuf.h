/**
 * strbuf: growable bytes that cannot exist without a maximum.
 *
 * Appending over the maximum sets a sticky flag and drops the rest, so a text is built as one chain
 * and checked once with strbuf_check. The content always ends with a NUL that is not counted. Not
 * thread-safe: one owner.
 */
#ifndef STOCKSYNC_CORE_STRBUF_H
#define STOCKSYNC_CORE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/bytes.h"
#include "common/core/status.h"

struct strbuf {
    char *ptr;     /* never NULL after init; NUL-terminated */
    size_t len;    /* bytes in use, without the NUL */
    size_t cap;    /* bytes allocated */
    size_t max;    /* bytes that len may reach */
    bool overflow; /* something did not fit since the last reset */
};

void strbuf_init(struct strbuf *sb, size_t max);
/** Frees; sb may be zero. */
void strbuf_release(struct strbuf *sb);
/** Empties, keeps the memory, clears overflow. */
void strbuf_reset(struct strbuf *sb);
void strbuf_append(struct strbuf *sb, const void *ptr, size_t len);
void strbuf_append_text(struct strbuf *sb, const char *text);
void strbuf_append_char(struct strbuf *sb, char c);
void strbuf_appendf(struct strbuf *sb, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** Appends a quoted and escaped JSON string; U+FFFD for bytes that are not UTF-8. NULL gives null. */
void strbuf_append_json(struct strbuf *sb, const char *text);
/** @return STATUS_OK, STATUS_TOO_LARGE (err begins with `what`) */
NODISCARD enum status strbuf_check(const struct strbuf *sb, const char *what, struct err *err);
struct bytes strbuf_bytes(const struct strbuf *sb);
/** Hands the content over to the caller (mem_free) and leaves sb empty and usable. */
NODISCARD char *strbuf_take(struct strbuf *sb);

#endif
