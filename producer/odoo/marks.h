/**
 * marks: reads, deletes and inserts marks. A mark is a transactional-outbox row that says "this
 * product changed".
 *
 *   marks table        stock_availability_dirty_shopify: id, product, cause; written by triggers,
 *                      backfill and any other writer
 *   quant marks table  stock_availability_dirty_shopify_quant: neither id nor index, because only
 *                      stock_quant's triggers fill it and Odoo writes nothing more often
 *
 * A mark is deleted only by its id (mark_id.h), and only after its record is committed in Kafka.
 * Ids become visible out of order, so no read may rely on "greater than the last one" alone: see
 * read_cursor.h. Functions over a borrowed connection that was opened with MARKS_SESSION_SQL; they
 * keep no state. Statuses are pg_query's. Thread: the one that uses the connection.
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
 * For pg_conn_options.session_sql of the tail's connection.
 *
 *   - The scan stays an ordered index scan under LIMIT. After a mass delete and ANALYZE the planner
 *     would prefer bitmap and sort.
 *   - Quant marks are read in the order of their places: no scan joins another one half-way.
 *   - Statements for a few products look ids up by an index, so their plans are made once, under
 *     these settings. plan_cache_mode came with PostgreSQL 12. For many products plans_for lifts
 *     the settings.
 */
#define MARKS_SESSION_SQL                                                                          \
    "SET enable_bitmapscan = off; SET enable_sort = off; SET enable_seqscan = off;"                \
    "SET enable_hashjoin = off; SET enable_mergejoin = off;"                                       \
    "SET max_parallel_workers_per_gather = 0; SET synchronize_seqscans = off;"                     \
    "DO $$BEGIN IF current_setting('server_version_num')::int >= 120000 THEN"                      \
    " SET plan_cache_mode = force_generic_plan; SET jit = off; END IF; END$$"

/**
 * What a mark asks for, by its column cause: those of a record, and MARK_PART.
 *
 *   0 stock, 3 parent                  MARK_LOOK_STOCK  the product's stock
 *   1 product, 4 backfill, MARK_PART   MARK_LOOK_SELF   also its components
 *   2 bom                              MARK_LOOK_ALL    also every kit that contains it
 *
 * Writers: triggers (schemas/sql/odoo_functions.sql), role parents, backfill, kit_table, and any
 * other session that inserts a product id (0).
 */
enum mark_look { MARK_LOOK_STOCK, MARK_LOOK_SELF, MARK_LOOK_ALL };
/** The structure of a component changed: a record with CAUSE_PARENT. */
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

/** Marks that are published and not yet settled: marks_read leaves them out. */
struct mark_skip {
    bool (*has)(const void *arg, int64_t id);
    const void *arg;
    size_t count; /* upper bound of their number: sizes the pages */
};

/** Where a read begins. Zero: at the start of both tables. */
struct mark_place {
    int64_t id; /* of the marks table: behind this id */
    /* Of the quant marks table: rows that this transaction or a later one wrote. Exact when it is
     * the horizon of a read of all rows: that read saw everything that was committed before. */
    uint32_t xid;
    struct pg_tid quant; /* of these rows: behind this place; vacuum may put later ones before it */
};

/**
 * How quant marks are read, page after page in one snapshot.
 *
 *   PLACES  each page looks its first place up (PostgreSQL 14 and later)
 *   CURSOR  all pages come from one cursor: before 14 a server walks over the table for each page
 */
enum marks_path { MARKS_BY_VERSION, MARKS_BY_PLACES, MARKS_BY_CURSOR };

/** By the server's version, such as 150018. Pure. */
enum marks_path marks_path_of(int server_version);

/**
 * One page of a read: zero-initialise all fields except from. All pages of a read lie in one
 * snapshot, and a snapshot has one read.
 */
struct marks_page {
    struct mark_place from;
    enum marks_path path; /* zero: that of the server; a test may set another one */
    bool has_cursor;      /* [in, out] the snapshot has the cursor of this read */
    int64_t last_id;      /* [out] greatest id seen in the marks table, skipped ones included;
                            none seen: from.id */
    struct pg_tid quant;  /* [in, out] quant marks behind this place; 0: from.quant */
    uint32_t horizon;     /* [out] every transaction before this one is visible or aborted */
    bool full;            /* [out] the limit was reached: there may be more */
};

/**
 * Where a later read continues: behind all that is known. After a full page, or a read that did not
 * begin at the first place, that is where the read ended.
 */
struct mark_place marks_page_end(const struct marks_page *page);

/**
 * Reads up to limit marks of each table. Call inside source_snapshot. For the next page, set
 * from.id = last_id, until a page is not full.
 *
 * A row with an unknown cause (inserted by others) reads as CAUSE_STOCK. A row whose id no sequence
 * produced (0, negative, or above MARK_ID_LISTED_MAX) gets another id first. A read from the start
 * does that, and a later one returns the row.
 *
 * @param limit  of each table, at least 1
 * @param skip   may be NULL
 * @param page   [in, out]
 * @param marks  [out] emptied first; by id ascending within each table
 */
NODISCARD enum status marks_read(struct pg_conn *conn,
                                 size_t limit,
                                 const struct mark_skip *skip,
                                 struct marks_page *page,
                                 struct mark_list *marks,
                                 struct err *err);

/**
 * Deletes exactly these ids, with synchronous_commit = off: a lost delete only repeats a record.
 * Quant marks that VACUUM FULL or CLUSTER moved stay: they are read again. One transaction takes up
 * to 50,000 quant marks and as many runs of other ids. Ids that are gone are ignored.
 */
NODISCARD enum status
marks_delete(struct pg_conn *conn, const int64_t *ids, size_t count, struct err *err);

/** Inserts one mark for each product. */
NODISCARD enum status marks_insert(struct pg_conn *conn,
                                   const int32_t *product_ids,
                                   size_t count,
                                   enum cause cause,
                                   struct err *err);
/**
 * Marks those of the list that Odoo does not have: their record will be a tombstone.
 * @param marked  [out] how many
 */
NODISCARD enum status marks_insert_gone(struct pg_conn *conn,
                                        const int32_t *product_ids,
                                        size_t count,
                                        size_t *marked,
                                        struct err *err);
/**
 * Marks the next slice of all products (backfill).
 *
 * @param after_product  0 to begin, then the last last_product
 * @param last_product   [out] greatest product id marked
 * @param inserted       [out] fewer than limit: done
 */
NODISCARD enum status marks_insert_slice(struct pg_conn *conn,
                                         int32_t after_product,
                                         size_t limit,
                                         int32_t *last_product,
                                         size_t *inserted,
                                         struct err *err);

/** Both tables, for status. */
struct marks_summary {
    int64_t count;     /* exact; costs a scan */
    int64_t oldest_us; /* wall clock of the earliest date_added; 0: none */
};
NODISCARD enum status
marks_summary_read(struct pg_conn *conn, struct marks_summary *summary, struct err *err);
/**
 * Age of the backlog, cheap: when the mark with the lowest id or the first quant mark was added,
 * whichever is earlier.
 * @param added_us  [out] wall µs; 0: there is no mark
 */
NODISCARD enum status marks_oldest(struct pg_conn *conn, int64_t *added_us, struct err *err);

#endif
