/**
 * metric: counters, gauges and histograms in one registry, shown as Prometheus text.
 *
 * Cells are registered at start or when a lane starts and live as long as the process; updating is
 * one relaxed atomic operation. Names are stocksync_<producer|store>_<what>_<unit>[_total]; at most
 * one label (a name, such as store, and its value). Registering the same name and label value again
 * returns the same cell. Thread-safe; global by design.
 */
#ifndef STOCKSYNC_CORE_METRIC_H
#define STOCKSYNC_CORE_METRIC_H

#include <stdint.h>

#include "common/core/strbuf.h"

struct metric; /* one cell */

/** label may be NULL; name, help, label and value are copied. */
struct metric *
metric_counter(const char *name, const char *help, const char *label, const char *value);
struct metric *
metric_gauge(const char *name, const char *help, const char *label, const char *value);
/** Fixed buckets in seconds, 1 ms to 10 min; rendered as _bucket, _sum, _count. */
struct metric *
metric_histogram(const char *name, const char *help, const char *label, const char *value);

void metric_add(struct metric *m, uint64_t n);        /* counter */
void metric_set(struct metric *m, double value);      /* gauge */
void metric_observe_us(struct metric *m, int64_t us); /* histogram; negative counts as 0 */
/** Present value of a counter or gauge; count of a histogram. For status and tests. */
double metric_value(const struct metric *m);

/** Appends the whole registry, in order of registration, HELP and TYPE once a name. */
void metric_render(struct strbuf *out);

#endif
