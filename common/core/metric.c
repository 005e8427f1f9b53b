#include "common/core/metric.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/status.h"

static const char *const KIND_NAMES[] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_SECONDS_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
};

/* Upper bounds in microseconds, and as they are printed in seconds. */
static const struct {
    int64_t us;
    const char *le;
} BUCKETS[] = {
    {1000, "0.001"},    {2000, "0.002"},    {5000, "0.005"},    {10000, "0.01"},  {20000, "0.02"},
    {50000, "0.05"},    {100000, "0.1"},    {200000, "0.2"},    {500000, "0.5"},  {1000000, "1"},
    {2000000, "2"},     {5000000, "5"},     {10000000, "10"},   {20000000, "20"}, {60000000, "60"},
    {120000000, "120"}, {300000000, "300"}, {600000000, "600"},
};

#define BUCKET_COUNT (sizeof BUCKETS / sizeof BUCKETS[0])

struct metric {
    enum metric_kind kind;
    struct label {
        char *name; /* NULL: none; value is NULL then too */
        char *value;
    } labels[2];            /* of the table, of the row */
    struct metric *next;    /* of the same name, in order of registration */
    _Atomic uint64_t total; /* counter: its value; seconds and histogram: sum in us */
    _Atomic double level;   /* gauge */
    _Atomic uint64_t buckets[BUCKET_COUNT + 1]; /* not cumulative; the last one is +Inf */
};

struct family {
    char *name;
    char *help;
    enum metric_kind kind;
    struct metric *first;
    struct metric *last;
    struct family *next;
};

/* Only ever grows: one family a name, one cell a label value. Lives as long as the process. */
static struct {
    pthread_mutex_t lock; /* of the lists; the cells' numbers need none */
    struct family *first;
    struct family *last;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct family *find_or_add_family(const char *name, const char *help, enum metric_kind kind)
{
    for (struct family *family = registry.first; family != NULL; family = family->next) {
        if (strcmp(family->name, name) == 0) {
            INVARIANT(family->kind == kind, "metric '%s' is a %s", name, KIND_NAMES[family->kind]);
            return family;
        }
    }
    struct family *family = mem_calloc(1, sizeof *family);
    family->name = mem_strdup(name);
    family->help = mem_strdup(help);
    family->kind = kind;
    if (registry.last != NULL) {
        registry.last->next = family;
    } else {
        registry.first = family;
    }
    registry.last = family;
    return family;
}

static struct metric *find_or_add_cell(struct family *family,
                                       const struct metric_row *row,
                                       const char *label,
                                       const char *value)
{
    for (struct metric *m = family->first; m != NULL; m = m->next) {
        if (same_text(m->labels[0].value, value) && same_text(m->labels[1].value, row->value)) {
            return m;
        }
    }
    struct metric *m = mem_calloc(1, sizeof *m);
    m->kind = family->kind;
    m->labels[0] = (struct label){mem_strdup(label), mem_strdup(value)};
    m->labels[1] = (struct label){mem_strdup(row->label), mem_strdup(row->value)};
    if (family->last != NULL) {
        family->last->next = m;
    } else {
        family->first = m;
    }
    family->last = m;
    return m;
}

void metric_table_register(const struct metric_table *table, const char *value, void *cells)
{
    INVARIANT((table->label == NULL) == (value == NULL), "metric label and value go together");
    (void)pthread_mutex_lock(&registry.lock);
    for (size_t i = 0; i < table->count; i++) {
        const struct metric_row *row = &table->rows[i];
        INVARIANT((row->label == NULL) == (row->value == NULL),
                  "label and value of metric '%s' go together", row->name);
        struct family *family = find_or_add_family(row->name, row->help, row->kind);
        struct metric **cell = (void *)((char *)cells + row->offset);
        *cell = find_or_add_cell(family, row, table->label, value);
    }
    (void)pthread_mutex_unlock(&registry.lock);
}

void metric_add(struct metric *m, uint64_t n)
{
    (void)atomic_fetch_add_explicit(&m->total, n, memory_order_relaxed);
}

void metric_add_us(struct metric *m, int64_t us)
{
    metric_add(m, us > 0 ? (uint64_t)us : 0);
}

void metric_set(struct metric *m, double value)
{
    atomic_store_explicit(&m->level, value, memory_order_relaxed);
}

void metric_observe_us(struct metric *m, int64_t us)
{
    int64_t value = us > 0 ? us : 0;
    size_t i = 0;
    while (i < BUCKET_COUNT && value > BUCKETS[i].us) {
        i++;
    }
    (void)atomic_fetch_add_explicit(&m->buckets[i], 1, memory_order_relaxed);
    metric_add_us(m, value);
}

static uint64_t total_load(const struct metric *m)
{
    return atomic_load_explicit(&m->total, memory_order_relaxed);
}

static double seconds_load(const struct metric *m)
{
    return (double)total_load(m) / 1e6;
}

static uint64_t bucket_load(const struct metric *m, size_t i)
{
    return atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
}

double metric_value(const struct metric *m)
{
    uint64_t count = 0;
    switch (m->kind) {
    case METRIC_COUNTER:
        return (double)total_load(m);
    case METRIC_SECONDS_COUNTER:
        return seconds_load(m);
    case METRIC_GAUGE:
        return atomic_load_explicit(&m->level, memory_order_relaxed);
    case METRIC_HISTOGRAM:
        for (size_t i = 0; i <= BUCKET_COUNT; i++) {
            count += bucket_load(m, i);
        }
        return (double)count;
    }
    return 0;
}

/* The text format escapes backslash and line feed, and in label values the quote. */
static void append_escaped(struct strbuf *out, const char *text, bool quoted)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            strbuf_append_text(out, "\\n");
        } else if (*text == '\\' || (quoted && *text == '"')) {
            strbuf_append_char(out, '\\');
            strbuf_append_char(out, *text);
        } else {
            strbuf_append_char(out, *text);
        }
    }
}

/* "name_suffix{label="value",le="0.5"} " */
static void append_name(struct strbuf *out,
                        const struct family *family,
                        const char *suffix,
                        const struct metric *m,
                        const char *le)
{
    const char *separator = "{";
    strbuf_appendf(out, "%s%s", family->name, suffix);
    for (size_t i = 0; i < 2; i++) {
        if (m->labels[i].name != NULL) {
            strbuf_appendf(out, "%s%s=\"", separator, m->labels[i].name);
            append_escaped(out, m->labels[i].value, true);
            strbuf_append_char(out, '"');
            separator = ",";
        }
    }
    if (le != NULL) {
        strbuf_appendf(out, "%sle=\"%s\"", separator, le);
        separator = ",";
    }
    if (*separator == ',') {
        strbuf_append_char(out, '}');
    }
    strbuf_append_char(out, ' ');
}

/* Shortest of the two precisions that reads back as the same number. */
static void append_real(struct strbuf *out, double value)
{
    if (isnan(value)) {
        strbuf_append_text(out, "NaN\n");
    } else if (isinf(value)) {
        strbuf_append_text(out, value > 0 ? "+Inf\n" : "-Inf\n");
    } else {
        char text[40];
        (void)snprintf(text, sizeof text, "%.15g", value);
        if (strtod(text, NULL) != value) {
            (void)snprintf(text, sizeof text, "%.17g", value);
        }
        strbuf_appendf(out, "%s\n", text);
    }
}

static void append_whole(struct strbuf *out, uint64_t value)
{
    strbuf_appendf(out, "%llu\n", (unsigned long long)value);
}

/* _count is made from the same reads as the buckets, so that the two never contradict each other.
 */
static void
append_histogram(struct strbuf *out, const struct family *family, const struct metric *m)
{
    uint64_t count = 0;
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        count += bucket_load(m, i);
        append_name(out, family, "_bucket", m, BUCKETS[i].le);
        append_whole(out, count);
    }
    count += bucket_load(m, BUCKET_COUNT);
    append_name(out, family, "_bucket", m, "+Inf");
    append_whole(out, count);
    append_name(out, family, "_sum", m, NULL);
    append_real(out, seconds_load(m));
    append_name(out, family, "_count", m, NULL);
    append_whole(out, count);
}

static void append_cell(struct strbuf *out, const struct family *family, const struct metric *m)
{
    switch (m->kind) {
    case METRIC_COUNTER:
        append_name(out, family, "", m, NULL);
        append_whole(out, total_load(m));
        break;
    case METRIC_SECONDS_COUNTER:
        append_name(out, family, "", m, NULL);
        append_real(out, seconds_load(m));
        break;
    case METRIC_GAUGE:
        append_name(out, family, "", m, NULL);
        append_real(out, atomic_load_explicit(&m->level, memory_order_relaxed));
        break;
    case METRIC_HISTOGRAM:
        append_histogram(out, family, m);
        break;
    }
}

void metric_render(struct strbuf *out)
{
    (void)pthread_mutex_lock(&registry.lock);
    for (const struct family *family = registry.first; family != NULL; family = family->next) {
        strbuf_appendf(out, "# HELP %s ", family->name);
        append_escaped(out, family->help, false);
        strbuf_appendf(out, "\n# TYPE %s %s\n", family->name, KIND_NAMES[family->kind]);
        for (const struct metric *m = family->first; m != NULL; m = m->next) {
            append_cell(out, family, m);
        }
    }
    (void)pthread_mutex_unlock(&registry.lock);
}

static bool is_first_of_name(const struct metric_table *table, size_t row)
{
    return row == 0 || strcmp(table->rows[row - 1].name, table->rows[row].name) != 0;
}

static void document_labels(const struct metric_table *table, size_t row, struct strbuf *out)
{
    const char *name = table->rows[row].name;
    strbuf_append_text(out, table->label != NULL ? table->label : "");
    if (table->rows[row].label == NULL) {
        return;
    }
    strbuf_appendf(out, "%s%s:", table->label != NULL ? ", " : "", table->rows[row].label);
    for (; row < table->count && strcmp(table->rows[row].name, name) == 0; row++) {
        strbuf_appendf(out, " %s", table->rows[row].value);
    }
}

static void document_table(const struct metric_table *table, struct strbuf *out)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct metric_row *row = &table->rows[i];
        if (!is_first_of_name(table, i)) {
            continue;
        }
        strbuf_appendf(out, "| `%s` | ", row->name);
        document_labels(table, i, out);
        strbuf_appendf(out, " | %s | %s |\n", KIND_NAMES[row->kind], row->help);
    }
}

void metric_table_document(const struct metric_table *const *tables, struct strbuf *out)
{
    strbuf_append_text(out, "| metric | labels | kind | meaning |\n|---|---|---|---|\n");
    for (size_t t = 0; tables[t] != NULL; t++) {
        document_table(tables[t], out);
    }
}
