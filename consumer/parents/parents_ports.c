#include "consumer/parents/parents_ports.h"

#include <poll.h>

#include "common/core/clock.h"

static void wait_for(int wake_fd, int source_fd, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = wake_fd, .events = POLLIN}, {.fd = source_fd, .events = POLLIN}};
    (void)poll(fds, 2, timeout_ms); /* the caller looks at everything after any wake-up */
}

const struct parents_ports parents_ports_live = {
    .source = {.open = record_source_open,
               .fd = record_source_fd,
               .poll = record_source_poll,
               .commit = record_source_commit,
               .commit_wait = record_source_commit_wait,
               .read_from = record_source_read_from,
               .release = record_source_release_partitions,
               .assigned_count = record_source_assigned_count,
               .health = record_source_health,
               .close = record_source_close},
    .marks = {.create = parents_new,
              .open = parents_open,
              .mark = parents_mark,
              .probe = parents_probe,
              .destroy = parents_free},
    .streams = {.create = state_new,
                .open = state_open,
                .read = state_streams_read,
                .positions = state_positions_read,
                .note = state_positions_note,
                .destroy = state_free},
    .clock = {.monotonic_us = clock_monotonic_us, .wall_us = clock_wall_us, .wait = wait_for},
};
