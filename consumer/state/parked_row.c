#include "consumer/state/parked_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pg/pg_query.h"

/* --- subjects --- */

enum { SUBJECT_SIZE = 160 };

void state_subject_product(char subject[160], int32_t product_id)
{
    (void)snprintf(subject, SUBJECT_SIZE, "product/%" PRId32, product_id);
}

void state_subject_level(char subject[160], struct level_key key)
{
    (void)snprintf(subject, SUBJECT_SIZE, "level/%" PRId64 "/%" PRId64, key.item, key.location);
}

#define ITEM_PREFIX "item/"

void state_subject_item(char subject[160], int64_t item)
{
    (void)snprintf(subject, SUBJECT_SIZE, ITEM_PREFIX "%" PRId64, item);
}

int64_t state_subject_item_of(const char *subject)
{
    size_t len = strlen(ITEM_PREFIX);
    return strncmp(subject, ITEM_PREFIX, len) == 0 ? strtoll(subject + len, NULL, 10) : 0;
}

static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325); /* FNV-1a */
    for (const char *p = text; *p != '\0'; p++) {
        hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001B3);
    }
    return hash;
}

void state_subject_record(char subject[160], const char *topic, int32_t partition, int64_t offset)
{
    const size_t whole = 110; /* "record/", two numbers and their slashes need 40 more */
    if (strlen(topic) <= whole) {
        (void)snprintf(subject, SUBJECT_SIZE, "record/%s/%" PRId32 "/%" PRId64, topic, partition,
                       offset);
        return;
    }
    (void)snprintf(subject, SUBJECT_SIZE, "record/%.90s~%016" PRIx64 "/%" PRId32 "/%" PRId64, topic,
                   hash_of(topic), partition, offset);
}

/* --- reading --- */

struct state_parked parked_row_read(const struct pg_rows *rows, int row)
{
    bool has_position = !pg_is_null(rows, row, PARKED_COLUMN_PARTITION);
    struct state_parked p = {.product_id = pg_i32(rows, row, PARKED_COLUMN_PRODUCT),
                             .key = {.item = pg_i64(rows, row, PARKED_COLUMN_ITEM),
                                     .location = pg_i64(rows, row, PARKED_COLUMN_LOCATION)},
                             .topic = pg_text(rows, row, PARKED_COLUMN_TOPIC),
                             .partition =
                                 has_position ? pg_i32(rows, row, PARKED_COLUMN_PARTITION) : -1,
                             .offset = pg_is_null(rows, row, PARKED_COLUMN_OFFSET)
                                           ? -1
                                           : pg_i64(rows, row, PARKED_COLUMN_OFFSET),
                             .revision = pg_i64(rows, row, PARKED_COLUMN_REVISION),
                             .quantity = pg_i32(rows, row, PARKED_COLUMN_QUANTITY),
                             .reason = pg_text(rows, row, PARKED_COLUMN_REASON),
                             .code = pg_text(rows, row, PARKED_COLUMN_CODE),
                             .detail = pg_text(rows, row, PARKED_COLUMN_DETAIL),
                             .request_id = pg_text(rows, row, PARKED_COLUMN_REQUEST_ID),
                             .attempts = pg_i32(rows, row, PARKED_COLUMN_ATTEMPTS)};
    (void)snprintf(p.subject, sizeof p.subject, "%s", pg_text(rows, row, PARKED_COLUMN_SUBJECT));
    return p;
}
