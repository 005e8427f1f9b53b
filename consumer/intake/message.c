#include "consumer/intake/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 24

struct bytes message_header(const rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t size = 0;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return bytes_of(NULL, 0);
    }
    return bytes_of(value, size);
}

int64_t message_revision(const rd_kafka_message_t *message)
{
    const struct bytes value = message_header(message, "revision");
    char text[NUMBER_SIZE] = "";
    if (value.ptr == NULL || value.len >= sizeof text) {
        return 0;
    }
    memcpy(text, value.ptr, value.len);
    char *end = NULL;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    return errno == 0 && end == text + value.len && number > 0 ? number : 0;
}

rd_kafka_resp_err_t message_commit_result(rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    for (int i = 0; list != NULL && code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++) {
        code = list->elems[i].err;
    }
    return code;
}
