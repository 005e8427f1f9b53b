/**
 * acked_offsets: for each partition the offset behind the last acknowledged record, and whether
 * one went back.
 *
 * In one topic they only grow: the idempotent producer reports a partition's records in their
 * order. An offset that is not greater than an earlier one belongs to another topic of that name.
 * Pure.
 */
#ifndef STOCKSYNC_PUBLISH_ACKED_OFFSETS_H
#define STOCKSYNC_PUBLISH_ACKED_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"

struct acked_offsets {
    int64_t *next; /* by partition; -1: not known */
    size_t count;
    /* The first step back; nothing is noted after it. */
    bool went_back;
    int32_t partition;
    int64_t from; /* acknowledged before */
    int64_t to;
};

void acked_offsets_init(struct acked_offsets *offsets);
void acked_offsets_release(struct acked_offsets *offsets);
/** @param offset  negative: the report has none; ignored */
void acked_offsets_note(struct acked_offsets *offsets, int32_t partition, int64_t offset);
/** @return STATUS_OK; STATUS_STREAM_ENDED, from then on, when an offset went back */
NODISCARD enum status
acked_offsets_check(const struct acked_offsets *offsets, const char *topic, struct err *err);

#endif
