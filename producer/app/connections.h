/**
 * connections: the producer's connections to PostgreSQL, and the loop's ports over them.
 *
 * The leader's lock, the tail, the reading of deferred chunks and the watch over the marks have a
 * connection each. Thread: the producer's main thread, except that the reader of deferred chunks uses
 * the third one between open and close, and mark_watch the last one.
 */
#ifndef STOCKSYNC_PRODUCER_APP_CONNECTIONS_H
#define STOCKSYNC_PRODUCER_APP_CONNECTIONS_H

#include "producer/app/mark_watch.h"
#include "producer/app/producer.h"

/** Connects nothing yet. @param conf  borrowed until free */
NODISCARD struct connections *connections_new(const struct producer_conf *conf);
/** The ports of connections that live; free the producer first. Accepts NULL. */
void connections_free(struct connections *connections);
/** @param ports  [out] valid until connections_free */
void connections_ports(struct connections *connections, struct producer_ports *ports);
/** Without note and taker. Valid until connections_free. */
struct mark_watch_port connections_mark_watch(struct connections *connections);

#endif
