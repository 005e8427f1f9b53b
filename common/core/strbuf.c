#include "common/core/strbuf.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/core/mem.h"
#include "common/core/utf8.h"

/* Most buffers hold a short text; a larger one doubles its way up. */
#define FIRST_BYTES 64

void strbuf_init(struct strbuf *sb, size_t max)
{
    INVARIANT(max < SIZE_MAX, "a maximum of %zu leaves no room for the end", max);
    *sb = (struct strbuf){.max = max, .cap = max < FIRST_BYTES ? max + 1 : FIRST_BYTES};
    sb->ptr = mem_alloc(sb->cap);
    sb->ptr[0] = '\0';
}

void strbuf_release(struct strbuf *sb)
{
    mem_free(sb->ptr);
    *sb = (struct strbuf){0};
}

void strbuf_reset(struct strbuf *sb)
{
    sb->len = 0;
    sb->overflow = false;
    sb->ptr[0] = '\0';
}

/* Makes room for up to len more bytes and returns how many of them may be written. */
static size_t reserve(struct strbuf *sb, size_t len)
{
    size_t room = sb->max - sb->len;
    if (len > room) {
        sb->overflow = true;
        len = room;
    }
    if (sb->cap - sb->len <= len) {
        size_t cap = mem_grow_capacity(sb->cap, sb->len + len + 1);
        sb->cap = cap <= sb->max ? cap : sb->max + 1;
        sb->ptr = mem_realloc(sb->ptr, sb->cap, 1);
    }
    return len;
}

void strbuf_append(struct strbuf *sb, const void *ptr, size_t len)
{
    size_t fits = reserve(sb, len);
    if (fits > 0) {
        (void)memcpy(sb->ptr + sb->len, ptr, fits);
    }
    sb->len += fits;
    sb->ptr[sb->len] = '\0';
}

void strbuf_append_text(struct strbuf *sb, const char *text)
{
    strbuf_append(sb, text, strlen(text));
}

void strbuf_append_char(struct strbuf *sb, char c)
{
    strbuf_append(sb, &c, 1);
}

void strbuf_appendf(struct strbuf *sb, const char *fmt, ...)
{
    va_list args;
    va_list again;
    va_start(args, fmt);
    va_copy(again, args);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): false alarm of version 14
    int len = vsnprintf(sb->ptr + sb->len, sb->cap - sb->len, fmt, args);
    va_end(args);
    INVARIANT(len >= 0, "format '%s' failed", fmt);
    size_t left = sb->cap - sb->len;
    size_t fits = reserve(sb, (size_t)len);
    if ((size_t)len >= left) {
        // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): false alarm of version 14
        (void)vsnprintf(sb->ptr + sb->len, fits + 1, fmt, again);
    }
    va_end(again);
    sb->len += fits;
    sb->ptr[sb->len] = '\0';
}

static void append_json_ascii(struct strbuf *sb, char c)
{
    static const char SHORT[] = "\"\\\b\f\n\r\t";
    static const char LETTER[] = "\"\\bfnrt";
    const char *found = strchr(SHORT, c);
    if (found != NULL) {
        strbuf_append_char(sb, '\\');
        strbuf_append_char(sb, LETTER[found - SHORT]);
    } else if ((unsigned char)c < 0x20) {
        strbuf_appendf(sb, "\\u%04x", (unsigned)c);
    } else {
        strbuf_append_char(sb, c);
    }
}

void strbuf_append_json(struct strbuf *sb, const char *text)
{
    if (text == NULL) {
        strbuf_append_text(sb, "null");
        return;
    }
    strbuf_append_char(sb, '"');
    struct bytes rest = bytes_text(text);
    while (rest.len > 0) {
        size_t len = utf8_sequence(rest);
        if (len == 1) {
            append_json_ascii(sb, (char)rest.ptr[0]);
        } else if (len > 1) {
            strbuf_append(sb, rest.ptr, len);
        } else {
            strbuf_append_text(sb, "\xEF\xBF\xBD");
            len = 1;
        }
        rest = bytes_of(rest.ptr + len, rest.len - len);
    }
    strbuf_append_char(sb, '"');
}

enum status strbuf_check(const struct strbuf *sb, const char *what, struct err *err)
{
    if (sb->overflow) {
        return err_set(err, STATUS_TOO_LARGE, "%s is larger than %zu bytes", what, sb->max);
    }
    return STATUS_OK;
}

struct bytes strbuf_bytes(const struct strbuf *sb)
{
    return bytes_of(sb->ptr, sb->len);
}

char *strbuf_take(struct strbuf *sb)
{
    char *ptr = sb->ptr;
    strbuf_init(sb, sb->max);
    return ptr;
}
