/**
 * utf8: recognises well-formed UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF) and
 * cuts between characters. Pure, thread-safe.
 */
#ifndef STOCKSYNC_CORE_UTF8_H
#define STOCKSYNC_CORE_UTF8_H

#include "common/core/bytes.h"

/** Length of the well-formed sequence at the start of text, 1 to 4; 0: there is none. */
size_t utf8_sequence(struct bytes text);
/** Copies text up to the first ill-formed sequence, cut between characters to size > 0 bytes with
 * the NUL. */
void utf8_copy(char *out, size_t size, const char *text);

#endif
