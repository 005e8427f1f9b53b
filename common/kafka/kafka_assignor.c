#include "common/kafka/kafka_assignor.h"

#include <string.h>

#include <librdkafka/rdkafka.h>

#define COOPERATIVE "cooperative-sticky"
/* For one topic the same as roundrobin: no member has two partitions more than another. */
#define EAGER "range"
/* The release with the fix; candidates of it have smaller numbers. */
#define FIRST_SAFE_VERSION 0x020300ff

#define SEPARATORS ", "

static const char *given(const struct conf_pairs *pass_through)
{
    for (size_t i = 0; i < pass_through->count; i++) {
        if (strcmp(pass_through->list[i].name, KAFKA_ASSIGNOR_PROPERTY) == 0) {
            return pass_through->list[i].value;
        }
    }
    return NULL;
}

struct kafka_assignor
kafka_assignor_for(const struct conf_pairs *pass_through, int version, const char *library)
{
    bool is_safe = version >= FIRST_SAFE_VERSION;
    const char *strategy = given(pass_through);
    struct kafka_assignor a = {.library = library, .is_given = strategy != NULL};
    if (strategy == NULL) {
        strategy = is_safe ? COOPERATIVE : EAGER;
    }
    a.strategy = strategy;
    a.is_cooperative = strstr(strategy, COOPERATIVE) != NULL;
    a.may_abort = a.is_cooperative && !is_safe;
    return a;
}

struct kafka_assignor kafka_assignor_of(const struct conf_pairs *pass_through)
{
    return kafka_assignor_for(pass_through, rd_kafka_version(), rd_kafka_version_str());
}

static bool is_word(const char *word, size_t len, const char *name)
{
    return strlen(name) == len && strncmp(word, name, len) == 0;
}

const char *kafka_assignor_refusal(const char *strategy)
{
    size_t eager = 0;
    size_t cooperative = 0;
    for (const char *at = strategy + strspn(strategy, SEPARATORS); *at != '\0';) {
        size_t len = strcspn(at, SEPARATORS);
        if (is_word(at, len, COOPERATIVE)) {
            cooperative++;
        } else if (is_word(at, len, "range") || is_word(at, len, "roundrobin")) {
            eager++;
        } else {
            return "say cooperative-sticky, range or roundrobin";
        }
        at += len;
        at += strspn(at, SEPARATORS);
    }
    if (eager + cooperative == 0) {
        return "say cooperative-sticky, range or roundrobin";
    }
    return eager > 0 && cooperative > 0 ? "Kafka does not mix cooperative and eager strategies"
                                        : NULL;
}

const char *kafka_assignor_reason(const struct kafka_assignor *assignor)
{
    if (assignor->may_abort) {
        return "this librdkafka aborts the process when a cooperative client closes before its "
               "first assignment: remove " KAFKA_ASSIGNOR_PROPERTY " from [kafka], or update "
               "librdkafka to 2.3.0";
    }
    if (assignor->is_given) {
        return "as [kafka] says; all members of a group need the same kind";
    }
    if (assignor->is_cooperative) {
        return "a rebalance moves only the partitions that change hands";
    }
    return "a rebalance takes all partitions for a moment, because cooperative assignment needs "
           "librdkafka 2.3.0";
}
