/**
 * topic: a mock cluster and one reader of MOCK_TOPIC, both shared by the tests of a program: they
 * take seconds to start and to end, and a test may take 50 ms.
 */
#ifndef STOCKSYNC_PRODUCER_APP_TOPIC_H
#define STOCKSYNC_PRODUCER_APP_TOPIC_H

#include "tests/unit/kafka/mock_kafka.h"

/** Starts a cluster. @param linger_ms  "0": records leave at once; "2000": with the next flush, in
 * one request */
void topic_open(struct mock_kafka *mock, const char *linger_ms);
void topic_close(struct mock_kafka *mock);
/** Forgets what is there. */
void topic_skip(void);
/** Reads all records since topic_skip or the last read, in order. @return how many, at most max */
size_t topic_read(struct mock_record *list, size_t max);

#endif
