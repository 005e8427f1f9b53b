#include "consumer/plan/hot_levels.h"

#define HOT_US INT64_C(60000000)

/* HOT_LEVELS_MAX: not there. */
static size_t find(const struct hot_levels *h, struct level_key key)
{
    size_t i = 0;
    while (i < HOT_LEVELS_MAX &&
           (h->list[i].key.item != key.item || h->list[i].key.location != key.location)) {
        i++;
    }
    return i;
}

void hot_levels_add(struct hot_levels *h, struct level_key key, int64_t now_us)
{
    size_t i = find(h, key);
    i = i < HOT_LEVELS_MAX ? i : h->next++ % HOT_LEVELS_MAX;
    h->list[i] = (struct hot_level){.key = key, .until_us = now_us + HOT_US};
}

bool hot_levels_has(const struct hot_levels *h, struct level_key key, int64_t now_us)
{
    size_t i = find(h, key);
    return i < HOT_LEVELS_MAX && now_us < h->list[i].until_us;
}
