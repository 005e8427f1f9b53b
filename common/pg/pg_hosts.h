/**
 * pg_hosts: the hosts that a dsn names, in the order of an attempt. For common/pg only.
 *
 * libpq goes to the next host by itself when one refuses, but not when one is silent: the limit of a
 * connection is over then. So the next attempt begins with another host.
 */
#ifndef STOCKSYNC_PG_PG_HOSTS_H
#define STOCKSYNC_PG_PG_HOSTS_H

#include "common/core/status.h"

/** Lists as libpq takes them: "a,b". NULL: the dsn has none. Owned. */
struct pg_hosts {
    char *host, *hostaddr, *port;
};

/**
 * @param first  number of the host to begin with, modulo their count
 * @param hosts  [out] pg_hosts_release in any case
 * @return STATUS_OK; STATUS_CONFIG: the dsn cannot be read
 */
NODISCARD enum status
pg_hosts_read(const char *dsn, unsigned first, struct pg_hosts *hosts, struct err *err);
void pg_hosts_release(struct pg_hosts *hosts);

#endif
