#include "common/core/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

static void *main_of_thread(void *arg)
{
    struct thread *self = arg;
    (void)prctl(PR_SET_NAME, self->name, 0, 0, 0);
    self->run(self, self->arg);
    atomic_store(&self->done, true);
    return NULL;
}

static void close_descriptors(struct thread *self)
{
    if (self->wake_fd >= 0) {
        (void)close(self->wake_fd);
    }
    if (self->stop_fd >= 0) {
        (void)close(self->stop_fd);
    }
    self->wake_fd = -1;
    self->stop_fd = -1;
}

enum status thread_start(struct thread *self,
                         const char *name,
                         void (*run)(struct thread *, void *),
                         void *arg,
                         struct err *err)
{
    *self = (struct thread){.run = run, .arg = arg};
    (void)snprintf(self->name, sizeof self->name, "%.15s", name);
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->wake_fd < 0 || self->stop_fd < 0) {
        enum status rc =
            err_set(err, STATUS_INTERNAL, "cannot make an eventfd: %s", strerror(errno));
        close_descriptors(self);
        return rc;
    }
    /* Blocked before the start and inherited: blocking in the new thread would leave a gap. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    self->started = true; /* before the thread can ask itself to stop */
    int failed = pthread_create(&self->id, NULL, main_of_thread, self);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        close_descriptors(self);
        self->started = false;
        return err_set(err, STATUS_INTERNAL, "cannot start thread '%s': %s", name,
                       strerror(failed));
    }
    return STATUS_OK;
}

static void make_readable(const struct thread *self, int fd)
{
    if (!self->started) {
        return;
    }
    const uint64_t one = 1;
    /* Fails only when the counter is full, and then the descriptor is readable already. */
    ssize_t ignored = write(fd, &one, sizeof one);
    (void)ignored;
}

void thread_ask_stop(struct thread *self)
{
    atomic_store(&self->stop, true);
    make_readable(self, self->stop_fd);
    make_readable(self, self->wake_fd);
}

bool thread_is_stopping(const struct thread *self)
{
    return atomic_load(&self->stop);
}

void thread_ask_reload(struct thread *self)
{
    atomic_store(&self->reload, true);
    make_readable(self, self->wake_fd);
}

bool thread_take_reload(struct thread *self)
{
    if (self->started) {
        /* Before the flag is taken: a wake-up that comes later then belongs to a later call. */
        uint64_t count = 0;
        ssize_t ignored = read(self->wake_fd, &count, sizeof count);
        (void)ignored;
    }
    if (thread_is_stopping(self)) {
        make_readable(self, self->wake_fd);
    }
    return atomic_exchange(&self->reload, false);
}

bool thread_is_done(const struct thread *self)
{
    return atomic_load(&self->done);
}

void thread_join(struct thread *self)
{
    if (!self->started) {
        return;
    }
    int failed = pthread_join(self->id, NULL);
    INVARIANT(failed == 0, "cannot join thread '%s': %s", self->name, strerror(failed));
    close_descriptors(self);
    self->started = false;
}
