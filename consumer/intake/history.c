#include "consumer/intake/history.h"

#include <string.h>

#include "common/core/mem.h"
#include "common/kafka/topic_reader.h"
#include "common/model/product_stock.h"

#define ANSWER_MS 15000

struct wanted {
    char (*keys)[PRODUCT_STOCK_KEY_SIZE];
    size_t count; /* 0: every record */
    history_fn each;
    void *arg;
};

static bool is_wanted(const struct wanted *wanted, struct bytes key)
{
    for (size_t i = 0; i < wanted->count; i++) {
        if (key.len == strlen(wanted->keys[i]) && memcmp(key.ptr, wanted->keys[i], key.len) == 0) {
            return true;
        }
    }
    return wanted->count == 0;
}

static bool pass_on(void *arg, const struct topic_record *found)
{
    const struct wanted *wanted = arg;
    if (!is_wanted(wanted, found->key)) {
        return true;
    }
    const struct history_record record = {.partition = found->partition,
                                          .offset = found->offset,
                                          .timestamp_ms = found->timestamp_ms,
                                          .key = found->key,
                                          .value = found->value,
                                          .header_revision = topic_record_revision(found),
                                          .header_stream = topic_record_header(found, "stream")};
    return wanted->each(wanted->arg, &record);
}

/* All partitions: the topic may have had fewer when a product's older records were written. */
enum status history_read(const struct conf_pairs *kafka,
                         const char *topic,
                         const int32_t *products,
                         size_t count,
                         history_fn each,
                         void *arg,
                         struct err *err)
{
    const struct topic_reader_options options = {
        .kafka = kafka, .topic = topic, .client_id = "stocksync-history"};
    struct wanted wanted = {
        .keys = mem_calloc(count, sizeof *wanted.keys), .count = count, .each = each, .arg = arg};
    const struct topic_reading reading = {
        .start = TOPIC_START_OLDEST, .answer_ms = ANSWER_MS, .each = pass_on, .arg = &wanted};
    struct topic_reader *reader = NULL;
    for (size_t i = 0; i < count; i++) {
        product_stock_format_key(products[i], wanted.keys[i]);
    }
    enum status rc = topic_reader_open(&options, &reader, err);
    if (rc == STATUS_OK) {
        rc = topic_reader_read(reader, &reading, err);
    }
    topic_reader_close(reader);
    mem_free(wanted.keys);
    return rc;
}
