#include "common/core/logger.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/utf8.h"

/* A write of up to PIPE_BUF bytes to a pipe is never torn apart by another process's (POSIX:
 * write). */
#define LINE_BYTES 4096
/* Kept free for "ts=… ", " repeated=…", " cut=1" and the newline, so that these always fit. */
#define RESERVED_BYTES 128
#define BODY_BYTES     (LINE_BYTES - RESERVED_BYTES)

/* One long value must not push the fields behind it out of the line. */
#define VALUE_BYTES 1024

#define FOLD_WINDOW_US INT64_C(10000000)
/* Lines of several lanes alternate; one slot would fold none of them. */
#define FOLD_SLOTS 16

static const char *const LEVEL_NAMES[] = {"error", "warn", "info", "debug"};

/* The line without ts and newline. */
struct body {
    char text[BODY_BYTES];
    size_t len;
    bool cut;
};

/* A line that was written lately. It leaves when its window ends, or when its slot is needed. */
struct fold {
    struct body body;
    int64_t written_us;   /* monotonic; of the last time that it was written */
    int64_t last_wall_us; /* of the last repeat */
    uint64_t repeats;     /* not written since */
    bool used;
};

static struct {
    atomic_int level;
    char service[32]; /* set once, before threads */
    pthread_mutex_t lock;
    struct fold folds[FOLD_SLOTS]; /* under lock */
} logger = {.level = LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER};

void log_init(const char *service, enum log_level level)
{
    (void)snprintf(logger.service, sizeof logger.service, "%s", service);
    atomic_store_explicit(&logger.level, (int)level, memory_order_relaxed);
}

bool log_level_parse(const char *text, enum log_level *level)
{
    for (size_t i = 0; i < sizeof LEVEL_NAMES / sizeof LEVEL_NAMES[0]; i++) {
        if (strcmp(text, LEVEL_NAMES[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&logger.level, memory_order_relaxed);
}

static void put(struct body *body, const void *ptr, size_t len)
{
    if (body->cut || len > sizeof body->text - body->len) {
        body->cut = true;
        return;
    }
    (void)memcpy(body->text + body->len, ptr, len);
    body->len += len;
}

static void put_text(struct body *body, const char *text)
{
    put(body, text, strlen(text));
}

/* C0 and C1 controls, DEL: they could move a terminal's cursor or end the line. */
static bool is_control(struct bytes text, size_t sequence)
{
    return (sequence == 1 && (text.ptr[0] < 0x20 || text.ptr[0] == 0x7F)) ||
           (sequence == 2 && text.ptr[0] == 0xC2 && text.ptr[1] < 0xA0);
}

static bool needs_quotes(struct bytes text)
{
    if (text.len == 0) {
        return true;
    }
    for (size_t i = 0; i < text.len;) {
        struct bytes rest = bytes_of(text.ptr + i, text.len - i);
        size_t len = utf8_sequence(rest);
        if (len == 0 || is_control(rest, len) || strchr(" \"=\\", (char)rest.ptr[0]) != NULL) {
            return true;
        }
        i += len;
    }
    return false;
}

static void put_control(struct body *body, unsigned char code)
{
    char escape[8];
    switch (code) {
    case '\n':
        put_text(body, "\\n");
        break;
    case '\r':
        put_text(body, "\\r");
        break;
    case '\t':
        put_text(body, "\\t");
        break;
    default:
        (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)code);
        put_text(body, escape);
        break;
    }
}

static void put_quoted(struct body *body, struct bytes text, const char *end)
{
    put_text(body, "\"");
    for (size_t i = 0; i < text.len;) {
        struct bytes rest = bytes_of(text.ptr + i, text.len - i);
        size_t len = utf8_sequence(rest);
        if (len == 0) {
            put_text(body, "\\ufffd");
            len = 1;
        } else if (is_control(rest, len)) {
            put_control(body, rest.ptr[len - 1]);
        } else if (rest.ptr[0] == '"' || rest.ptr[0] == '\\') {
            put_text(body, "\\");
            put(body, rest.ptr, 1);
        } else {
            put(body, rest.ptr, len);
        }
        i += len;
    }
    put_text(body, end);
    put_text(body, "\"");
}

static void put_value(struct body *body, const char *value)
{
    if (value == NULL) {
        return;
    }
    struct bytes text = bytes_text(value);
    if (text.len > VALUE_BYTES) {
        put_quoted(body, bytes_of(text.ptr, VALUE_BYTES), "…");
    } else if (needs_quotes(text)) {
        put_quoted(body, text, "");
    } else {
        put(body, text.ptr, text.len);
    }
}

static void put_field(struct body *body, const struct log_field *field)
{
    char number[40];
    size_t before = body->len;
    put_text(body, " ");
    put_text(body, field->key);
    put_text(body, "=");
    switch (field->type) {
    case LOG_FIELD_TEXT:
        put_value(body, field->text);
        break;
    case LOG_FIELD_INT:
        (void)snprintf(number, sizeof number, "%lld", (long long)field->integer);
        put_text(body, number);
        break;
    case LOG_FIELD_REAL:
        (void)snprintf(number, sizeof number, "%.6g", field->real);
        put_text(body, number);
        break;
    case LOG_FIELD_END:
        break;
    }
    if (body->cut) {
        body->len = before; /* whole fields only: half a quoted value would spoil the line */
    }
}

static void format(struct body *body,
                   enum log_level level,
                   const char *mod,
                   const char *event,
                   const struct log_field *fields)
{
    body->len = 0;
    body->cut = false;
    put_text(body, "level=");
    put_text(body, LEVEL_NAMES[level]);
    if (logger.service[0] != '\0') {
        put_field(body, &LF_TEXT("svc", logger.service));
    }
    put_field(body, &LF_TEXT("mod", mod));
    put_field(body, &LF_TEXT("event", event));
    for (; fields->type != LOG_FIELD_END; fields++) {
        put_field(body, fields);
    }
}

/* There is no better place to report a failure to write: the rest of the line is dropped. */
static void write_all(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n < 0 && errno != EINTR) {
            return;
        }
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
}

static void write_line(const struct body *body, int64_t wall_us, uint64_t repeats)
{
    char line[LINE_BYTES];
    char ts[CLOCK_TEXT_SIZE];
    char tail[64] = "";
    if (repeats > 0) {
        (void)snprintf(tail, sizeof tail, " repeated=%llu", (unsigned long long)repeats);
    }
    int len = snprintf(line, sizeof line, "ts=%s %.*s%s%s\n", clock_format_utc(wall_us, ts),
                       (int)body->len, body->text, body->cut ? " cut=1" : "", tail);
    write_all(line, (size_t)len);
}

/* Under the lock. Writes the repeats that were held back and empties the slot. */
static void end_fold(struct fold *fold)
{
    if (fold->used && fold->repeats > 0) {
        write_line(&fold->body, fold->last_wall_us, fold->repeats);
    }
    fold->used = false;
}

/* Under the lock. Slot of the same line, or NULL; *free_slot is one that can be used for a new
 * line. */
static struct fold *find_fold(const struct body *body, struct fold **free_slot)
{
    struct fold *oldest = &logger.folds[0];
    for (size_t i = 0; i < FOLD_SLOTS; i++) {
        struct fold *fold = &logger.folds[i];
        if (fold->used && fold->body.len == body->len &&
            memcmp(fold->body.text, body->text, body->len) == 0) {
            return fold;
        }
        if (oldest->used && (!fold->used || fold->written_us < oldest->written_us)) {
            oldest = fold;
        }
    }
    *free_slot = oldest;
    return NULL;
}

static void write_or_fold(const struct body *body)
{
    int64_t now = clock_monotonic_us();
    int64_t wall = clock_wall_us();
    (void)pthread_mutex_lock(&logger.lock);
    for (size_t i = 0; i < FOLD_SLOTS; i++) {
        if (now - logger.folds[i].written_us >= FOLD_WINDOW_US) {
            end_fold(&logger.folds[i]);
        }
    }
    struct fold *slot = NULL;
    struct fold *same = find_fold(body, &slot);
    if (same != NULL) {
        same->repeats++;
        same->last_wall_us = wall;
    } else {
        end_fold(slot);
        slot->body.len = body->len;
        slot->body.cut = body->cut;
        (void)memcpy(slot->body.text, body->text, body->len);
        slot->written_us = now;
        slot->repeats = 0;
        slot->used = true;
        write_line(body, wall, 0);
    }
    (void)pthread_mutex_unlock(&logger.lock);
}

void log_write(enum log_level level,
               const char *mod,
               const char *event,
               const struct log_field *fields)
{
    if (!log_enabled(level)) {
        return;
    }
    struct body body;
    format(&body, level, mod, event, fields);
    write_or_fold(&body);
}

void log_failure(enum log_level level,
                 const char *mod,
                 const char *event,
                 const struct err *err,
                 const struct log_field *fields)
{
    if (!log_enabled(level)) {
        return;
    }
    struct body body;
    format(&body, level, mod, event, fields);
    put_field(&body, &LF_TEXT("status", status_name(err->status)));
    put_field(&body, &LF_TEXT("class", status_class_name(status_class(err->status))));
    if (err->origin[0] != '\0') {
        put_field(&body, &LF_TEXT("origin", err->origin));
    }
    put_field(&body, &LF_MSG(err->msg));
    write_or_fold(&body);
}

void log_flush(void)
{
    (void)pthread_mutex_lock(&logger.lock);
    for (size_t i = 0; i < FOLD_SLOTS; i++) {
        end_fold(&logger.folds[i]);
    }
    (void)pthread_mutex_unlock(&logger.lock);
}
