#include <string.h>

#include "common/core/conf_internal.h"
#include "common/core/utf8.h"

size_t conf_stem(const char *pattern)
{
    return strcspn(pattern, "*");
}

bool conf_name_matches(const char *pattern, const char *text)
{
    size_t stem = conf_stem(pattern);
    if (pattern[stem] == '\0') {
        return strcmp(pattern, text) == 0;
    }
    return strncmp(pattern, text, stem) == 0 && text[stem] != '\0';
}

bool conf_is_repeated(const struct conf_section *section)
{
    return section->size > 0;
}

bool conf_is_secret(const struct conf_option *option)
{
    return option->type == CONF_SECRET || option->secret_value;
}

bool conf_text_is_clean(struct bytes text)
{
    while (text.len > 0) {
        size_t len = utf8_sequence(text);
        unsigned char first = text.ptr[0];
        if (len == 0 || (first < 0x20 && first != '\t') || first == 0x7F) {
            return false;
        }
        text = bytes_of(text.ptr + len, text.len - len);
    }
    return true;
}
