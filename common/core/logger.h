/**
 * logger: logfmt on standard error, one event a line, one write a line.
 *
 *     ts=2026-11-23T20:44:07.123Z level=info svc=producer mod=tail event=settled count=120 msg="…"
 *
 * Keys are the field's words, one spelling everywhere: store, topic, partition, offset, product,
 * item, location, revision, state, status, class, origin … Values are escaped here. Secrets never
 * reach this module: there is no field type for them. A line that repeats within ten seconds (all
 * but ts) is folded into one with `repeated=N`. Thread-safe; global by design.
 */
#ifndef STOCKSYNC_CORE_LOGGER_H
#define STOCKSYNC_CORE_LOGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/status.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

enum log_field_type { LOG_FIELD_END, LOG_FIELD_TEXT, LOG_FIELD_INT, LOG_FIELD_REAL };

struct log_field {
    enum log_field_type type;
    const char *key;
    const char *text; /* NULL prints key= (empty) */
    int64_t integer;
    double real;
};

#define LF_TEXT(k, v) ((struct log_field){.type = LOG_FIELD_TEXT, .key = (k), .text = (v)})
#define LF_INT(k, v)                                                                               \
    ((struct log_field){.type = LOG_FIELD_INT, .key = (k), .integer = (int64_t)(v)})
#define LF_REAL(k, v) ((struct log_field){.type = LOG_FIELD_REAL, .key = (k), .real = (v)})
#define LF_MSG(v)     LF_TEXT("msg", v)

/** Sets the service name of all lines and the lowest level that is written; LOG_INFO before. */
void log_init(const char *service, enum log_level level);
/** "error", "warn", "info", "debug". @return false for anything else */
bool log_level_parse(const char *text, enum log_level *level);
bool log_enabled(enum log_level level);
/** fields ends with a LOG_FIELD_END element; use the macros below. */
void log_write(enum log_level level,
               const char *mod,
               const char *event,
               const struct log_field *fields);
/** A failure: adds status, class, origin (when set) and msg of err behind the fields. */
void log_failure(enum log_level level,
                 const char *mod,
                 const char *event,
                 const struct err *err,
                 const struct log_field *fields);
/** Writes folded lines; at the end of the program. */
void log_flush(void);

#define LOG_FIELDS(...)            ((const struct log_field[]){__VA_ARGS__, {.type = LOG_FIELD_END}})
#define log_error(mod, event, ...) log_write(LOG_ERROR, mod, event, LOG_FIELDS(__VA_ARGS__))
#define log_warn(mod, event, ...)  log_write(LOG_WARN, mod, event, LOG_FIELDS(__VA_ARGS__))
#define log_info(mod, event, ...)  log_write(LOG_INFO, mod, event, LOG_FIELDS(__VA_ARGS__))
#define log_debug(mod, event, ...)                                                                 \
    do {                                                                                           \
        if (log_enabled(LOG_DEBUG)) {                                                              \
            log_write(LOG_DEBUG, mod, event, LOG_FIELDS(__VA_ARGS__));                             \
        }                                                                                          \
    } while (0)

#endif
