/**
 * stream_rules: whether a stream goes on: compares what the state remembers of it with what Kafka
 * and Odoo's database hold now.
 *
 *   why it begins   because
 *   first           nothing was ever published: the topic is empty
 *   state           the state has no stream, but the topic has records
 *   topic           another topic, or its records are gone or are another's
 *   cluster         another Kafka cluster
 *   partitions      install --partitions raised their number
 *   server          another PostgreSQL server (restored elsewhere)
 *   timeline        a promoted standby, or a recovery to an earlier time
 *   database        another database.uuid, confirmed with install --database
 *   restored        Odoo's database was created again, or it or the state is older than what was
 *                   published
 *
 * Pure. Thread: any.
 */
#ifndef STOCKSYNC_PRODUCER_APP_STREAM_RULES_H
#define STOCKSYNC_PRODUCER_APP_STREAM_RULES_H

#include "producer/odoo/stream_rows.h"
#include "producer/publish/topic_probe.h"

/** What is there now. Borrowed for the call. */
struct stream_found {
    const char *topic; /* its name */
    const struct topic_facts *facts;
    const struct leader_identity *identity;
    int64_t settled; /* of Odoo's database */
    /* The greatest revision in the topic behind next_offsets; 0: none, or not read this time. */
    int64_t newest_revision;
    int64_t ceiling; /* the state has issued no greater revision */
    bool has_lost;   /* an acknowledged record lies behind the end of its partition */
    bool is_strange; /* the record before next_offsets is not of a stream that the state knows */
};

enum stream_verdict { STREAM_GOES_ON, STREAM_BEGINS, STREAM_REFUSED };

/**
 * @param why  [out] BEGINS: a static name from the table above
 * @param err  [out] REFUSED: STATUS_TOPIC_UNFIT: the topic has another number of partitions
 */
enum stream_verdict stream_judge(const struct stream *known,
                                 const struct stream_found *found,
                                 const char **why,
                                 struct err *err);

#endif
