"""Streams at the consumer. The tests play the producer: rows in the state, records with headers."""

import json
import uuid

import pytest

from conftest import outlet
from lab import checks, kafka as kafka_module, programs, record, stores, wait

UNKNOWN = "33333333-0000-4000-8000-000000000003"


@pytest.fixture
def pipeline(make_pipeline, database, number):
    """A store that has every number, and no producer any more."""
    pipeline = make_pipeline(database, outlet(number)).open_shops()
    pipeline.install()
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    assert pipeline.producer.stop() == 0
    return pipeline


def status(pipeline):
    return json.loads(pipeline.consumer.http("/status")[1])["stores"][0]


def wait_state(pipeline, state):
    wait.until(lambda: status(pipeline)["state"] == state, lambda: f"{state}: {status(pipeline)}",
               alive=pipeline.consumer.alive)


def latest(pipeline):
    """The newest record of each product."""
    newest = {}
    for one in pipeline.records():
        known = newest.get(one.key)
        if known is None or int(one.headers["revision"]) > int(known.headers["revision"]):
            newest[one.key] = one
    return newest


def begin_stream(pipeline, first_revision, ends, why):
    """What the producer writes before its first record of a stream."""
    stream = str(uuid.uuid4())
    with pipeline.connection.transaction():
        pipeline.connection.execute(
            "INSERT INTO stocksync.stream (id, why, first_revision, topic, cluster,"
            " system_identifier, database_oid, timeline) VALUES (%s, %s, %s, %s, 'c', 1, 1, 1)",
            (stream, why, first_revision, pipeline.topic))
        for partition, end in ends.items():
            pipeline.connection.execute("INSERT INTO stocksync.stream_partition VALUES (%s, %s, %s, %s)",
                                        (stream, partition, end, end))
    return stream


def publish_all(pipeline, newest, stream, first_revision, more=None):
    """Every product again, some with more units; the revision that follows."""
    more = more or {}
    pipeline.kafka.produce_all(pipeline.topic, [
        record.changed(one, first_revision + at, more.get(int(one.key), 0), stream=stream)
        for at, one in enumerate(newest.values(), start=1)])
    return first_revision + len(newest) + 1


def wait_read(pipeline):
    ends = kafka_module.last_offsets(pipeline.records())
    wait.until(lambda: not pipeline.kafka.unread(pipeline.stores[0].group, pipeline.topic, ends),
               "the topic is read", alive=pipeline.consumer.alive)


def positions(pipeline):
    return dict(pipeline.connection.execute(
        "SELECT partition, stream::text FROM stocksync.store_stream WHERE store = %s",
        (pipeline.stores[0].name,)).fetchall())


def available(pipeline):
    return {key: level["available"]
            for key, level in pipeline.simulator.levels(pipeline.stores[0].name).items()}


def sold(pipeline, shop):
    """Products with stock in Berlin that the store shows."""
    expected = pipeline.expected(pipeline.stores[0], shop.before)
    return [product.id for product in shop.before.values() if product.type == "product"
            and not product.is_kit
            and expected.get((stores.ITEM_BASE + product.id, 5001), 0) > 10]


def number_of(pipeline, product):
    return available(pipeline)[(stores.ITEM_BASE + product, 5001)]


def test_a_new_stream_is_followed_and_others_are_not(pipeline, shop):
    store, = pipeline.stores
    changed, forgotten, other = sold(pipeline, shop)[:3]
    before = available(pipeline)
    newest = latest(pipeline)
    ends = {partition: offset + 1
            for partition, offset in kafka_module.last_offsets(pipeline.records()).items()}
    first = max(int(one.headers["revision"]) for one in newest.values()) + 1000
    # the state went back: it remembers more units than the store has
    pipeline.connection.execute("UPDATE stocksync.level SET quantity = quantity + 4, raw = raw + 4"
                                " WHERE store = %s AND product_id = %s", (store.name, forgotten))
    stream = begin_stream(pipeline, first, ends, "timeline")
    revision = publish_all(pipeline, newest, stream, first, {changed: 3})
    wait.until(lambda: set(positions(pipeline).values()) == {stream}, "the store follows the stream",
               alive=pipeline.consumer.alive)
    wait.until(lambda: number_of(pipeline, changed) == before[(stores.ITEM_BASE + changed, 5001)] + 3,
               "its number is written", alive=pipeline.consumer.alive)
    wait_read(pipeline)
    after = available(pipeline)
    assert {key for key in after if after[key] != before[key]} == {(stores.ITEM_BASE + changed, 5001)}
    assert pipeline.connection.execute("SELECT count(*) FROM stocksync.in_flight").fetchone() == (0,)
    assert pipeline.consumer.metric("stocksync_store_holds_total") == 0
    assert pipeline.consumer.metric("stocksync_store_new_streams_total") >= 1
    assert status(pipeline)["stream"] == stream and status(pipeline)["stream_reason"] == "timeline"
    shown = pipeline.command("consumer", "status").out
    printed = pipeline.command("consumer", "history", "--product", str(changed)).out.splitlines()
    assert json.loads(printed[-1])["stream"] == stream
    assert f"{store.name} follows stream {stream}" in shown and "timeline" in shown

    # history: of before there were streams, whatever its offset
    history = record.changed(newest[str(other).encode()], first, 50)
    history[2].pop("stream", None)
    pipeline.kafka.produce_all(pipeline.topic, [history])
    wait_read(pipeline)
    assert pipeline.consumer.metric("stocksync_store_earlier_stream_records_total") == 1

    # a producer with another state
    pipeline.kafka.produce_all(pipeline.topic, [
        record.changed(newest[str(other).encode()], revision + 1_000_000, 60, stream=UNKNOWN)])
    wait_state(pipeline, "held")
    held = status(pipeline)
    assert held["held"]["reason"] == "unknown_stream"
    assert UNKNOWN in held["why"] and f"resume --store {store.name} --stream {stream}" in held["why"]
    for arguments in [(), ("--stream", UNKNOWN)]:
        result = programs.command("consumer", pipeline.config, "resume", "--store", store.name, *arguments)
        assert result.code == programs.EXIT_USAGE and stream in result.text
    pipeline.command("consumer", "resume", "--store", store.name, "--stream", stream)
    wait_state(pipeline, "running")
    wait_read(pipeline)
    assert available(pipeline) == after


def test_a_topic_that_goes_back_is_read_again(pipeline, shop):
    product, other = sold(pipeline, shop)[:2]
    before = available(pipeline)
    newest = latest(pipeline)
    first = max(int(one.headers["revision"]) for one in newest.values()) + 1000
    partitions = pipeline.kafka.partitions(pipeline.topic)
    assert pipeline.consumer.stop() == 0

    # an older log, which is shorter: no new stream
    pipeline.kafka.delete_topic(pipeline.topic)
    wait.until(lambda: pipeline.kafka.partitions(pipeline.topic) == 0, "the topic is gone")
    pipeline.kafka.create_topic(pipeline.topic, partitions)
    pipeline.kafka.produce_all(pipeline.topic,
                               [record.changed(newest[str(product).encode()], first, 2)])
    for group in (pipeline.stores[0].group, pipeline.parents_group):
        pipeline.kafka.commit(group, pipeline.topic, 500)
    pipeline.consumer.start()
    wait.until(lambda: number_of(pipeline, product) == before[(stores.ITEM_BASE + product, 5001)] + 2,
               "the record is applied", alive=pipeline.consumer.alive)
    for group in (pipeline.stores[0].group, pipeline.parents_group):
        wait.until(lambda group=group: max(pipeline.kafka.committed(
            group, pipeline.topic).values()) <= 1, f"group {group} goes back",
                   alive=pipeline.consumer.alive)
        gone_back = f'stocksync_kafka_offsets_gone_back_total{{group="{group}"}}'
        assert pipeline.consumer.metric(gone_back) == partitions

    # by the producer, with more partitions, while the consumer runs
    pipeline.kafka.delete_topic(pipeline.topic)
    wait.until(lambda: pipeline.kafka.partitions(pipeline.topic) == 0, "the topic is gone")
    pipeline.kafka.create_topic(pipeline.topic, partitions + 2)
    stream = begin_stream(pipeline, first, dict.fromkeys(range(partitions + 2), 0), "topic")
    publish_all(pipeline, newest, stream, first, {other: 5})
    wait.until(lambda: positions(pipeline) == dict.fromkeys(range(partitions + 2), stream),
               lambda: f"the store follows the stream: {status(pipeline)}", seconds=60,
               alive=pipeline.consumer.alive)
    wait.until(lambda: number_of(pipeline, other) == before[(stores.ITEM_BASE + other, 5001)] + 5,
               "its number is written", alive=pipeline.consumer.alive)
    wait_read(pipeline)
    assert number_of(pipeline, product) == before[(stores.ITEM_BASE + product, 5001)]
    checks.expect([key for key, number in available(pipeline).items()
                   if number != before[key] and key != (stores.ITEM_BASE + other, 5001)], "levels")
