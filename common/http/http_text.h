/**
 * http_text: texts of a peer as values. Pure.
 */
#ifndef STOCKSYNC_HTTP_HTTP_TEXT_H
#define STOCKSYNC_HTTP_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/** A line of an answer's head, cut to 511 bytes. */
struct http_header {
    char name[512];     /* or the whole line */
    const char *value;  /* in name; NULL: not a header */
    bool begins_answer; /* the status line */
};

/** Splits a line, with or without its line end. */
void http_text_header(const char *line, size_t len, struct http_header *header);
/** Copies text for logs and tables: '?' for every byte that is not printable ASCII; cut to size. */
void http_text_printable(char *out, size_t size, const char *text);
/** Decimal seconds with an optional fraction. @return negative: not of that form */
double http_text_seconds(const char *text);

#endif
