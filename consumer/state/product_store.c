#include "consumer/state/product_store.h"

#include "common/core/mem.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

typedef void (*product_fn)(void *arg, const struct state_product *product);

/* One page behind product `last`. noted_s 0: all products. */
static enum status
read_page(struct state *s, int32_t noted_s, int32_t last, struct pg_rows *rows, struct err *err)
{
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_i32(&s->args, last);
    if (noted_s <= 0) {
        return pg_query(s->conn, sql_consumer_products_load, &s->args, "itbl", rows, err);
    }
    pg_args_i64(&s->args, s->instance);
    pg_args_i32(&s->args, noted_s);
    return pg_query(s->conn, sql_consumer_products_noted, &s->args, "itbl", rows, err);
}

static enum status
read_products(struct state *s, int32_t noted_s, product_fn each, void *arg, struct err *err)
{
    struct pg_rows rows = {0};
    int32_t last = INT32_MIN;
    enum status rc = STATUS_OK;
    do {
        rc = read_page(s, noted_s, last, &rows, err);
        if (rc != STATUS_OK) {
            break;
        }
        for (int i = 0; i < rows.count; i++) {
            struct state_product product = {.product_id = pg_i32(&rows, i, 0),
                                            .text = pg_text(&rows, i, 1),
                                            .sellable = pg_bool(&rows, i, 2),
                                            .revision = pg_i64(&rows, i, 3)};
            last = product.product_id;
            each(arg, &product);
        }
    } while (rows.count > 0);
    pg_rows_release(&rows);
    return rc;
}

enum status state_products_load(struct state *s,
                                void (*each)(void *arg, const struct state_product *product),
                                void *arg,
                                struct err *err)
{
    return read_products(s, 0, each, arg, err);
}

enum status state_products_noted(struct state *s,
                                 int32_t seconds,
                                 void (*each)(void *arg, const struct state_product *product),
                                 void *arg,
                                 struct err *err)
{
    return read_products(s, seconds, each, arg, err);
}

enum status state_products_note(struct state *s,
                                const struct state_product *list,
                                size_t count,
                                struct err *err)
{
    if (s->read_only || count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    int32_t *narrow = mem_calloc(count, sizeof *narrow);
    int64_t *wide = mem_calloc(count, sizeof *wide);
    const char **texts = mem_calloc(count, sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        narrow[i] = list[i].product_id;
        wide[i] = list[i].revision;
        texts[i] = state_clean(s, list[i].text);
    }
    pg_args_i32_array(&s->args, narrow, count);
    pg_args_text_array(&s->args, texts, count);
    for (size_t i = 0; i < count; i++) {
        narrow[i] = list[i].sellable;
    }
    pg_args_i32_array(&s->args, narrow, count);
    pg_args_i64_array(&s->args, wide, count);
    pg_args_i64(&s->args, s->instance);
    mem_free(narrow);
    mem_free(wide);
    mem_free(texts);
    return pg_query(s->conn, sql_consumer_products_note, &s->args, "", NULL, err);
}

enum status state_products_find(struct state *s,
                                const char *store,
                                const struct state_names *names,
                                void (*each)(void *arg, const struct state_named *named),
                                void *arg,
                                struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    const char **texts = mem_calloc(names->text_count, sizeof *texts);
    for (size_t i = 0; i < names->text_count; i++) {
        texts[i] = state_clean(s, names->texts[i]);
    }
    pg_args_text(&s->args, store);
    pg_args_text_array(&s->args, texts, names->text_count);
    pg_args_i32_array(&s->args, names->ids, names->id_count);
    mem_free(texts);
    rc = pg_query(s->conn, sql_consumer_products_find, &s->args, "iii", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        const struct state_named named = {.product_id = pg_i32(&rows, i, 0),
                                          .text =
                                              pg_is_null(&rows, i, 1) ? -1 : pg_i32(&rows, i, 1),
                                          .id = pg_is_null(&rows, i, 2) ? -1 : pg_i32(&rows, i, 2)};
        each(arg, &named);
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}
