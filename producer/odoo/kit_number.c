#include "producer/odoo/kit_number.h"

#include <math.h>

#include "common/model/quantity.h"

static double ratio_of(const struct kit_share *share, size_t field, enum kit_rounding rounding)
{
    double ratio = share->values[field] / share->need;
    return rounding == KIT_ROUND_RATIO ? quantity_round_down(ratio, share->rounding) : ratio;
}

void kit_number_least(const struct kit_share *shares,
                      size_t share_count,
                      double yield,
                      enum kit_rounding rounding,
                      size_t fields,
                      double *out)
{
    for (size_t f = 0; f < fields; f++) {
        out[f] = 0;
        if (share_count == 0) {
            continue;
        }
        double least = ratio_of(&shares[0], f, rounding);
        for (size_t i = 1; i < share_count; i++) {
            least = fmin(least, ratio_of(&shares[i], f, rounding));
        }
        double kits = least * yield;
        if (rounding == KIT_ROUND_RESULT) {
            kits = quantity_round_half_up(kits, shares[share_count - 1].rounding);
        }
        out[f] = floor(kits);
    }
}

void kit_number_sum(const struct kit_share *shares, size_t share_count, size_t fields, double *out)
{
    for (size_t f = 0; f < fields; f++) {
        out[f] = 0;
        for (size_t i = 0; i < share_count; i++) {
            out[f] += shares[i].values[f] * shares[i].need;
        }
    }
}
