#include "common/avro/avro_fingerprint.h"

/* Both the polynomial and the fingerprint of no bytes at all. */
#define AVRO_EMPTY UINT64_C(0xc15d213aa4d7a795)

uint64_t avro_fingerprint(struct bytes canonical_form)
{
    /* Bit by bit: one schema at start is not worth the table. */
    uint64_t fp = AVRO_EMPTY;
    for (size_t i = 0; i < canonical_form.len; i++) {
        fp ^= canonical_form.ptr[i];
        for (int bit = 0; bit < 8; bit++) {
            fp = (fp >> 1) ^ ((fp & 1U) != 0 ? AVRO_EMPTY : 0);
        }
    }
    return fp;
}
