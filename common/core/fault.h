/**
 * fault: named crash points for tests, compiled in with STOCKSYNC_FAULTS only.
 *
 * STOCKSYNC_FAULT="tail.before_delete:kill:3" kills the process (SIGKILL) at the third passage of
 * that point; actions: kill, stop (SIGSTOP), delay=MS. Several faults are separated by commas.
 * Thread-safe.
 */
#ifndef STOCKSYNC_CORE_FAULT_H
#define STOCKSYNC_CORE_FAULT_H

#ifdef STOCKSYNC_FAULTS
void fault_reach(const char *name);
#define FAULT_POINT(name) fault_reach(name)
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
