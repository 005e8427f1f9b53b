/**
 * fake_lane: one lane on fakes: a topic, a shop, a state and a clock that only the waits move.
 *
 *     fake_lane_open();                     everything is new and empty
 *     fake_shop_add("A", 3);                what exists
 *     fake_lane_publish(1, "A", 5);         what Odoo says
 *     fake_lane_run(fake_lane_is_quiet);    one session, until the condition holds
 *     fake_lane_close();
 *
 * One at a time.
 */
#ifndef STOCKSYNC_LANE_FAKE_LANE_H
#define STOCKSYNC_LANE_FAKE_LANE_H

#include "consumer/lane/lane.h"
#include "tests/unit/lane/fake_clock.h"
#include "tests/unit/lane/fake_source.h"
#include "tests/unit/lane/fake_state.h"
#include "tests/unit/lane/fake_store.h"

#define FAKE_DATABASE "11111111-1111-1111-1111-111111111111"

struct fake_lane {
    struct lane *lane; /* made by the first run */
    struct store_conf conf;
    struct lane_options options;
    struct thread thread;
    struct err err;                /* of the last session that failed */
    struct strbuf states;          /* every state that was shown: "starting catching_up running " */
    struct strbuf lines;           /* printed by a dry run */
    char json[65536];              /* the last status document */
    char state[24];                /* the last state */
    struct health health;          /* published last */
    bool ready, worked, timed_out; /* ready when it was published */
    bool ended;       /* the last session was asked to stop: the next run is another process */
    int64_t revision; /* of the last record that was published */
};

extern struct fake_lane fake_lane;

void fake_lane_open(void);
void fake_lane_close(void);
/** Fit cmocka_unit_test_setup_teardown. */
int fake_lane_setup(void **state);
int fake_lane_teardown(void **state);

#define LANE_TEST(f) cmocka_unit_test_setup_teardown(f, fake_lane_setup, fake_lane_teardown)

/** A record of an active product with this number in its one warehouse; each has a greater
 * revision than the one before. @return the revision */
int64_t fake_lane_publish(int32_t product_id, const char *sku, double free);
/** The record that fake_lane_publish publishes; texts and warehouse are borrowed. */
struct product_stock
fake_lane_stock(int32_t product_id, const char *sku, double free, struct warehouse_stock *place);

/**
 * Runs one session: of the same lane after a failure, else of a new one. After every wait the condition is checked; when it holds, the lane is asked to
 * stop. After an hour on the fake clock the lane is stopped as well, and timed_out is set.
 * @param condition  may act on the fakes; NULL: the session must end without being asked
 */
enum status fake_lane_run(bool (*condition)(void));
/** As above, and fails the test unless the session ends with STATUS_OK in time. */
void fake_lane_run_ok(bool (*condition)(void));
/** A session failed: tells the lane so, as the worker does. */
void fake_lane_failed(enum status rc);

/** All records are delivered and committed, and no request is in flight. */
bool fake_lane_is_quiet(void);
/** The lane's state is "running". */
bool fake_lane_is_running(void);
/** Whether the status document contains the text. */
bool fake_lane_shows(const char *text);
/** The metric stocksync_store_…_total. Cells outlive a lane: the number only grows. */
uint64_t fake_lane_counter(const char *name);
/** Whether the lane was ever in this state. */
bool fake_lane_was(const char *state);

#endif
