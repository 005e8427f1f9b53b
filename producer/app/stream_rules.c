#include "producer/app/stream_rules.h"

#include <string.h>

static bool is_empty(const struct stream_found *found)
{
    for (size_t i = 0; i < found->facts->count; i++) {
        if (found->facts->partition[i].end > 0) {
            return false;
        }
    }
    return true;
}

/* Offsets only grow, as long as it is the same topic. Some are settled before the state notes their
 * offset. */
static bool went_back(const struct stream *known, const struct stream_found *found)
{
    bool has_records = false;
    for (size_t i = 0; i < known->partition_count; i++) {
        int64_t end = found->facts->partition[i].end;
        if (end < known->next_offsets[i]) {
            return true;
        }
        has_records = has_records || end > known->first_offsets[i];
    }
    return found->has_lost || (!has_records && found->settled > known->first_revision);
}

static enum stream_verdict
refuse_partitions(const struct stream *known, const struct stream_found *found, struct err *err)
{
    (void)err_set(err, STATUS_TOPIC_UNFIT,
                  "topic '%s' has %zu partitions, but this stream began with %zu: a product's "
                  "records would change their place; 'stocksync-producer install --partitions %zu' "
                  "begins a new stream, which publishes every product",
                  found->topic, found->facts->count, known->partition_count, found->facts->count);
    return STREAM_REFUSED;
}

/* A restored state forgot revisions that it had issued. */
static bool is_older(const struct stream *known, const struct stream_found *found)
{
    return known->identity.database_oid != found->identity->database_oid ||
           found->settled < known->settled || found->newest_revision > found->ceiling;
}

static const char *judge_database(const struct stream *known, const struct stream_found *found)
{
    const struct leader_identity *then = &known->identity;
    if (then->system_identifier != found->identity->system_identifier) {
        return "server";
    }
    if (then->timeline != found->identity->timeline) {
        return "timeline";
    }
    if (strcmp(then->database, found->identity->database) != 0) {
        return "database";
    }
    return is_older(known, found) ? "restored" : NULL;
}

/* By name and cluster. */
static bool is_this_topic(const struct stream *known, const struct stream_found *found)
{
    return strcmp(known->topic, found->topic) == 0 &&
           strcmp(known->cluster, found->facts->cluster) == 0;
}

static const char *judge_place(const struct stream *known, const struct stream_found *found)
{
    return strcmp(known->topic, found->topic) != 0 ? "topic" : "cluster";
}

static const char *judge_history(const struct stream *known, const struct stream_found *found)
{
    if (known->partition_count != found->facts->count) {
        return "partitions";
    }
    if (went_back(known, found)) {
        return "topic";
    }
    const char *why = judge_database(known, found);
    return why == NULL && found->is_strange ? "topic" : why;
}

enum stream_verdict stream_judge(const struct stream *known,
                                 const struct stream_found *found,
                                 const char **why,
                                 struct err *err)
{
    if (!known->exists) {
        *why = is_empty(found) ? "first" : "state";
        return STREAM_BEGINS;
    }
    bool is_here = is_this_topic(known, found);
    bool has_grown = known->partition_count != found->facts->count;
    if (is_here && has_grown && found->facts->count != (size_t)known->wanted_partitions) {
        return refuse_partitions(known, found, err);
    }
    *why = is_here ? judge_history(known, found) : judge_place(known, found);
    return *why != NULL ? STREAM_BEGINS : STREAM_GOES_ON;
}
