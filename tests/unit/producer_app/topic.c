#include "tests/unit/producer_app/topic.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/core/status.h"

#define LIMIT_MS 10000

int accept4(int listener, struct sockaddr *address, socklen_t *size, int flags);
int accept_without_delay(int listener, struct sockaddr *address, socklen_t *size) __asm__("accept");

/* librdkafka's mock cluster calls this one. Its answers would otherwise wait for acknowledgements
 * that the kernel delays: 40 ms for each connection. */
__attribute__((visibility("default"))) int
accept_without_delay(int listener, struct sockaddr *address, socklen_t *size)
{
    const int on = 1;
    const int fd = accept4(listener, address, size, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return fd;
}

static rd_kafka_t *reader;
static rd_kafka_topic_t *topic;
static int64_t next; /* offset */

void topic_open(struct mock_kafka *mock, const char *linger_ms)
{
    char text[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    mock_kafka_start(mock, 1);
    mock_kafka_set(mock, "linger.ms", linger_ms);
    mock_kafka_set(mock, "socket.nagle.disable", "true");
    (void)rd_kafka_conf_set(conf, "bootstrap.servers",
                            rd_kafka_mock_cluster_bootstraps(mock->cluster), text, sizeof text);
    (void)rd_kafka_conf_set(conf, "isolation.level", "read_uncommitted", text, sizeof text);
    (void)rd_kafka_conf_set(conf, "fetch.wait.max.ms", "1", text, sizeof text);
    (void)rd_kafka_conf_set(conf, "log_level", "0", text, sizeof text);
    reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    INVARIANT(reader != NULL, "%s", text);
    topic = rd_kafka_topic_new(reader, MOCK_TOPIC, NULL);
    INVARIANT(rd_kafka_consume_start(topic, 0, RD_KAFKA_OFFSET_BEGINNING) == 0, "consume");
    next = 0;
    /* the first record takes the reader a second */
    mock_kafka_write(mock, 0, "0", NULL, NULL);
    topic_skip();
}

void topic_close(struct mock_kafka *mock)
{
    (void)rd_kafka_consume_stop(topic, 0);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(reader);
    mock_kafka_stop(mock);
}

/* Offset behind the last record. */
static int64_t end(void)
{
    int64_t low = 0;
    int64_t high = 0;
    const rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(reader, MOCK_TOPIC, 0, &low, &high, LIMIT_MS);
    INVARIANT(code == RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(code));
    return high;
}

static void read_one(struct mock_record *record)
{
    rd_kafka_message_t *message = rd_kafka_consume(topic, 0, LIMIT_MS);
    INVARIANT(message != NULL && message->err == RD_KAFKA_RESP_ERR_NO_ERROR, "no record");
    mock_kafka_copy(message, record);
    next = message->offset + 1;
    rd_kafka_message_destroy(message);
}

void topic_skip(void)
{
    struct mock_record record;
    for (int64_t high = end(); next < high;) {
        read_one(&record);
    }
}

size_t topic_read(struct mock_record *list, size_t max)
{
    size_t count = 0;
    for (int64_t high = end(); next < high;) {
        INVARIANT(count < max, "more than %zu records", max);
        read_one(&list[count++]);
    }
    return count;
}
