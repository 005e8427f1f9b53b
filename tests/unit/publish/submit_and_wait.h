/**
 * submit_and_wait: publishes a list and waits for it, like a batch of one chunk.
 */
#ifndef STOCKSYNC_PUBLISH_SUBMIT_AND_WAIT_H
#define STOCKSYNC_PUBLISH_SUBMIT_AND_WAIT_H

#include "producer/publish/publisher.h"

static inline enum status submit_and_wait(struct publisher *to,
                                          struct record_sink *over,
                                          struct publish_item *list,
                                          size_t count,
                                          int limit_ms,
                                          struct err *why)
{
    for (size_t i = 0; i < count; i++) {
        list[i].product_id = list[i].stock != NULL ? list[i].stock->product_id : list[i].product_id;
    }
    const enum status rc = publisher_submit(to, over, list, count, limit_ms, why);
    return rc == STATUS_OK ? publisher_wait(to, over, limit_ms, why) : rc;
}

#endif
