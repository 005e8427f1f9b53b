/**
 * service: tells systemd (or whoever set NOTIFY_SOCKET) how we are. Without NOTIFY_SOCKET nothing
 * happens. Main thread.
 */
#ifndef STOCKSYNC_CORE_SERVICE_H
#define STOCKSYNC_CORE_SERVICE_H

void service_ready(void);
void service_stopping(void);
/** To be called from the main loop; sends WATCHDOG=1 at half of WATCHDOG_USEC. */
void service_alive(void);

#endif
