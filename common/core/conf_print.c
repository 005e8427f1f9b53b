#include "common/core/conf.h"
#include "common/core/conf_internal.h"

/* "location.Berlin", "store.outlet": the stem of a pattern with a name for its '*'. */
static void append_named(struct strbuf *out, const char *pattern, const char *name)
{
    strbuf_append(out, pattern, conf_stem(pattern));
    strbuf_append_text(out, name);
}

static bool is_pattern(const char *name)
{
    return name[conf_stem(name)] == '*';
}

/* --- the options in force --- */

static void
print_pairs(const struct conf_option *option, const struct conf_pairs *pairs, struct strbuf *out)
{
    for (size_t i = 0; i < pairs->count; i++) {
        append_named(out, option->key, pairs->list[i].name);
        strbuf_appendf(out, " = %s\n", option->secret_value ? "***" : pairs->list[i].value);
    }
}

static void print_section(const struct conf_section *section,
                          const char *name,
                          const void *base,
                          struct strbuf *out)
{
    if (out->len > 0) {
        strbuf_append_char(out, '\n');
    }
    strbuf_append_char(out, '[');
    append_named(out, section->name, name);
    strbuf_append_text(out, "]\n");
    for (size_t i = 0; i < section->option_count; i++) {
        const struct conf_option *option = &section->options[i];
        if (option->type == CONF_PAIRS) {
            print_pairs(option, conf_member_const(option, base), out);
            continue;
        }
        strbuf_appendf(out, "%s = ", option->key);
        conf_value_format(option, base, out);
        strbuf_append_char(out, '\n');
    }
}

void conf_print(const struct conf_schema *schema, const void *root, struct strbuf *out)
{
    for (size_t i = 0; i < schema->section_count; i++) {
        const struct conf_section *section = &schema->sections[i];
        const void *base = (const char *)root + section->offset;
        if (!conf_is_repeated(section)) {
            print_section(section, "", base, out);
            continue;
        }
        const struct conf_list *list = base;
        for (size_t j = 0; j < list->count; j++) {
            const struct conf_instance *instance =
                (const void *)((const char *)list->elements + j * section->size);
            print_section(section, instance->name, instance, out);
        }
    }
}

/* --- the example --- */

/* Every key is commented out: it shows the default, and the example must not configure a store. */
static void example_option(const struct conf_option *option, struct strbuf *out)
{
    strbuf_appendf(out, "\n# %s\n", option->help != NULL ? option->help : "");
    if (option->type != CONF_TEXT && option->type != CONF_PAIRS) {
        strbuf_append_text(out, "# ");
        conf_value_describe(option, out);
        strbuf_append_char(out, '\n');
    }
    if (option->required) {
        strbuf_append_text(out, "# required\n");
    }
    strbuf_append_char(out, '#');
    append_named(out, option->key, is_pattern(option->key) ? "NAME" : "");
    strbuf_appendf(out, " = %s\n", option->fallback != NULL ? option->fallback : "");
}

void conf_print_example(const struct conf_schema *schema, struct strbuf *out)
{
    for (size_t i = 0; i < schema->section_count; i++) {
        const struct conf_section *section = &schema->sections[i];
        if (out->len > 0) {
            strbuf_append_char(out, '\n');
        }
        strbuf_appendf(out, "# %s\n%s[", section->help != NULL ? section->help : "",
                       is_pattern(section->name) ? "#" : "");
        append_named(out, section->name, is_pattern(section->name) ? "NAME" : "");
        strbuf_append_text(out, "]\n");
        for (size_t j = 0; j < section->option_count; j++) {
            example_option(&section->options[j], out);
        }
    }
}
