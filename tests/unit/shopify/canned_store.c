#include "tests/unit/shopify/canned_store.h"

#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/strbuf.h"

void canned_store_start_head(struct canned_store *s,
                             const char *name,
                             const char *head,
                             const char *const *bodies,
                             size_t count)
{
    char token[64];
    *s = (struct canned_store){.store = {.name = name,
                                         .shop_domain = "canned.myshopify.com",
                                         .api_version = "2026-10",
                                         .quantity_name = "available"}};
    INVARIANT(count <= CANNED_MAX_REPLIES, "%zu replies", count);
    for (size_t i = 0; i < count; i++) {
        struct strbuf text;
        strbuf_init(&text, (size_t)1024 * 1024);
        strbuf_append_text(&text, head != NULL ? head : "HTTP/1.1 200 OK\r\n");
        strbuf_appendf(&text, "Content-Length: %zu\r\n\r\n%s", strlen(bodies[i]), bodies[i]);
        s->texts[i] = strbuf_take(&text);
        s->replies[i].bytes = s->texts[i];
        strbuf_release(&text);
    }
    s->server = canned_server_start(s->replies, count);
    (void)snprintf(s->api_url, sizeof s->api_url, "%s", canned_server_url(s->server));
    (void)snprintf(token, sizeof token, "shpat_%s", name);
    s->store.api_url = s->api_url;
    secret_set(&s->store.token.value, token);
}

void canned_store_start(struct canned_store *s,
                        const char *name,
                        const char *const *bodies,
                        size_t count)
{
    canned_store_start_head(s, name, NULL, bodies, count);
}

void canned_store_stop(struct canned_store *s)
{
    canned_server_stop(s->server);
    for (size_t i = 0; i < CANNED_MAX_REPLIES; i++) {
        mem_free(s->texts[i]);
    }
    token_release(&s->store.token);
}
