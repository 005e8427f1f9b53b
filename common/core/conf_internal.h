/**
 * conf_internal: what conf.c, conf_file.c, conf_value.c and conf_print.c share. Nobody else
 * includes it.
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
