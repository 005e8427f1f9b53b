/**
 * marks: reads, deletes and inserts rows of stock_availability_dirty_shopify, the marks table, and
 * reads and deletes those of stock_availability_dirty_shopify_quant, which stock_quant's triggers
 * fill: Odoo writes nothing more often, so that table has neither id nor index.
 *
 * A mark says that a product may have changed. It is deleted only by its id (mark_id.h), and only
 * after its record is committed in Kafka. Ids become visible out of order, so no read may rely on
 * "greater than the last one" alone: see hint.h. Functions over a borrowed connection, which the
 * caller opened with MARKS_SESSION_SQL; they keep nothing. Statuses are pg_query's.
 */
#ifndef STOCKSYNC_ODOO_MARKS_H
#define STOCKSYNC_ODOO_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "common/model/product_stock.h"
#include "common/pg/pg_conn.h"
#include "producer/odoo/mark_id.h"

/**
 * For pg_conn_options.session_sql of the tail's connection. The scan must stay an ordered index
 * scan under LIMIT: after a mass delete and ANALYZE the planner otherwise prefers bitmap and sort.
 * stock_quant's marks are read in the order of their places: no scan joins another one half-way.
 * Everything that a round for a few products runs looks ids up by an index, so its plans are made
 * once, under these settings (plan_cache_mode came with PostgreSQL 12); for many products
 * plans_for lifts them.
 */
#define MARKS_SESSION_SQL                                                                          \
    "SET enable_bitmapscan = off; SET enable_sort = off; SET enable_seqscan = off;"                \
    "SET enable_hashjoin = off; SET enable_mergejoin = off;"                                       \
    "SET max_parallel_workers_per_gather = 0; SET synchronize_seqscans = off;"                     \
    "DO $$BEGIN IF current_setting('server_version_num')::int >= 120000 THEN"                      \
    " SET plan_cache_mode = force_generic_plan; SET jit = off; END IF; END$$"

/**
 * What a mark asks for, by its column cause: the causes of a record, and one more. Producers of
 * marks: triggers (schemas/sql/odoo_functions.sql), role parents, backfill, kit_table, anybody who
 * inserts a product id (0).
 */
enum mark_look {
    MARK_LOOK_STOCK, /* 0 stock, 3 parent: the product's stock */
    MARK_LOOK_SELF,  /* 1 product, 4 backfill, MARK_PART: what it is made of too */
    MARK_LOOK_ALL    /* 2 bom: and all that it is part of */
};
/** Something that the product is made of changed its structure: a record with CAUSE_PARENT. */
#define MARK_PART 5

struct mark {
    int64_t id; /* see mark_id.h */
    int32_t product_id;
    enum cause cause;
    int64_t date_added_us; /* wall clock */
    enum mark_look look;
};

/** Zero-initialise; keeps its memory between reads. */
struct mark_list {
    struct mark *list;
    size_t count;
    size_t capacity;
};

void mark_list_add(struct mark_list *marks, const struct mark *mark);
void mark_list_release(struct mark_list *marks);

/** Marks that are published and not yet settled: left out by marks_read. */
struct mark_skip {
    bool (*has)(const void *arg, int64_t id);
    const void *arg;
    size_t count; /* how many there are at most: sizes the pages */
};

/** Where a read begins. Zero: at the start of both tables. */
struct mark_place {
    int64_t id; /* of the marks table: behind this id */
    /* Of stock_quant's marks: those that this transaction or a later one wrote. Exact, when a read
     * of all of them left it (marks_page.horizon): what was committed by then was read. */
    uint32_t xid;
    struct pg_tid quant; /* of those: behind this place; vacuum may put later ones before it */
};

/** One page of a read: zero-initialise but for from. */
struct marks_page {
    struct mark_place from;
    int64_t last_id;     /* [out] of the marks table: greatest id seen, skipped ones included;
                            from.id when none */
    struct pg_tid quant; /* [in, out] stock_quant's marks behind this place; 0: from.quant */
    uint32_t horizon;    /* [out] no transaction before this one is still to become visible */
    bool full;           /* [out] the limit was reached: there may be more */
};

/** One snapshot for marks, kits and state: BEGIN ISOLATION LEVEL REPEATABLE READ, together with the
 * next statement (pg_begin), with which the snapshot is taken. Only kit_table writes in it. */
NODISCARD enum status marks_snapshot_begin(struct pg_conn *conn, struct err *err);
/** COMMIT: before anything is produced, else we are the one who holds vacuum back. */
NODISCARD enum status marks_snapshot_end(struct pg_conn *conn, struct err *err);

/** Where a later read goes on: behind all that is known, or, where a page was full or the read did
 * not begin at the first place, where it ended. */
struct mark_place marks_page_end(const struct marks_page *page);

/**
 * Reads up to limit marks from either table. Call inside the snapshot; for the next page, with
 * from.id = last_id, until a page is not full.
 *
 * @param limit     of each table, at least 1
 * @param skip      may be NULL
 * @param page      [in, out]
 * @param marks     [out] emptied first; by id ascending within each table
 * A row whose cause is not one of ours (inserted by others) reads as CAUSE_STOCK.
 */
NODISCARD enum status marks_read(struct pg_conn *conn,
                                 size_t limit,
                                 const struct mark_skip *skip,
                                 struct marks_page *page,
                                 struct mark_list *marks,
                                 struct err *err);

/**
 * Deletes exactly these ids, with synchronous_commit = off: a lost delete is a repeat. One
 * transaction for up to 50,000 of stock_quant's marks and as many runs of other ids. Ids that are
 * gone are fine.
 */
NODISCARD enum status
marks_delete(struct pg_conn *conn, const int64_t *ids, size_t count, struct err *err);

/** One mark for each product. */
NODISCARD enum status marks_insert(struct pg_conn *conn,
                                   const int32_t *product_ids,
                                   size_t count,
                                   enum cause cause,
                                   struct err *err);
/**
 * Marks the next slice of all products: backfill.
 *
 * @param after_product  0 to begin, then what came back
 * @param last_product   [out] greatest product id marked
 * @param inserted       [out] fewer than limit: done
 */
NODISCARD enum status marks_insert_slice(struct pg_conn *conn,
                                         int32_t after_product,
                                         size_t limit,
                                         int32_t *last_product,
                                         size_t *inserted,
                                         struct err *err);

/** Of both tables, for status. */
struct marks_summary {
    int64_t count;     /* exact; costs a scan */
    int64_t oldest_us; /* wall clock of the earliest date_added; 0: none */
};
NODISCARD enum status
marks_summary_read(struct pg_conn *conn, struct marks_summary *summary, struct err *err);
/** When the mark with the lowest id was added, or the first of stock_quant's marks, whichever is
 * the older; wall µs; 0 when there is none. Cheap: the age that is watched. */
NODISCARD enum status marks_oldest(struct pg_conn *conn, int64_t *added_us, struct err *err);

#endif
