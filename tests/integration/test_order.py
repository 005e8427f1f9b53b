"""Several processes of one store, killed, stopped and restarted at random while units are sold and not imported yet:
an older number never stands over a newer one.

The state's journal gives the revision behind each key, the simulator's journal the order in which the store executed
them. STOCKSYNC_ROUNDS sets the number of disturbances; each takes about two seconds.
"""

import os
import random
import time

import pytest

from conftest import outlet
from lab import wait
from test_unimported_sales import Shelf, level_of

ROUNDS = int(os.environ.get("STOCKSYNC_ROUNDS", "8"))
PRODUCTS = 12
GRACE_SECONDS = 4


class Fleet:
    """The processes of one store. At most all but one are disturbed at the same time."""

    def __init__(self, pipeline, count, seed):
        self.pipeline = pipeline
        self.random = random.Random(seed)
        self.processes = [pipeline.consumer]
        self.processes += [pipeline.another_consumer("run", "--role", "stores") for _ in range(count - 1)]
        self.stopped = []

    def disturb(self):
        victim = self.random.choice(self.processes)
        if victim in self.stopped:
            victim.resume()
            self.stopped.remove(victim)
            return
        what = self.random.choice(["kill", "stop", "pause", "pause"])
        if what == "kill":
            victim.kill()
            victim.start(ready=False)
        elif what == "stop":
            victim.stop()
            victim.start(ready=False)
        elif len(self.stopped) + 1 < len(self.processes):
            victim.pause()
            self.stopped.append(victim)

    def calm(self):
        for victim in self.stopped:
            victim.resume()
        self.stopped = []


def revisions(pipeline, store):
    """{(key, item, location): revision} of every attempt that was stored."""
    rows = pipeline.connection.execute(
        "SELECT a.key::text, e.item, e.location, e.revision FROM stocksync.attempt a,"
        " unnest(a.item, a.location, a.revision) AS e (item, location, revision) WHERE a.store = %s",
        (store.name,)).fetchall()
    return {(key, item, location): revision for key, item, location, revision in rows}


def older_over_newer(pipeline, store):
    known, newest, found, looked = revisions(pipeline, store), {}, [], 0
    for entry in pipeline.simulator.applied(store.name):
        for one in entry["entries"]:
            level = one["item"], one["location"]
            revision = known.get((entry["key"], *level))
            if revision is None:
                continue    # an activation
            looked += 1
            if revision < newest.get(level, 0):
                found.append((level, entry["key"], revision, newest[level]))
            newest[level] = max(revision, newest.get(level, 0))
    assert looked > 20, f"only {looked} writes"
    return found


@pytest.mark.parametrize("count", [2, 3, 4])
def test_older_number_never_stands_over_a_newer_one(make_pipeline, database, number, shop, count):
    store = outlet(number, buffer=0)
    pipeline = make_pipeline(database, store, options={f"store.{store.name}": {
        "unimported_sale_grace": f"{GRACE_SECONDS}s", "brake_percent": 100, "brake_change_percent": 100}})
    pipeline.shorten_sessions()
    pipeline.open_shops(latency_ms=30).install()
    shelf = Shelf(pipeline, store, shop, PRODUCTS)
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    fleet = Fleet(pipeline, count, number)
    for process in fleet.processes[1:]:
        process.start()
    rng = random.Random(number)
    location = min(store.location_ids.values())
    first = {product: level_of(pipeline, store, product)["available"] for product in shelf.quants}
    sold, imported = dict.fromkeys(shelf.quants, 0), dict.fromkeys(shelf.quants, 0)
    for _ in range(ROUNDS):
        fleet.disturb()
        until = time.monotonic() + rng.uniform(1, 2.5)
        while time.monotonic() < until:
            product = rng.choice(list(shelf.quants))
            kind = rng.random()
            if kind < 0.4:
                pipeline.simulator.order(store.name, "place", shelf.skus[product], location, 1)
                sold[product] += 1
            elif kind < 0.7 and imported[product] < sold[product]:
                shelf.reserve(pipeline.connection, product, 1)
                imported[product] += 1
            else:
                shelf.receive(pipeline.connection, product, rng.randint(1, 3))
            time.sleep(0.03)
    fleet.calm()
    for product in shelf.quants:
        if sold[product] > imported[product]:
            shelf.reserve(pipeline.connection, product, sold[product] - imported[product])

    def unequal():
        return [(product, have, right) for product in shelf.quants
                for have in [level_of(pipeline, store, product)["available"]]
                for right in [first[product] + shelf.received(product) - sold[product]] if have != right]

    wait.until(lambda: not unequal(), lambda: f"not equal: {unequal()}", seconds=90)
    assert older_over_newer(pipeline, store) == []
