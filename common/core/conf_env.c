#include <stdlib.h>
#include <string.h>

#include "common/core/conf.h"
#include "common/core/conf_internal.h"
#include "common/core/mem.h"

/* --- names --- */

static const char UPPER[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* ASCII alone, whatever the locale says. */
static char env_char(char c)
{
    if (c >= 'a' && c <= 'z') {
        return UPPER[c - 'a'];
    }
    if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
        return c;
    }
    return '_';
}

void conf_env_name(char out[CONF_ENV_NAME_BYTES], const char *section, const char *key)
{
    size_t len = 0;
    const char *const parts[] = {CONF_ENV_PREFIX, section, "_", key};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (const char *c = parts[i]; *c != '\0' && len + 1 < CONF_ENV_NAME_BYTES; c++) {
            out[len++] = env_char(*c);
        }
    }
    out[len] = '\0';
}

/* --- names that meet --- */

void conf_env_keys_add(struct conf_env_keys *keys,
                       const struct conf_section *section,
                       const char *name,
                       const struct conf_block *block)
{
    for (size_t i = 0; i < section->option_count; i++) {
        const struct conf_option *option = &section->options[i];
        if (option->type == CONF_PAIRS) {
            continue;
        }
        char env[CONF_ENV_NAME_BYTES];
        conf_env_name(env, name, option->key);
        if (keys->count == keys->capacity) {
            keys->capacity = mem_grow_capacity(keys->capacity, keys->count + 1);
            keys->list = mem_realloc(keys->list, keys->capacity, sizeof *keys->list);
        }
        keys->list[keys->count++] = (struct conf_env_key){.env = mem_strdup(env),
                                                          .section = name,
                                                          .key = option->key,
                                                          .line = block != NULL ? block->line : 0};
    }
}

static int compare_keys(const void *a, const void *b)
{
    const struct conf_env_key *left = a;
    const struct conf_env_key *right = b;
    int order = strcmp(left->env, right->env);
    return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

void conf_env_keys_report(struct conf_env_keys *keys, struct conf_problems *problems)
{
    if (keys->count == 0) {
        return;
    }
    qsort(keys->list, keys->count, sizeof *keys->list, compare_keys);
    const char *reported = NULL;
    for (size_t i = 1; i < keys->count; i++) {
        const struct conf_env_key *a = &keys->list[i - 1];
        const struct conf_env_key *b = &keys->list[i];
        if (strcmp(a->env, b->env) == 0 && b->section != reported) {
            conf_problem_add(problems, b->line,
                             "[%s] %s and [%s] %s have the same environment name %s: rename one",
                             a->section, a->key, b->section, b->key, b->env);
            reported = b->section;
        }
    }
}

void conf_env_keys_release(struct conf_env_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        mem_free(keys->list[i].env);
    }
    mem_free(keys->list);
    *keys = (struct conf_env_keys){0};
}
