#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/conf.h"
#include "common/core/conf_internal.h"
#include "common/core/mem.h"

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: printing takes the first one that divides. */
static const struct unit DURATIONS[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit SIZES[] = {
    {"G", INT64_C(1024) * 1024 * 1024}, {"M", INT64_C(1024) * 1024}, {"k", 1024}, {"", 1}};

#define DURATION_COUNT (sizeof DURATIONS / sizeof DURATIONS[0])
#define SIZE_COUNT     (sizeof SIZES / sizeof SIZES[0])

/* --- parsing --- */

bool conf_parse_bool(const char *text, bool *out)
{
    static const char *const YES[] = {"on", "true", "yes", "1"};
    static const char *const NO[] = {"off", "false", "no", "0"};
    for (size_t i = 0; i < sizeof YES / sizeof YES[0]; i++) {
        if (strcmp(text, YES[i]) == 0 || strcmp(text, NO[i]) == 0) {
            *out = strcmp(text, YES[i]) == 0;
            return true;
        }
    }
    return false;
}

/* Digits alone: strtoll would also take white space and a sign.
 * @return where they end; NULL: none, or too large */
static const char *parse_digits(const char *text, int64_t *out)
{
    size_t digits = strspn(text, "0123456789");
    errno = 0;
    long long value = digits > 0 ? strtoll(text, NULL, 10) : 0;
    if (digits == 0 || errno != 0) {
        return NULL;
    }
    *out = value;
    return text + digits;
}

static bool parse_with_unit(const char *text, const struct unit *units, size_t count, int64_t *out)
{
    int64_t number = 0;
    const char *rest = parse_digits(text, &number);
    for (size_t i = 0; rest != NULL && i < count; i++) {
        if (strcmp(rest, units[i].name) == 0) {
            if (number > INT64_MAX / units[i].factor) {
                return false;
            }
            *out = number * units[i].factor;
            return true;
        }
    }
    return false;
}

bool conf_parse_duration_ms(const char *text, int64_t *out)
{
    return parse_with_unit(text, DURATIONS, DURATION_COUNT, out);
}

bool conf_parse_size(const char *text, int64_t *out)
{
    return parse_with_unit(text, SIZES, SIZE_COUNT, out);
}

static bool parse_count(const char *text, int64_t *out)
{
    bool negative = text[0] == '-';
    const char *rest = parse_digits(negative ? text + 1 : text, out);
    if (rest == NULL || *rest != '\0') {
        return false;
    }
    *out = negative ? -*out : *out;
    return true;
}

static bool parse_choice(const char *text, const char *const *choices, int *out)
{
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* --- members --- */

void *conf_member(const struct conf_option *option, void *section)
{
    return (char *)section + option->offset;
}

const void *conf_member_const(const struct conf_option *option, const void *section)
{
    return (const char *)section + option->offset;
}

static bool may_be_unset(const struct conf_option *option)
{
    return option->fallback == NULL || option->fallback[0] == '\0';
}

static bool in_bounds(const struct conf_option *option, int64_t value)
{
    if (option->min == 0 && option->max == 0) {
        return value >= 0;
    }
    return value >= option->min && value <= option->max;
}

static bool store_number(const struct conf_option *option,
                         bool (*parse)(const char *text, int64_t *out),
                         const char *text,
                         int64_t *out)
{
    int64_t value = 0;
    if (text[0] == '\0' && may_be_unset(option)) {
        *out = -1;
        return true;
    }
    if (!parse(text, &value) || !in_bounds(option, value)) {
        return false;
    }
    *out = value;
    return true;
}

static void store_text(const char *text, char **out)
{
    mem_free(*out);
    *out = text[0] != '\0' ? mem_strdup(text) : NULL;
}

static bool store_secret(const char *text, struct secret *out)
{
    if (strlen(text) > SECRET_MAX_BYTES) {
        return false;
    }
    secret_release(out);
    if (text[0] != '\0') {
        secret_set(out, text);
    }
    return true;
}

bool conf_value_store(const struct conf_option *option, const char *text, void *section)
{
    void *member = conf_member(option, section);
    switch (option->type) {
    case CONF_TEXT:
        store_text(text, member);
        return true;
    case CONF_BOOL:
        return conf_parse_bool(text, member);
    case CONF_COUNT:
        return store_number(option, parse_count, text, member);
    case CONF_DURATION:
        return store_number(option, conf_parse_duration_ms, text, member);
    case CONF_SIZE:
        return store_number(option, conf_parse_size, text, member);
    case CONF_CHOICE:
        return parse_choice(text, option->choices, member);
    case CONF_SECRET:
        return store_secret(text, member);
    case CONF_PAIRS:
        break;
    }
    return false;
}

static void release_pairs(struct conf_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        mem_free(pairs->list[i].name);
        mem_free(pairs->list[i].value);
    }
    mem_free(pairs->list);
    *pairs = (struct conf_pairs){0};
}

static void release_text(char **text)
{
    mem_free(*text);
    *text = NULL;
}

void conf_value_release(const struct conf_option *option, void *section)
{
    void *member = conf_member(option, section);
    switch (option->type) {
    case CONF_TEXT:
        release_text(member);
        break;
    case CONF_SECRET:
        secret_release(member);
        break;
    case CONF_PAIRS:
        release_pairs(member);
        break;
    case CONF_BOOL:
    case CONF_COUNT:
    case CONF_DURATION:
    case CONF_SIZE:
    case CONF_CHOICE:
        break;
    }
}

/* --- printing --- */

static void
append_with_unit(struct strbuf *out, int64_t value, const struct unit *units, size_t count)
{
    size_t i = 0;
    while (i + 1 < count && (value == 0 || value % units[i].factor != 0)) {
        i++;
    }
    strbuf_appendf(out, "%lld%s", (long long)(value / units[i].factor), units[i].name);
}

static void append_number(const struct conf_option *option, int64_t value, struct strbuf *out)
{
    if (option->type == CONF_DURATION) {
        append_with_unit(out, value, DURATIONS, DURATION_COUNT);
    } else if (option->type == CONF_SIZE) {
        append_with_unit(out, value, SIZES, SIZE_COUNT);
    } else {
        strbuf_appendf(out, "%lld", (long long)value);
    }
}

/* "error, warn, info or debug" */
static void append_choices(const char *const *choices, struct strbuf *out)
{
    for (size_t i = 0; choices[i] != NULL; i++) {
        if (i > 0) {
            strbuf_append_text(out, choices[i + 1] != NULL ? ", " : " or ");
        }
        strbuf_append_text(out, choices[i]);
    }
}

static void append_bounds(const struct conf_option *option, struct strbuf *out)
{
    if (option->min == 0 && option->max == 0) {
        return;
    }
    strbuf_append_text(out, " from ");
    append_number(option, option->min, out);
    strbuf_append_text(out, " to ");
    append_number(option, option->max, out);
}

void conf_value_describe(const struct conf_option *option, struct strbuf *out)
{
    switch (option->type) {
    case CONF_TEXT:
        strbuf_append_text(out, "a text");
        break;
    case CONF_BOOL:
        strbuf_append_text(out, "on or off");
        break;
    case CONF_COUNT:
        strbuf_append_text(out, "a whole number");
        append_bounds(option, out);
        break;
    case CONF_DURATION:
        strbuf_append_text(out, "a duration (250ms, 5s, 10m, 1h, 30d)");
        append_bounds(option, out);
        break;
    case CONF_SIZE:
        strbuf_append_text(out, "a size (65536, 64k, 4M, 1G)");
        append_bounds(option, out);
        break;
    case CONF_CHOICE:
        append_choices(option->choices, out);
        break;
    case CONF_SECRET:
        strbuf_appendf(out, "a secret of at most %d bytes", SECRET_MAX_BYTES);
        break;
    case CONF_PAIRS:
        strbuf_append_text(out, "any number of entries");
        break;
    }
}

static void append_text(const struct conf_option *option, const char *text, struct strbuf *out)
{
    if (text != NULL) {
        strbuf_append_text(out, option->secret_value ? "***" : text);
    }
}

void conf_value_format(const struct conf_option *option, const void *section, struct strbuf *out)
{
    const void *member = conf_member_const(option, section);
    switch (option->type) {
    case CONF_TEXT:
        append_text(option, *(char *const *)member, out);
        break;
    case CONF_BOOL:
        strbuf_append_text(out, *(const bool *)member ? "on" : "off");
        break;
    case CONF_COUNT:
    case CONF_DURATION:
    case CONF_SIZE:
        if (*(const int64_t *)member != -1 || !may_be_unset(option)) {
            append_number(option, *(const int64_t *)member, out);
        }
        break;
    case CONF_CHOICE:
        strbuf_append_text(out, option->choices[*(const int *)member]);
        break;
    case CONF_SECRET:
        strbuf_append_text(out, secret_is_set(member) ? "***" : "");
        break;
    case CONF_PAIRS:
        break;
    }
}
