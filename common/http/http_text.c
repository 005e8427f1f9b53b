#include "common/http/http_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void http_text_header(const char *line, size_t len, struct http_header *header)
{
    char *text = header->name;
    size_t used = len < sizeof header->name ? len : sizeof header->name - 1;
    (void)memcpy(text, line, used);
    text[used] = '\0';
    while (used > 0 && isspace((unsigned char)text[used - 1])) {
        text[--used] = '\0';
    }
    header->value = NULL;
    header->begins_answer = strncmp(text, "HTTP/", 5) == 0;
    char *colon = strchr(text, ':');
    if (header->begins_answer || colon == NULL) {
        return;
    }
    *colon = '\0';
    header->value = colon + 1 + strspn(colon + 1, " \t");
}

void http_text_printable(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (; text[n] != '\0' && n + 1 < size; n++) {
        out[n] = (char)(text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?');
    }
    out[n] = '\0';
}

double http_text_seconds(const char *text)
{
    /* strtod alone takes "nan", "0x1p3" and more. */
    size_t digits = strspn(text, "0123456789");
    size_t len = digits;
    if (text[len] == '.') {
        size_t fraction = strspn(text + len + 1, "0123456789");
        digits += fraction;
        len += 1 + fraction;
    }
    if (digits == 0 || digits > 12 || text[len] != '\0') {
        return -1;
    }
    return strtod(text, NULL);
}
