/**
 * model_world: what the files of the model share.
 */
#ifndef STOCKSYNC_TESTS_UNIT_LANE_MODEL_WORLD_H
#define STOCKSYNC_TESTS_UNIT_LANE_MODEL_WORLD_H

#include "consumer/lane/dispatch.h"
#include "consumer/lane/exchange.h"
#include "consumer/lane/retries.h"
#include "consumer/plan/arrival_heap.h"
#include "tests/unit/lane/fake_clock.h"
#include "tests/unit/lane/model.h"

#define MODEL_PARTITIONS 4
#define MODEL_POINTS     1000 /* the shop's bucket; it fills by a twentieth a second */
#define MODEL_ITEM       1000 /* id of the first item; product ids begin at 1 */
#define MODEL_TEXT       16
#define MODEL_LOCATION   70 /* id of the first location */

/** A level at every place: Odoo, the shop, the state. */
struct model_level {
    double raw;                             /* Odoo's number */
    int32_t available, reserved, committed; /* the shop's; on_hand is their sum */
    int64_t written_revision;               /* of the last write that the shop accepted */
    struct level_known row;                 /* of the state; live and open_revision are not used */
    int64_t known_us;           /* wall clock: since when the state knows it; 0: not yet */
    size_t sales;               /* the newest; SIZE_MAX: none */
    struct state_parked parked; /* revision 0: not parked; its texts are not kept */
    int64_t retry_us;           /* of the parked row, wall clock */
};

/** Units that the store's quantity lost to an order. */
struct model_sale {
    int32_t units;
    int64_t sold_us, imported_us; /* wall clock; INT64_MAX: not yet */
    size_t older;                 /* of the same level; SIZE_MAX: none */
};

/** Units held back. */
struct model_grace {
    size_t level;
    int32_t units;
    int64_t until_us, wake_us; /* wall clock */
};

struct model_attempt {
    char key[37];
    bool open, executed, adjusts;
    int64_t instance, sent_at_us;
    unsigned generation;
    char *variables;          /* owned */
    struct level_write *list; /* owned */
    size_t count;
    size_t older; /* with the same hash; SIZE_MAX: none */
};

/** A request on its way. */
struct model_flight {
    enum operation op;
    size_t process;
    bool adrift; /* nobody waits for its answer any more */
    void *owner;
    size_t attempt; /* of a write */
    size_t count;
    uint8_t levels[INVENTORY_MAX_ENTRIES]; /* of a read */
    int64_t execute_us, answer_us;
    bool executed, lost; /* lost: no answer comes back */
    struct strbuf body;
};

/** What happens at a time: the shop's and Odoo's numbers change. */
struct model_event {
    enum { EVENT_TRADE, EVENT_ODOO, EVENT_SHOP, EVENT_PUBLISH } kind;
    size_t level; /* of a publication: the product */
    double raw;
    int32_t available, reserved, committed;
    size_t sale; /* that happens, or is imported; SIZE_MAX: none */
};

struct model_record {
    int32_t product_id;
    double raw[2];
    int64_t revision, changed_at_us;
};

struct model_partition {
    struct model_record *list;
    size_t count, room;
    size_t committed;
    size_t owner;       /* MODEL_PROCESSES: none */
    int64_t session_us; /* a silent owner loses it then */
};

enum partition_view { PARTITION_NONE, PARTITION_COMES, PARTITION_OURS, PARTITION_LEAVES };

/** One process of the store: everything that a session has. */
struct model_process {
    struct model_world *world;
    size_t number;
    int64_t instance; /* 0: not running */
    int64_t start_us; /* not running: when it starts again */
    int64_t paused_until_us;
    bool blocked;
    int64_t
        finish_until_us; /* partitions leave: until then answers are waited for; 0: none leave */
    int64_t commit_at_us, adopt_at_us, verify_at_us;
    unsigned unaware; /* turns until it sees that its partitions are lost */
    enum partition_view view[MODEL_PARTITIONS];
    bool lost[MODEL_PARTITIONS];
    size_t position[MODEL_PARTITIONS];
    struct lane_context c;
    struct requests requests;
    struct outcomes out;
    struct streams streams;
    struct source_guard guard;
    struct brake_control brake;
    struct unimported_sales sales;
    struct level_setup setup;
    struct catalogue catalogue;
    struct dispatch dispatch;
    struct replan replan; /* empty: no history is read */
    struct exchange exchange;
    struct planner planner; /* only the retries use it */
    struct retries retries;
    bool rescanned;
};

/** The state as it was, see model_restore.c. */
struct model_saved {
    int64_t save_us, restore_us; /* monotonic; INT64_MAX: done, or never */
    struct level_known rows[MODEL_LEVELS];
    struct state_parked parked[MODEL_LEVELS];
    int64_t known_us[MODEL_LEVELS], retry_us[MODEL_LEVELS];
    struct model_grace *graces; /* owned */
    size_t grace_count;
};

struct model_world {
    struct model_options options;
    uint64_t random;
    size_t traced;
    struct model_result *result;
    struct model_level levels[MODEL_LEVELS];
    struct model_partition partitions[MODEL_PARTITIONS];
    struct model_process processes[MODEL_PROCESSES];
    struct {
        struct model_grace *list;
        size_t count, room;
    } graces;
    struct {
        struct model_attempt *list;
        size_t count, room;
    } attempts;
    struct {
        size_t *list; /* of attempts */
        size_t count, room;
    } open;
    size_t hashed[256];
    struct {
        struct model_flight **list;
        size_t count, room;
    } flights;
    struct {
        struct model_event *list;
        size_t count, room;
    } events;
    struct {
        struct model_sale *list;
        size_t count, room;
    } sales;
    struct arrival_heap due; /* arrival: monotonic time and place; number: of the event */
    struct model_saved restore;
    int64_t revision, instance;
    int64_t first_revision;         /* up to here all is history */
    int64_t end_us;                 /* trade and trouble end */
    int64_t outage_us;              /* the shop does not answer until then */
    int64_t noted[MODEL_LEVELS];    /* revision of each product's last note in the state */
    int64_t noted_us[MODEL_LEVELS]; /* wall clock */
    bool dirty[MODEL_LEVELS];       /* products that the producer has to publish */
    bool awaited[MODEL_LEVELS];     /* their publication is an event */
    /* how this world is */
    int64_t step_us, pause_us, latency_us, publish_us, grace_us;
    double points; /* of the shop's bucket, at points_us */
    int64_t points_us;
    bool exact;     /* no unit leaves but by orders that are imported soon */
    bool fractions; /* Odoo counts quarters of a unit */
    bool adjusts;   /* the shop knows adjustments by a difference; else levels are parked */
    unsigned lost_percent, unnamed_percent, trouble; /* trouble: per 100,000 turns */
};

/* --- model.c --- */

/** From 0 to below. */
uint32_t model_random(struct model_world *w, uint32_t below);
bool model_chance(struct model_world *w, uint32_t percent);
int64_t model_time(struct model_world *w, int64_t most_us);
size_t model_place(const struct model_world *w, struct level_key key);
struct level_key model_key(const struct model_world *w, size_t level);
/** The product's SKU. */
const char *model_text(int32_t product_id, char text[MODEL_TEXT]);
int32_t model_product(const struct model_world *w, size_t level);
void model_trace(const struct model_world *w, size_t level, const char *fmt, ...) PRINTF_LIKE(3, 4);

/** What is wrong in a world without lies. */
void model_complain(const struct model_world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* --- model_restore.c --- */

void model_restore_begin(struct model_world *w, int64_t trade_us);
void model_restore_turn(struct model_world *w);
/** It is still to come. */
bool model_restore_waits(const struct model_world *w);

/* --- model_trade.c --- */

/** The producer reads the level's product and publishes it. */
void model_trade_publish(struct model_world *w, size_t level);

void model_trade_begin(struct model_world *w);
/** Everything that is due happens. */
void model_trade_turn(struct model_world *w);
/** Units sold within the grace that the record of this revision does not know yet. */
int32_t model_trade_unimported(const struct model_world *w, size_t level, int64_t revision);

/* --- model_shop.c --- */

extern const struct store_port model_store_port;
int32_t model_shop_holds(const struct model_world *w, size_t level);
/** Requests that have arrived are executed. */
void model_shop_turn(struct model_world *w);
/** The process waits for no answer any more; what is on its way arrives, or not. */
void model_shop_drop(struct model_world *w, size_t process);
void model_shop_release(struct model_world *w);

/* --- model_state.c --- */

extern const struct state_port model_state_port;
size_t model_state_attempt(const struct model_world *w, const char *key);
/** No attempt is open any more. */
void model_state_forget_attempts(struct model_world *w);
void model_state_release(struct model_world *w);

/* --- model_process.c --- */

void model_processes_begin(struct model_world *w);
/** Kafka's group, kills and pauses, then a turn of each process that runs. */
void model_processes_turn(struct model_world *w);
/** Every level of the state is offered again by the process that has its product. */
void model_processes_verify(struct model_world *w);
/** Nothing is left to do. */
bool model_processes_are_quiet(const struct model_world *w);
/** Prints what each process has. */
void model_processes_describe(const struct model_world *w);
/** All are killed and start again after this time. */
void model_processes_interrupt(struct model_world *w, int64_t down_us);
void model_processes_end(struct model_world *w);

#endif
