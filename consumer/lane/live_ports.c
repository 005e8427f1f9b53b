#include "consumer/lane/live_ports.h"

static const struct source_port SOURCE = {.open = record_source_open,
                                          .fd = record_source_fd,
                                          .poll = record_source_poll,
                                          .commit = record_source_commit,
                                          .commit_wait = record_source_commit_wait,
                                          .read_from = record_source_read_from,
                                          .release_partitions = record_source_release_partitions,
                                          .pause = record_source_pause,
                                          .partition_count = record_source_partition_count,
                                          .assigned_count = record_source_assigned_count,
                                          .partition_of = record_source_partition_of,
                                          .health = record_source_health,
                                          .close = record_source_close};

static const struct store_port STORE = {.open = graphql_new,
                                        .check_access = catalog_check_access,
                                        .locations = catalog_locations,
                                        .load_catalogue = catalog_load,
                                        .send = graphql_send,
                                        .fetch = graphql_fetch,
                                        .cancel = graphql_cancel,
                                        .running = graphql_running,
                                        .wait = graphql_wait,
                                        .next = graphql_next,
                                        .check_version = graphql_check_version,
                                        .close = graphql_free};

static struct state *make_state(const char *dsn, const char *store, bool read_only)
{
    return read_only ? state_new_read_only(dsn, store) : state_new(dsn, store);
}

static const struct blocked_port BLOCKED = {
    .note = state_blocked_note, .list = state_blocked_list, .end = state_blocked_end};
static const struct planned_port PLANNED = {.read = state_planned_read,
                                            .store = state_planned_store};
static const struct streams_port STREAMS = {
    .read = state_streams_read, .positions = state_positions_read, .note = state_positions_note};

static const struct state_port STATE = {.make = make_state,
                                        .open = state_open,
                                        .probe = state_probe,
                                        .close = state_free,
                                        .warehouses = state_warehouses,
                                        .levels = {.read = state_levels_read,
                                                   .note = state_levels_note,
                                                   .leftovers = state_leftovers,
                                                   .orphan = state_levels_orphan,
                                                   .follow = state_levels_follow,
                                                   .sales_see = state_unimported_see,
                                                   .sales_due = state_unimported_due,
                                                   .sales_next = state_unimported_next,
                                                   .attempts_begin = state_attempts_begin,
                                                   .attempts_settle = state_attempts_settle,
                                                   .attempts_renew = state_attempts_renew,
                                                   .attempts_abandon = state_attempts_abandon,
                                                   .attempts_adopt = state_attempts_adopt},
                                        .parked = {.park = state_park,
                                                   .unpark = state_unpark,
                                                   .products = state_parked_products,
                                                   .place = state_parked_place,
                                                   .due = state_parked_due,
                                                   .rescan = state_parked_rescan,
                                                   .settle = state_parked_settle,
                                                   .each_in_memory = state_parked_each_in_memory},
                                        .blocked = &BLOCKED,
                                        .products = {.load = state_products_load,
                                                     .note = state_products_note,
                                                     .noted = state_products_noted},
                                        .planned = &PLANNED,
                                        .streams = &STREAMS,
                                        .guard = {.read = state_guard_read,
                                                  .adopt = state_guard_adopt,
                                                  .hold = state_guard_hold,
                                                  .release = state_guard_release,
                                                  .loaded = state_guard_loaded,
                                                  .contact = state_guard_contact,
                                                  .pin = state_guard_pin,
                                                  .levels = state_guard_levels,
                                                  .journal = state_guard_journal},
                                        .catalogue = {.look = state_catalogue_look,
                                                      .read = state_catalogue_read,
                                                      .lock = state_catalogue_lock,
                                                      .unlock = state_catalogue_unlock,
                                                      .items_load = state_items_load,
                                                      .items_store = state_items_store,
                                                      .items_remove = state_items_remove,
                                                      .items_clear = state_items_clear},
                                        .verify = {.lane_lock = state_lane_lock,
                                                   .passes = state_passes,
                                                   .pass_store = state_pass_store,
                                                   .look = state_drift_look,
                                                   .note = state_drift_note,
                                                   .settle = state_drift_settle,
                                                   .open = state_drift_open,
                                                   .tidy = state_drift_tidy,
                                                   .round_look = state_round_look,
                                                   .round_progress = state_round_progress,
                                                   .round_levels = state_round_levels}};

const struct lane_ports live_ports = {.source = &SOURCE, .store = &STORE, .state = &STATE};
