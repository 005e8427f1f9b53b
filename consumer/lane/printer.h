/**
 * printer: the sink of a dry run. Prints the writes that a real run would make once everything is
 * read, each with the old and the new number. A summary with totals comes at the end.
 */
#ifndef STOCKSYNC_LANE_PRINTER_H
#define STOCKSYNC_LANE_PRINTER_H

#include <stddef.h>

#include "consumer/lane/sink.h"

struct printer {
    const struct lane_context *c;
    struct brake_control *brake;
    size_t would_write, confirmed, superseded;
    size_t rise, fall, to_zero; /* of would_write; to_zero are among those that fall */
    double foreign_before;      /* records of other databases, before the session */
    char would_hold[320];       /* why the brake would hold; "": it would not */
};

/** @param printer  borrowed by the sink; zeroed */
struct sink printer_sink(struct printer *printer);

#endif
