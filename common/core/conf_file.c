#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "common/core/conf.h"
#include "common/core/conf_internal.h"
#include "common/core/mem.h"

/* Debian's inih lets the program set this at run time; its default of 200 silently splits longer
 * lines. Line end and NUL are on top. */
#define INIH_LINE_BYTES (CONF_LINE_MAX_BYTES + 3)

struct parser {
    struct conf_file *file;
    struct conf_problems *problems;
    struct conf_block
        *block; /* NULL: before the first section, or below a header that cannot be used */
    bool skip;  /* below such a header: it is reported already */
    int line;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* --- one line as inih sees it --- */

struct one_line {
    const char *text; /* NULL once it was handed over */
    char key[CONF_LINE_MAX_BYTES + 1];
    char value[CONF_LINE_MAX_BYTES + 1];
    bool found;
};

static char *give_line(char *out, int size, void *stream)
{
    struct one_line *one = stream;
    if (one->text == NULL || (size_t)size <= strlen(one->text)) {
        return NULL;
    }
    (void)memcpy(out, one->text, strlen(one->text) + 1);
    one->text = NULL;
    return out;
}

static int take_pair(void *user, const char *section, const char *name, const char *value)
{
    struct one_line *one = user;
    (void)section;
    (void)memcpy(one->key, name, strlen(name) + 1);
    (void)memcpy(one->value, value, strlen(value) + 1);
    one->found = true;
    return 1;
}

/* A call for each line: inih would otherwise continue a value on the next one, and hide its line
 * number. */
static bool split_pair(const char *text, struct one_line *one)
{
    *one = (struct one_line){.text = text};
    ini_max_line = INIH_LINE_BYTES;
    return ini_parse_stream(give_line, one, take_pair, one) == 0 && one->found &&
           one->key[0] != '\0';
}

/* --- lines --- */

/* Ends the text before " ;" or " #"; inih knows only the first of the two.
 * @return true: there was one */
static bool cut_comment(char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (i > 0 && (text[i] == ';' || text[i] == '#') && is_blank(text[i - 1])) {
            text[i] = '\0';
            return true;
        }
    }
    return false;
}

static void trim_end(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && is_blank(text[len - 1])) {
        text[--len] = '\0';
    }
}

static void add_block(struct parser *parser, const char *name)
{
    struct conf_file *file = parser->file;
    if (file->count == file->capacity) {
        file->capacity = mem_grow_capacity(file->capacity, file->count + 1);
        file->blocks = mem_realloc(file->blocks, file->capacity, sizeof *file->blocks);
    }
    parser->block = &file->blocks[file->count++];
    *parser->block = (struct conf_block){.name = mem_strdup(name), .line = parser->line};
}

static void read_header(struct parser *parser, char *text)
{
    char *end = strchr(text, ']');
    parser->block = NULL;
    parser->skip = true;
    if (end == NULL || end[1] != '\0' || end == text + 1) {
        conf_problem_add(parser->problems, parser->line, "'%s' is not a section: [name]", text);
        return;
    }
    *end = '\0';
    for (size_t i = 0; i < parser->file->count; i++) {
        if (strcmp(parser->file->blocks[i].name, text + 1) == 0) {
            conf_problem_add(parser->problems, parser->line,
                             "section [%s] was already given in line %d", text + 1,
                             parser->file->blocks[i].line);
            return;
        }
    }
    add_block(parser, text + 1);
    parser->skip = false;
}

static void add_entry(struct parser *parser, const struct one_line *one, bool commented)
{
    struct conf_block *block = parser->block;
    if (block->count == block->capacity) {
        block->capacity = mem_grow_capacity(block->capacity, block->count + 1);
        block->entries = mem_realloc(block->entries, block->capacity, sizeof *block->entries);
    }
    block->entries[block->count++] = (struct conf_entry){
        .key = mem_strdup(one->key),
        .value = mem_strdup(one->value),
        .line = parser->line,
        .commented = commented,
    };
}

static void read_pair(struct parser *parser, const char *text, bool commented)
{
    struct one_line one;
    if (!split_pair(text, &one)) {
        /* The line is not shown: it may be a secret that lost its key. */
        conf_problem_add(parser->problems, parser->line, "this is not 'key = value'");
    } else if (parser->block != NULL) {
        add_entry(parser, &one, commented);
    } else if (!parser->skip) {
        conf_problem_add(parser->problems, parser->line, "'%s' stands before any [section]",
                         one.key);
    }
}

static void read_line(struct parser *parser, struct bytes line)
{
    if (line.len > CONF_LINE_MAX_BYTES) {
        conf_problem_add(parser->problems, parser->line, "the line is longer than %d bytes",
                         CONF_LINE_MAX_BYTES);
        return;
    }
    if (!conf_text_is_clean(line)) {
        conf_problem_add(parser->problems, parser->line,
                         "the line holds control characters or is not UTF-8");
        return;
    }
    char text[CONF_LINE_MAX_BYTES + 1];
    (void)memcpy(text, line.ptr, line.len);
    text[line.len] = '\0';
    size_t indent = strspn(text, " \t");
    if (text[indent] == '\0' || text[indent] == ';' || text[indent] == '#') {
        return;
    }
    if (indent > 0) {
        conf_problem_add(parser->problems, parser->line,
                         "the line begins with white space; a value cannot go on in the next line");
        return;
    }
    bool commented = cut_comment(text);
    trim_end(text);
    if (text[0] == '[') {
        read_header(parser, text);
    } else {
        read_pair(parser, text, commented);
    }
}

static void read_lines(struct parser *parser, struct bytes text)
{
    static const char BOM[] = "\xEF\xBB\xBF";
    if (text.len >= 3 && memcmp(text.ptr, BOM, 3) == 0) {
        text = bytes_of(text.ptr + 3, text.len - 3);
    }
    while (text.len > 0) {
        const unsigned char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;
        size_t used = end != NULL ? len + 1 : len;
        parser->line++;
        read_line(parser, bytes_of(text.ptr, len > 0 && text.ptr[len - 1] == '\r' ? len - 1 : len));
        text = bytes_of(text.ptr + used, text.len - used);
    }
}

/* --- the file --- */

enum status conf_file_read(const char *path,
                           struct conf_file *file,
                           struct conf_problems *problems,
                           struct err *err)
{
    enum status rc = STATUS_OK;
    struct strbuf text;
    strbuf_init(&text, CONF_FILE_MAX_BYTES);
    FILE *stream = fopen(path, "re");
    if (stream == NULL) {
        rc = err_set(err, STATUS_CONFIG, "cannot open '%s': %s", path, strerror(errno));
        goto out;
    }
    char block[4096];
    size_t n = 0;
    while (!text.overflow && (n = fread(block, 1, sizeof block, stream)) > 0) {
        strbuf_append(&text, block, n);
    }
    if (ferror(stream)) {
        rc = err_set(err, STATUS_CONFIG, "cannot read '%s': %s", path, strerror(errno));
        goto out;
    }
    if (text.overflow) {
        rc = err_set(err, STATUS_CONFIG, "'%s' is larger than %d bytes", path, CONF_FILE_MAX_BYTES);
        goto out;
    }
    struct parser parser = {.file = file, .problems = problems};
    read_lines(&parser, strbuf_bytes(&text));
out:
    if (stream != NULL) {
        (void)fclose(stream);
    }
    strbuf_release(&text);
    return rc;
}

void conf_file_release(struct conf_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        struct conf_block *block = &file->blocks[i];
        for (size_t j = 0; j < block->count; j++) {
            mem_free(block->entries[j].key);
            mem_free(block->entries[j].value);
        }
        mem_free(block->entries);
        mem_free(block->name);
    }
    mem_free(file->blocks);
    *file = (struct conf_file){0};
}
