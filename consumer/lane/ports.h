/**
 * ports: how a lane reaches its source, its store and its state.
 *
 * Each port is a table of functions. Contracts, statuses and ownership are those of the functions
 * in live_ports.c, which have the same names in intake, shopify and state. A test or a dry run
 * brings other tables. One thread: the lane's.
 */
#ifndef STOCKSYNC_LANE_PORTS_H
#define STOCKSYNC_LANE_PORTS_H

#include "consumer/intake/record_source.h"
#include "consumer/shopify/catalog.h"
#include "consumer/shopify/graphql.h"
#include "consumer/state/attempt_store.h"
#include "consumer/state/blocked_store.h"
#include "consumer/state/catalogue_store.h"
#include "consumer/state/guard_store.h"
#include "consumer/state/leftover_store.h"
#include "consumer/state/level_moves.h"
#include "consumer/state/level_store.h"
#include "consumer/state/parked_store.h"
#include "consumer/state/planned_store.h"
#include "consumer/state/product_store.h"
#include "consumer/state/state.h"
#include "consumer/state/stream_store.h"
#include "consumer/state/unimported_store.h"
#include "consumer/state/verify_store.h"
#include "consumer/state/warehouse_store.h"

/** Records in, offsets out. */
struct source_port {
    enum status (*open)(const struct record_source_options *options,
                        struct record_source **source,
                        struct err *err);
    int (*fd)(const struct record_source *source);
    enum status (*poll)(struct record_source *source, struct source_event *event, struct err *err);
    void (*commit)(struct record_source *source, const struct partition_offset *list, size_t count);
    enum status (*commit_wait)(struct record_source *source,
                               const struct partition_offset *list,
                               size_t count,
                               int timeout_ms,
                               struct err *err);
    void (*read_from)(struct record_source *source, int32_t partition, int64_t offset);
    void (*release_partitions)(struct record_source *source);
    void (*pause)(struct record_source *source, int32_t partition, bool paused);
    int32_t (*partition_count)(const struct record_source *source);
    size_t (*assigned_count)(const struct record_source *source);
    int32_t (*partition_of)(const struct record_source *source, int32_t product_id);
    const struct source_health *(*health)(const struct record_source *source);
    void (*close)(struct record_source *source, int timeout_ms);
};

/** Requests out, answers in. */
struct store_port {
    enum status (*open)(struct store *store, struct graphql **client, struct err *err);
    enum status (*check_access)(struct graphql *client,
                                const struct store *store,
                                int stop_fd,
                                struct err *err);
    enum status (*locations)(struct graphql *client,
                             int stop_fd,
                             struct shop_location **list,
                             size_t *count,
                             struct err *err);
    enum status (*load_catalogue)(struct graphql *client,
                                  enum match match,
                                  int stop_fd,
                                  struct sku_index **index,
                                  void (*progress)(void *arg, size_t variants),
                                  void *arg,
                                  struct err *err);
    enum status (*send)(struct graphql *client,
                        enum operation op,
                        const char *variables,
                        void *owner,
                        struct err *err);
    enum status (*fetch)(struct graphql *client,
                         const char *url,
                         bool (*take)(void *arg, struct bytes piece),
                         void *arg,
                         void *owner,
                         struct err *err);
    void (*cancel)(struct graphql *client, const void *owner);
    size_t (*running)(const struct graphql *client);
    void (*wait)(struct graphql *client, const int *fds, size_t fd_count, int timeout_ms);
    bool (*next)(struct graphql *client, struct answer *answer);
    enum status (*check_version)(const struct graphql *client,
                                 const struct answer *answer,
                                 struct err *err);
    void (*close)(struct graphql *client);
};

/** Levels, unimported sales and attempts. */
struct levels_port {
    enum status (*read)(struct state *s,
                        const struct level_key *keys,
                        size_t count,
                        int64_t now_us,
                        struct level_known *known,
                        struct err *err);
    enum status (*note)(struct state *s,
                        const struct level_write *list,
                        size_t count,
                        struct err *err);
    enum status (*leftovers)(struct state *s,
                             void (*each)(void *arg, const struct state_leftover *level),
                             void *arg,
                             struct err *err);
    enum status (*orphan)(struct state *s,
                          const struct state_orphan *list,
                          size_t count,
                          struct err *err);
    enum status (*follow)(struct state *s,
                          const struct state_owner *list,
                          size_t count,
                          bool *moved,
                          struct err *err);
    enum status (*sales_see)(struct state *s,
                             struct level_seen *list,
                             size_t count,
                             struct err *err);
    enum status (*sales_due)(struct state *s,
                             int64_t now_us,
                             bool (*is_ours)(void *arg, int32_t product_id),
                             void *arg,
                             struct state_unimported *list,
                             size_t *count,
                             struct err *err);
    enum status (*sales_next)(struct state *s, int64_t *wake_us, size_t *levels, struct err *err);
    enum status (*attempts_begin)(struct state *s,
                                  const struct state_attempt *const *list,
                                  size_t count,
                                  struct err *err);
    enum status (*attempts_settle)(struct state *s,
                                   const struct state_outcome *list,
                                   size_t count,
                                   int64_t answered_at_us,
                                   struct err *err);
    enum status (*attempts_renew)(
        struct state *s, const char *key, int64_t now_us, bool *open, struct err *err);
    enum status (*attempts_abandon)(struct state *s,
                                    int64_t before_us,
                                    int64_t *count,
                                    struct err *err);
    enum status (*attempts_adopt)(struct state *s,
                                  int64_t after_revision,
                                  struct state_attempt **list,
                                  size_t *count,
                                  struct err *err);
};

/** Parked rows. */
struct parked_port {
    enum status (*park)(struct state *s, struct state_parked *list, size_t count, struct err *err);
    enum status (*unpark)(struct state *s,
                          const char *const *subjects,
                          size_t count,
                          struct err *err);
    enum status (*products)(struct state *s,
                            void (*each)(void *arg, int32_t product_id),
                            void *arg,
                            struct err *err);
    enum status (*place)(struct state *s,
                         int32_t (*place_of)(void *arg, int32_t product_id),
                         void *arg,
                         struct err *err);
    enum status (*due)(struct state *s,
                       const struct state_share *share,
                       state_parked_fn each,
                       void *arg,
                       size_t *count,
                       struct err *err);
    enum status (*rescan)(struct state *s,
                          const struct state_share *share,
                          struct state_rescan *rescan,
                          state_parked_fn each,
                          void *arg,
                          size_t *count,
                          struct err *err);
    enum status (*settle)(struct state *s, struct state_tried *list, size_t count, struct err *err);
    void (*each_in_memory)(const struct state *s,
                           void (*each)(void *arg, const char *reason),
                           void *arg);
};

/** How each product is known. */
struct products_port {
    enum status (*load)(struct state *s,
                        void (*each)(void *arg, const struct state_product *product),
                        void *arg,
                        struct err *err);
    enum status (*note)(struct state *s,
                        const struct state_product *list,
                        size_t count,
                        struct err *err);
    enum status (*noted)(struct state *s,
                         int32_t seconds,
                         void (*each)(void *arg, const struct state_product *product),
                         void *arg,
                         struct err *err);
};

/** Which rules planned each partition. */
struct planned_port {
    enum status (*read)(struct state *s,
                        struct state_planned *list,
                        size_t count,
                        bool *has_levels,
                        struct err *err);
    enum status (*store)(struct state *s,
                         const int32_t *partitions,
                         size_t count,
                         const char *digest,
                         struct err *err);
};

/** Streams of the topic. */
struct streams_port {
    enum status (*read)(struct state *s,
                        void (*each)(void *arg, const struct state_stream *stream),
                        void *arg,
                        struct err *err);
    enum status (*positions)(struct state *s,
                             const struct state_stream *stream,
                             struct state_position *list,
                             size_t count,
                             struct err *err);
    enum status (*note)(struct state *s,
                        const struct state_stream *stream,
                        const int32_t *partitions,
                        size_t count,
                        struct err *err);
};

/** Brake and source guard. */
struct guard_port {
    enum status (*read)(struct state *s, struct state_guard *guard, struct err *err);
    enum status (*adopt)(struct state *s, struct err *err);
    enum status (*hold)(struct state *s,
                        const struct state_guard *guard,
                        int64_t revision,
                        struct err *err);
    enum status (*release)(struct state *s, struct err *err);
    enum status (*loaded)(struct state *s, struct err *err);
    enum status (*contact)(struct state *s,
                           bool go,
                           struct state_contact *contact,
                           struct err *err);
    enum status (*pin)(struct state *s, char database[STATE_DATABASE_SIZE], struct err *err);
    enum status (*levels)(struct state *s, size_t *levels, struct err *err);
    enum status (*journal)(struct state *s,
                           int64_t since_us,
                           int64_t window_us,
                           int64_t accepted_revision,
                           void (*each)(void *arg, const struct level_write *write, int64_t at_us),
                           void *arg,
                           struct err *err);
};

/** The store's catalogue. */
struct catalogue_port {
    enum status (*look)(struct state *s,
                        const struct state_catalogue *which,
                        int64_t *read_us,
                        bool *wanted,
                        struct err *err);
    enum status (*read)(struct state *s,
                        const struct state_catalogue *which,
                        int64_t read_us,
                        struct err *err);
    enum status (*lock)(struct state *s, bool *taken, int64_t *now_us, struct err *err);
    enum status (*unlock)(struct state *s, struct err *err);
    enum status (*items_load)(struct state *s,
                              void (*each)(void *arg, const struct state_item *item),
                              void *arg,
                              struct err *err);
    enum status (*items_store)(struct state *s,
                               const struct state_item *list,
                               size_t count,
                               struct err *err);
    enum status (*items_remove)(struct state *s,
                                const struct state_item *list,
                                size_t count,
                                struct err *err);
    enum status (*items_clear)(struct state *s, struct err *err);
};

/** Partitions that a record blocks. */
struct blocked_port {
    enum status (*note)(struct state *s,
                        const char *topic,
                        struct state_blocked *list,
                        size_t count,
                        struct err *err);
    enum status (*list)(struct state *s,
                        const char *topic,
                        void (*each)(void *arg, const struct state_blocked *row),
                        void *arg,
                        struct err *err);
    enum status (*end)(struct state *s,
                       const char *topic,
                       const int32_t *partitions,
                       size_t count,
                       struct err *err);
};

/** Comparison with the store: passes, differences, rounds that commands ask for. */
struct verify_port {
    enum status (*lane_lock)(struct state *s, struct err *err);
    enum status (*passes)(struct state *s,
                          void (*each)(void *arg, const struct state_pass *pass),
                          void *arg,
                          struct err *err);
    enum status (*pass_store)(struct state *s, const struct state_pass *pass, struct err *err);
    enum status (*look)(struct state *s, struct state_drift *list, size_t count, struct err *err);
    enum status (*note)(struct state *s, struct state_drift *list, size_t count, struct err *err);
    enum status (*settle)(struct state *s,
                          const struct state_drift_end *list,
                          size_t count,
                          void (*closed)(void *arg, size_t at, const char *kind),
                          void *arg,
                          struct err *err);
    enum status (*open)(struct state *s, size_t *count, struct err *err);
    enum status (*tidy)(struct state *s, struct err *err);
    enum status (*round_look)(struct state *s,
                              bool (*fits)(void *arg, const struct state_round *round),
                              void *arg,
                              struct state_round *round,
                              struct err *err);
    enum status (*round_progress)(struct state *s,
                                  int64_t id,
                                  int32_t partitions,
                                  const struct state_round_part *list,
                                  size_t count,
                                  bool done,
                                  struct err *err);
    enum status (*round_levels)(struct state *s,
                                int64_t id,
                                const struct state_pushed *list,
                                size_t count,
                                struct err *err);
};

/** Everything that outlives a session. */
struct state_port {
    struct state *(*make)(const char *dsn, const char *store, bool read_only);
    enum status (*open)(struct state *s, struct err *err);
    enum status (*probe)(struct state *s, struct err *err);
    void (*close)(struct state *s);
    enum status (*warehouses)(struct state *s,
                              struct state_warehouse **list,
                              size_t *count,
                              struct err *err);
    struct levels_port levels;
    struct parked_port parked;
    const struct blocked_port *blocked;
    struct products_port products;
    const struct planned_port *planned;
    const struct streams_port *streams;
    struct guard_port guard;
    struct catalogue_port catalogue;
    struct verify_port verify;
};

struct lane_ports {
    const struct source_port *source;
    const struct store_port *store;
    const struct state_port *state;
};

#endif
