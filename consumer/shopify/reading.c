#include "consumer/shopify/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/core/mem.h"
#include "embedded/graphql.h"

/* Far more than a variant with the longest texts. */
#define LINE_MAX_BYTES ((size_t)64 * 1024)

#define POLL_FIRST_MS 1000
#define POLL_MAX_MS   10000
/* About half an hour. */
#define POLLS_MAX 200U

static void forget_read(struct reading *r)
{
    enum match match = r->variants.match;
    sku_index_free(r->variants.into);
    variants_release(&r->variants);
    variants_init(&r->variants, match, NULL, sku_index_new());
    strbuf_reset(&r->line);
    r->line_err = (struct err){0};
}

void reading_init(struct reading *r, enum match match)
{
    *r = (struct reading){0};
    variants_init(&r->variants, match, NULL, sku_index_new());
    strbuf_init(&r->line, LINE_MAX_BYTES);
}

void reading_release(struct reading *r)
{
    sku_index_free(r->variants.into);
    variants_release(&r->variants);
    strbuf_release(&r->line);
    mem_free(r->url);
    *r = (struct reading){0};
}

/* --- what to ask --- */

enum operation reading_operation(const struct reading *r)
{
    switch (r->phase) {
    case READING_COUNT:
        return OP_VARIANTS_COUNT;
    case READING_START:
        return OP_BULK_START;
    case READING_POLL:
        return OP_BULK_POLL;
    case READING_PAGES:
    case READING_FETCH:
    case READING_DONE:
        break;
    }
    return OP_VARIANTS_PAGE;
}

void reading_append_variables(const struct reading *r, struct strbuf *out)
{
    switch (r->phase) {
    case READING_START:
        strbuf_append_text(out, "{\"query\":");
        strbuf_append_json(out, graphql_bulk_variants);
        strbuf_append_text(out, "}");
        break;
    case READING_POLL:
        strbuf_append_text(out, "{\"id\":");
        strbuf_append_json(out, r->bulk_id);
        strbuf_append_text(out, "}");
        break;
    case READING_PAGES:
        variants_append_variables(&r->variants, out);
        break;
    case READING_COUNT:
    case READING_FETCH:
    case READING_DONE:
        strbuf_append_text(out, "{}");
        break;
    }
}

int64_t reading_wait_ms(const struct reading *r)
{
    if (r->phase != READING_POLL) {
        return 0;
    }
    int64_t ms = POLL_FIRST_MS * (1 + (int64_t)r->polls);
    return ms < POLL_MAX_MS ? ms : POLL_MAX_MS;
}

/* --- answers --- */

static const json_t *root_of(const struct answer *answer, const char *field)
{
    return json_object_get(json_object_get(answer->json, "data"), field);
}

static enum status other_shape(struct err *err)
{
    return err_set(err, STATUS_OUTCOME_UNKNOWN, "an answer about the catalogue has another shape");
}

static enum status take_count(struct reading *r, const struct answer *answer, struct err *err)
{
    const json_t *count = json_object_get(root_of(answer, "productVariantsCount"), "count");
    if (!json_is_integer(count)) {
        return other_shape(err);
    }
    r->phase = json_integer_value(count) < READING_PAGED_MAX ? READING_PAGES : READING_START;
    return STATUS_OK;
}

static enum status take_start(struct reading *r, const struct answer *answer, struct err *err)
{
    const json_t *operation =
        json_object_get(root_of(answer, "bulkOperationRunQuery"), "bulkOperation");
    const char *id = json_string_value(json_object_get(operation, "id"));
    if (id == NULL || strlen(id) >= sizeof r->bulk_id) {
        return other_shape(err);
    }
    (void)snprintf(r->bulk_id, sizeof r->bulk_id, "%s", id);
    r->phase = READING_POLL;
    return STATUS_OK;
}

static enum status take_result(struct reading *r, const json_t *operation, struct err *err)
{
    const char *count = json_string_value(json_object_get(operation, "objectCount"));
    const char *url = json_string_value(json_object_get(operation, "url"));
    char *end = NULL;
    if (count == NULL || count[0] < '0' || count[0] > '9') {
        return other_shape(err);
    }
    r->expected = (size_t)strtoull(count, &end, 10);
    if (*end != '\0' || (url == NULL && r->expected > 0)) {
        return other_shape(err);
    }
    r->url = mem_strdup(url);
    r->phase = url != NULL ? READING_FETCH : READING_DONE; /* no file: no variant was found */
    return STATUS_OK;
}

static enum status take_poll(struct reading *r, const struct answer *answer, struct err *err)
{
    const json_t *operation = root_of(answer, "bulkOperation");
    const char *status = json_string_value(json_object_get(operation, "status"));
    const char *code = json_string_value(json_object_get(operation, "errorCode"));
    if (status == NULL) {
        return other_shape(err);
    }
    if (strcmp(status, "COMPLETED") == 0) {
        return take_result(r, operation, err);
    }
    if ((strcmp(status, "CREATED") == 0 || strcmp(status, "RUNNING") == 0) &&
        r->polls < POLLS_MAX) {
        r->polls++;
        return STATUS_OK;
    }
    return err_set(err, STATUS_STORE_LOST, "the bulk operation is %.40s%s%.40s", status,
                   code != NULL ? ": " : "", code != NULL ? code : "");
}

enum status reading_take(struct reading *r, const struct answer *answer, struct err *err)
{
    enum status rc = STATUS_OK;
    switch (r->phase) {
    case READING_COUNT:
        return take_count(r, answer, err);
    case READING_START:
        return take_start(r, answer, err);
    case READING_POLL:
        return take_poll(r, answer, err);
    case READING_PAGES:
        rc = variants_take(&r->variants, answer, err);
        if (rc == STATUS_OK && r->variants.cursor.ended) {
            r->phase = READING_DONE;
        }
        return rc;
    case READING_FETCH:
    case READING_DONE:
        break;
    }
    return other_shape(err);
}

/* --- lines --- */

const char *reading_url(const struct reading *r)
{
    return r->url;
}

/* An empty one between two is harmless. */
static bool end_line(struct reading *r)
{
    if (r->line.len == 0) {
        return true;
    }
    json_t *node = json_loadb(r->line.ptr, r->line.len, JSON_ALLOW_NUL, NULL);
    enum status rc = strbuf_check(&r->line, "a line", &r->line_err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = variants_take_one(&r->variants, node, &r->line_err);
out:
    json_decref(node);
    strbuf_reset(&r->line);
    return rc == STATUS_OK;
}

bool reading_feed(void *reading, struct bytes piece)
{
    struct reading *r = reading;
    const unsigned char *at = piece.ptr;
    size_t left = piece.len;
    while (left > 0) {
        const unsigned char *end = memchr(at, '\n', left);
        size_t len = end != NULL ? (size_t)(end - at) : left;
        strbuf_append(&r->line, at, len);
        if (end == NULL) {
            return !r->line.overflow;
        }
        if (!end_line(r)) {
            return false;
        }
        at = end + 1;
        left -= len + 1;
    }
    return true;
}

enum status reading_fetched(struct reading *r, struct err *err)
{
    if (!end_line(r)) {
        *err = r->line_err;
        return err->status;
    }
    if (r->variants.count != r->expected) {
        return err_set(err, STATUS_OUTCOME_UNKNOWN, "the bulk result has %zu lines of %zu",
                       r->variants.count, r->expected);
    }
    r->phase = READING_DONE;
    return STATUS_OK;
}

void reading_fetch_again(struct reading *r)
{
    forget_read(r);
}

bool reading_fall_back(struct reading *r)
{
    if (r->phase == READING_PAGES) {
        return false;
    }
    forget_read(r);
    mem_free(r->url);
    r->url = NULL;
    r->phase = READING_PAGES;
    return true;
}

struct sku_index *reading_take_index(struct reading *r)
{
    struct sku_index *index = r->variants.into;
    r->variants.into = NULL;
    return index;
}
