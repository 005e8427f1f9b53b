/**
 * full_pass: compares every product with its last record, piece by piece, and marks those that
 * differ. For changes that no trigger saw.
 *
 * The first pass begins some minutes after the start, later ones at their interval after the last
 * one began. When triggers were missing, a pass begins at once when they are back. When the pass is
 * off, there are no digests to compare with, and that pass marks every product. Thread: the
 * producer's main thread.
 */
#ifndef STOCKSYNC_PRODUCER_APP_FULL_PASS_H
#define STOCKSYNC_PRODUCER_APP_FULL_PASS_H

#include "producer/app/status.h"
#include "producer/odoo/kit_table.h"
#include "producer/odoo/stock_reader.h"

struct full_pass;
struct chunk_reader;

/** Functions of producer/odoo and chunk_reader with their first arguments. */
struct full_pass_port {
    struct pg_conn *conn;
    struct chunk_reader *reader; /* over conn */
    enum status (*snapshot)(struct pg_conn *conn,
                            enum status (*read)(void *arg, struct err *err),
                            void *arg,
                            struct err *err);
    enum status (*forget)(struct pg_conn *conn, struct err *err);
    enum status (*load)(struct pg_conn *conn, struct full_pass_state *state, struct err *err);
    enum status (*begin)(struct pg_conn *conn, struct err *err);
    enum status (*want)(struct pg_conn *conn, struct err *err);
    enum status (*next)(struct pg_conn *conn,
                        int32_t after,
                        size_t limit,
                        struct id_list *ids,
                        struct published_list *digests,
                        int32_t *last,
                        struct err *err);
    enum status (*read)(struct chunk_reader *reader,
                        const struct id_list *ids,
                        struct stock_batch *stock,
                        struct kit_table_changes *changes,
                        struct err *err);
    enum status (*mark)(struct pg_conn *conn,
                        const int32_t *product_ids,
                        size_t count,
                        enum cause cause,
                        struct err *err);
    enum status (*note)(struct pg_conn *conn,
                        const struct full_pass_state *state,
                        bool finished,
                        struct err *err);
};

/** @param port  copied. @param every_ms  0 or less: off. The others are borrowed until free. */
NODISCARD struct full_pass *full_pass_new(const struct full_pass_port *port,
                                          int64_t every_ms,
                                          struct producer_status *status,
                                          const struct producer_metrics *metrics);
/** Accepts NULL. */
void full_pass_free(struct full_pass *pass);
/** Resumes a pass that was under way at the last stop, if the pass is on or was wanted. Forgets the digests when the pass is off. */
NODISCARD enum status full_pass_open(struct full_pass *pass, struct err *err);
/** Changes pass without a mark: call instead of full_pass_step while triggers are missing. Writes
 * once. @return the port's */
NODISCARD enum status full_pass_await_triggers(struct full_pass *pass, struct err *err);
/**
 * Compares one piece, if a pass is due. Call when nothing is unsettled.
 * @param moved  [out] a piece was compared: the next one, and the marks of this one, are near
 * @return the port's statuses
 */
NODISCARD enum status full_pass_step(struct full_pass *pass, bool *moved, struct err *err);

#endif
