/**
 * conf: options as one table, from which come defaults, INI file, environment, help text, example
 * and print-out.
 *
 * A program describes its options as an array of struct conf_section; conf_load fills a plain
 * struct of the program, which is const afterwards. Arguments never carry values. A later source
 * replaces an earlier one:
 *
 *     1. default
 *     2. file
 *     3. environment variable STOCKSYNC_<SECTION>_<KEY>: upper case, '_' for every other character
 *
 * The file is UTF-8, at most 1 MiB, with lines of at most 1000 bytes:
 *
 *     key = value      without continuation lines
 *     ; or #           at the start of a line, or " ;" or " #" behind a value, begins a comment
 *
 * All problems are collected and reported together, each with its line:
 *
 *     - a section or a key that is unknown or given twice
 *     - an old name of an option, in the file or as a variable
 *     - a value that does not fit
 *     - a secret (also secret_value) in front of a comment: it may belong to the secret
 *     - two keys with the same variable
 *
 * A variable replaces the value of a pair that the file has. A pass-through section ("*") also
 * takes new names from variables, in lower case with '.' for '_': STOCKSYNC_KAFKA_SASL_PASSWORD is
 * sasl.password.
 *
 * Not thread-safe; main thread at start.
 */
#ifndef STOCKSYNC_CORE_CONF_H
#define STOCKSYNC_CORE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/core/secret.h"
#include "common/core/status.h"
#include "common/core/strbuf.h"

/*
 *     type            member              value
 *     CONF_TEXT       char *              NULL when empty
 *     CONF_BOOL       bool                on off true false yes no 1 0
 *     CONF_COUNT      int64_t             a whole number from min to max
 *     CONF_DURATION   int64_t             ms; "250ms", "5s", "10m", "1h", "30d"
 *     CONF_SIZE       int64_t             bytes; "64k", "4M", "1G" or a plain number
 *     CONF_CHOICE     int                 index into choices
 *     CONF_SECRET     struct secret       printed as ***
 *     CONF_PAIRS      struct conf_pairs   the key ends with '*': every key with that prefix, in
 *                                         order of the file
 */
enum conf_type {
    CONF_TEXT,
    CONF_BOOL,
    CONF_COUNT,
    CONF_DURATION,
    CONF_SIZE,
    CONF_CHOICE,
    CONF_SECRET,
    CONF_PAIRS
};

/** One pass-through or named entry. */
struct conf_pair {
    char *name;  /* the part of the key that matched '*' */
    char *value; /* never NULL, may be "" */
    int line;    /* 0 when it came from the environment */
};

struct conf_pairs {
    struct conf_pair *list;
    size_t count;
};

struct conf_option {
    const char *key;    /* "batch_marks", "location.*", "*" */
    const char *former; /* the key's old name, which is refused; not for PAIRS; NULL: none */
    enum conf_type type;
    bool required;
    bool secret_value;    /* PAIRS and TEXT: print as ***, for a DSN or a section with passwords */
    size_t offset;        /* of the member in the section's struct */
    const char *fallback; /* default, as in the file; NULL: none (0, NULL, unset) */
    int64_t min, max;     /* COUNT, DURATION (ms), SIZE; both 0: from 0 on. Without a fallback, or
                             with "", unset is -1 */
    const char *const *choices; /* CHOICE: NULL-terminated */
    const char *help;           /* one line, lower case */
};

struct conf_section {
    const char *name; /* "producer"; "store.*" may repeat */
    const struct conf_option *options;
    size_t option_count;
    size_t offset; /* in the root: of the section's struct; repeated: of a struct conf_list */
    size_t size;   /* repeated: of one element, which begins with struct conf_instance; else 0 */
    const char *help;
};

/** First member of every element of a repeated section. */
struct conf_instance {
    char *name; /* the part of the section's name that matched '*' */
    int line;   /* of its header */
};

/** Elements of a repeated section, in order of the file. */
struct conf_list {
    void *elements; /* count * size bytes */
    size_t count;
};

/** All options of one program. */
struct conf_schema {
    const struct conf_section *sections;
    size_t section_count;
    const char *const *foreign; /* sections of the other program ("consumer", "store.*"), whose
                                   syntax alone is checked; NULL-terminated */
};

/** A line of the file that cannot be used, or a missing value. */
struct conf_problem {
    int line; /* 0: not from the file */
    char text[300];
};

struct conf_problems {
    struct conf_problem *list;
    size_t count;
};

/**
 * Fills root (zeroed by the caller) from path and the environment.
 *
 * @param path      file to read; NULL reads no file
 * @param problems  [out] release with conf_problems_release in any case
 * @return STATUS_OK
 *         STATUS_CONFIG  there are problems; or there are none, and the file cannot be read
 */
NODISCARD enum status conf_load(const struct conf_schema *schema,
                                const char *path,
                                void *root,
                                struct conf_problems *problems,
                                struct err *err);
/**
 * Replaces values of repeated sections that conf_load filled: those that another file names. It has
 * the same form. Its sections must be in root already. Environment variables do not count.
 *
 * @return as conf_load; root may be changed in part
 */
NODISCARD enum status conf_overlay(const struct conf_schema *schema,
                                   const char *path,
                                   void *root,
                                   struct conf_problems *problems,
                                   struct err *err);
/** Adds a problem that a cross-check of the program found. */
void conf_problem_add(struct conf_problems *problems, int line, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void conf_problems_release(struct conf_problems *problems);
/** Frees everything that conf_load stored in root, and wipes secrets. */
void conf_release(const struct conf_schema *schema, void *root);

/** Parsers of single values, used by conf_load and by tests. @return false: not of that type */
bool conf_parse_bool(const char *text, bool *out);
bool conf_parse_duration_ms(const char *text, int64_t *out);
bool conf_parse_size(const char *text, int64_t *out);

/** The options in force, as an INI file that could be read again; secrets as ***. */
void conf_print(const struct conf_schema *schema, const void *root, struct strbuf *out);
/** A commented example with every option, its default and help. */
void conf_print_example(const struct conf_schema *schema, struct strbuf *out);

#endif
