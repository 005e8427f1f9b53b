/**
 * avro_fingerprint: CRC-64-AVRO, which names the schema in front of every record.
 *
 * Source: Avro 1.11 specification, "Schema Fingerprints". Taken over the schema's Parsing Canonical
 * Form; on the wire it is little-endian. Pure; thread-safe.
 */
#ifndef STOCKSYNC_AVRO_AVRO_FINGERPRINT_H
#define STOCKSYNC_AVRO_AVRO_FINGERPRINT_H

#include <stdint.h>

#include "common/core/bytes.h"

uint64_t avro_fingerprint(struct bytes canonical_form);

#endif
