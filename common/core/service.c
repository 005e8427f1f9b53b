#include "common/core/service.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/core/clock.h"

/* sd_notify(3): one datagram with "NAME=value" to a socket; a leading '@' stands for the abstract
 * name space. */
static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path != NULL ? strlen(path) : 0;
    if (len < 2 || len >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    (void)memcpy(address.sun_path, path, len);
    if (path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address, size);
    (void)close(fd);
}

void service_ready(void)
{
    notify("READY=1");
}

void service_stopping(void)
{
    notify("STOPPING=1");
}

/* sd_watchdog_enabled(3). @return 0: nobody watches this process */
static int64_t watchdog_us(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    const char *us = getenv("WATCHDOG_USEC");
    if (us == NULL || (pid != NULL && strtoll(pid, NULL, 10) != (long long)getpid())) {
        return 0;
    }
    char *end = NULL;
    errno = 0;
    int64_t value = strtoll(us, &end, 10);
    return errno == 0 && end != us && *end == '\0' && value > 0 ? value : 0;
}

void service_alive(void)
{
    static int64_t next_us;
    int64_t now = clock_monotonic_us();
    if (now < next_us) {
        return;
    }
    int64_t period = watchdog_us();
    if (period == 0) {
        next_us = INT64_MAX;
        return;
    }
    notify("WATCHDOG=1");
    next_us = now + period / 2;
}
