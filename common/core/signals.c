#include "common/core/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "common/core/clock.h"

/* What a shell reports for a process that SIGINT ended. */
#define EXIT_INTERRUPTED 130

static atomic_bool stop_requested;
static atomic_bool reload_requested;
static atomic_int_least64_t stop_us;
static int wake_pipe[2] = {-1, -1};
static int stop_pipe[2] = {-1, -1}; /* written once, never read */

static void on_signal(int number)
{
    int saved = errno;
    if (number == SIGHUP) {
        atomic_store(&reload_requested, true);
    } else if (atomic_exchange(&stop_requested, true)) {
        _exit(EXIT_INTERRUPTED);
    } else {
        atomic_store(&stop_us, clock_monotonic_us());
        ssize_t unused = write(stop_pipe[1], "", 1);
        (void)unused;
    }
    /* A full pipe is readable already, so a lost byte changes nothing. */
    ssize_t ignored = write(wake_pipe[1], "", 1);
    (void)ignored;
    errno = saved;
}

static bool set_flags(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static bool handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    return sigaction(number, &action, NULL) == 0;
}

enum status signals_install(struct err *err)
{
    INVARIANT(wake_pipe[0] < 0, "signal handlers are installed twice");
    if (pipe(wake_pipe) != 0 || pipe(stop_pipe) != 0) {
        return err_set(err, STATUS_INTERNAL, "cannot make a pipe: %s", strerror(errno));
    }
    if (!set_flags(wake_pipe[0]) || !set_flags(wake_pipe[1]) || !set_flags(stop_pipe[0]) ||
        !set_flags(stop_pipe[1]) || !handle(SIGTERM, on_signal) || !handle(SIGINT, on_signal) ||
        !handle(SIGHUP, on_signal) || !handle(SIGPIPE, SIG_IGN)) {
        return err_set(err, STATUS_INTERNAL, "cannot install signal handlers: %s", strerror(errno));
    }
    return STATUS_OK;
}

bool signals_stop_requested(void)
{
    return atomic_load(&stop_requested);
}

int signals_stop_fd(void)
{
    return stop_pipe[0];
}

int64_t signals_stop_us(void)
{
    return atomic_load(&stop_us);
}

bool signals_take_reload(void)
{
    return atomic_exchange(&reload_requested, false);
}

int signals_fd(void)
{
    return wake_pipe[0];
}

void signals_drain(void)
{
    char bytes[64];
    while (read(wake_pipe[0], bytes, sizeof bytes) > 0) {
    }
}

bool signals_sleep(int timeout_ms)
{
    if (signals_stop_requested()) {
        return false;
    }
    struct pollfd fd = {.fd = wake_pipe[0], .events = POLLIN};
    if (poll(&fd, 1, timeout_ms) > 0) {
        signals_drain();
    }
    return !signals_stop_requested();
}

void signals_block_all(void)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
}
