#include "common/core/uuid5.h"

#include <uuid/uuid.h>

/* Chosen at random and fixed: another value would change every key that was stored. */
static const uuid_t NAMESPACE = {
    0x6d, 0x4f, 0x1c, 0x52, 0x9b, 0x37, 0x4e, 0x0a, 0xb1, 0x63, 0x0f, 0xc8, 0x27, 0xd9, 0x5e, 0x84,
};

char *uuid5_text(struct bytes name, char text[UUID5_TEXT_SIZE])
{
    uuid_t uuid;
    uuid_generate_sha1(uuid, NAMESPACE, name.len > 0 ? (const char *)name.ptr : "", name.len);
    uuid_unparse_lower(uuid, text);
    return text;
}
