#include "consumer/shopify/gid.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "gid://shopify/"

char *gid_format(const char *type, int64_t id, char text[GID_TEXT_SIZE])
{
    (void)snprintf(text, GID_TEXT_SIZE, PREFIX "%s/%" PRId64, type, id);
    return text;
}

static bool parse(const char *gid, const char *type, int64_t *id)
{
    size_t type_len = strlen(type);
    int64_t number = 0;
    if (gid == NULL || strncmp(gid, PREFIX, strlen(PREFIX)) != 0) {
        return false;
    }
    gid += strlen(PREFIX);
    if (strncmp(gid, type, type_len) != 0 || gid[type_len] != '/') {
        return false;
    }
    gid += type_len + 1;
    for (; *gid >= '0' && *gid <= '9'; gid++) {
        int digit = *gid - '0';
        if (number > (INT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    if (number == 0 || *gid != '\0') {
        return false;
    }
    *id = number;
    return true;
}

enum status gid_parse(const char *gid, const char *type, int64_t *id, struct err *err)
{
    if (parse(gid, type, id)) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_OUTCOME_UNKNOWN,
                   "the store gave '%.120s' where a plain GID of type "
                   "%s was expected",
                   gid != NULL ? gid : "null", type);
}
