#include "tests/unit/producer_app/floors.h"

#include "common/core/status.h"

void floors_open(struct floors *floors, struct mock_kafka *mock, int64_t full_pass_ms)
{
    struct floors *f = floors;
    struct err err = {0};
    bool all = false;
    const struct producer_metrics *metrics = fake_metrics();
    const struct outbox_options options = {.kafka = &mock->conf,
                                           .topic = MOCK_TOPIC,
                                           .max_message_bytes = 2000,
                                           .settle_us = 1000000,
                                           .stores_digests = full_pass_ms > 0};
    fake_reset();
    fake_ports(&f->ports);
    f->status = producer_status_new(metrics, full_pass_ms > 0);
    f->outbox = outbox_new(&options, &f->ports.outbox, f->status, metrics);
    f->streams =
        streams_new(&f->ports.streams, &mock->conf, MOCK_TOPIC, f->outbox, f->status, metrics);
    f->upkeep = upkeep_new(&f->ports.upkeep, false, f->outbox, f->streams, f->status, metrics);
    f->reader = deferred_reader_new(&f->ports.reader);
    f->deferred = deferred_new(&(struct deferred_parts){.chunks = &f->ports.chunks,
                                                        .reader = f->reader,
                                                        .outbox = f->outbox,
                                                        .upkeep = f->upkeep,
                                                        .status = f->status});
    f->pass = full_pass_new(&f->ports.pass, full_pass_ms, f->status, metrics);
    f->round = round_new(&(struct round_parts){.chunks = &f->ports.chunks,
                                               .outbox = f->outbox,
                                               .deferred = f->deferred,
                                               .pass = f->pass,
                                               .upkeep = f->upkeep,
                                               .streams = f->streams,
                                               .status = f->status,
                                               .metrics = metrics},
                         &f->ports.round, FLOORS_PAGE_MARKS);
    upkeep_note_shape(f->upkeep, &fake.shape);
    INVARIANT(outbox_open(f->outbox, ++fake_leader.epoch, "", &err) == STATUS_OK, "%s", err.msg);
    INVARIANT(streams_open(f->streams, fake_leader.epoch, &all, &err) == STATUS_OK, "%s", err.msg);
    INVARIANT(deferred_reader_open(f->reader, &err) == STATUS_OK, "%s", err.msg);
}

void floors_close(struct floors *floors)
{
    atomic_store(&fake_process.hold_deferred, false);
    deferred_reader_close(floors->reader);
    round_free(floors->round);
    full_pass_free(floors->pass);
    deferred_free(floors->deferred);
    deferred_reader_free(floors->reader);
    upkeep_free(floors->upkeep);
    streams_free(floors->streams);
    outbox_free(floors->outbox);
    producer_status_free(floors->status);
}
