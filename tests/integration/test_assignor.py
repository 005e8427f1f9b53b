"""Members of a group come and go at any moment: before their first assignment, and during rebalances.

Both kinds of assignment go through the same storm. The cooperative one needs librdkafka 2.3.0: older
ones abort. STOCKSYNC_TEST_LIBRDKAFKA names a folder with another librdkafka.so.1 to run with.
"""

import json
import os
import random
import re
import time

import confluent_kafka
import pytest

from conftest import outlet
from lab import programs, wait

SECONDS = 30
FIXED = (2, 3, 0)


def with_library(program):
    folder = os.environ.get("STOCKSYNC_TEST_LIBRDKAFKA")
    program.env = {"LD_LIBRARY_PATH": folder} if folder else None
    return program


def library_of(pipeline):
    """The version of librdkafka that the consumer runs with."""
    result = programs.command("consumer", pipeline.config, "check",
                              env=with_library(pipeline.consumer).env)
    return tuple(map(int, re.search(r"with librdkafka (\d+)\.(\d+)\.(\d+)", result.text).groups()))


def lane(pipeline):
    """Of the one store, as /status shows it."""
    code, body = pipeline.consumer.http("/status")
    return json.loads(body)["stores"][0] if code == 200 else {}


def stop_some_time(programs_, moments):
    """Stops each at a random moment: before, during and after its first assignment. The bad ends."""
    left, bad = list(programs_), []
    until = {program: time.monotonic() + moments.uniform(0, 2) for program in left}
    for program in sorted(left, key=until.get):
        time.sleep(max(0.0, until[program] - time.monotonic()))
        code = program.stop(seconds=60)
        if code != 0:
            bad.append((code, program.tail(3)))
    return bad


def storm(pipeline, seed):
    """One consumer stays, others start and stop; state connections break. The bad ends."""
    moments = random.Random(seed)
    others = [with_library(pipeline.another_consumer("run", "--role", "stores")) for _ in range(4)]
    until = time.monotonic() + SECONDS
    bad, rounds = [], 0
    while time.monotonic() < until:
        rounds += 1
        lengths = [len(other.text()) for other in others]
        for other in others:
            other.start(ready=False)
        for other, length in zip(others, lengths):
            wait.until(lambda other=other, length=length: "event=started" in other.text()[length:],
                       "it has started", seconds=30)
        if moments.random() < 0.5:
            pipeline.connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                " AND application_name LIKE 'stocksync-consumer%%'", (pipeline.dbname,))
        bad += stop_some_time(others, moments)
        pipeline.consumer.alive()
    assert rounds > 3
    return bad


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_starts_stops_and_rebalances_end_no_process(make_pipeline, database, number, shop, strategy, capsys):
    seed = int(os.environ.get("STOCKSYNC_TEST_SEED") or random.SystemRandom().randrange(10 ** 6))
    with capsys.disabled():
        print(f" seed {seed}", end=" ", flush=True)
    pipeline = make_pipeline(database, outlet(number)).open_shops()
    # A member learns of a rebalance with its heartbeat, so short ones make more of them.
    pipeline.sections["kafka"].update({"partition.assignment.strategy": strategy,
                                       "heartbeat.interval.ms": 200})
    pipeline.write_config()
    pipeline.install()
    if strategy == "cooperative-sticky":
        library = library_of(pipeline)
        if library < FIXED:
            pytest.skip(f"librdkafka {'.'.join(map(str, library))} aborts when a cooperative client closes"
                        " before its first assignment (fixed in 2.3.0)")
    with_library(pipeline.consumer)
    pipeline.start()
    pipeline.backfill()
    pipeline.replay(shop.tape[:100])
    bad = storm(pipeline, seed)
    pipeline.replay(shop.tape[100:])
    assert bad == []
    assert "Assertion" not in "".join(program.text() for program in pipeline._started)  # pylint: disable=protected-access
    pipeline.wait_settled()
    pipeline.check(shop.after)
    assert pipeline.consumer.stop() == 0


def test_the_choice_is_logged_once_and_a_dangerous_one_is_warned_about(make_pipeline, database, number):
    pipeline = make_pipeline(database, outlet(number)).open_shops()
    pipeline.install()
    pipeline.producer.start()
    library = library_of(pipeline)
    with_library(pipeline.consumer).start()
    assert pipeline.consumer.stop() == 0
    chosen = re.findall(r"event=assignor strategy=(\S+) librdkafka=(\S+)", pipeline.consumer.text())
    assert chosen == [("range" if library < FIXED else "cooperative-sticky",
                       ".".join(map(str, library)))]
    pipeline.sections["kafka"]["partition.assignment.strategy"] = "cooperative-sticky"
    pipeline.write_config()
    result = programs.command("consumer", pipeline.config, "check", env=pipeline.consumer.env)
    assert result.code == 0, result.text
    assert ("WARNING consumer groups: cooperative-sticky" in result.text) == (library < FIXED)
    pipeline.sections["kafka"]["partition.assignment.strategy"] = "sticky"
    result = programs.command("consumer", pipeline.write_config(), "check", env=pipeline.consumer.env)
    assert result.code == programs.EXIT_CONFIG
    assert "partition.assignment.strategy = sticky" in result.text


def test_a_group_with_members_of_the_other_kind_is_named_and_joined_when_they_are_gone(
        make_pipeline, database, number):
    pipeline = make_pipeline(database, outlet(number)).open_shops()
    pipeline.install()
    pipeline.producer.start()
    other = "range" if library_of(pipeline) >= FIXED else "cooperative-sticky"
    stranger = confluent_kafka.Consumer({
        "bootstrap.servers": pipeline.kafka.bootstrap, "group.id": pipeline.stores[0].group,
        "partition.assignment.strategy": other, "log_level": 3})
    try:
        stranger.subscribe([pipeline.topic])
        wait.until(lambda: stranger.poll(0.1) is None and stranger.assignment(), "the stranger has the partitions")
        with_library(pipeline.consumer).start(ready=False)

        wait.until(lambda: stranger.poll(0) is None and lane(pipeline).get("state") == "misconfigured",
                   lambda: f"misconfigured: {lane(pipeline)}")
        assert "stop all members, then start them" in lane(pipeline)["why"]
    finally:
        stranger.close()
    wait.until(lambda: lane(pipeline).get("state") == "running", lambda: f"running: {lane(pipeline)}",
               seconds=60)

