/**
 * thread: a POSIX thread with a name, flags for stop and reload, and a descriptor that wakes it.
 */
#ifndef STOCKSYNC_CORE_THREAD_H
#define STOCKSYNC_CORE_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "common/core/status.h"

struct thread {
    pthread_t id;
    char name[16];
    void (*run)(struct thread *self, void *arg);
    void *arg;
    atomic_bool stop;
    atomic_bool reload;
    atomic_bool done;
    int wake_fd; /* eventfd; readable after thread_ask_stop, and from thread_ask_reload to
                    thread_take_reload */
    int stop_fd; /* eventfd; readable after thread_ask_stop, for waits that a reload must not end */
    bool started;
};

/**
 * Starts run(self, arg) with all signals blocked. self must stay where it is until joined. name is
 * cut to 15 bytes.
 */
NODISCARD enum status thread_start(struct thread *self,
                                   const char *name,
                                   void (*run)(struct thread *, void *),
                                   void *arg,
                                   struct err *err);
/** Sets the stop flag and wakes the thread. Any thread. */
void thread_ask_stop(struct thread *self);
bool thread_is_stopping(const struct thread *self);
/** Sets the reload flag and wakes the thread. Any thread. */
void thread_ask_reload(struct thread *self);
/**
 * Clears the reload flag and the wake-up; the wake-up of a stop stays. Only the thread itself.
 * @return whether a reload was asked for since the last call
 */
bool thread_take_reload(struct thread *self);
/** True when run has returned. Any thread. */
bool thread_is_done(const struct thread *self);
/** Waits for the end and releases; does nothing for a thread never started. */
void thread_join(struct thread *self);

#endif
