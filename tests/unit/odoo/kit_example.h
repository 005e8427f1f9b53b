/**
 * kit_example: one small shop, and tables of examples of what a product of it is made of.
 */
#ifndef STOCKSYNC_UNIT_ODOO_KIT_EXAMPLE_H
#define STOCKSYNC_UNIT_ODOO_KIT_EXAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "producer/odoo/kit_explode.h"

/* --- the shop that all examples share; ids --- */

enum { UNIT = 1, DOZEN, BOX6, PACK7, KG, GRAM, WHOLE, FINE, BROKEN, NO_UOM = 99 };

enum {
    A = 1,
    B,
    C,
    CONSU,
    SERVICE,
    KILOS,  /* counted in kg */
    DOZENS, /* counted in dozens */
    K1 = 11,
    K2,
    K3,
    K4,
    WEIGHTLESS, /* as K1 to K4, not storable */
    RED = 31,   /* variants of one template */
    BLUE,
    PLAIN,       /* another variant, whose priority is NULL */
    LOOSE = 41,  /* products without a template */
    LOOSE_CONSU, /* and not storable */
    OLD = 51,    /* archived */
    OLD_CONSU,   /* and not storable */
    OLD_RED,     /* an archived variant of the same template as RED */
    NOBODY = 999
};
enum { TEMPLATES = 1000, COLOURS = 2000 };
enum { COLOUR = 7, SIZE, IS_RED = 71, IS_BLUE, IS_SMALL = 81, IS_LARGE };

/* The quantity comes last, with what else is not the rule; without uom_id it is UNIT. */
#define KIT(id_, product_, ...)                                                                    \
    {                                                                                              \
        .id = (id_), .template_id = TEMPLATES + (product_), .quantity = __VA_ARGS__                \
    }
#define COLOURS_KIT(id_, ...)                                                                      \
    {                                                                                              \
        .id = (id_), .template_id = COLOURS, .quantity = __VA_ARGS__                               \
    }
#define LINE(id_, bom_, product_, ...)                                                             \
    {                                                                                              \
        .id = (id_), .bom_id = (bom_), .product_id = (product_), .quantity = __VA_ARGS__           \
    }
#define FIRST(n) .sequence = (n), .has_sequence = true
#define LIMITS(product_, need_)                                                                    \
    {                                                                                              \
        (product_), KIT_ROLE_LIMITS, (need_)                                                       \
    }
#define THROUGH(product_)                                                                          \
    {                                                                                              \
        (product_), KIT_ROLE_THROUGH, 0                                                            \
    }
#define OWN(product_, need_)                                                                       \
    {                                                                                              \
        (product_), KIT_ROLE_OWN, (need_)                                                          \
    }
#define INSIDE(product_)                                                                           \
    {                                                                                              \
        (product_), KIT_ROLE_STRUCTURE, 0                                                          \
    }

/* --- one example --- */

enum { MOST = 8 };
/* Lists end at the first row of zeros. */
struct kit_example {
    const char *name;
    int32_t product;
    enum kit_bom_order order;
    struct kit_bom boms[MOST];
    struct kit_line lines[MOST];
    struct kit_filter filters[MOST];
    struct kit_value values[MOST];
    struct kit_child children[MOST];
    /* expected */
    int32_t bom_id;              /* 0: no kit, unless it has children */
    double yield;                /* 0: 1 */
    struct kit_part parts[MOST]; /* all of them; with a problem, some of them */
    enum kit_problem problem;
    int32_t problem_product; /* 0: any */
};

/** Adds the products and units of the shop; backwards: from the last to the first, each twice. */
void kit_example_add_shop(struct kit_rows *rows, bool backwards);
/** @return NULL when it is not among the parts */
const struct kit_part *kit_example_part(const struct kit_needs *needs, int32_t component_id);
/** Fails unless the parts rise and the product is none of them. */
void kit_example_check_order(const char *name, int32_t product, const struct kit_needs *needs);
/**
 * Explodes each example, then each with its rows backwards and twice, all through the same memory:
 * nothing of one may show up in the next.
 */
void kit_example_check(const struct kit_example *examples, size_t count);

#endif
