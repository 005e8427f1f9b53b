#include "consumer/lane/source_guard.h"

#include <stdio.h>
#include <string.h>

#include "common/core/logger.h"

#define MOD "guard"

void source_guard_open(struct source_guard *g,
                       const struct lane_context *c,
                       struct streams *streams,
                       const struct state_guard *row)
{
    *g = (struct source_guard){.c = c,
                               .streams = streams,
                               .foreign = foreign_records_new(c->ledger),
                               .database_since = row->database_since,
                               .pinned = row->database[0] != '\0'};
    memcpy(g->database, row->database, sizeof g->database);
}

void source_guard_close(struct source_guard *g)
{
    foreign_records_free(g->foreign);
    *g = (struct source_guard){0};
}

static void take_text(struct bytes value, char *text, size_t size)
{
    size_t len = value.len < size ? value.len : size - 1;
    memcpy(text, value.ptr, len);
    text[len] = '\0';
}

static void log_headerless(struct source_guard *g)
{
    if (g->logged_headerless) {
        return;
    }
    g->logged_headerless = true;
    log_info(MOD, "records_without_database", LF_TEXT("store", g->c->store->name),
             LF_MSG("written by an older producer: applied although their database is unknown"));
}

void source_guard_note_revision(struct source_guard *g, int64_t revision)
{
    g->newest_revision = revision > g->newest_revision ? revision : g->newest_revision;
}

/* A record that waits until a person decides, or until the right producer publishes its product. */
static bool refuse(struct source_guard *g,
                   const struct source_event *event,
                   struct metric *counter,
                   struct record_position at)
{
    int32_t product_id = 0;
    struct err ignored = {0};
    metric_add(counter, 1);
    source_guard_note_revision(g, event->header_revision);
    if (event->header_revision <= g->database_since || !g->c->sink->writes ||
        product_stock_parse_key(event->key, &product_id, &ignored) != STATUS_OK) {
        return false;
    }
    foreign_records_add(g->foreign, product_id, at);
    return true;
}

/* Follows the database of the first record. */
static bool
is_of_database(struct source_guard *g, const struct source_event *event, struct record_position at)
{
    char database[STATE_DATABASE_SIZE];
    if (event->header_database.ptr == NULL) {
        log_headerless(g);
        return true;
    }
    take_text(event->header_database, database, sizeof database);
    if (g->database[0] == '\0') {
        memcpy(g->database, database, sizeof database);
    }
    if (strcmp(database, g->database) == 0) {
        return true;
    }
    if (refuse(g, event, g->c->metrics->record.foreign, at)) {
        memcpy(g->other_database, database, sizeof database);
        g->other_stream[0] = '\0';
    }
    return false;
}

static void
refuse_stream(struct source_guard *g, const struct source_event *event, struct record_position at)
{
    if (refuse(g, event, g->c->metrics->record.unknown_stream, at)) {
        take_text(event->header_stream, g->other_stream, sizeof g->other_stream);
    }
}

enum status source_guard_admits(struct source_guard *g,
                                const struct source_event *event,
                                struct record_position at,
                                bool *admitted,
                                struct err *err)
{
    enum stream_age age = STREAM_PRESENT;
    int32_t product_id = 0;
    struct err ignored = {0};
    *admitted = false;
    enum status rc = streams_judge(g->streams, event, &age, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (age == STREAM_EARLIER) {
        metric_add(g->c->metrics->record.earlier, 1);
        return STATUS_OK;
    }
    if (!is_of_database(g, event, at)) {
        return STATUS_OK;
    }
    if (age == STREAM_UNKNOWN) {
        refuse_stream(g, event, at);
        return STATUS_OK;
    }
    if (product_stock_parse_key(event->key, &product_id, &ignored) == STATUS_OK) {
        foreign_records_settle(g->foreign, product_id);
    }
    *admitted = true;
    return STATUS_OK;
}

bool source_guard_wants_hold(const struct source_guard *g)
{
    return foreign_records_count(g->foreign) > 0;
}

static void describe_stream(const struct source_guard *g, struct lane_hold *hold)
{
    const char *present = streams_present(g->streams)->id;
    (void)snprintf(hold->reason, sizeof hold->reason, "unknown_stream");
    (void)snprintf(
        hold->detail, sizeof hold->detail,
        "records of stream %s, but the state's is %s: stop the producer whose [state] is "
        "another one, then 'stocksync-consumer resume --store %s --stream %s'",
        g->other_stream, present, g->c->store->name, present);
}

void source_guard_describe(const struct source_guard *g, struct lane_hold *hold)
{
    if (g->other_stream[0] != '\0') {
        describe_stream(g, hold);
        return;
    }
    (void)snprintf(hold->reason, sizeof hold->reason, "another_database");
    (void)snprintf(hold->detail, sizeof hold->detail,
                   "records of Odoo database %s, but %s is this store's: stop the producer of the "
                   "wrong one, then name the right one: 'stocksync-consumer resume --store %s "
                   "--database UUID'",
                   g->other_database, g->database, g->c->store->name);
}

void source_guard_drop_partition(struct source_guard *g, int32_t partition)
{
    foreign_records_drop_partition(g->foreign, partition);
}

enum status source_guard_pin(struct source_guard *g, struct err *err)
{
    char database[STATE_DATABASE_SIZE];
    if (g->pinned || g->database[0] == '\0') {
        return STATUS_OK;
    }
    memcpy(database, g->database, sizeof database);
    enum status rc = g->c->ports->state->guard.pin(g->c->state, database, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (strcmp(database, g->database) != 0) {
        return err_set(err, STATUS_RENEW, "database %s was pinned meanwhile: reading again",
                       database);
    }
    g->pinned = true;
    log_info(MOD, "database_pinned", LF_TEXT("store", g->c->store->name),
             LF_TEXT("database", g->database),
             LF_MSG("records of any other Odoo database are not applied"));
    return STATUS_OK;
}

enum status
source_guard_compare(struct source_guard *g, const struct state_guard *row, struct err *err)
{
    bool other = row->database[0] != '\0' && g->database[0] != '\0' &&
                 strcmp(row->database, g->database) != 0;
    if (other || row->database_since != g->database_since) {
        return err_set(err, STATUS_RENEW, "database %s was confirmed: reading again",
                       row->database);
    }
    if (row->database[0] != '\0') {
        memcpy(g->database, row->database, sizeof g->database);
        g->pinned = true;
    }
    return streams_compare(g->streams, err);
}
