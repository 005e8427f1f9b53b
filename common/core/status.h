/**
 * status: the one way to report a failure.
 *
 * Every function that can fail returns enum status and fills a struct err. The class of the status
 * decides who acts: see the table in common/DESIGN.md. A function does not log and return; the
 * place that decides logs. Pure, thread-safe.
 */
#ifndef STOCKSYNC_CORE_STATUS_H
#define STOCKSYNC_CORE_STATUS_H

#include "common/core/attributes.h"

enum status_class {
    CLASS_NONE,      /* not a failure */
    CLASS_TRANSIENT, /* away, slow or busy: back off and try again */
    CLASS_RECORD,    /* this record or entry cannot be used: park it, go on */
    CLASS_STORE,     /* this store cannot be served now: the lane waits, nothing is parked */
    CLASS_FATAL      /* only a person can change it: end with a clear text */
};

/* name, class, text */
#define STATUS_MAP(X)                                                                              \
    X(OK, CLASS_NONE, "ok")                                                                        \
    X(NOT_FOUND, CLASS_NONE, "not found")                                                          \
    X(DUPLICATE, CLASS_NONE, "delivered before")                                                   \
    X(STANDBY, CLASS_NONE, "another producer leads")                                               \
    X(RENEW, CLASS_NONE, "the session must begin again")                                           \
    X(STOPPING, CLASS_NONE, "stopping as asked")                                                   \
    X(UNEQUAL, CLASS_NONE, "a difference remains")                                                 \
    X(SOURCE_LOST, CLASS_TRANSIENT, "connection to the database lost")                             \
    X(SOURCE_BUSY, CLASS_TRANSIENT, "the database refused for now")                                \
    X(BROKER_LOST, CLASS_TRANSIENT, "the Kafka cluster does not answer")                           \
    X(BATCH_ABORTED, CLASS_TRANSIENT, "the Kafka transaction must be aborted")                     \
    X(CLIENT_BROKEN, CLASS_TRANSIENT, "the Kafka client must be created again")                    \
    X(TIMED_OUT, CLASS_TRANSIENT, "no answer in time")                                             \
    X(STREAM_ENDED, CLASS_TRANSIENT, "topic or database went back, or was replaced")               \
    X(ADDRESS_BUSY, CLASS_TRANSIENT, "the address to listen on cannot be used")                    \
    X(STORE_LOST, CLASS_TRANSIENT, "the store does not answer")                                    \
    X(OUTCOME_UNKNOWN, CLASS_TRANSIENT, "sent, but no usable answer")                              \
    X(THROTTLED, CLASS_TRANSIENT, "the store asked us to slow down")                               \
    X(RECORD_INVALID, CLASS_RECORD, "record cannot be used")                                       \
    X(TOO_LARGE, CLASS_RECORD, "larger than its limit")                                            \
    X(ENTRY_REFUSED, CLASS_RECORD, "the store refused an entry")                                   \
    X(AUTH, CLASS_STORE, "credentials refused")                                                    \
    X(STORE_CLOSED, CLASS_STORE, "the store is closed, frozen or locked")                          \
    X(STORE_MISCONFIGURED, CLASS_STORE, "the store's settings do not fit")                         \
    X(SCHEMA_UNKNOWN, CLASS_STORE, "written with a schema newer than this program")                \
    X(USAGE, CLASS_FATAL, "wrong use of the command")                                              \
    X(CONFIG, CLASS_FATAL, "configuration cannot be used")                                         \
    X(DATABASE_UNFIT, CLASS_FATAL, "the database lacks what we need")                              \
    X(PERMISSION, CLASS_FATAL, "permission missing")                                               \
    X(TOPIC_UNFIT, CLASS_FATAL, "the topic is missing or has a wrong setting")                     \
    X(FENCED, CLASS_FATAL, "another producer took over")                                           \
    X(INTERNAL, CLASS_FATAL, "internal error")

enum status {
#define STATUS_ENUM(name, class, text) STATUS_##name,
    STATUS_MAP(STATUS_ENUM)
#undef STATUS_ENUM
};

/** The reason, for a person. Valid only when the function returned another status than OK. */
struct err {
    enum status status;
    char origin[24]; /* SQLSTATE, librdkafka error name, HTTP status or CURLcode; may be empty */
    char msg[480];   /* one sentence, lower case, no full stop, subject in quotes; may name the
                        next step */
};

/** "SOURCE_LOST"; static. */
const char *status_name(enum status status);
/** "connection to the database lost"; static. */
const char *status_text(enum status status);
enum status_class status_class(enum status status);
/** "transient"; static, for logs and metrics. */
const char *status_class_name(enum status_class class);

/**
 * Exit code of the process:
 *
 *     0   OK, STOPPING        70  INTERNAL                          80  FENCED
 *     1   UNEQUAL
 *     64  USAGE               78  CONFIG and every other fatal      69  any other
 */
int status_exit_code(enum status status);

/** Fills err (origin empty) and returns status, so that a failure is one line. Cuts long texts. */
enum status err_set(struct err *err, enum status status, const char *fmt, ...) PRINTF_LIKE(3, 4);
/** As err_set, with the foreign code. */
enum status
err_set_origin(struct err *err, enum status status, const char *origin, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/** Puts context and ": " before the message; returns err->status. */
enum status err_prefix(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** Prints place and text to standard error and aborts. Only for our mistakes: neither data nor a
 * peer may cause it. */
NORETURN void invariant_failed(const char *file, int line, const char *cond, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
#define INVARIANT(cond, ...)                                                                       \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            invariant_failed(__FILE__, __LINE__, #cond, __VA_ARGS__);                              \
        }                                                                                          \
    } while (0)

#endif
