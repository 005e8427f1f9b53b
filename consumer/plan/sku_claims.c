#include "consumer/plan/sku_claims.h"

#include <string.h>

#include "common/core/mem.h"
#include "consumer/plan/hash_index.h"

#define NONE UINT32_MAX

/* One text under which at least one product is noted. */
struct name {
    char *text;     /* NULL: free */
    uint32_t users; /* products noted under it, sellable or not */
    uint32_t claim_count;
    uint32_t claim_capacity;
    int32_t *claims; /* sellable ones, ascending */
    uint32_t free;   /* links free names */
};

struct product {
    int32_t product_id;
    uint32_t name; /* NONE: no text */
    bool sellable;
    int64_t revision;
};

struct sku_claims {
    struct product *products; /* never removed: a deleted product is noted without text */
    size_t product_count;
    size_t product_capacity;
    struct hash_index by_product;
    struct name *names;
    size_t name_count;
    size_t name_capacity;
    uint32_t free_name;
    struct hash_index by_text;
    size_t shared;    /* names with more than one claim */
    uint64_t settled; /* times that one of them became unique */
};

struct sku_claims *sku_claims_new(void)
{
    struct sku_claims *claims = mem_calloc(1, sizeof *claims);
    hash_index_init(&claims->by_product);
    hash_index_init(&claims->by_text);
    claims->free_name = NONE;
    return claims;
}

void sku_claims_free(struct sku_claims *claims)
{
    if (claims == NULL) {
        return;
    }
    for (size_t i = 0; i < claims->name_count; i++) {
        mem_free(claims->names[i].text);
        mem_free(claims->names[i].claims);
    }
    mem_free(claims->names);
    mem_free(claims->products);
    hash_index_release(&claims->by_product);
    hash_index_release(&claims->by_text);
    mem_free(claims);
}

/* --- names --- */

/* The place of a text, or the free place at which the search ended. */
static size_t place_of_text(const struct sku_claims *claims, const char *text, uint32_t tag)
{
    const struct hash_index *s = &claims->by_text;
    size_t i = hash_index_home(s, tag);
    while (
        hash_index_taken(s, i) &&
        (s->list[i].tag != tag || strcmp(claims->names[hash_index_number(s, i)].text, text) != 0)) {
        i = hash_index_next(s, i);
    }
    return i;
}

static const struct name *find_name(const struct sku_claims *claims, const char *text)
{
    size_t place = place_of_text(claims, text, hash_index_text_tag(text));
    return hash_index_taken(&claims->by_text, place)
               ? &claims->names[hash_index_number(&claims->by_text, place)]
               : NULL;
}

static uint32_t take_free_name(struct sku_claims *claims)
{
    uint32_t number = claims->free_name;
    if (number != NONE) {
        claims->free_name = claims->names[number].free;
        return number;
    }
    if (claims->name_count == claims->name_capacity) {
        claims->name_capacity = mem_grow_capacity(claims->name_capacity, claims->name_count + 1);
        claims->names = mem_realloc(claims->names, claims->name_capacity, sizeof *claims->names);
    }
    return (uint32_t)claims->name_count++;
}

/* The number of a text's name, made if needed. */
static uint32_t use_name(struct sku_claims *claims, const char *text)
{
    uint32_t tag = hash_index_text_tag(text);
    size_t place = place_of_text(claims, text, tag);
    uint32_t number = NONE;
    if (hash_index_taken(&claims->by_text, place)) {
        number = hash_index_number(&claims->by_text, place);
    } else {
        number = take_free_name(claims);
        claims->names[number] = (struct name){.text = mem_strdup(text)};
        hash_index_add(&claims->by_text, tag, number);
    }
    claims->names[number].users++;
    return number;
}

static void disuse_name(struct sku_claims *claims, uint32_t number)
{
    struct name *n = &claims->names[number];
    if (--n->users > 0) {
        return;
    }
    hash_index_remove(&claims->by_text,
                      place_of_text(claims, n->text, hash_index_text_tag(n->text)));
    mem_free(n->text);
    mem_free(n->claims);
    *n = (struct name){.free = claims->free_name};
    claims->free_name = number;
}

/* Where a product is, or belongs, among the claims. */
static uint32_t claim_index(const struct name *n, int32_t product_id)
{
    uint32_t low = 0;
    uint32_t high = n->claim_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (n->claims[middle] < product_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void add_claim(struct sku_claims *claims, struct name *n, int32_t product_id)
{
    if (n->claim_count == n->claim_capacity) {
        /* nearly every name has one claim: no room is kept for more */
        n->claim_capacity = n->claim_capacity == 0 ? 1 : n->claim_capacity * 2;
        n->claims = mem_realloc(n->claims, n->claim_capacity, sizeof *n->claims);
    }
    uint32_t at = claim_index(n, product_id);
    memmove(&n->claims[at + 1], &n->claims[at], (n->claim_count - at) * sizeof *n->claims);
    n->claims[at] = product_id;
    n->claim_count++;
    claims->shared += n->claim_count == 2;
}

static void drop_claim(struct sku_claims *claims, struct name *n, int32_t product_id)
{
    uint32_t at = claim_index(n, product_id);
    n->claim_count--;
    claims->shared -= n->claim_count == 1;
    claims->settled += n->claim_count == 1;
    memmove(&n->claims[at], &n->claims[at + 1], (n->claim_count - at) * sizeof *n->claims);
}

/* --- products --- */

static uint32_t product_tag(int32_t product_id)
{
    return (uint32_t)(hash_index_mix((uint64_t)(uint32_t)product_id) >> 32);
}

static struct product *find_product(const struct sku_claims *claims, int32_t product_id)
{
    const struct hash_index *s = &claims->by_product;
    for (size_t i = hash_index_home(s, product_tag(product_id)); hash_index_taken(s, i);
         i = hash_index_next(s, i)) {
        struct product *p = &claims->products[hash_index_number(s, i)];
        if (p->product_id == product_id) {
            return p;
        }
    }
    return NULL;
}

static struct product *add_product(struct sku_claims *claims, int32_t product_id)
{
    if (claims->product_count == claims->product_capacity) {
        claims->product_capacity =
            mem_grow_capacity(claims->product_capacity, claims->product_count + 1);
        claims->products =
            mem_realloc(claims->products, claims->product_capacity, sizeof *claims->products);
    }
    hash_index_add(&claims->by_product, product_tag(product_id), (uint32_t)claims->product_count);
    struct product *p = &claims->products[claims->product_count++];
    *p = (struct product){.product_id = product_id, .name = NONE};
    return p;
}

static const char *text_of(const struct sku_claims *claims, const struct product *p)
{
    return p->name != NONE ? claims->names[p->name].text : NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void set_known(struct sku_claims *claims, struct product *p, const char *text, bool sellable)
{
    uint32_t before = p->name;
    uint32_t after = text != NULL ? use_name(claims, text) : NONE;
    if (before != NONE && p->sellable) {
        drop_claim(claims, &claims->names[before], p->product_id);
    }
    if (after != NONE && sellable) {
        add_claim(claims, &claims->names[after], p->product_id);
    }
    p->name = after;
    p->sellable = sellable;
    if (before != NONE) {
        disuse_name(claims, before);
    }
}

bool sku_claims_note(struct sku_claims *claims,
                     int32_t product_id,
                     const char *text,
                     bool sellable,
                     int64_t revision)
{
    struct product *p = find_product(claims, product_id);
    bool is_new = p == NULL;
    if (is_new) {
        p = add_product(claims, product_id);
    } else if (revision < p->revision) {
        return false;
    }
    p->revision = revision;
    if (!is_new && p->sellable == sellable && same_text(text_of(claims, p), text)) {
        return false;
    }
    set_known(claims, p, text, sellable);
    return true;
}

size_t sku_claims_count_of(const struct sku_claims *claims, const char *text)
{
    const struct name *n = find_name(claims, text);
    return n != NULL ? n->claim_count : 0;
}

size_t sku_claims_claimants(const struct sku_claims *claims,
                            const char *text,
                            int32_t *product_ids,
                            size_t max)
{
    const struct name *n = find_name(claims, text);
    size_t count = n == NULL ? 0 : n->claim_count;
    count = count < max ? count : max;
    if (count > 0) {
        memcpy(product_ids, n->claims, count * sizeof *product_ids);
    }
    return count;
}

const char *sku_claims_text(const struct sku_claims *claims, int32_t product_id)
{
    const struct product *p = find_product(claims, product_id);
    return p != NULL ? text_of(claims, p) : NULL;
}

int64_t sku_claims_revision(const struct sku_claims *claims, int32_t product_id)
{
    const struct product *p = find_product(claims, product_id);
    return p != NULL ? p->revision : 0;
}

static const struct name *claimed_name(const struct sku_claims *claims, int32_t product_id)
{
    const struct product *p = find_product(claims, product_id);
    return p != NULL && p->sellable && p->name != NONE ? &claims->names[p->name] : NULL;
}

const char *sku_claims_owned_text(const struct sku_claims *claims, int32_t product_id)
{
    const struct name *n = claimed_name(claims, product_id);
    return n != NULL && n->claim_count == 1 ? n->text : NULL;
}

bool sku_claims_shares(const struct sku_claims *claims, int32_t product_id)
{
    if (claims->shared == 0) {
        return false;
    }
    const struct name *n = claimed_name(claims, product_id);
    return n != NULL && n->claim_count > 1;
}

uint64_t sku_claims_settled(const struct sku_claims *claims)
{
    return claims->settled;
}

void sku_claims_each_owner(const struct sku_claims *claims,
                           void (*each)(void *arg, int32_t product_id),
                           void *arg)
{
    for (size_t i = 0; i < claims->product_count; i++) {
        const struct product *p = &claims->products[i];
        if (p->sellable && p->name != NONE && claims->names[p->name].claim_count == 1) {
            each(arg, p->product_id);
        }
    }
}

size_t sku_claims_count(const struct sku_claims *claims)
{
    return claims->product_count;
}
