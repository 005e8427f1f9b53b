#include "common/core/conf.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/conf_internal.h"
#include "common/core/mem.h"
#include "common/core/utf8.h"

extern char **environ;

/* --- names --- */

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

/* --- problems --- */

void conf_problem_add(struct conf_problems *problems, int line, const char *fmt, ...)
{
    /* Few and rare: no capacity is kept. */
    problems->list = mem_realloc(problems->list, problems->count + 1, sizeof *problems->list);
    struct conf_problem *problem = &problems->list[problems->count++];
    problem->line = line;
    va_list args;
    va_start(args, fmt);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): false alarm of version 14
    (void)vsnprintf(problem->text, sizeof problem->text, fmt, args);
    va_end(args);
}

void conf_problems_release(struct conf_problems *problems)
{
    mem_free(problems->list);
    *problems = (struct conf_problems){0};
}

/* In order of the file, those without a line last; insertion keeps the order of equals. */
static void sort_problems(struct conf_problems *problems)
{
    for (size_t i = 1; i < problems->count; i++) {
        struct conf_problem moving = problems->list[i];
        size_t at = i;
        while (at > 0 && moving.line > 0 &&
               (problems->list[at - 1].line == 0 || problems->list[at - 1].line > moving.line)) {
            problems->list[at] = problems->list[at - 1];
            at--;
        }
        problems->list[at] = moving;
    }
}

/* --- one section --- */

/* A section's struct being filled. */
struct filling {
    const struct conf_section *section;
    const char *name;         /* "store.outlet" */
    struct conf_block *block; /* NULL: not in the file */
    void *base;
    struct conf_problems *problems;
};

static const char *value_shown(const struct conf_option *option, const char *value)
{
    return conf_is_secret(option) ? "***" : value;
}

static void add_value_problem(const struct filling *f,
                              const struct conf_option *option,
                              const char *value,
                              int line,
                              const char *variable)
{
    struct strbuf wanted;
    strbuf_init(&wanted, 200);
    conf_value_describe(option, &wanted);
    conf_problem_add(f->problems, line, "%s%s[%s] %s = '%.80s': %s is needed", variable,
                     variable[0] != '\0' ? ": " : "", f->name, option->key,
                     value_shown(option, value), wanted.ptr);
    strbuf_release(&wanted);
}

/* inih and this reader cut at " ;" and " #"; a password that lost its end would be hard to find. */
static void refuse_cut_secret(const struct filling *f,
                              const struct conf_option *option,
                              const struct conf_entry *entry)
{
    if (entry->commented && conf_is_secret(option)) {
        conf_problem_add(f->problems, entry->line,
                         "[%s] %s: a secret cannot stand before ' ;' or ' #': nothing says whether "
                         "they belong to it",
                         f->name, entry->key);
    }
}

static void refuse_repeat(const struct filling *f,
                          const struct conf_entry *first,
                          const struct conf_entry *entry)
{
    conf_problem_add(f->problems, entry->line, "[%s] %s was already given in line %d", f->name,
                     entry->key, first->line);
}

/* The entry of a key in the file; NULL when there is none. */
static struct conf_entry *take_entry(const struct filling *f, const struct conf_option *option)
{
    struct conf_entry *first = NULL;
    for (size_t i = 0; f->block != NULL && i < f->block->count; i++) {
        struct conf_entry *entry = &f->block->entries[i];
        if (strcmp(entry->key, option->key) != 0) {
            continue;
        }
        entry->matched = true;
        if (first != NULL) {
            refuse_repeat(f, first, entry);
        } else {
            first = entry;
            refuse_cut_secret(f, option, entry);
        }
    }
    return first;
}

/* Value of an environment variable. A newline in one would end up in a header or a connection
 * string. */
static const char *env_value(const struct filling *f, const char *name)
{
    const char *value = getenv(name);
    if (value != NULL && !conf_text_is_clean(bytes_text(value))) {
        conf_problem_add(f->problems, 0, "%s holds control characters or is not UTF-8", name);
        return NULL;
    }
    return value;
}

static bool is_unset(const struct conf_option *option, const void *base)
{
    struct strbuf text;
    strbuf_init(&text, CONF_FILE_MAX_BYTES);
    conf_value_format(option, base, &text);
    bool unset = text.len == 0;
    strbuf_release(&text);
    return unset;
}

/* Says where the old name of an option stands. */
static void refuse_former_name(const struct filling *f, const struct conf_option *option)
{
    char variable[CONF_ENV_NAME_BYTES];
    char renamed[CONF_ENV_NAME_BYTES];
    for (size_t i = 0; f->block != NULL && i < f->block->count; i++) {
        struct conf_entry *entry = &f->block->entries[i];
        if (strcmp(entry->key, option->former) == 0) {
            entry->matched = true;
            conf_problem_add(f->problems, entry->line, "[%s] %s is now called %s: rename it",
                             f->name, option->former, option->key);
        }
    }
    conf_env_name(variable, f->name, option->former);
    if (getenv(variable) != NULL) {
        conf_env_name(renamed, f->name, option->key);
        conf_problem_add(f->problems, 0, "%s is now called %s: rename it", variable, renamed);
    }
}

static void fill_scalar(const struct filling *f, const struct conf_option *option)
{
    char name[CONF_ENV_NAME_BYTES];
    if (option->former != NULL) {
        refuse_former_name(f, option);
    }
    struct conf_entry *entry = take_entry(f, option);
    conf_env_name(name, f->name, option->key);
    const char *from_env = env_value(f, name);
    bool number =
        option->type == CONF_COUNT || option->type == CONF_DURATION || option->type == CONF_SIZE;
    if (option->fallback != NULL || number) {
        bool fits =
            conf_value_store(option, option->fallback != NULL ? option->fallback : "", f->base);
        INVARIANT(fits, "default of [%s] %s does not fit", f->section->name, option->key);
    }
    if (from_env != NULL) {
        if (!conf_value_store(option, from_env, f->base)) {
            add_value_problem(f, option, from_env, 0, name);
            return;
        }
    } else if (entry != NULL && !conf_value_store(option, entry->value, f->base)) {
        add_value_problem(f, option, entry->value, entry->line, "");
        return;
    }
    if (option->required && is_unset(option, f->base)) {
        conf_problem_add(f->problems,
                         entry != NULL      ? entry->line
                         : f->block != NULL ? f->block->line
                                            : 0,
                         "[%s] %s is required: %s", f->name, option->key,
                         option->help != NULL ? option->help : "");
    }
}

/* --- pairs --- */

static void add_pair(struct conf_pairs *pairs, const char *name, const char *value, int line)
{
    pairs->list = mem_realloc(pairs->list, pairs->count + 1, sizeof *pairs->list);
    pairs->list[pairs->count++] =
        (struct conf_pair){.name = mem_strdup(name), .value = mem_strdup(value), .line = line};
}

static struct conf_entry *same_key_before(const struct conf_block *block, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (strcmp(block->entries[i].key, block->entries[at].key) == 0) {
            return &block->entries[i];
        }
    }
    return NULL;
}

/* Two names may meet in one variable ("Halle-1", "Halle 1"); that is a problem only where the
 * variable is used. */
static bool is_ambiguous(const struct filling *f, const char *name, size_t at)
{
    char other[CONF_ENV_NAME_BYTES];
    for (size_t i = 0; i < f->block->count; i++) {
        conf_env_name(other, f->name, f->block->entries[i].key);
        if (i != at && strcmp(other, name) == 0) {
            return true;
        }
    }
    return false;
}

static void fill_pair(const struct filling *f, const struct conf_option *option, size_t at)
{
    struct conf_entry *entry = &f->block->entries[at];
    const struct conf_entry *before = same_key_before(f->block, at);
    entry->matched = true;
    if (before != NULL) {
        refuse_repeat(f, before, entry);
        return;
    }
    refuse_cut_secret(f, option, entry);
    char name[CONF_ENV_NAME_BYTES];
    conf_env_name(name, f->name, entry->key);
    const char *from_env = env_value(f, name);
    if (from_env != NULL && is_ambiguous(f, name, at)) {
        conf_problem_add(f->problems, entry->line, "%s could mean several keys of [%s]", name,
                         f->name);
        return;
    }
    add_pair(conf_member(option, f->base), entry->key + conf_stem(option->key),
             from_env != NULL ? from_env : entry->value, from_env != NULL ? 0 : entry->line);
}

static bool env_is_in_block(const struct filling *f, const char *name)
{
    char known[CONF_ENV_NAME_BYTES];
    for (size_t i = 0; f->block != NULL && i < f->block->count; i++) {
        conf_env_name(known, f->name, f->block->entries[i].key);
        if (strcmp(known, name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < f->section->option_count; i++) {
        conf_env_name(known, f->name, f->section->options[i].key);
        if (f->section->options[i].type != CONF_PAIRS && strcmp(known, name) == 0) {
            return true;
        }
    }
    return false;
}

static const char LOWER[] = "abcdefghijklmnopqrstuvwxyz";

/* The way back, as far as there is one: librdkafka's names are lower case with dots. */
static char property_char(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return LOWER[c - 'A'];
    }
    if (c == '_') {
        return '.';
    }
    return c;
}

/*
 * A pass-through section ("*") also takes names that the file does not have:
 * STOCKSYNC_KAFKA_SASL_PASSWORD is sasl.password. Behind a longer stem ("location.*") a name cannot
 * be told from its upper-case form.
 */
static void add_pairs_of_environment(const struct filling *f, const struct conf_option *option)
{
    char prefix[CONF_ENV_NAME_BYTES];
    conf_env_name(prefix, f->name, "");
    size_t stem = strlen(prefix);
    for (char **variable = environ; *variable != NULL; variable++) {
        const char *equals = strchr(*variable, '=');
        if (equals == NULL || strncmp(*variable, prefix, stem) != 0 || equals == *variable + stem) {
            continue;
        }
        char *name = mem_strndup(*variable, (size_t)(equals - *variable));
        const char *value = env_is_in_block(f, name) ? NULL : env_value(f, name);
        for (char *c = name + stem; *c != '\0'; c++) {
            *c = property_char(*c);
        }
        if (value != NULL) {
            add_pair(conf_member(option, f->base), name + stem, value, 0);
        }
        mem_free(name);
    }
}

static void fill_pairs(const struct filling *f, const struct conf_option *option)
{
    for (size_t i = 0; f->block != NULL && i < f->block->count; i++) {
        const struct conf_entry *entry = &f->block->entries[i];
        if (!entry->matched && conf_name_matches(option->key, entry->key)) {
            fill_pair(f, option, i);
        }
    }
    if (conf_stem(option->key) == 0) {
        add_pairs_of_environment(f, option);
    }
}

static void fill_section(const struct filling *f)
{
    for (size_t i = 0; i < f->section->option_count; i++) {
        if (f->section->options[i].type != CONF_PAIRS) {
            fill_scalar(f, &f->section->options[i]);
        }
    }
    for (size_t i = 0; i < f->section->option_count; i++) {
        if (f->section->options[i].type == CONF_PAIRS) {
            fill_pairs(f, &f->section->options[i]);
        }
    }
    for (size_t i = 0; f->block != NULL && i < f->block->count; i++) {
        const struct conf_entry *entry = &f->block->entries[i];
        if (!entry->matched) {
            conf_problem_add(f->problems, entry->line, "unknown key '%s' in [%s]", entry->key,
                             f->name);
        }
    }
}

/* --- the whole --- */

static bool is_foreign(const struct conf_schema *schema, const char *name)
{
    for (size_t i = 0; schema->foreign != NULL && schema->foreign[i] != NULL; i++) {
        if (conf_name_matches(schema->foreign[i], name)) {
            return true;
        }
    }
    return false;
}

static void report_unknown_sections(const struct conf_schema *schema,
                                    const struct conf_file *file,
                                    struct conf_problems *problems)
{
    for (size_t i = 0; i < file->count; i++) {
        bool known = is_foreign(schema, file->blocks[i].name);
        for (size_t j = 0; j < schema->section_count && !known; j++) {
            known = conf_name_matches(schema->sections[j].name, file->blocks[i].name);
        }
        if (!known) {
            conf_problem_add(problems, file->blocks[i].line, "unknown section [%s]",
                             file->blocks[i].name);
        }
    }
}

static void
fill_single(struct filling f, struct conf_file *file, void *root, struct conf_env_keys *keys)
{
    f.name = f.section->name;
    f.base = (char *)root + f.section->offset;
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->blocks[i].name, f.name) == 0) {
            f.block = &file->blocks[i];
        }
    }
    conf_env_keys_add(keys, f.section, f.name, f.block);
    fill_section(&f);
}

static void
fill_repeated(struct filling f, struct conf_file *file, void *root, struct conf_env_keys *keys)
{
    struct conf_list *list = (void *)((char *)root + f.section->offset);
    for (size_t i = 0; i < file->count; i++) {
        if (!conf_name_matches(f.section->name, file->blocks[i].name)) {
            continue;
        }
        list->elements = mem_realloc(list->elements, list->count + 1, f.section->size);
        struct conf_instance *instance =
            (void *)((char *)list->elements + list->count++ * f.section->size);
        (void)memset(instance, 0, f.section->size);
        f.block = &file->blocks[i];
        f.name = f.block->name;
        f.base = instance;
        instance->name = mem_strdup(f.name + conf_stem(f.section->name));
        instance->line = f.block->line;
        conf_env_keys_add(keys, f.section, f.name, f.block);
        fill_section(&f);
    }
}

enum status conf_load(const struct conf_schema *schema,
                      const char *path,
                      void *root,
                      struct conf_problems *problems,
                      struct err *err)
{
    struct conf_file file = {0};
    struct conf_env_keys keys = {0};
    *problems = (struct conf_problems){0};
    enum status rc = path != NULL ? conf_file_read(path, &file, problems, err) : STATUS_OK;
    if (rc != STATUS_OK) {
        goto out;
    }
    report_unknown_sections(schema, &file, problems);
    for (size_t i = 0; i < schema->section_count; i++) {
        struct filling f = {.section = &schema->sections[i], .problems = problems};
        if (conf_is_repeated(f.section)) {
            fill_repeated(f, &file, root, &keys);
        } else {
            fill_single(f, &file, root, &keys);
        }
    }
    conf_env_keys_report(&keys, problems);
    sort_problems(problems);
    if (problems->count > 0) {
        rc = err_set(err, STATUS_CONFIG, "%zu problem%s in the configuration", problems->count,
                     problems->count == 1 ? "" : "s");
    }
out:
    conf_env_keys_release(&keys);
    conf_file_release(&file);
    return rc;
}

static void release_section(const struct conf_section *section, void *base)
{
    for (size_t i = 0; i < section->option_count; i++) {
        conf_value_release(&section->options[i], base);
    }
}

void conf_release(const struct conf_schema *schema, void *root)
{
    for (size_t i = 0; i < schema->section_count; i++) {
        const struct conf_section *section = &schema->sections[i];
        void *base = (char *)root + section->offset;
        if (!conf_is_repeated(section)) {
            release_section(section, base);
            continue;
        }
        struct conf_list *list = base;
        for (size_t j = 0; j < list->count; j++) {
            struct conf_instance *instance = (void *)((char *)list->elements + j * section->size);
            release_section(section, instance);
            mem_free(instance->name);
        }
        mem_free(list->elements);
        *list = (struct conf_list){0};
    }
}
