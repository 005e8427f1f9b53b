#include "common/pg/pg_hosts.h"

#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/pg/pg_libpq.h"

static unsigned count_items(const char *list)
{
    unsigned count = 1;
    for (const char *at = strchr(list, ','); at != NULL; at = strchr(at + 1, ',')) {
        count++;
    }
    return count;
}

/* "a,b,c" from the second on: "b,c,a". */
static char *rotate(const char *list, unsigned first)
{
    const char *start = list;
    for (unsigned i = first % count_items(list); i > 0; i--) {
        start = strchr(start, ',') + 1;
    }
    char *rotated = mem_strdup(list);
    if (start != list) {
        int head = (int)(start - list) - 1;
        (void)snprintf(rotated, strlen(list) + 1, "%s,%.*s", start, head, list);
    }
    return rotated;
}

static void take(const PQconninfoOption *option, unsigned first, struct pg_hosts *hosts)
{
    const struct {
        const char *name;
        char **place;
    } places[] = {{"host", &hosts->host}, {"hostaddr", &hosts->hostaddr}, {"port", &hosts->port}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (option->val != NULL && strcmp(option->keyword, places[i].name) == 0) {
            *places[i].place = rotate(option->val, first);
        }
    }
}

enum status pg_hosts_read(const char *dsn, unsigned first, struct pg_hosts *hosts, struct err *err)
{
    char *message = NULL;
    *hosts = (struct pg_hosts){0};
    PQconninfoOption *parsed = PQconninfoParse(dsn, &message);
    if (parsed == NULL) {
        const char *text = message != NULL ? message : "out of memory";
        (void)err_set(err, STATUS_CONFIG, "dsn cannot be read: %.*s", (int)strcspn(text, "\n"),
                      text);
        PQfreemem(message);
        return STATUS_CONFIG;
    }
    for (const PQconninfoOption *option = parsed; option->keyword != NULL; option++) {
        take(option, first, hosts);
    }
    PQconninfoFree(parsed);
    return STATUS_OK;
}

void pg_hosts_release(struct pg_hosts *hosts)
{
    mem_free(hosts->host);
    mem_free(hosts->hostaddr);
    mem_free(hosts->port);
    *hosts = (struct pg_hosts){0};
}
