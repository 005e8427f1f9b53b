"""A record with an unknown schema holds its partition only, until an operator passes over it."""

import json

import pytest

from conftest import outlet
from lab import kafka as kafka_module, programs, wait

NEWER = b"\xc3\x01" + bytes(range(1, 9)) + b"what a newer producer wrote"
SCHEMA = "0807060504030201"


@pytest.fixture
def pipeline(make_pipeline, database, number):
    pipeline = make_pipeline(database, outlet(number)).open_shops()
    pipeline.install()
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    return pipeline


def lane(pipeline):
    return json.loads(pipeline.consumer.http("/status")[1])["stores"][0]


def block(pipeline):
    """Partition 0 waits at a record, and later records follow it. The record's offset."""
    offset = pipeline.kafka.produce(pipeline.topic, b"1", NEWER, partition=0)
    wait.until(lambda: lane(pipeline).get("blocked") == 1, lambda: f"it is blocked: {lane(pipeline)}",
               alive=pipeline.consumer.alive)
    return offset


def skip(pipeline, partition, offset):
    return programs.command("consumer", pipeline.config, "skip", "--store", pipeline.stores[0].name,
                            "--partition", partition, "--offset", offset)


def unread(pipeline, group):
    return pipeline.kafka.unread(group, pipeline.topic,
                                 kafka_module.last_offsets(pipeline.records()))


def parked(pipeline):
    return pipeline.connection.execute(
        "SELECT subject, reason, record_value FROM stocksync.parked WHERE reason = 'skipped_by_operator'"
        " ORDER BY subject").fetchall()


def test_an_unknown_schema_holds_its_partition_only(pipeline, shop):
    store = pipeline.stores[0]
    offset = block(pipeline)
    pipeline.replay(shop.tape[:100])
    pipeline.wait_published()
    # role parents reads keys only, so it passes such a record
    wait.until(lambda: unread(pipeline, pipeline.parents_group) == 0, "role parents is through")
    wait.until(lambda: unread(pipeline, store.group) == 1, "the other partitions are through",
               alive=pipeline.consumer.alive)
    assert pipeline.kafka.committed(store.group, pipeline.topic)[0] <= offset
    shown = lane(pipeline)
    assert shown["state"] == "running"
    blocked, = shown["blocked_partitions"]
    assert (blocked["partition"], blocked["offset"], blocked["schema"]) == (0, offset, SCHEMA)
    assert pipeline.consumer.is_ready()
    assert pipeline.consumer.metric("stocksync_store_blocked_partitions") == 1
    lines = [line for line in pipeline.consumer.text().splitlines() if "event=partition_blocked" in line]
    assert len(lines) == 1
    assert f"offset={offset}" in lines[0] and f"schema={SCHEMA}" in lines[0] and "skip --store" in lines[0]
    text = pipeline.command("consumer", "status").out
    assert f"partition 0 waits at offset {offset}" in text and "stocksync-consumer skip" in text

    for wrong in [(0, offset + 1), (1, offset), (0, 0)]:
        refused = skip(pipeline, *wrong)
        assert refused.code == programs.EXIT_USAGE
        assert f"partition {wrong[0]} is not blocked at offset {wrong[1]}" in refused.text
        assert f"partition 0 is blocked at offset {offset}" in refused.text
    assert parked(pipeline) == []

    assert skip(pipeline, 0, offset).code == 0
    pipeline.wait_settled()
    (subject, _, value), = parked(pipeline)
    assert subject == f"record/{pipeline.topic}/0/{offset}"
    assert bytes(value) == NEWER
    assert "blocked_partitions" not in lane(pipeline)
    refused = skip(pipeline, 0, offset)
    assert refused.code == programs.EXIT_USAGE and "no partition is blocked" in refused.text
    pipeline.replay(shop.tape[100:])
    pipeline.wait_settled()
    assert pipeline.compare_levels(store, shop.after)[2] == []


def test_a_decision_is_obeyed_at_the_next_start(pipeline, shop):
    store = pipeline.stores[0]
    offset = block(pipeline)
    assert pipeline.consumer.stop() == 0
    once = pipeline.another_consumer("run", "--store", store.name, "--once")
    once.start(ready=False)
    assert once.wait(90) == programs.EXIT_AWAY
    assert f"partition 0 is blocked at offset {offset}" in once.text()
    assert "partition 0 waits at offset" in pipeline.command("consumer", "status").out
    assert skip(pipeline, 0, offset).code == 0
    assert "which is skipped" in pipeline.command("consumer", "status").out
    pipeline.consumer.start()
    pipeline.replay(shop.tape)
    pipeline.wait_settled()
    assert [row[0] for row in parked(pipeline)] == [f"record/{pipeline.topic}/0/{offset}"]
    assert pipeline.compare_levels(store, shop.after)[2] == []
    # a start tries parked rows again: this one cannot be read yet, and stays
    assert pipeline.consumer.stop() == 0
    pipeline.consumer.start()
    wait.until(lambda: lane(pipeline)["state"] == "running", "it runs")
    assert [row[1] for row in parked(pipeline)] == ["skipped_by_operator"]


def test_without_a_record_the_blocked_ones_are_named(pipeline):
    store = pipeline.stores[0].name
    for arguments, words in [([], "--store NAME"), (["--store", "nowhere"], "nowhere"),
                             (["--store", store], "no partition is blocked"),
                             (["--store", store, "--partition", "x"], "--partition x")]:
        result = programs.command("consumer", pipeline.config, "skip", *arguments)
        assert result.code == programs.EXIT_USAGE
        assert words in result.text
    offset = block(pipeline)
    result = programs.command("consumer", pipeline.config, "skip", "--store", store)
    assert result.code == programs.EXIT_USAGE
    assert f"partition 0 is blocked at offset {offset}" in result.text
