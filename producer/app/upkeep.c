#include "producer/app/upkeep.h"

#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/service.h"
#include "producer/odoo/install.h"

#define MOD "tail"

#define TICK_US     INT64_C(1000000)
#define SHAPE_US    INT64_C(60000000)
#define PROGRESS_US INT64_C(30000000)
/* The cleaning and commands change the table of parked products too. */
#define PARKED_US INT64_C(10000000)
/* A retry puts marks in, which may wait behind others for a while. */
#define RETRY_US INT64_C(60000000)
/* Triggers are named within a minute, warehouses within seconds. */
#define TRIGGERS_US   INT64_C(10000000)
#define WAREHOUSES_US INT64_C(2000000)
/* What stays missing is logged this often. */
#define LOG_AGAIN_US INT64_C(600000000)

struct upkeep {
    struct upkeep_port port;
    bool forecast;
    struct outbox *outbox;
    struct streams *streams;
    struct producer_status *status;
    const struct producer_metrics *metrics;
    struct odoo_shape shape;
    /* monotonic: when each was done last */
    int64_t tick_us, shape_us, progress_us, parked_us, retry_us;
    int64_t triggers_us, warehouses_us, logged_us;
    struct id_list due; /* scratch: parked products to try again */
    bool lacks_triggers;
    struct err missing; /* lacks_triggers: what */
    uint64_t progress_records;
};

struct upkeep *upkeep_new(const struct upkeep_port *port,
                          bool forecast,
                          struct outbox *outbox,
                          struct streams *streams,
                          struct producer_status *status,
                          const struct producer_metrics *metrics)
{
    struct upkeep *u = mem_calloc(1, sizeof *u);
    u->port = *port;
    u->forecast = forecast;
    u->outbox = outbox;
    u->streams = streams;
    u->status = status;
    u->metrics = metrics;
    return u;
}

void upkeep_free(struct upkeep *upkeep)
{
    if (upkeep != NULL) {
        id_list_release(&upkeep->due);
        mem_free(upkeep);
    }
}

void upkeep_note_shape(struct upkeep *upkeep, const struct odoo_shape *shape)
{
    upkeep->shape = *shape;
    upkeep->shape_us = clock_monotonic_us();
    upkeep->triggers_us = 0; /* soon */
}

bool upkeep_lacks_triggers(const struct upkeep *upkeep)
{
    return upkeep->lacks_triggers;
}

static void log_progress(struct upkeep *u, int64_t now)
{
    uint64_t records = (uint64_t)metric_value(u->metrics->records);
    if (now - u->progress_us < PROGRESS_US) {
        return;
    }
    if (records != u->progress_records) {
        log_info(MOD, "progress", LF_INT("count", records - u->progress_records),
                 LF_INT("marks", metric_value(u->metrics->marks)),
                 LF_REAL("age_s", metric_value(u->metrics->oldest)));
    }
    u->progress_us = now;
    u->progress_records = records;
}

static bool is_same_shape(const struct odoo_shape *a, const struct odoo_shape *b)
{
    return a->has_mrp == b->has_mrp && a->has_commingled == b->has_commingled &&
           a->flag == b->flag && a->dialect == b->dialect;
}

/* Modules come and go while we run, and install may be run: then the tail is opened again. As long
 * as what the modules need is not installed, we continue as before and log it. */
static enum status check_shape(struct upkeep *u, int64_t now, struct err *err)
{
    struct odoo_shape shape;
    bool filled = true;
    if (now - u->shape_us < SHAPE_US) {
        return STATUS_OK;
    }
    u->shape_us = now;
    enum status rc = u->port.read_shape(u->port.conn, u->forecast, &shape, err);
    if (rc == STATUS_OK) {
        rc = u->port.has_kits(u->port.reader, &filled, err);
    }
    if (rc != STATUS_OK || (is_same_shape(&shape, &u->shape) && filled)) {
        return rc;
    }
    rc = u->port.verify(u->port.conn, INSTALL_ODOO, u->forecast, err);
    if (rc == STATUS_DATABASE_UNFIT) {
        log_failure(LOG_ERROR, MOD, "odoo_changed", err,
                    LOG_FIELDS(LF_MSG("continuing as before; kits may be wrong until then")));
        return STATUS_OK;
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    return err_set(err, STATUS_SOURCE_BUSY,
                   "Odoo's modules or our triggers changed: reading them again");
}

/* Parked products are tried again after a while: a row may have been mended without a mark. */
static enum status retry_parked(struct upkeep *u, int64_t now, struct err *err)
{
    if (u->parked_us != 0 && now - u->parked_us < PARKED_US) {
        return STATUS_OK;
    }
    u->parked_us = now;
    enum status rc = u->port.list_parked(u->port.leader, &u->due, err);
    if (rc != STATUS_OK || u->due.count == 0 ||
        (u->retry_us != 0 && now - u->retry_us < RETRY_US)) {
        return rc;
    }
    u->retry_us = now;
    log_info(MOD, "parked_again", LF_INT("count", u->due.count),
             LF_MSG("parked products are tried again"));
    return u->port.mark(u->port.conn, u->due.ids, u->due.count, CAUSE_BACKFILL, err);
}

static void note_triggers(struct upkeep *u, const struct err *missing, int64_t now)
{
    bool had = u->lacks_triggers;
    u->lacks_triggers = missing != NULL;
    producer_status_note_triggers(u->status, missing != NULL ? missing->msg : NULL);
    if (missing == NULL) {
        if (had) {
            log_info(MOD, "triggers_back", LF_MSG("a full pass finds what passed without a mark"));
        }
        return;
    }
    bool is_news = !had || strcmp(missing->msg, u->missing.msg) != 0;
    u->missing = *missing;
    if (is_news || now - u->logged_us >= LOG_AGAIN_US) {
        u->logged_us = now;
        log_failure(LOG_ERROR, MOD, "triggers_missing", missing,
                    LOG_FIELDS(LF_MSG("marks are published as before; a full pass follows when the "
                                      "triggers are back")));
    }
}

static enum status check_triggers(struct upkeep *u, int64_t now, struct err *err)
{
    if (u->triggers_us != 0 && now - u->triggers_us < TRIGGERS_US) {
        return STATUS_OK;
    }
    u->triggers_us = now;
    enum status rc = u->port.check_triggers(u->port.conn, u->forecast, err);
    if (rc == STATUS_OK || rc == STATUS_DATABASE_UNFIT) {
        note_triggers(u, rc == STATUS_OK ? NULL : err, now);
        return STATUS_OK;
    }
    return rc;
}

/* A table that somebody rewrites has no news for us before that ends. */
static enum status follow_warehouses(struct upkeep *u, int64_t now, struct err *err)
{
    if (now - u->warehouses_us < WAREHOUSES_US) {
        return STATUS_OK;
    }
    u->warehouses_us = now;
    enum status rc = u->port.follow_warehouses(u->port.leader, err);
    return rc == STATUS_SOURCE_BUSY ? STATUS_OK : rc;
}

static enum status do_duties(struct upkeep *u, int64_t now, struct err *err)
{
    enum status rc = u->port.check_leader(u->port.leader, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = outbox_poll(u->outbox, err);
    if (rc == STATUS_OK) {
        rc = streams_run(u->streams, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = retry_parked(u, now, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = follow_warehouses(u, now, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = check_triggers(u, now, err);
    return rc == STATUS_OK ? check_shape(u, now, err) : rc;
}

enum status upkeep_run(struct upkeep *upkeep, struct err *err)
{
    int64_t now = clock_monotonic_us();
    if (now - upkeep->tick_us < TICK_US) {
        return STATUS_OK;
    }
    upkeep->tick_us = now;
    enum status rc = do_duties(upkeep, now, err);
    producer_status_note(upkeep->status, outbox_revision(upkeep->outbox),
                         outbox_unsettled(upkeep->outbox));
    producer_status_note_parked(upkeep->status, upkeep->port.parked_count(upkeep->port.leader));
    log_progress(upkeep, now);
    service_alive();
    return rc;
}
