"""Servers that stop answering the consumer: it says so in time, ends in time, and goes on.

STOCKSYNC_FAULT_SECONDS sets how long each fault lasts.
"""

import contextlib
import json
import os
import socket
import time

import pytest

from lab import wait
from lab.relay import Relay

from test_frozen import frozen

LASTS = float(os.environ.get("STOCKSYNC_FAULT_SECONDS", "15"))
NOTICED = 15        # seconds until /readyz says 503 and the state has a reason
ENDED = 10          # seconds until records go on
STOPPED = 30        # seconds until SIGTERM has ended the process


@pytest.fixture
def relay(kafka):
    """Between the consumer and Kafka. The producer and the lab do not use it."""
    with Relay(int(kafka.bootstrap.rpartition(":")[2]), is_kafka=True) as relay:
        yield relay


@pytest.fixture
def consumer(pipeline, relay):
    """It runs: two stores and role parents, all published, nothing left to do."""
    pipeline.sections["kafka"]["bootstrap.servers"] = f"127.0.0.1:{relay.port}"
    consumer = pipeline.another_consumer("run")
    pipeline.producer.start()
    pipeline.backfill()
    consumer.start(seconds=60)
    pipeline.wait_settled()
    return consumer


@contextlib.contextmanager
def stalled(*servers):
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.enter_context(frozen(server.child))
        yield


@contextlib.contextmanager
def switched(switch):
    switch(True)
    try:
        yield
    finally:
        switch(False)


def shown(consumer):
    """{lane: status} of the stores and role parents"""
    document = json.loads(consumer.http("/status")[1])
    lanes = {lane["store"]: lane for lane in document["stores"]}
    return {**lanes, "parents": document["parents"]} if "parents" in document else lanes


def expect_notice(consumer, server, word, lasts):
    """503 that names lane and reason, state broken, an age that grows."""
    begun = time.monotonic()
    wait.until(lambda: not consumer.is_ready(), "no longer ready", seconds=NOTICED)
    late = time.monotonic() - begun
    wait.until(lambda: all(lane["state"] == "broken" for lane in shown(consumer).values()),
               lambda: str(shown(consumer)), seconds=NOTICED - late, alive=consumer.alive)
    seen = time.monotonic() - begun
    lanes, text = shown(consumer), consumer.http("/readyz")[1]
    for name, lane in lanes.items():
        assert not lane["ready"] and word in lane["why"], lane
        assert name in text, text
    assert server in text, text
    ages = {name: max(lane["answer_age_seconds"].values()) for name, lane in lanes.items()}
    time.sleep(max(0.0, lasts - (time.monotonic() - begun)))
    for name, lane in shown(consumer).items():
        assert max(lane["answer_age_seconds"].values()) > ages[name], lane
        assert not lane["ready"], lane
    print(f"{server}: 503 after {late:.1f} s, state after {seen:.1f} s")


def expect_recovery(pipeline, consumer):
    """A change made now is in the stores in time."""
    begun = time.monotonic()
    pipeline.connection.execute(
        "UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id IN (SELECT id FROM"
        " public.stock_quant ORDER BY id LIMIT 50)")
    before = sum(lane["records"] for lane in shown(consumer).values())
    wait.until(lambda: sum(lane["records"] for lane in shown(consumer).values()) > before
               and consumer.is_ready(),
               lambda: consumer.http("/readyz")[1], seconds=ENDED, alive=consumer.alive)
    print(f"goes on after {time.monotonic() - begun:.1f} s")


def expect_end(pipeline, consumer):
    """SIGTERM ends a process that works, and one that begins while another has its address."""
    host, _, port = consumer.listen.rpartition(":")
    with stalled(pipeline.kafka, pipeline.postgres):
        wait.until(lambda: all(lane["answer_age_seconds"]["state"] > 1.5
                               for name, lane in shown(consumer).items() if name != "parents"),
                   "lanes wait for an answer of the state", alive=consumer.alive)
        assert consumer.stop(seconds=STOPPED) == 0
        with socket.create_server((host, int(port))):
            consumer.start(ready=False)
            wait.until(lambda: "not_listening" in consumer.text(), "the log says so",
                       alive=consumer.alive)
        wait.until(lambda: consumer.http("/status")[0] == 200, "it listens",
                   alive=consumer.alive)
        assert not consumer.is_ready()
        assert consumer.stop(seconds=STOPPED) == 0


def test_every_silence_is_noticed_and_ends(pipeline, consumer, relay):
    for server, word, lasts, fault in [
            ("kafka", "Kafka", LASTS, lambda: stalled(pipeline.kafka)),
            ("kafka", "Kafka", LASTS, lambda: switched(relay.swallow)),
            ("kafka", "Kafka", LASTS / 3, lambda: switched(relay.refuse)),
            ("state", "silent", LASTS, lambda: stalled(pipeline.postgres))]:
        with fault():
            expect_notice(consumer, server, word, lasts)
        expect_recovery(pipeline, consumer)
    pipeline.wait_settled()
    expect_end(pipeline, consumer)
