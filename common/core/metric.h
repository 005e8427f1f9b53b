/**
 * metric: counters, gauges and histograms in one registry, shown as Prometheus text.
 *
 * A module describes its metrics in one table: the table registers the cells, labels them and
 * documents them. Cells live as long as the process; updating one is a relaxed atomic operation.
 * Names are stocksync_<part>_<what>_<base unit>[_total]. Thread-safe; global by design.
 */
#ifndef STOCKSYNC_CORE_METRIC_H
#define STOCKSYNC_CORE_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "common/core/strbuf.h"

struct metric; /* one cell */

/*
 *     kind                     fed with            shown as
 *     METRIC_COUNTER           metric_add          a whole number that only grows
 *     METRIC_SECONDS_COUNTER   metric_add_us       a counter in seconds
 *     METRIC_GAUGE             metric_set          a number
 *     METRIC_HISTOGRAM         metric_observe_us   _bucket, _sum and _count in seconds; fixed
 *                                                  buckets from 1 ms to 10 min
 */
enum metric_kind { METRIC_COUNTER, METRIC_SECONDS_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/** One cell. Rows of one name follow each other and differ in the value of their label. */
struct metric_row {
    size_t offset; /* of a struct metric * in the struct that the table fills */
    enum metric_kind kind;
    const char *name;
    const char *label; /* of this row alone, for example "reason"; NULL: none */
    const char *value; /* of that label; NULL without one */
    const char *help;
};

struct metric_table {
    const struct metric_row *rows;
    size_t count;
    const char *label; /* of every row, for example "store"; NULL: none */
};

/**
 * Registers every row and stores the cells in the caller's struct. Registering the same table and
 * value again gives the same cells.
 *
 * @param value  of the table's label; copied; NULL without a label
 * @param cells  [out] the struct that the offsets belong to
 */
void metric_table_register(const struct metric_table *table, const char *value, void *cells);
/**
 * Appends the tables as one Markdown table: name, labels, kind, meaning.
 *
 * @param tables  NULL-terminated
 */
void metric_table_document(const struct metric_table *const *tables, struct strbuf *out);

void metric_add(struct metric *m, uint64_t n);
void metric_add_us(struct metric *m, int64_t us); /* negative adds 0 */
void metric_set(struct metric *m, double value);
void metric_observe_us(struct metric *m, int64_t us); /* negative counts as 0 */
/** Present value of a counter (in its unit) or gauge; count of a histogram. For status and tests. */
double metric_value(const struct metric *m);

/** Appends the whole registry, in order of registration, HELP and TYPE once a name. */
void metric_render(struct strbuf *out);

#endif
