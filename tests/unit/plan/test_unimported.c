#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/plan/unimported.h"
#include "tests/unit/plan/random.h"

#define MINUTE_US INT64_C(60000000)
#define GRACE_US  (15 * MINUTE_US)

/* --- one decision --- */

/* What is offered of Odoo's number when the store has no other rules. */
static int32_t target(const struct unimported_memory *m, int32_t raw)
{
    return raw - (int32_t)unimported_held(m, raw);
}

static void unimported_held_is_what_is_missing_and_not_imported(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct unimported_memory memory; /* written, quantity, raw, missing, reserved, live */
        double raw;
        double held;
    } cases[] = {
        {"never written", {false, 0, 0, 5, 5, 9}, 10, 0},
        {"nothing missing", {true, 10, 10, 0, 0, 0}, 12, 0},
        {"nothing missing, units remembered", {true, 10, 10, 0, 0, 3}, 12, 0},
        {"three sold, nothing in Odoo", {true, 7, 10, 3, 0, 3}, 10, 3},
        {"three sold, five received", {true, 7, 10, 3, 0, 3}, 15, 3},
        {"three sold, two of them imported", {true, 7, 10, 3, 0, 3}, 8, 1},
        {"three sold and imported", {true, 7, 10, 3, 0, 3}, 7, 0},
        {"three imported, one more gone in Odoo", {true, 7, 10, 3, 0, 3}, 6, 0},
        {"three sold of a shop that offers ten of a thousand", {true, 10, 1000, 3, 0, 3}, 999, 2},
        {"the grace is over", {true, 7, 10, 3, 0, 0}, 10, 0},
        {"the grace of two of three is over", {true, 7, 10, 3, 0, 1}, 10, 1},
        {"the oldest were imported", {true, 5, 10, 5, 0, 3}, 9, 3},
        {"two reserved", {true, 8, 10, 0, 2, 0}, 10, 2},
        {"two reserved, one of them in Odoo too", {true, 8, 10, 0, 2, 0}, 9, 1},
        {"one sold, two reserved, two gone in Odoo", {true, 7, 10, 1, 2, 1}, 8, 1},
        {"half a unit gone in Odoo", {true, 7, 10, 3, 0, 3}, 9.5, 2.5},
        {"Odoo's number then is not known", {true, 7, (double)NAN, 3, 0, 3}, 2, 3},
        {"greatest numbers", {true, 0, 1e9, INT32_MAX, 0, INT32_MAX}, 1e9, INT32_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double held = unimported_held(&cases[i].memory, cases[i].raw);
        if (fabs(held - cases[i].held) > 1e-9) {
            fail_msg("%s: %g", cases[i].name, held);
        }
    }
}

static void unimported_see_adds_up(void **state)
{
    (void)state;
    struct unimported_memory m = {.written = true, .quantity = 10, .raw = 10};
    assert_int_equal(unimported_see(&m, 7, 0), 3);
    assert_int_equal(unimported_see(&m, 5, 0), 2);
    assert_int_equal(m.quantity, 5);
    assert_int_equal(m.missing, 5);
    assert_int_equal(m.live, 5);
    unimported_written(&m, 9, 14);
    assert_int_equal(m.live, 5);
    assert_int_equal(m.missing, 5);
    unimported_written(&m, 9, 11); /* three were imported */
    assert_int_equal(m.missing, 2);
    m = (struct unimported_memory){.written = true, .quantity = 1000000000, .live = INT32_MAX};
    assert_int_equal(unimported_see(&m, -1000000000, 0), 2000000000);
    assert_int_equal(m.live, INT32_MAX);
}

static void unimported_see_knows_sold_units_from_reserved_ones(void **state)
{
    (void)state;
    struct unimported_memory m = {.written = true, .quantity = 10, .raw = 10};
    assert_int_equal(unimported_see(&m, 7, 2), 1); /* a transfer of two, and a sale */
    assert_int_equal(m.missing, 1);
    assert_int_equal(m.reserved, 2);
    assert_int_equal(unimported_see(&m, 6, 2), 1); /* the same transfer, another sale */
    assert_int_equal(m.missing, 2);
    assert_int_equal(unimported_see(&m, 6, 1), 0); /* one was shipped */
    assert_int_equal(m.reserved, 1);
    unimported_written(&m, 6, 7); /* both sales are imported, and the other reserved one is gone */
    assert_int_equal(m.missing, 0);
    assert_int_equal(m.reserved, 0);
}

static void unimported_until_lies_in_few_steps(void **state)
{
    (void)state;
    int64_t ends = 0;
    int64_t last = 0;
    for (int64_t now = 0; now < GRACE_US; now += 1000003) {
        int64_t until = unimported_until_us(now, GRACE_US);
        assert_true(until >= now + GRACE_US && until < now + GRACE_US + GRACE_US / 8 + 1);
        ends += until != last;
        last = until;
    }
    assert_in_range(ends, 8, 9);
    assert_int_equal(unimported_until_us(5, 3), 8); /* too short to have steps */
}

/* --- a lane in small: one level --- */

#define PARTS_MAX 16

struct part {
    int64_t until_us;
    int32_t units;
};

/* The state's rows and the lane's knowledge of one level; Shopify is `available`. */
struct model {
    int64_t now_us;
    int64_t grace_us;
    int32_t available;
    struct unimported_memory memory; /* live is computed from the parts */
    struct part parts[PARTS_MAX];
    int32_t record;      /* Odoo's number in the newest record */
    int32_t change_from; /* of the write on its way */
    int32_t sent;
    int32_t sent_for;
    bool on_its_way;
    bool must_read;
};

static void refresh(struct model *m)
{
    m->memory.live = 0;
    for (size_t i = 0; i < PARTS_MAX; i++) {
        if (m->parts[i].until_us <= m->now_us) {
            m->parts[i].units = 0;
        }
        m->memory.live += m->parts[i].units;
    }
}

static void see(struct model *m)
{
    int64_t until = unimported_until_us(m->now_us, m->grace_us);
    size_t i = 0;
    while (i < PARTS_MAX && m->parts[i].units > 0 && m->parts[i].until_us != until) {
        i++;
    }
    assert_true(i < PARTS_MAX);
    m->parts[i].until_us = until;
    m->parts[i].units += unimported_see(&m->memory, m->available, 0);
}

/* The write takes its way: it goes out now and is executed in a later step. */
static void send(struct model *m)
{
    refresh(m);
    m->sent_for = m->record;
    m->sent = target(&m->memory, m->record);
    if (m->sent == m->change_from) {
        unimported_written(&m->memory, m->sent, m->record);
    } else {
        m->on_its_way = true;
    }
}

static void read_level(struct model *m)
{
    refresh(m);
    m->must_read = false;
    struct unimported_memory after = m->memory;
    (void)unimported_see(&after, m->available, 0);
    if (m->grace_us > 0 && m->available < m->memory.quantity &&
        unimported_held(&after, m->record) > 0) {
        see(m);
    } else if (m->available < m->memory.quantity) {
        m->memory = after; /* all imported, or no matter */
        m->memory.live = m->grace_us > 0 ? m->memory.live : 0;
    }
    if (m->available == target(&m->memory, m->record)) {
        unimported_written(&m->memory, m->available, m->record);
        return;
    }
    m->change_from = m->available;
    send(m);
}

/* One step of the lane; a sale can come between any two. */
static void step(struct model *m)
{
    if (m->on_its_way) {
        m->on_its_way = false;
        m->must_read = m->available != m->change_from;
        if (!m->must_read) {
            m->available = m->sent;
            unimported_written(&m->memory, m->sent, m->sent_for);
        }
    } else if (m->must_read) {
        read_level(m);
    } else {
        refresh(m);
        if (m->memory.quantity != target(&m->memory, m->record)) {
            m->change_from = m->memory.quantity;
            send(m);
        } else if ((int32_t)m->memory.raw != m->record) {
            unimported_written(&m->memory, m->memory.quantity, m->record);
        }
    }
}

static void settle(struct model *m)
{
    do {
        step(m);
    } while (m->on_its_way || m->must_read);
    step(m);
}

static struct model model_of(int32_t stock)
{
    return (struct model){.grace_us = GRACE_US,
                          .available = stock,
                          .record = stock,
                          .memory = {.written = true, .quantity = stock, .raw = stock}};
}

/* --- sequences --- */

/* What happens, and what Shopify shows after the lane is through with it. */
struct event {
    char what; /* o: Odoo's number changes by n, s: n sold in Shopify, r: n come back there
                  (restock, cancel), w: n minutes pass */
    int32_t n;
    int32_t available;
};

/* The lane looks at the level when Odoo's number changes, and in time. */
static void happen(struct model *m, struct event e)
{
    switch (e.what) {
    case 's':
        m->available -= e.n;
        break;
    case 'r':
        m->available += e.n;
        break;
    case 'o':
        m->record += e.n;
        settle(m);
        break;
    default:
        m->now_us += e.n * MINUTE_US;
        settle(m);
        break;
    }
}

static void unimported_follows_both_sides(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct event events[8];
    } cases[] = {
        {"an order, imported", {{'s', 3, 7}, {'o', -3, 7}, {'w', 20, 7}, {'o', 1, 8}}},
        {"a receipt while an order is unimported",
         {{'s', 3, 7}, {'o', 5, 12}, {'o', -3, 12}, {'w', 20, 12}}},
        {"two orders, two receipts, imported one after the other",
         {{'s', 3, 7},
          {'o', 5, 12},
          {'s', 2, 10},
          {'o', -3, 10},
          {'o', 4, 14},
          {'o', -2, 14},
          {'w', 20, 14}}},
        {"the order is never imported", {{'s', 3, 7}, {'o', 1, 8}, {'w', 14, 8}, {'w', 3, 11}}},
        {"the grace of each order is its own",
         {{'s', 3, 7},
          {'o', 1, 8},
          {'w', 10, 8},
          {'s', 2, 6},
          {'o', 1, 7},
          {'w', 7, 10},
          {'w', 10, 12}}},
        {"cancelled in Shopify before the import, held to the end of the grace",
         {{'s', 3, 7}, {'o', 1, 8}, {'r', 3, 11}, {'o', 1, 9}, {'w', 17, 12}}},
        {"cancelled before it was seen", {{'s', 3, 7}, {'r', 3, 10}, {'o', 1, 11}}},
        {"returned in Shopify, then in Odoo", {{'r', 2, 12}, {'o', 2, 12}, {'o', 1, 13}}},
        {"returned in Odoo, then in Shopify", {{'o', 2, 12}, {'r', 2, 14}, {'o', -1, 11}}},
        {"sold elsewhere", {{'o', -4, 6}, {'o', -1, 5}, {'o', 6, 11}}},
        {"sold out on both sides", {{'s', 10, 0}, {'o', -10, 0}, {'o', 3, 3}}},
        {"oversold in Shopify, received", {{'s', 12, -2}, {'o', 4, 2}, {'o', -12, 2}}},
        {"a person lowered it in Shopify", {{'s', 6, 4}, {'o', 1, 5}, {'w', 17, 11}}},
        {"import and receipt in one record: held too long, never too short",
         {{'s', 3, 7}, {'o', 2, 9}, {'w', 17, 12}}},
        {"sold elsewhere during an unimported sale: taken for the import",
         {{'s', 3, 7}, {'o', -3, 7}, {'o', -3, 4}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct model m = model_of(10);
        for (size_t k = 0; k < 8 && cases[i].events[k].what != 0; k++) {
            struct event e = cases[i].events[k];
            happen(&m, e);
            if (m.available != e.available) {
                fail_msg("%s, event %zu: %d", cases[i].name, k, m.available);
            }
        }
    }
}

static void unimported_without_a_grace_writes_the_desired_quantity(void **state)
{
    (void)state;
    struct model m = model_of(10);
    m.grace_us = 0;
    m.available -= 3;
    m.record += 5;
    settle(&m);
    assert_int_equal(m.available, 15);
}

/* --- at random --- */

#define SECOND_US     INT64_C(1000000)
#define IMPORT_MAX_S  600 /* shorter than the grace */
#define RECORD_MAX_S  3
#define SELLING_S     600
#define TO_SELL       1000
#define STOCK         900
#define QUEUE_MAX     2048
#define SETTLED_AFTER (2 * (GRACE_US / SECOND_US))
/* Until a record is there, and the lane has looked at Shopify. */
#define RECENT_S (2 * RECORD_MAX_S + 6)

/* Numbers with the second at which they take effect; seconds rise. */
struct queue {
    int32_t at_s[QUEUE_MAX];
    int32_t n[QUEUE_MAX];
    size_t first, count;
};

static void push(struct queue *q, int32_t at_s, int32_t n)
{
    if (q->count > q->first && at_s < q->at_s[q->count - 1]) {
        at_s = q->at_s[q->count - 1];
    }
    assert_true(q->count < QUEUE_MAX);
    q->at_s[q->count] = at_s;
    q->n[q->count++] = n;
}

static bool pop(struct queue *q, int32_t now_s, int32_t *n)
{
    if (q->first == q->count || q->at_s[q->first] > now_s) {
        return false;
    }
    *n = q->n[q->first++];
    return true;
}

/* The world around the level. */
struct world {
    struct model m;
    uint64_t random;
    int32_t now_s;
    int32_t odoo; /* Odoo's free number */
    int32_t sold; /* in Shopify, not imported */
    int32_t sold_in_all;
    struct queue imports, records, events;
    int32_t recent;    /* falls of Odoo's number that no record may carry yet */
    int32_t elsewhere; /* sold there since nothing was unimported */
    int32_t raised;    /* in Shopify, by others */
    int32_t most;      /* offered above what is free */
    bool selling;
    bool all_kinds; /* also what opens a documented window */
};

static int32_t chance(struct world *w, uint32_t below)
{
    return (int32_t)random_below(&w->random, below);
}

static void change_odoo(struct world *w, int32_t n)
{
    w->odoo += n;
    push(&w->records, w->now_s + chance(w, RECORD_MAX_S), w->odoo);
    if (n < 0) {
        w->recent -= n;
        push(&w->events, w->now_s + RECENT_S, -n);
    }
}

static void sell(struct world *w, int32_t units)
{
    units = units < w->m.available ? units : w->m.available;
    units = units < TO_SELL - w->sold_in_all ? units : TO_SELL - w->sold_in_all;
    if (units > 0) {
        w->m.available -= units;
        w->sold += units;
        w->sold_in_all += units;
        push(&w->imports, w->now_s + chance(w, IMPORT_MAX_S), units);
    }
}

static void something_else(struct world *w)
{
    int32_t units = 1 + chance(w, 6);
    switch (chance(w, 4)) {
    case 0: /* sold elsewhere */
        if (w->odoo - w->sold >= units) {
            change_odoo(w, -units);
            w->elsewhere += units;
        }
        break;
    case 1: /* came back in Shopify, a moment later in Odoo */
        w->m.available += units;
        w->raised += units;
        change_odoo(w, units);
        break;
    case 2: /* a person raised it in Shopify; noticed when Odoo's number changes */
        w->m.available += units;
        w->raised += units;
        break;
    default: /* a person lowered it */
        w->m.available -= units;
        break;
    }
}

/* What is offered stays within what is free, and the documented windows. */
static void look_at_offer(struct world *w)
{
    int32_t over = w->m.available - (w->odoo - w->sold);
    w->most = over > w->most ? over : w->most;
    bool within = over <= w->elsewhere + w->raised && over <= w->sold + w->recent + w->raised;
    if (w->m.grace_us > 0 && !within) {
        fail_msg("second %d: %d offered, %d free, %d unimported, %d sold elsewhere, %d raised",
                 w->now_s, w->m.available, w->odoo - w->sold, w->sold, w->elsewhere, w->raised);
    }
}

static void second(struct world *w)
{
    int32_t n = 0;
    w->m.now_us = w->now_s * SECOND_US;
    while (pop(&w->imports, w->now_s, &n)) {
        w->sold -= n;
        change_odoo(w, -n);
    }
    while (pop(&w->events, w->now_s, &n)) {
        w->recent -= n;
    }
    if (w->sold == 0 && w->records.first == w->records.count) {
        w->elsewhere = 0;
    }
    if (w->selling && chance(w, 40) == 0) {
        change_odoo(w, 1 + chance(w, 60)); /* a receipt */
    }
    if (w->selling && w->all_kinds && chance(w, 30) == 0) {
        something_else(w);
    }
    for (int turn = chance(w, 8); turn >= 0; turn--) {
        if (w->selling && chance(w, 3) == 0) {
            sell(w, 1 + chance(w, 2));
        }
        while (pop(&w->records, w->now_s, &n)) {
            w->m.record = n;
        }
        step(&w->m);
        look_at_offer(w);
    }
    w->now_s++;
}

static void seconds(struct world *w, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        second(w);
    }
}

/* Sells during ten minutes, then waits until all is imported. @return most offered above what was
 * free */
static int32_t run_world(uint64_t seed, int64_t grace_us, bool all_kinds)
{
    static struct world w;
    w = (struct world){.m = model_of(STOCK),
                       .random = seed,
                       .odoo = STOCK,
                       .selling = true,
                       .all_kinds = all_kinds};
    w.m.grace_us = grace_us;
    seconds(&w, SELLING_S);
    w.selling = false;
    seconds(&w, SETTLED_AFTER);
    change_odoo(&w, 1); /* the last edit in Shopify is noticed with the next record */
    seconds(&w, SETTLED_AFTER);
    assert_int_equal(w.sold, 0);
    assert_true(all_kinds || w.sold_in_all == TO_SELL);
    assert_int_equal(w.m.available, w.odoo);
    return w.most;
}

static void unimported_never_offers_sold_units_while_orders_are_imported_late(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 80; seed++) {
        assert_true(run_world(seed, GRACE_US, false) <= 0);
        assert_true(run_world(seed, 0, false) > 0); /* what the rule is for */
    }
}

static void unimported_offers_more_only_in_documented_windows(void **state)
{
    (void)state;
    int32_t most = 0;
    for (uint64_t seed = 1; seed <= 80; seed++) {
        int32_t over = run_world(seed, GRACE_US, true);
        most = over > most ? over : most;
    }
    assert_true(most > 0); /* the windows are real */
}

/* The store sets on_hand, which an order does not change: there are no unimported sales. */
static void unimported_is_not_needed_where_on_hand_is_set(void **state)
{
    (void)state;
    uint64_t random = 1;
    struct model m = model_of(STOCK);
    m.grace_us = 0;
    int32_t odoo = STOCK;
    int32_t committed = 0;
    for (int turn = 0; turn < 10 * SELLING_S; turn++) {
        int32_t offered = m.available - committed;
        if (offered > 0 && committed < TO_SELL && random_below(&random, 5) == 0) {
            committed++;
        }
        if (random_below(&random, 100) == 0) {
            odoo += (int32_t)random_below(&random, 60);
        }
        m.record = random_below(&random, 3) == 0 ? odoo : m.record;
        step(&m);
        assert_true(m.available - committed <= odoo - committed);
    }
    m.record = odoo;
    settle(&m);
    assert_int_equal(committed, TO_SELL);
    assert_int_equal(m.available, odoo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unimported_held_is_what_is_missing_and_not_imported),
        cmocka_unit_test(unimported_see_knows_sold_units_from_reserved_ones),
        cmocka_unit_test(unimported_see_adds_up),
        cmocka_unit_test(unimported_until_lies_in_few_steps),
        cmocka_unit_test(unimported_follows_both_sides),
        cmocka_unit_test(unimported_without_a_grace_writes_the_desired_quantity),
        cmocka_unit_test(unimported_never_offers_sold_units_while_orders_are_imported_late),
        cmocka_unit_test(unimported_offers_more_only_in_documented_windows),
        cmocka_unit_test(unimported_is_not_needed_where_on_hand_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
