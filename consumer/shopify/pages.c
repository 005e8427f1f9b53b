#include "consumer/shopify/pages.h"

#include <string.h>

#include <jansson.h>

void page_append_after(const struct page_cursor *cursor, struct strbuf *out)
{
    strbuf_append_text(out, "\"after\":");
    strbuf_append_json(out, cursor->after[0] != '\0' ? cursor->after : NULL);
}

enum status page_other_shape(struct err *err)
{
    return err_set(err, STATUS_OUTCOME_UNKNOWN, "a page of the store has another shape");
}

enum status page_take(struct page_cursor *cursor,
                      const struct answer *answer,
                      const char *field,
                      enum status (*take)(void *arg, const void *node, struct err *err),
                      void *arg,
                      struct err *err)
{
    const json_t *root = json_object_get(json_object_get(answer->json, "data"), field);
    const json_t *nodes = json_object_get(root, "nodes");
    const json_t *info = json_object_get(root, "pageInfo");
    const json_t *has_next = json_object_get(info, "hasNextPage");
    const char *end = json_string_value(json_object_get(info, "endCursor"));
    size_t i = 0;
    const json_t *node = NULL;
    if (!json_is_array(nodes) || !json_is_boolean(has_next)) {
        return page_other_shape(err);
    }
    json_array_foreach(nodes, i, node)
    {
        enum status rc = take(arg, node, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    cursor->pages++;
    cursor->ended = !json_is_true(has_next);
    if (cursor->ended) {
        return STATUS_OK;
    }
    /* The same cursor again would never end. */
    if (end == NULL || strlen(end) >= PAGE_CURSOR_BYTES || strcmp(end, cursor->after) == 0) {
        return page_other_shape(err);
    }
    (void)memcpy(cursor->after, end, strlen(end) + 1);
    return STATUS_OK;
}
