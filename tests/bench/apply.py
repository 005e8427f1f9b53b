"""apply: how much of a store's point budget a backlog turns into written levels."""

import time
from dataclasses import dataclass, replace

from lab import stores, wait
from lab.pipeline import Pipeline

from . import machine, report, shop

PAIRS_A_MUTATION, POINTS_A_MUTATION = 250, 10
RUNNING = 'stocksync_store_state{{store="{}",state="running"}}'
EVERY_S = 0.25
SETTLE_S = 2            # after the first written level: a standard plan's bucket is empty by then
LOCATIONS = {"East": shop.CODES[:2], "West": shop.CODES[2:]}
DATABASE = "apply"

STANDARD = {"restoreRate": 100, "maximumAvailable": 2000}
# Shopify's real bucket holds 20 s of its restore rate; this one holds 2 s, so that few of the window's
# points were saved before it.
FAST = {"restoreRate": 1000, "maximumAvailable": 2000}


@dataclass(frozen=True)
class Case:
    """One run. known: products and what the levels hold are known before, so nothing is read."""
    name: str
    plan: dict
    latency_ms: int
    known: bool
    processes: int = 1  # consumers of one group, which share the store's bucket
    pairs: float = None     # target: share of what the plan allows, in percent
    throttled: float = None     # target: share of all requests, in percent

    @property
    def store(self):
        return stores.Store(self.name, locations=LOCATIONS)


CASES = [
    Case("standard-first", STANDARD, 0, False, throttled=0),
    Case("standard-known", STANDARD, 0, True, pairs=98, throttled=0),
    Case("standard-two", STANDARD, 0, True, 2, pairs=95, throttled=1),
    Case("fast-first", FAST, 100, False, throttled=0),
    Case("fast-known", FAST, 100, True, pairs=98, throttled=0),
    Case("fast-two", FAST, 100, True, 2, pairs=95, throttled=1),
]

BRAKE_OFF = {"brake_percent": 100, "brake_change_percent": 100}    # every level changes on purpose

# The state after a first load, when everything differs: what is written is known, nothing is read.
KNOWN = """
INSERT INTO stocksync.level (store, item, location, product_id, quantity, revision)
SELECT %s, %s + p.id, %s, p.id, %s, 0 FROM public.product_product p
"""
KNOWN_PRODUCTS = """
INSERT INTO stocksync.product (store, product_id, match, sellable, revision)
SELECT %s, p.id, p.default_code, true, 0 FROM public.product_product p
"""


def fill_topic(pipeline, products):
    """Every product's record, by the producer's own backfill; seconds that it took."""
    began = time.monotonic()
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published(300)
    made = pipeline.producer.metric("stocksync_producer_records_total")
    if made < products:
        raise RuntimeError(f"{products} products, but {made:.0f} records")
    pipeline.producer.stop()
    return time.monotonic() - began


def know_all(pipeline, store):
    pipeline.connection.execute(KNOWN_PRODUCTS, (store.name,))
    for location in store.location_ids.values():
        pipeline.connection.execute(
            KNOWN, (store.name, stores.ITEM_BASE, location, stores.WRONG_START))
    pipeline.connection.execute("VACUUM (ANALYZE) stocksync.product, stocksync.level")


@dataclass(frozen=True)
class Window:
    """What was measured: seconds, the shop's counters at its begin and end, who used the cores."""
    start_s: float      # from the consumer's start to the first written level
    seconds: float
    first: dict
    last: dict
    written: list       # levels, by process
    used: dict


def applied(consumer, store):
    return consumer.metrics()[f'stocksync_store_applied_total{{store="{store.name}"}}']


def window(servers, store, consumers, total):
    def sample():
        return (time.monotonic(), servers.simulator.stats(store.name),
                [applied(consumer, store) for consumer in consumers])

    def alive():
        for consumer in consumers:
            consumer.alive()

    began = time.monotonic()
    wait.until(lambda: all(applied(consumer, store) > 0 for consumer in consumers),
               lambda: f"everybody has written a level:\n{consumers[-1].tail()}", seconds=600,
               every=0.1, alive=alive)
    start_s = time.monotonic() - began
    time.sleep(SETTLE_S)
    first = last = sample()
    usage = machine.Usage({**servers.processes(), **{
        f"consumer {number}": consumer.child.pid for number, consumer in enumerate(consumers, 1)}})
    while last[0] - first[0] < servers.seconds:
        time.sleep(EVERY_S)
        alive()
        now = sample()
        if now[1]["pairsApplied"] > total * 0.98:
            break
        last = now
    if last is first:
        raise RuntimeError(f"store {store.name}: the backlog ended before anything was measured")
    written = [after - before for before, after in zip(first[2], last[2])]
    return Window(start_s, last[0] - first[0], first[1], last[1], written, usage.stop())


def measure(servers, pipeline, result, case):
    name, store = case.name, case.store
    store.open_shop(servers.simulator, pipeline.skus, case.plan, case.latency_ms)
    if case.known:
        know_all(pipeline, store)
    pipeline.connection.execute("CHECKPOINT")
    consumers = [pipeline.another_consumer("run", "--store", name) for _ in range(case.processes)]
    total = servers.products * len(LOCATIONS)
    try:
        for consumer in consumers:
            consumer.start(ready=False)
        for consumer in consumers:
            consumer.wait_ready(seconds=600)
        seen = window(servers, store, consumers, total)
        peak = max(machine.peak_mb(consumer.child.pid) for consumer in consumers)
    finally:
        for consumer in consumers:
            if consumer.running:
                consumer.kill()     # what is left of the backlog is of no interest
    report_window(result, case, seen)
    result.add(f"{name} consumer peak", round(peak, 1), "MB")
    result.add_usage(name, seen.used)


def report_window(result, case, seen):
    name, plan, seconds, first, last = case.name, case.plan, seen.seconds, seen.first, seen.last

    def gained(counter):
        return last[counter] - first[counter]

    pairs, mutations = gained("pairsApplied"), gained("mutations")
    reads = last["requests"].get("LevelsRead", 0) - first["requests"].get("LevelsRead", 0)
    charged = last["points"]["charged"] - first["points"]["charged"]
    saved = first["points"]["currentlyAvailable"] - last["points"]["currentlyAvailable"]
    theoretical = plan["restoreRate"] / POINTS_A_MUTATION * PAIRS_A_MUTATION
    result.add(f"{name} start to first write", round(seen.start_s, 1), "s")
    result.add(f"{name} throttled before", first["throttled"], "")
    result.add(f"{name} window", round(seconds, 1), "s")
    result.add(f"{name} pairs/s", round(pairs / seconds), "1/s")
    result.add(f"{name} share of {theoretical:.0f} pairs/s",
               round(100 * pairs / seconds / theoretical, 1), "%", at_least=case.pairs)
    result.add(f"{name} the same without points saved before",
               round(100 * (pairs / PAIRS_A_MUTATION * POINTS_A_MUTATION - max(0, saved))
                     / (plan["restoreRate"] * seconds), 1), "%")
    result.add(f"{name} points used of those there were",
               round(100 * charged / (plan["restoreRate"] * seconds + saved), 1), "%")
    result.add(f"{name} points that went into reads",
               round(100 * (charged - mutations * POINTS_A_MUTATION) / max(1, charged), 1), "%")
    result.add(f"{name} pairs a mutation", round(pairs / max(1, mutations), 1), "")
    result.add(f"{name} mutations/s", round(mutations / seconds, 1), "1/s")
    result.add(f"{name} reads/s", round(reads / seconds, 1), "1/s")
    result.add(f"{name} throttled", round(100 * gained("throttled") / max(1, mutations + reads), 2),
               "%", at_most=case.throttled)
    if case.processes > 1:
        result.add(f"{name} the slower process against the other",
                   round(100 * min(seen.written) / max(1, *seen.written), 1), "%")


def run(servers):
    shop.create(servers.postgres, DATABASE)
    pipeline = Pipeline(servers.postgres, servers.kafka, servers.simulator, DATABASE,
                        "bench.apply", [case.store for case in CASES],
                        {"topic": {"partitions": servers.partitions},
                         **{f"store.{case.name}": BRAKE_OFF for case in CASES}})
    result = report.Report("apply", {
        **servers.conditions, "kafka_partitions": servers.partitions,
        "products": servers.products,
        "levels": servers.products * len(LOCATIONS), "seconds": servers.seconds})
    try:
        pipeline.install()
        print(f"apply: filling the topic with {servers.products:,} records", flush=True)
        result.add("backfill", round(fill_topic(pipeline, servers.products), 1), "s")
        for case in CASES:
            # a small backlog must not fit into the points that a full bucket holds
            case = replace(case, plan={key: value // servers.scale
                                       for key, value in case.plan.items()})
            print(f"apply: {case.name}: {case.plan['restoreRate']} points/s, {case.latency_ms} ms,"
                  f" {case.processes} processes", flush=True)
            measure(servers, pipeline, result, case)
    except BaseException:
        print(pipeline.logs())
        raise
    finally:
        pipeline.close()
        servers.postgres.drop_database(DATABASE)
    return result
