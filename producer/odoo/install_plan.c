#include "producer/odoo/install_plan.h"

#include <stdarg.h>
#include <stdio.h>

/* A plan is a few dozen statements and the embedded scripts. */
#define PLAN_MAX_BYTES 262144

void install_plan_init(struct install_plan *plan)
{
    strbuf_init(&plan->sql, PLAN_MAX_BYTES);
    strbuf_init(&plan->notes, PLAN_MAX_BYTES);
    plan->required = false;
    plan->advised = false;
}

void install_plan_release(struct install_plan *plan)
{
    strbuf_release(&plan->sql);
    strbuf_release(&plan->notes);
}

void install_plan_reset(struct install_plan *plan)
{
    strbuf_reset(&plan->sql);
    strbuf_reset(&plan->notes);
    plan->required = false;
    plan->advised = false;
}

bool install_plan_is_empty(const struct install_plan *plan)
{
    return plan->sql.len == 0;
}

PRINTF_LIKE(2, 0)
static void append_format(struct strbuf *sb, const char *fmt, va_list list)
{
    char text[2048];
    int length = vsnprintf(text, sizeof text, fmt, list);
    INVARIANT(length >= 0 && (size_t)length < sizeof text, "statement longer than %zu",
              sizeof text);
    strbuf_append(sb, text, (size_t)length);
}

void install_plan_add(struct install_plan *plan, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    append_format(&plan->sql, fmt, list);
    va_end(list);
    strbuf_append_text(&plan->sql, ";\n");
}

void install_plan_script(struct install_plan *plan, const char *sql)
{
    strbuf_append_text(&plan->sql, sql);
}

void install_plan_note(struct install_plan *plan, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    append_format(&plan->notes, fmt, list);
    va_end(list);
    strbuf_append_char(&plan->notes, '\n');
    plan->required = true;
}

void install_plan_remark(struct install_plan *plan, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    append_format(&plan->notes, fmt, list);
    va_end(list);
    strbuf_append_char(&plan->notes, '\n');
}

enum status install_plan_query(struct pg_conn *conn,
                               const char *sql,
                               const struct pg_args *args,
                               struct install_plan *plan,
                               struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, sql, args, "ttb", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        install_plan_add(plan, "%s", pg_text(&rows, i, 0));
        plan->advised = plan->advised || pg_is_null(&rows, i, 2);
        if (!pg_is_null(&rows, i, 1)) {
            (pg_bool(&rows, i, 2) ? install_plan_note : install_plan_remark)(plan, "%s",
                                                                             pg_text(&rows, i, 1));
        }
    }
    pg_rows_release(&rows);
    return rc;
}
