#include "common/core/uuid4.h"

#include <uuid/uuid.h>

char *uuid4_text(char text[UUID4_TEXT_SIZE])
{
    uuid_t uuid;
    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, text);
    return text;
}
