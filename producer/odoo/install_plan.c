#include "producer/odoo/install_plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A plan is a few dozen statements and the embedded scripts. */
#define PLAN_MAX_BYTES 262144

void install_plan_init(struct install_plan *plan)
{
    plan->step_count = 0;
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
    plan->step_count = 0;
    strbuf_reset(&plan->sql);
    strbuf_reset(&plan->notes);
    plan->required = false;
    plan->advised = false;
}

bool install_plan_is_empty(const struct install_plan *plan)
{
    return plan->sql.len == 0;
}

void install_plan_step(struct install_plan *plan,
                       const char *what,
                       const char *table,
                       const char *lock)
{
    bool is_empty = plan->step_count > 0 && plan->steps[plan->step_count - 1].at == plan->sql.len;
    INVARIANT(is_empty || plan->step_count < INSTALL_STEPS_MAX, "%d steps", INSTALL_STEPS_MAX);
    struct install_step *step = &plan->steps[is_empty ? plan->step_count - 1 : plan->step_count++];
    step->at = plan->sql.len;
    (void)snprintf(step->what, sizeof step->what, "%s", what);
    (void)snprintf(step->table, sizeof step->table, "%s", table != NULL ? table : "");
    (void)snprintf(step->lock, sizeof step->lock, "%s", lock != NULL ? lock : "");
}

struct bytes install_plan_statements(const struct install_plan *plan, size_t step)
{
    size_t from = plan->steps[step].at;
    size_t to = step + 1 < plan->step_count ? plan->steps[step + 1].at : plan->sql.len;
    return bytes_of(plan->sql.ptr + from, to - from);
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

/* Begins the step of a row's table, unless the row before has the same. */
static void begin_table(const struct pg_rows *rows,
                        int row,
                        const char *what,
                        const char **table,
                        struct install_plan *plan)
{
    char name[sizeof plan->steps[0].what];
    const char *next = pg_text(rows, row, 3);
    if (next == NULL || (*table != NULL && strcmp(next, *table) == 0)) {
        return;
    }
    *table = next;
    (void)snprintf(name, sizeof name, "%s%s", what, next);
    install_plan_step(plan, name, next, pg_text(rows, row, 4));
}

enum status install_plan_query(struct pg_conn *conn,
                               const char *sql,
                               const struct pg_args *args,
                               const char *what,
                               struct install_plan *plan,
                               struct err *err)
{
    struct pg_rows rows = {0};
    const char *table = NULL;
    enum status rc = pg_query(conn, sql, args, "ttbtt", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        begin_table(&rows, i, what, &table, plan);
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
