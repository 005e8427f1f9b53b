#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include "common/kafka/kafka_conf.h"

#define MAX_PAIRS 12

/* Pairs of literals; conf_pair wants them writable, and nobody writes. */
struct fixture {
    char texts[2 * MAX_PAIRS][64];
    struct conf_pair list[MAX_PAIRS];
    struct conf_pairs pairs;
};

static void add(struct fixture *f, const char *name, const char *value, int line)
{
    const size_t at = f->pairs.count++;
    (void)snprintf(f->texts[2 * at], sizeof f->texts[0], "%s", name);
    (void)snprintf(f->texts[2 * at + 1], sizeof f->texts[0], "%s", value);
    f->list[at] =
        (struct conf_pair){.name = f->texts[2 * at], .value = f->texts[2 * at + 1], .line = line};
    f->pairs.list = f->list;
}

static void assert_property(void *conf, const char *name, const char *expected)
{
    char value[256] = "";
    size_t size = sizeof value;
    if (rd_kafka_conf_get(conf, name, value, &size) != RD_KAFKA_CONF_OK) {
        fail_msg("%s is unknown", name);
    }
    if (strcmp(value, expected) != 0) {
        fail_msg("%s is '%s', expected '%s'", name, value, expected);
    }
}

static void kafka_conf_of_a_producer_has_the_properties_of_its_guarantees(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct err err;
    void *conf = NULL;
    add(&f, "bootstrap.servers", "b1:9092,b2:9092", 3);
    add(&f, "compression.type", "zstd", 4);
    const struct kafka_identity identity = {.role = KAFKA_PRODUCER,
                                            .client_id = "stocksync-producer",
                                            .transactional_id = "stocksync-t",
                                            .message_max_bytes = 500000};
    assert_int_equal(kafka_conf_build(&f.pairs, &identity, &conf, &err), STATUS_OK);
    assert_property(conf, "bootstrap.servers", "b1:9092,b2:9092");
    assert_property(conf, "client.id", "stocksync-producer");
    assert_property(conf, "transactional.id", "stocksync-t");
    assert_property(conf, "transaction.timeout.ms", "15000");
    assert_property(conf, "message.max.bytes", "500000");
    assert_property(conf, "compression.type", "zstd");
    assert_property(conf, "socket.keepalive.enable", "true");
    assert_property(conf, "log.queue", "true");
    assert_property(conf, "allow.auto.create.topics", "false");
    assert_property(conf, "partitioner", "murmur2_random");
    rd_kafka_conf_destroy(conf);
}

static void kafka_conf_of_a_consumer_has_the_properties_of_its_guarantees(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct err err;
    void *conf = NULL;
    add(&f, "bootstrap.servers", "b1:9092", 3);
    add(&f, "session.timeout.ms", "6000", 4);
    add(&f, "partition.assignment.strategy", "roundrobin", 5);
    const struct kafka_identity identity = {
        .role = KAFKA_CONSUMER, .client_id = "stocksync-store-a", .group_id = "stocksync-a"};
    assert_int_equal(kafka_conf_build(&f.pairs, &identity, &conf, &err), STATUS_OK);
    assert_property(conf, "group.id", "stocksync-a");
    assert_property(conf, "isolation.level", "read_uncommitted");
    assert_property(conf, "enable.auto.commit", "false");
    assert_property(conf, "enable.auto.offset.store", "false");
    assert_property(conf, "partition.assignment.strategy", "roundrobin");
    assert_property(conf, "auto.offset.reset", "smallest"); /* as the library calls "earliest" */
    assert_property(conf, "enable.partition.eof", "true");
    assert_property(conf, "session.timeout.ms", "6000");
    assert_property(conf, "queued.max.messages.kbytes", "4096");
    rd_kafka_conf_destroy(conf);
}

static void kafka_conf_of_a_reader_sees_settled_records_or_all(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct err err;
    void *conf = NULL;
    add(&f, "bootstrap.servers", "b1:9092", 3);
    struct kafka_identity identity = {.role = KAFKA_READER, .client_id = "stocksync-history"};
    assert_int_equal(kafka_conf_build(&f.pairs, &identity, &conf, &err), STATUS_OK);
    assert_property(conf, "isolation.level", "read_committed");
    assert_property(conf, "enable.auto.commit", "false");
    assert_property(conf, "enable.partition.eof", "true");
    assert_property(conf, "log.queue", "false");
    rd_kafka_conf_destroy(conf);
    identity.uncommitted = true;
    assert_int_equal(kafka_conf_build(&f.pairs, &identity, &conf, &err), STATUS_OK);
    assert_property(conf, "isolation.level", "read_uncommitted");
    rd_kafka_conf_destroy(conf);
}

static void kafka_conf_build_passes_the_librarys_text_on(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct err err;
    void *conf = NULL;
    const struct kafka_identity identity = {.role = KAFKA_READER, .client_id = "x"};
    assert_int_equal(kafka_conf_build(&f.pairs, &identity, &conf, &err), STATUS_CONFIG);
    assert_non_null(strstr(err.msg, "bootstrap.servers"));
    add(&f, "bootstrap.servers", "b1:9092", 3);
    add(&f, "security.protocol", "telepathy", 4);
    assert_int_equal(kafka_conf_build(&f.pairs, &identity, &conf, &err), STATUS_CONFIG);
    assert_non_null(strstr(err.msg, "security.protocol"));
    assert_non_null(strstr(err.msg, "telepathy"));
}

static void kafka_conf_check_reports_every_problem_with_its_line(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct conf_problems problems = {0};
    add(&f, "bootstrap.servers", "b1:9092", 3);
    add(&f, "linger", "5", 4);
    add(&f, "linger.ms", "soon", 5);
    add(&f, "group.id", "mine", 6);
    add(&f, "isolation.level", "read_committed", 7);
    add(&f, "transactional.id", "mine", 8);
    add(&f, "acks", "1", 9);
    add(&f, "security.protocol", "ssl", 10);
    add(&f, "partition.assignment.strategy", "range,cooperative-sticky", 11);
    kafka_conf_check(&f.pairs, &problems);
    static const struct {
        int line;
        const char *part;
    } expected[] = {
        {4, "linger"},
        {5, "linger.ms"},
        {6, "stocksync sets it"},
        {7, "stocksync sets it"},
        {8, "stocksync sets it"},
        {9, "stocksync sets it"},
        {11, "does not mix"},
    };
    assert_int_equal(problems.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < problems.count; i++) {
        assert_int_equal(problems.list[i].line, expected[i].line);
        if (strstr(problems.list[i].text, expected[i].part) == NULL) {
            fail_msg("line %d: %s", problems.list[i].line, problems.list[i].text);
        }
    }
    conf_problems_release(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kafka_conf_of_a_producer_has_the_properties_of_its_guarantees),
        cmocka_unit_test(kafka_conf_of_a_consumer_has_the_properties_of_its_guarantees),
        cmocka_unit_test(kafka_conf_of_a_reader_sees_settled_records_or_all),
        cmocka_unit_test(kafka_conf_build_passes_the_librarys_text_on),
        cmocka_unit_test(kafka_conf_check_reports_every_problem_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
