#include <string.h>

#include "common/core/conf_internal.h"
#include "common/core/mem.h"

/* One section of the file and the element that it changes. */
struct overlay {
    const struct conf_section *section;
    const struct conf_block *block;
    struct conf_instance *instance;
    struct conf_problems *problems;
};

static const struct conf_section *find_section(const struct conf_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->section_count; i++) {
        const struct conf_section *section = &schema->sections[i];
        if (conf_is_repeated(section) && conf_name_matches(section->name, name)) {
            return section;
        }
    }
    return NULL;
}

static struct conf_instance *
find_instance(const struct conf_section *section, const char *name, void *root)
{
    const struct conf_list *list = (void *)((char *)root + section->offset);
    for (size_t i = 0; i < list->count; i++) {
        struct conf_instance *instance = (void *)((char *)list->elements + i * section->size);
        if (strcmp(instance->name, name + conf_stem(section->name)) == 0) {
            return instance;
        }
    }
    return NULL;
}

static void replace_pair(const struct overlay *o,
                         const struct conf_option *option,
                         const struct conf_entry *entry)
{
    struct conf_pairs *pairs = conf_member(option, o->instance);
    const char *name = entry->key + conf_stem(option->key);
    size_t at = 0;
    while (at < pairs->count && strcmp(pairs->list[at].name, name) != 0) {
        at++;
    }
    if (at == pairs->count) {
        pairs->list = mem_realloc(pairs->list, pairs->count + 1, sizeof *pairs->list);
        pairs->list[pairs->count++] = (struct conf_pair){.name = mem_strdup(name)};
    }
    mem_free(pairs->list[at].value);
    pairs->list[at].value = mem_strdup(entry->value);
    pairs->list[at].line = entry->line;
}

static const struct conf_option *find_option(const struct conf_section *section, const char *key)
{
    for (size_t i = 0; i < section->option_count; i++) {
        if (conf_name_matches(section->options[i].key, key)) {
            return &section->options[i];
        }
    }
    return NULL;
}

static void replace_value(const struct overlay *o, const struct conf_entry *entry)
{
    struct strbuf wanted;
    const struct conf_option *option = find_option(o->section, entry->key);
    if (option == NULL) {
        conf_problem_add(o->problems, entry->line, "unknown key '%s' in [%s]", entry->key,
                         o->block->name);
        return;
    }
    if (option->type == CONF_PAIRS) {
        replace_pair(o, option, entry);
        return;
    }
    bool is_missing = option->required && entry->value[0] == '\0';
    if (!is_missing && conf_value_store(option, entry->value, o->instance)) {
        return;
    }
    if (is_missing) {
        conf_problem_add(o->problems, entry->line, "[%s] %s is required: %s", o->block->name,
                         entry->key, option->help != NULL ? option->help : "");
        return;
    }
    strbuf_init(&wanted, 200);
    conf_value_describe(option, &wanted);
    conf_problem_add(o->problems, entry->line, "[%s] %s = '%.80s': %s is needed", o->block->name,
                     entry->key, conf_is_secret(option) ? "***" : entry->value, wanted.ptr);
    strbuf_release(&wanted);
}

static bool is_repeat(const struct overlay *o, size_t at)
{
    const struct conf_entry *list = o->block->entries;
    for (size_t i = 0; i < at; i++) {
        if (strcmp(list[i].key, list[at].key) == 0) {
            conf_problem_add(o->problems, list[at].line, "[%s] %s was already given in line %d",
                             o->block->name, list[at].key, list[i].line);
            return true;
        }
    }
    return false;
}

static void replace_values(const struct conf_schema *schema,
                           const struct conf_block *block,
                           void *root,
                           struct conf_problems *problems)
{
    const struct conf_section *section = find_section(schema, block->name);
    if (section == NULL) {
        conf_problem_add(problems, block->line, "section [%s] cannot be changed here", block->name);
        return;
    }
    const struct overlay o = {.section = section,
                              .block = block,
                              .instance = find_instance(section, block->name, root),
                              .problems = problems};
    if (o.instance == NULL) {
        conf_problem_add(problems, block->line, "the configuration has no section [%s]",
                         block->name);
        return;
    }
    o.instance->line = block->line;
    for (size_t i = 0; i < block->count; i++) {
        if (!is_repeat(&o, i)) {
            replace_value(&o, &block->entries[i]);
        }
    }
}

enum status conf_overlay(const struct conf_schema *schema,
                         const char *path,
                         void *root,
                         struct conf_problems *problems,
                         struct err *err)
{
    struct conf_file file = {0};
    *problems = (struct conf_problems){0};
    enum status rc = conf_file_read(path, &file, problems, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    for (size_t i = 0; i < file.count; i++) {
        replace_values(schema, &file.blocks[i], root, problems);
    }
    conf_problems_sort(problems);
    if (problems->count > 0) {
        rc = err_set(err, STATUS_CONFIG, "%zu problem%s in the file", problems->count,
                     problems->count == 1 ? "" : "s");
    }
out:
    conf_file_release(&file);
    return rc;
}
