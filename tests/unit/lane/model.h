/**
 * model: stores, an Odoo, a shop and one to three processes, as one world that lives by a seed. The
 * processes are the real plan and lane code; what is outside of them is played: records, requests
 * on their way, the tables of the state, time.
 *
 * A level of a world is one episode. Sales, imports, receipts, returns, edits and transfers happen
 * to it at random, while answers are lost and processes are paused, killed or lose partitions. At
 * the end everything is imported and published, and the shop must hold what the rules say. On the
 * way no older number may replace a newer one, and no sold unit may be offered again within its
 * grace.
 */
#ifndef STOCKSYNC_TESTS_UNIT_LANE_MODEL_H
#define STOCKSYNC_TESTS_UNIT_LANE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the ports say that is not true: each must be found out. */
enum model_lie {
    LIE_NONE,
    LIE_EQUAL,  /* a number that equals the memory is confirmed, and nobody looks */
    LIE_RULES,  /* the state keeps the number after the rules as Odoo's */
    LIE_ORDER,  /* the state forgets revisions and attempts of other processes */
    LIE_GRACE,  /* the state finds no grace that is over */
    LIE_STREAM, /* a state that went back is believed */
    LIE_COUNT
};

struct model_options {
    uint64_t seed;
    int64_t buffer, percent, cap; /* as struct store_rules has them */
    size_t levels;                /* at most MODEL_LEVELS */
    size_t locations;             /* 1 or 2; each product has a level at each */
    size_t processes;             /* 1 to MODEL_PROCESSES */
    bool on_hand;                 /* the store's quantity; else available */
    bool verifies;                /* levels are verified now and then, and once at the end. Else
                                     nothing happens that only a verification finds */
    bool restores;                /* the state goes back in time once, and a new stream begins */
    enum model_lie lie;
};

#define MODEL_LEVELS    240
#define MODEL_PROCESSES 3

struct model_result {
    size_t episodes;
    size_t unequal;   /* the shop does not hold what the rules say */
    size_t oversold;  /* units that were sold and are not imported were offered again */
    size_t regressed; /* an older number was written over a newer one */
    size_t unsettled; /* something is left: a level, an attempt, a record, a parked row */
    size_t writes;    /* entries of sets that were accepted */
    size_t reads, stale, kills, pauses, moves, parks, adopted, abandoned, adjusted;
};

/** Lives one world and adds its figures. Describes what is wrong with cmocka's print_message.
 * @param traced  the level whose history is printed; MODEL_LEVELS: none */
void model_run(const struct model_options *options, size_t traced, struct model_result *result);

#endif
