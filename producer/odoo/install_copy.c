#include "producer/odoo/install_copy.h"

#include <stdio.h>

#include "common/core/clock.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/marks.h"
#include "producer/odoo/odoo_version.h"

#define DAY_S INT64_C(86400)

static const char SWITCHED_OFF[] =
    "SELECT regexp_replace(obj_description(t.oid, 'pg_trigger'), '^stocksync: off since ', '')"
    " FROM pg_trigger t WHERE t.tgname = 'stocksync_copy'"
    " AND t.tgrelid = to_regclass('public.ir_config_parameter')"
    " AND obj_description(t.oid, 'pg_trigger') LIKE 'stocksync%'";

static const char SIZE[] = "SELECT COALESCE(sum(pg_total_relation_size(c.oid)), 0)::bigint"
                           " FROM pg_class c WHERE c.oid IN (to_regclass('public." ODOO_MARKS_TABLE
                           "'), to_regclass('public." ODOO_QUANT_MARKS_TABLE "'))";

enum status install_copy_read(struct pg_conn *conn, char since[INSTALL_COPY_TEXT], struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, SWITCHED_OFF, NULL, "t", &rows, err);
    (void)snprintf(since, INSTALL_COPY_TEXT, "%s",
                   rc == STATUS_OK && rows.count == 1 ? pg_text(&rows, 0, 0) : "");
    pg_rows_release(&rows);
    return rc;
}

enum status install_copy_plan(struct pg_conn *conn, struct install_plan *plan, struct err *err)
{
    char since[INSTALL_COPY_TEXT];
    enum status rc = install_copy_read(conn, since, err);
    if (rc != STATUS_OK || since[0] == '\0') {
        return rc;
    }
    install_plan_step(plan, "marks of every product", NULL, NULL);
    install_plan_add(plan, "INSERT INTO public." ODOO_MARKS_TABLE " (product_id, cause)"
                           " SELECT id, 4 FROM public.product_product");
    install_plan_add(plan, "COMMENT ON TRIGGER stocksync_copy ON public.ir_config_parameter"
                           " IS NULL");
    install_plan_note(plan, "marks every product: marks were switched off since %s", since);
    return STATUS_OK;
}

enum status
install_copy_marks(struct pg_conn *conn, struct install_copy_marks *marks, struct err *err)
{
    struct pg_rows rows = {0};
    int64_t oldest_us = 0;
    enum status rc = marks_oldest(conn, &oldest_us, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(conn, SIZE, NULL, "l", &rows, err);
    if (rc == STATUS_OK) {
        marks->bytes = pg_i64(&rows, 0, 0);
        marks->age_s = oldest_us > 0 ? (clock_wall_us() - oldest_us) / 1000000 : 0;
    }
    pg_rows_release(&rows);
    return rc;
}

bool install_copy_warning(const struct install_copy_marks *marks, char text[256])
{
    if (marks->age_s <= DAY_S) {
        return false;
    }
    (void)snprintf(
        text, 256,
        "no producer has read marks for %lld days; they take %lld MB and grow. If this is "
        "a copy of a database, 'stocksync-producer uninstall' stops them",
        (long long)(marks->age_s / DAY_S), (long long)(marks->bytes / 1000000));
    return true;
}
