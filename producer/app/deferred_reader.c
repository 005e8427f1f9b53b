#include "producer/app/deferred_reader.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/mem.h"
#include "common/core/thread.h"

enum phase { IDLE, BUSY, READY };

struct deferred_reader {
    struct deferred_reader_port port; /* the thread's while busy */
    struct thread thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum phase phase; /* under the mutex; the thread alone ends BUSY */
    bool ending;      /* under the mutex */
    bool started;     /* the main thread's: the phase is not idle */
    bool explodes;
    struct chunk chunk;
    /* the thread's while busy */
    struct stock_batch stock;
    struct kit_table_changes changes;
    enum status status;
    struct err err;
};

struct deferred_reader *deferred_reader_new(const struct deferred_reader_port *port)
{
    struct deferred_reader *r = mem_calloc(1, sizeof *r);
    pthread_condattr_t attributes;
    r->port = *port;
    (void)pthread_mutex_init(&r->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&r->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return r;
}

void deferred_reader_free(struct deferred_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    deferred_reader_close(reader);
    (void)pthread_cond_destroy(&reader->changed);
    (void)pthread_mutex_destroy(&reader->mutex);
    mem_free(reader);
}

/* --- the thread --- */

static void run(struct thread *self, void *arg)
{
    struct deferred_reader *r = arg;
    (void)self;
    (void)pthread_mutex_lock(&r->mutex);
    while (!r->ending) {
        if (r->phase != BUSY) {
            (void)pthread_cond_wait(&r->changed, &r->mutex);
            continue;
        }
        (void)pthread_mutex_unlock(&r->mutex);
        r->status = r->port.read(r->port.reader, &r->chunk, &r->stock, &r->changes, &r->err);
        FAULT_POINT("deferred.after_read");
        (void)pthread_mutex_lock(&r->mutex);
        r->phase = READY;
        (void)pthread_cond_broadcast(&r->changed);
    }
    (void)pthread_mutex_unlock(&r->mutex);
}

/* --- the main thread --- */

enum status deferred_reader_open(struct deferred_reader *reader, struct err *err)
{
    reader->ending = false;
    return thread_start(&reader->thread, "deferred", run, reader, err);
}

void deferred_reader_close(struct deferred_reader *reader)
{
    (void)pthread_mutex_lock(&reader->mutex);
    reader->ending = true;
    (void)pthread_cond_broadcast(&reader->changed);
    (void)pthread_mutex_unlock(&reader->mutex);
    thread_join(&reader->thread);
    reader->phase = IDLE;
    reader->started = false;
}

void deferred_reader_start(struct deferred_reader *reader, const struct chunk *chunk)
{
    INVARIANT(!reader->started, "a chunk of %zu products is being read", reader->chunk.count);
    reader->started = true;
    reader->chunk = *chunk;
    reader->explodes = chunk_explodes(chunk);
    (void)pthread_mutex_lock(&reader->mutex);
    reader->phase = BUSY;
    (void)pthread_cond_broadcast(&reader->changed);
    (void)pthread_mutex_unlock(&reader->mutex);
}

bool deferred_reader_is_idle(const struct deferred_reader *reader)
{
    return !reader->started;
}

bool deferred_reader_wait(struct deferred_reader *reader, int timeout_ms)
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

bool deferred_reader_holds(const struct deferred_reader *reader, const struct mark *mark)
{
    return reader->started && ((reader->explodes && mark->look != MARK_LOOK_STOCK) ||
                               chunk_has(&reader->chunk, mark->product_id));
}

static void make_idle(struct deferred_reader *reader)
{
    (void)pthread_mutex_lock(&reader->mutex);
    while (reader->phase == BUSY) {
        (void)pthread_cond_wait(&reader->changed, &reader->mutex);
    }
    reader->phase = IDLE;
    (void)pthread_mutex_unlock(&reader->mutex);
    reader->started = false;
}

enum status deferred_reader_take(struct deferred_reader *reader,
                                 struct chunk *chunk,
                                 struct stock_batch *stock,
                                 struct kit_table_changes *changes,
                                 struct err *err)
{
    INVARIANT(reader->started, "no chunk was started");
    make_idle(reader);
    *chunk = reader->chunk;
    *stock = reader->stock;
    *changes = reader->changes;
    if (reader->status != STATUS_OK) {
        *err = reader->err;
    }
    return reader->status;
}

void deferred_reader_drop(struct deferred_reader *reader)
{
    make_idle(reader);
}
