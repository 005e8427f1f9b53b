#include "producer/odoo/odoo_dialect.h"

#include <stddef.h>

static const struct odoo_dialect DIALECTS[] = {
    {.major = 15, .is_proven = true},
    {.major = 16, .kit_rounding = KIT_ROUND_RESULT},
    {.major = 17},
    {.major = 18,
     .has_storable_flag = true,
     .has_final_location = true,
     .bom_order = KIT_BOM_VARIANT_FIRST,
     .kit_rounding = KIT_ROUND_RATIO},
};

const struct odoo_dialect *odoo_dialect_of(int major)
{
    for (size_t i = 0; i < sizeof DIALECTS / sizeof DIALECTS[0]; i++) {
        if (DIALECTS[i].major == major) {
            return &DIALECTS[i];
        }
    }
    return NULL;
}
