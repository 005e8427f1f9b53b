/**
 * conf_internal: shared by conf.c, conf_env.c, conf_file.c, conf_value.c and conf_print.c alone.
 */
#ifndef STOCKSYNC_CORE_CONF_INTERNAL_H
#define STOCKSYNC_CORE_CONF_INTERNAL_H

#include "common/core/conf.h"

/* Limits of the file, as conf.h says; far above any real one, so that a wrong path cannot fill the
 * memory. */
#define CONF_FILE_MAX_BYTES 1048576
#define CONF_LINE_MAX_BYTES 1000

/** One "key = value" of the file. */
struct conf_entry {
    char *key;
    char *value;
    int line;
    bool commented; /* a comment was cut off behind the value */
    bool matched;   /* some option took it */
};

/** One "[name]" of the file, with what stands below it. */
struct conf_block {
    char *name;
    int line;
    struct conf_entry *entries;
    size_t count;
    size_t capacity;
};

struct conf_file {
    struct conf_block *blocks;
    size_t count;
    size_t capacity;
};

/** @return true when text is pattern, or begins with what stands before the '*' at its end and goes
 * on behind it. */
bool conf_name_matches(const char *pattern, const char *text);
/** Length of pattern without its '*'. */
size_t conf_stem(const char *pattern);
bool conf_is_repeated(const struct conf_section *section);
/** @return false: not UTF-8, or with control characters other than tab */
bool conf_text_is_clean(struct bytes text);
bool conf_is_secret(const struct conf_option *option);

/* --- conf_file.c --- */

/** Splits the file; lines that cannot be used become problems. Release in any case. @return
 * STATUS_OK or STATUS_CONFIG: cannot be read */
NODISCARD enum status conf_file_read(const char *path,
                                     struct conf_file *file,
                                     struct conf_problems *problems,
                                     struct err *err);
void conf_file_release(struct conf_file *file);

/* --- conf_env.c --- */

#define CONF_ENV_PREFIX "STOCKSYNC_"
/* The longest name comes from a section and a key of one line each. */
#define CONF_ENV_NAME_BYTES (sizeof CONF_ENV_PREFIX + 2 * (size_t)(CONF_LINE_MAX_BYTES + 1))

/** An option's environment variable. */
struct conf_env_key {
    char *env;
    const char *section;
    const char *key;
    int line; /* of the section's header; 0: not in the file */
};

struct conf_env_keys {
    struct conf_env_key *list;
    size_t count;
    size_t capacity;
};

/** Writes STOCKSYNC_<SECTION>_<KEY>. */
void conf_env_name(char out[CONF_ENV_NAME_BYTES], const char *section, const char *key);
/** Adds the variables of a section; name outlives keys. @param block NULL: not in the file */
void conf_env_keys_add(struct conf_env_keys *keys,
                       const struct conf_section *section,
                       const char *name,
                       const struct conf_block *block);
/** Adds one problem for two sections that share variables, however many they share. */
void conf_env_keys_report(struct conf_env_keys *keys, struct conf_problems *problems);
void conf_env_keys_release(struct conf_env_keys *keys);

/* --- conf_value.c --- */

/** Member of option in a section's struct. */
void *conf_member(const struct conf_option *option, void *section);
const void *conf_member_const(const struct conf_option *option, const void *section);
/** Stores a scalar. @return false: text is not of that type or out of bounds; nothing is stored */
NODISCARD bool conf_value_store(const struct conf_option *option, const char *text, void *section);
/** Appends what a value must look like: "a whole number from 1 to 20000". */
void conf_value_describe(const struct conf_option *option, struct strbuf *out);
/** Appends the value as it would stand in the file; secrets as ***. */
void conf_value_format(const struct conf_option *option, const void *section, struct strbuf *out);
/** Frees what the member owns. */
void conf_value_release(const struct conf_option *option, void *section);

#endif
