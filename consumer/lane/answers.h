/**
 * answers: maps the answer to a request to outcomes of its levels. No I/O.
 */
#ifndef STOCKSYNC_LANE_ANSWERS_H
#define STOCKSYNC_LANE_ANSWERS_H

#include "consumer/lane/outcomes.h"
#include "consumer/lane/requests.h"
#include "consumer/lane/unimported_sales.h"

/**
 * @param answer  borrowed until the outcomes are applied
 * @return false: the answer has another shape, the request must be sent again
 */
bool answers_judge(const struct lane_context *c,
                   struct unimported_sales *sales,
                   const struct request *r,
                   const struct answer *answer,
                   struct outcomes *out);

#endif
