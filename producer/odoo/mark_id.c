#include "producer/odoo/mark_id.h"

#include "common/core/status.h"

/* From the top: tag, 24 bits of block, 11 bits of offset (a page of 32 kB has 1,163 rows), file,
 * xid. */
#define QUANT_TAG    (INT64_C(1) << 62)
#define BLOCK_BITS   24
#define OFFSET_BITS  11
#define OFFSET_SHIFT (MARK_ID_FILE_BITS + MARK_ID_XID_BITS)
#define BLOCK_SHIFT  (OFFSET_BITS + OFFSET_SHIFT)
_Static_assert(BLOCK_BITS + BLOCK_SHIFT == 62, "below the tag");

int64_t mark_id_of_quant(struct pg_tid place, uint32_t xid, uint32_t file)
{
    INVARIANT(place.block >> BLOCK_BITS == 0 && place.offset >> OFFSET_BITS == 0,
              "mark in block %u at %u", place.block, place.offset);
    return QUANT_TAG | (int64_t)place.block << BLOCK_SHIFT | (int64_t)place.offset << OFFSET_SHIFT |
           (int64_t)(file & MARK_ID_FILE_MASK) << MARK_ID_XID_BITS |
           (int64_t)(xid & MARK_ID_XID_MASK);
}

bool mark_id_is_quant(int64_t id)
{
    return (id & QUANT_TAG) != 0;
}

struct pg_tid mark_id_place(int64_t id)
{
    return (struct pg_tid){.block =
                               (uint32_t)(id >> BLOCK_SHIFT) & ((UINT32_C(1) << BLOCK_BITS) - 1),
                           .offset = (uint16_t)((id >> OFFSET_SHIFT) & ((1 << OFFSET_BITS) - 1))};
}

int32_t mark_id_xid(int64_t id)
{
    return (int32_t)(id & MARK_ID_XID_MASK);
}

int32_t mark_id_file(int64_t id)
{
    return (int32_t)(id >> MARK_ID_XID_BITS) & MARK_ID_FILE_MASK;
}
