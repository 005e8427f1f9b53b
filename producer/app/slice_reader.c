#include "producer/app/slice_reader.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/mem.h"
#include "common/core/thread.h"
#include "producer/odoo/marks.h"

enum phase { IDLE, BUSY, READY };

struct slice_reader {
    struct pg_conn *conn;
    struct chunk_reader state; /* the thread's while busy */
    struct thread thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum phase phase; /* under the mutex; the thread alone ends BUSY */
    bool ending;      /* under the mutex */
    bool started;     /* the owner's: the phase is not idle */
    bool explodes;
    struct chunk slice;
    /* the thread's while busy */
    struct stock_batch batch;
    struct kit_table_changes changes;
    enum status status;
    struct err err;
};

struct slice_reader *slice_reader_new(const char *dsn, int statement_timeout_ms)
{
    struct slice_reader *r = mem_calloc(1, sizeof *r);
    struct pg_conn_options options = {.dsn = dsn,
                                      .application_name = "stocksync-producer slices",
                                      .statement_timeout_ms = statement_timeout_ms,
                                      .session_sql = MARKS_SESSION_SQL};
    pthread_condattr_t attributes;
    r->conn = pg_conn_new(&options);
    (void)pthread_mutex_init(&r->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&r->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return r;
}

void slice_reader_free(struct slice_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    slice_reader_close(reader);
    pg_conn_free(reader->conn);
    (void)pthread_cond_destroy(&reader->changed);
    (void)pthread_mutex_destroy(&reader->mutex);
    mem_free(reader);
}

/* --- the thread --- */

static void run(struct thread *self, void *arg)
{
    struct slice_reader *r = arg;
    (void)self;
    (void)pthread_mutex_lock(&r->mutex);
    while (!r->ending) {
        if (r->phase != BUSY) {
            (void)pthread_cond_wait(&r->changed, &r->mutex);
            continue;
        }
        (void)pthread_mutex_unlock(&r->mutex);
        r->status = chunk_reader_read_alone(&r->state, &r->slice, &r->batch, &r->changes, &r->err);
        FAULT_POINT("slice.after_read");
        (void)pthread_mutex_lock(&r->mutex);
        r->phase = READY;
        (void)pthread_cond_broadcast(&r->changed);
    }
    (void)pthread_mutex_unlock(&r->mutex);
}

/* --- the owner --- */

enum status slice_reader_open(struct slice_reader *reader,
                              const struct odoo_shape *shape,
                              const struct stock_reader_options *options,
                              struct err *err)
{
    enum status rc = pg_conn_open(reader->conn, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    chunk_reader_open(&reader->state, reader->conn, shape, options);
    reader->ending = false;
    return thread_start(&reader->thread, "slices", run, reader, err);
}

void slice_reader_close(struct slice_reader *reader)
{
    (void)pthread_mutex_lock(&reader->mutex);
    reader->ending = true;
    (void)pthread_cond_broadcast(&reader->changed);
    (void)pthread_mutex_unlock(&reader->mutex);
    thread_join(&reader->thread);
    reader->phase = IDLE;
    reader->started = false;
    chunk_reader_close(&reader->state);
    pg_conn_close(reader->conn);
}

void slice_reader_start(struct slice_reader *reader, const struct chunk *slice)
{
    INVARIANT(!reader->started, "a slice of %zu products is being read", reader->slice.count);
    reader->started = true;
    reader->slice = *slice;
    reader->explodes = chunk_explodes(slice);
    (void)pthread_mutex_lock(&reader->mutex);
    reader->phase = BUSY;
    (void)pthread_cond_broadcast(&reader->changed);
    (void)pthread_mutex_unlock(&reader->mutex);
}

bool slice_reader_is_idle(const struct slice_reader *reader)
{
    return !reader->started;
}

bool slice_reader_wait(struct slice_reader *reader, int timeout_ms)
{
    int64_t until_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    (void)pthread_mutex_lock(&reader->mutex);
    while (reader->phase == BUSY &&
           pthread_cond_timedwait(&reader->changed, &reader->mutex, &until) != ETIMEDOUT) {
    }
    bool ready = reader->phase == READY;
    (void)pthread_mutex_unlock(&reader->mutex);
    return ready;
}

bool slice_reader_holds(const struct slice_reader *reader, const struct mark *mark)
{
    return reader->started && ((reader->explodes && mark->look != MARK_LOOK_STOCK) ||
                               chunk_has(&reader->slice, mark->product_id));
}

static void make_idle(struct slice_reader *reader)
{
    (void)pthread_mutex_lock(&reader->mutex);
    while (reader->phase == BUSY) {
        (void)pthread_cond_wait(&reader->changed, &reader->mutex);
    }
    reader->phase = IDLE;
    (void)pthread_mutex_unlock(&reader->mutex);
    reader->started = false;
}

enum status slice_reader_take(struct slice_reader *reader,
                              struct chunk *slice,
                              struct stock_batch *batch,
                              struct kit_table_changes *changes,
                              struct err *err)
{
    INVARIANT(reader->started, "no slice was started");
    make_idle(reader);
    *slice = reader->slice;
    *batch = reader->batch;
    *changes = reader->changes;
    if (reader->status != STATUS_OK) {
        *err = reader->err;
    }
    return reader->status;
}

void slice_reader_drop(struct slice_reader *reader)
{
    make_idle(reader);
}
