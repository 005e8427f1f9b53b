/**
 * fuzz_target: the function that libFuzzer calls, and run_corpus.c where libFuzzer is not there.
 */
#ifndef STOCKSYNC_FUZZ_FUZZ_TARGET_H
#define STOCKSYNC_FUZZ_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/** One input; crashes where a rule is broken. @return 0 */
/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer wants this name */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
