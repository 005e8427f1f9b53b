"""A store that is overloaded, throttles, or does not answer: how it is asked, what is shown, and
that everything is written once it answers."""

import json

import pytest

from lab import wait

STATES = {"closed": 0, "half_open": 1, "open": 2}


def status_of(pipeline, store):
    code, body = pipeline.consumer.http("/status")
    assert code == 200
    return next(one for one in json.loads(body)["stores"] if one["store"] == store.name)


def metric(pipeline, store, name):
    return pipeline.consumer.metrics()[f'stocksync_store_{name}{{store="{store.name}"}}']


def set_requests(pipeline, store):
    return [request for request in pipeline.simulator.requests(store.name)
            if request["operation"] == "StockSet"]


def sets_of(pipeline, store):
    """Every set that arrived at the store: when, in seconds."""
    return [request["at_us"] / 1e6 for request in set_requests(pipeline, store)]


@pytest.fixture
def running(pipeline):
    """One store, all levels written."""
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    return pipeline


def test_store_that_does_not_answer_is_probed_by_one_request(running, shop):
    store = running.stores[0]
    before = len(sets_of(running, store))
    running.simulator.fault(store.name, "html_5xx", operation="StockSet")
    running.replay(shop.tape[:20])      # the rest later: with each probe the waits double
    wait.until(lambda: status_of(running, store)["breaker"] == "open"
               and status_of(running, store)["state"] == "broken", "the breaker is open",
               seconds=60, alive=running.alive)
    opened = len(sets_of(running, store))
    assert opened - before >= 5
    wait.until(lambda: len(sets_of(running, store)) >= opened + 3, "three probes", seconds=60,
               alive=running.alive)
    times = sets_of(running, store)[opened - 1:]
    gaps = [after - earlier for earlier, after in zip(times, times[1:])]
    assert min(gaps[1:]) >= 0.5 * 0.99, gaps
    assert metric(running, store, "breaker") in STATES.values()
    assert running.consumer.text().count("event=breaker_open") == 1
    running.replay(shop.tape[20:])
    running.simulator.heal(store.name)
    wait.until(lambda: status_of(running, store)["breaker"] == "closed"
               and status_of(running, store)["state"] == "running", "the breaker is closed",
               seconds=120, alive=running.alive)
    running.wait_settled()
    running.check(shop.after)
    assert metric(running, store, "breaker") == STATES["closed"]


def test_too_many_requests_wait_as_long_as_the_header_says(running, shop):
    store = running.stores[0]
    before = len(sets_of(running, store))
    running.simulator.fault(store.name, "status", status=429, retryAfter=2.5, operation="StockSet",
                            count=1)
    running.replay(shop.tape)
    running.wait_settled()
    running.check(shop.after)
    times = {}
    for request in set_requests(running, store)[before:]:
        times.setdefault(request["key"], []).append(request["at_us"] / 1e6)
    (first, second), = [found for found in times.values() if len(found) > 1]
    assert second - first >= 2.5
    # Nobody else goes either, but those that were under way when the answer came.
    assert [at for at, *_ in times.values() if first + 1 < at < first + 2.5] == []
    assert metric(running, store, "throttle_wait_seconds_total") == 2.5
    assert metric(running, store, "throttled_total") == 1
    assert "breaker_open" not in running.consumer.text()


def test_points_are_counted_as_the_store_counts_them(running, shop):
    store = running.stores[0]
    running.replay(shop.tape)
    running.wait_settled()
    stats = running.simulator.stats(store.name)
    sets = metric(running, store, "requests_total")
    charged = metric(running, store, "points_charged_total")
    assert sets > 0 and 10 * sets <= charged <= stats["points"]["charged"]
    assert status_of(running, store)["points_maximum"] == 2000
