/**
 * pg_args: arguments of one statement in PostgreSQL's binary form, $1 first.
 *
 * Keeps its memory between calls: pg_args_reset. More bytes than its maximum make the statement
 * fail with STATUS_TOO_LARGE. One owner.
 */
#ifndef STOCKSYNC_PG_PG_ARGS_H
#define STOCKSYNC_PG_PG_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/bytes.h"
#include "common/core/strbuf.h"
#include "common/pg/pg_tid.h"

#define PG_ARGS_MAX 24

struct pg_args {
    struct strbuf data; /* encoded values, one behind the other */
    struct {
        uint32_t type; /* Oid */
        size_t offset;
        int length; /* -1: NULL */
    } list[PG_ARGS_MAX];
    int count;
};

void pg_args_init(struct pg_args *args, size_t max_bytes);
void pg_args_release(struct pg_args *args);
void pg_args_reset(struct pg_args *args);
void pg_args_null_text(struct pg_args *args);
void pg_args_bool(struct pg_args *args, bool value);
void pg_args_i32(struct pg_args *args, int32_t value);
void pg_args_i64(struct pg_args *args, int64_t value);
void pg_args_f64(struct pg_args *args, double value);
/** NULL text gives SQL NULL. */
void pg_args_text(struct pg_args *args, const char *value);
void pg_args_bytea(struct pg_args *args, struct bytes value);
/** A transaction id, the type of the system column xmin. */
void pg_args_xid(struct pg_args *args, uint32_t value);
void pg_args_tid(struct pg_args *args, struct pg_tid value);
/** Wall time in µs since the Unix epoch, as timestamptz. */
void pg_args_time_us(struct pg_args *args, int64_t wall_us);
void pg_args_i32_array(struct pg_args *args, const int32_t *list, size_t count);
void pg_args_i64_array(struct pg_args *args, const int64_t *list, size_t count);
void pg_args_tid_array(struct pg_args *args, const struct pg_tid *list, size_t count);
void pg_args_f64_array(struct pg_args *args, const double *list, size_t count);
/** timestamptz[] from wall µs. */
void pg_args_time_us_array(struct pg_args *args, const int64_t *list, size_t count);
/** text[]; NULL elements give SQL NULL. */
void pg_args_text_array(struct pg_args *args, const char *const *list, size_t count);

#endif
