/**
 * signals: TERM and INT ask the process to stop, HUP to read secrets again; PIPE is ignored.
 *
 * Main thread only, except the functions about the stop. Handlers only set flags and write to a pipe.
 */
#ifndef STOCKSYNC_CORE_SIGNALS_H
#define STOCKSYNC_CORE_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/status.h"

/** Installs the handlers, once, before any thread starts. A second TERM or INT ends the process at
 * once (exit 130). */
NODISCARD enum status signals_install(struct err *err);
/** True from the first TERM or INT on. Thread-safe. */
bool signals_stop_requested(void);
/** Readable from the first TERM or INT on, for poll; -1 before signals_install. Thread-safe. */
int signals_stop_fd(void);
/** Monotonic time of the first TERM or INT; 0: not asked to stop. Thread-safe. */
int64_t signals_stop_us(void);
/** True once per HUP received. */
bool signals_take_reload(void);
/** Readable whenever a signal arrived since the last signals_drain; for poll. */
int signals_fd(void);
void signals_drain(void);
/** Sleeps up to timeout_ms or until a signal arrives. @return false: the process is asked to stop */
bool signals_sleep(int timeout_ms);
/** Blocks all signals in the calling thread: first thing a lane does. */
void signals_block_all(void);

#endif
