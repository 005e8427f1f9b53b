/**
 * service: reports ready, stopping and alive to systemd. Does nothing without NOTIFY_SOCKET. Main
 * thread.
 */
#ifndef STOCKSYNC_CORE_SERVICE_H
#define STOCKSYNC_CORE_SERVICE_H

void service_ready(void);
void service_stopping(void);
/** To be called from the main loop; sends WATCHDOG=1 at half of WATCHDOG_USEC. */
void service_alive(void);

#endif
