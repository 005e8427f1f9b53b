/**
 * avro_codec: record <-> Kafka value. Holds the lock that avro-c's process-wide error text needs.
 *
 * Writes Avro single-object encoding: C3 01, CRC-64-AVRO of the schema's Parsing Canonical Form
 * (little-endian), Avro binary. Reads that framing by fingerprint, those of former schemas included
 * (enum avro_form); fields that they lack are absent. Confluent framing (00, schema id big-endian)
 * is recognised and refused by name until a registry is configured. One codec belongs to one
 * thread; it reuses its value between records.
 */
#ifndef STOCKSYNC_AVRO_AVRO_CODEC_H
#define STOCKSYNC_AVRO_AVRO_CODEC_H

#include "common/core/bytes.h"
#include "common/core/status.h"
#include "common/core/strbuf.h"
#include "common/model/product_stock.h"

struct avro_codec;

/** @return STATUS_OK, STATUS_INTERNAL (the embedded schema is broken) */
NODISCARD enum status avro_codec_new(struct avro_codec **codec, struct err *err);
void avro_codec_free(struct avro_codec *codec);
/**
 * Appends one framed value.
 *
 * @return STATUS_OK
 *         STATUS_RECORD_INVALID  limits, text that is not UTF-8
 *         STATUS_TOO_LARGE       more than out's maximum
 */
NODISCARD enum status avro_codec_encode(struct avro_codec *codec,
                                        const struct product_stock *stock,
                                        struct strbuf *out,
                                        struct err *err);
/**
 * Decodes a value (not a tombstone). stock is overwritten; the caller releases it.
 *
 * @return STATUS_OK
 *         STATUS_RECORD_INVALID  not our framing, cut, trailing bytes, negative or giant counts, a
 *                                value out of its range
 *         STATUS_SCHEMA_UNKNOWN  single-object with an unknown fingerprint, which is the origin: a
 *                                newer producer; hold the partition
 */
NODISCARD enum status avro_codec_decode(struct avro_codec *codec,
                                        struct bytes value,
                                        struct product_stock *stock,
                                        struct err *err);

#endif
