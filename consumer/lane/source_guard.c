/* Whose records are applied: a copy of Odoo's database that publishes into the same topic must not
 * reach the store. */
#include <stdio.h>
#include <string.h>

#include "common/core/logger.h"
#include "consumer/lane/lane_internal.h"

#define MOD "guard"

static void take_text(struct bytes value, char text[STATE_DATABASE_SIZE])
{
    size_t len = value.len < STATE_DATABASE_SIZE ? value.len : STATE_DATABASE_SIZE - 1;
    memcpy(text, value.ptr, len);
    text[len] = '\0';
}

static void tell_headerless(struct lane *l)
{
    if (!l->told_headerless) {
        l->told_headerless = true;
        log_info(MOD, "records_without_database", LF_TEXT("store", l->store.name),
                 LF_MSG("made by an older producer: applied without asking which database they "
                        "come from"));
    }
}

void lane_guard_note_revision(struct lane *l, int64_t revision)
{
    l->newest_revision = revision > l->newest_revision ? revision : l->newest_revision;
}

bool lane_guard_admits(struct lane *l, const struct source_event *event, struct record_position at)
{
    char database[STATE_DATABASE_SIZE];
    int32_t product_id = 0;
    struct err ignored = {0};
    bool keyed = product_stock_parse_key(event->key, &product_id, &ignored) == STATUS_OK;
    if (event->header_database.ptr == NULL) {
        tell_headerless(l);
    } else {
        take_text(event->header_database, database);
        if (l->database[0] == '\0') {
            memcpy(l->database, database, sizeof database);
        }
        if (strcmp(database, l->database) != 0) {
            metric_add(l->m.foreign, 1);
            lane_guard_note_revision(l, event->header_revision);
            l->dry_figures.foreign++;
            if (event->header_revision > l->guard.database_since && keyed && !l->dry) {
                memcpy(l->other_database, database, sizeof database);
                foreign_records_add(l->foreign, product_id, at);
            }
            return false;
        }
    }
    if (keyed) {
        foreign_records_settle(l->foreign, product_id);
    }
    return true;
}

void lane_guard_describe(const struct lane *l, struct lane_hold *hold)
{
    (void)snprintf(hold->reason, sizeof hold->reason, "another_database");
    (void)snprintf(hold->detail, sizeof hold->detail,
                   "records of Odoo database %s, but %s is this store's: stop the producer of the "
                   "wrong one, then name the right one: 'stocksync-consumer resume --store %s "
                   "--database UUID'",
                   l->other_database, l->database, l->store.name);
}

enum status lane_guard_pin(struct lane *l, struct err *err)
{
    char database[STATE_DATABASE_SIZE];
    if (l->pinned || l->database[0] == '\0') {
        return STATUS_OK;
    }
    memcpy(database, l->database, sizeof database);
    enum status rc = state_guard_pin(l->state, database, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (strcmp(database, l->database) != 0) {
        return err_set(err, STATUS_RENEW, "database %s was pinned meanwhile: reading again",
                       database);
    }
    l->pinned = true;
    log_info(MOD, "database_pinned", LF_TEXT("store", l->store.name),
             LF_TEXT("database", l->database),
             LF_MSG("records of any other Odoo database are not applied"));
    return STATUS_OK;
}
