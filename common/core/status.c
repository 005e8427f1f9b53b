#include "common/core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    enum status_class class;
    const char *text;
} STATUSES[] = {
#define STATUS_ROW(name, class, text) {#name, class, text},
    STATUS_MAP(STATUS_ROW)
#undef STATUS_ROW
};

#define STATUS_COUNT (sizeof STATUSES / sizeof STATUSES[0])

static size_t row(enum status status)
{
    return (size_t)status < STATUS_COUNT ? (size_t)status : (size_t)STATUS_INTERNAL;
}

const char *status_name(enum status status)
{
    return STATUSES[row(status)].name;
}

const char *status_text(enum status status)
{
    return STATUSES[row(status)].text;
}

enum status_class status_class(enum status status)
{
    return STATUSES[row(status)].class;
}

const char *status_class_name(enum status_class class)
{
    static const char *const NAMES[] = {"none", "transient", "record", "store", "fatal"};
    return (size_t) class < sizeof NAMES / sizeof NAMES[0] ? NAMES[class] : "fatal";
}

/* The numbers are those of sysexits(3), except 80, which that list leaves free. */
int status_exit_code(enum status status)
{
    if (status == STATUS_OK || status == STATUS_STOPPING) {
        return 0;
    }
    if (status == STATUS_UNEQUAL) {
        return 1;
    }
    if (status == STATUS_USAGE) {
        return 64;
    }
    if (status == STATUS_FENCED) {
        return 80;
    }
    if (status == STATUS_INTERNAL) {
        return 70;
    }
    return status_class(status) == CLASS_FATAL ? 78 : 69;
}

PRINTF_LIKE(3, 0) static void format(char *out, size_t size, const char *fmt, va_list args)
{
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): false alarm of version 14
    if (vsnprintf(out, size, fmt, args) < 0) {
        out[0] = '\0';
    }
}

enum status err_set(struct err *err, enum status status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    err->status = status;
    err->origin[0] = '\0';
    format(err->msg, sizeof err->msg, fmt, args);
    va_end(args);
    return status;
}

enum status
err_set_origin(struct err *err, enum status status, const char *origin, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    err->status = status;
    format(err->msg, sizeof err->msg, fmt, args);
    va_end(args);
    (void)snprintf(err->origin, sizeof err->origin, "%s", origin != NULL ? origin : "");
    return status;
}

enum status err_prefix(struct err *err, const char *fmt, ...)
{
    char msg[sizeof err->msg];
    va_list args;
    va_start(args, fmt);
    format(msg, sizeof msg, fmt, args);
    va_end(args);
    size_t used = strlen(msg);
    int room = (int)(sizeof msg - used) - (int)sizeof ": "; /* both of them count the NUL */
    if (room > 0) {
        (void)snprintf(msg + used, sizeof msg - used, ": %.*s", room, err->msg);
    }
    (void)memcpy(err->msg, msg, sizeof msg);
    return err->status;
}

void invariant_failed(const char *file, int line, const char *cond, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    format(text, sizeof text, fmt, args);
    va_end(args);
    (void)dprintf(STDERR_FILENO, "%s:%d: broken invariant %s: %s\n", file, line, cond, text);
    abort();
}
