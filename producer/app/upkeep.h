/**
 * upkeep: the duties of once a second: does the lock still hold, are Odoo's modules and our triggers
 * the same, has a warehouse changed, what do others see. Thread: the producer's main thread.
 */
#ifndef STOCKSYNC_PRODUCER_APP_UPKEEP_H
#define STOCKSYNC_PRODUCER_APP_UPKEEP_H

#include "producer/app/streams.h"
#include "producer/odoo/odoo_version.h"

struct upkeep;

/** Functions of producer/odoo and chunk_reader with their first arguments. */
struct upkeep_port {
    struct leader *leader;
    struct pg_conn *conn;
    struct chunk_reader *reader;
    enum status (*check_leader)(struct leader *leader, struct err *err);
    enum status (*read_shape)(struct pg_conn *conn,
                              bool forecast,
                              struct odoo_shape *shape,
                              struct err *err);
    enum status (*has_kits)(struct chunk_reader *reader, bool *filled, struct err *err);
    enum status (*list_parked)(struct leader *leader, struct id_list *due, struct err *err);
    size_t (*parked_count)(const struct leader *leader);
    enum status (*mark)(struct pg_conn *conn,
                        const int32_t *product_ids,
                        size_t count,
                        enum cause cause,
                        struct err *err);
    enum status (*check_triggers)(struct pg_conn *conn, bool forecast, struct err *err);
    enum status (*follow_warehouses)(struct leader *leader, struct err *err);
    enum status (*verify)(struct pg_conn *conn, unsigned parts, bool forecast, struct err *err);
};

/** @param port  copied. The others are borrowed until free. */
NODISCARD struct upkeep *upkeep_new(const struct upkeep_port *port,
                                    bool forecast,
                                    struct outbox *outbox,
                                    struct streams *streams,
                                    struct producer_status *status,
                                    const struct producer_metrics *metrics);
/** Accepts NULL. */
void upkeep_free(struct upkeep *upkeep);
/** The tail was opened on a database of this shape, which is checked again in a minute. */
void upkeep_note_shape(struct upkeep *upkeep, const struct odoo_shape *shape);
/**
 * Does what is due; call often. The outbox is open.
 * @return the port's, outbox_poll's and streams_run's statuses; STATUS_SOURCE_BUSY: Odoo's modules or our triggers
 *         changed, open the tail again
 */
NODISCARD enum status upkeep_run(struct upkeep *upkeep, struct err *err);
/** Triggers are missing, disabled or altered, as far as we know: changes pass without a mark. */
bool upkeep_lacks_triggers(const struct upkeep *upkeep);

#endif
