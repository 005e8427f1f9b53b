#include "consumer/plan/parked_pace.h"

#include <stddef.h>
#include <string.h>

/* Time may fix these: somebody else wrote the level, the store refused for a while. */
#define SOON_S 60
/* A person must fix these, in Odoo or in the store. Most fixes are noticed without a retry: by a
 * later record or a new reading of the catalogue. */
#define SLOWLY_S (15 * 60)

static const struct {
    const char *reason;
    int32_t wait_s;
} PACES[] = {
    {"undecodable", 0},
    {"basis_missing", 0},
    {"skipped_by_operator", 0},
    {"schema_unknown", 0},
    {"no_sku", SLOWLY_S},
    {"no_barcode", SLOWLY_S},
    {"unmapped", SLOWLY_S},
    {"bundle", SLOWLY_S},
    {"kit_without_number", SLOWLY_S},
    {"sku_shared_in_odoo", SLOWLY_S},
    {"sku_shared_in_shopify", SLOWLY_S},
    {"written_by_another", SLOWLY_S},
    {"item_missing", SLOWLY_S},
    {"item_changed", SLOWLY_S},
    {"tracking_locked", SLOWLY_S},
    {"level_missing", SLOWLY_S},
    {"level_inactive", SLOWLY_S},
};

int32_t parked_pace_s(const char *reason)
{
    for (size_t i = 0; i < sizeof PACES / sizeof PACES[0]; i++) {
        if (strcmp(PACES[i].reason, reason) == 0) {
            return PACES[i].wait_s;
        }
    }
    return SOON_S;
}
