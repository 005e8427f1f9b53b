"""latency: from Odoo's COMMIT to the acknowledged record, and to Shopify's answer.

Every commit raises one product's stock by one, so a record or a mutation says by its number how many
of the product's commits it contains: the k-th commit is answered by the first whose number is at least
start + k. No clock of the programs takes part in the matching.
"""

import bisect
import json
import os
import signal
import sys

from lab import process, stores, wait
from lab.pipeline import Pipeline

from . import apply, load, machine, report, shop

PER_S = 500
WARM_UP_S = 5       # left out: plans, caches, a broker whose code is not compiled yet
ACKNOWLEDGED_MS = {50: 5, 99: 30}
APPLIED_MS = {50: 25, 99: 150}
MEMORY_MB = 40
PLAN = "enterprise"

ATTEMPTS = """
SELECT p, q, (extract(epoch FROM sent_at) * 1000000)::bigint,
       (extract(epoch FROM answered_at) * 1000000)::bigint
  FROM stocksync.attempt, unnest(product_id, quantity) AS pair(p, q)
 WHERE store = %s AND outcome = 'applied'
"""

# What the consumer would have written: every product's free stock in all warehouses.
KNOWN = """
INSERT INTO stocksync.level (store, item, location, product_id, quantity, revision)
SELECT %s, %s + product_id, %s, product_id, sum(quantity - reserved_quantity), 0
  FROM public.stock_quant GROUP BY product_id
"""


class Answers:
    """What came back about each product: (number, time in µs) pairs."""

    def __init__(self, rows):
        self._by_product = {}
        for product, number, at_us in rows:
            self._by_product.setdefault(product, []).append((number, at_us))
        for answers in self._by_product.values():
            answers.sort()

    def first(self, product, number):
        """Time of the first answer that contains `number`; None: there is none."""
        answers = self._by_product.get(product, [])
        at = bisect.bisect_left(answers, (number, 0))
        # A later answer with a greater number may still have come earlier.
        return min((at_us for _, at_us in answers[at:]), default=None)


def milliseconds(commits, answers, what):
    """Sorted latencies; an unanswered commit is an error."""
    result = []
    for commit in commits:
        answered = answers.first(shop.product(commit.number),
                                 shop.free(commit.number) + commit.count)
        if answered is None:
            raise RuntimeError(f"{what}: commit {commit} was never answered")
        result.append((answered - commit.at_us) / 1000)
    return sorted(result)


def add(result, name, values, targets=None):
    for share in (50, 90, 99):
        result.add(f"{name} p{share}", round(report.percentile(values, share), 2), "ms",
                   at_most=(targets or {}).get(share))
    result.add(f"{name} max", round(values[-1], 2), "ms")


def read_arrivals(path):
    with open(path, encoding="ascii") as file:
        return [json.loads(line) for line in file]


class Run:
    """One database, one topic, the producer, with or without a store behind it."""

    def __init__(self, servers, name, with_store):
        self.servers, self.name = servers, name
        self.database = f"latency_{name}"
        self.store = stores.Store("bench", locations={"All": shop.CODES}) if with_store else None
        shop.create(servers.postgres, self.database)
        self.pipeline = Pipeline(
            servers.postgres, servers.kafka, servers.simulator, self.database,
            f"bench.latency.{name}", [self.store] if with_store else [],
            {"topic": {"partitions": servers.partitions}})
        self.reader = None

    def close(self):
        if self.reader is not None and self.reader.running:
            self.reader.kill()
        self.pipeline.close()
        self.servers.postgres.drop_database(self.database)

    def start(self):
        self.pipeline.install()
        self.pipeline.connection.execute("CHECKPOINT")
        self.pipeline.producer.start()
        if self.store is not None:
            self._open_store()
        self.arrivals = os.path.join(self.pipeline.directory, "arrivals")
        self.reader = process.Child(
            [sys.executable, os.path.join(os.path.dirname(__file__), "reader.py"),
             self.servers.kafka.bootstrap, self.pipeline.topic, self.servers.partitions,
             self.arrivals], self.arrivals + ".log")

    def _open_store(self):
        """Shop and state as after a first load: equal to Odoo, and known to be."""
        connection = self.pipeline.connection
        [location] = self.store.location_ids.values()
        self.servers.simulator.create_shop(self.store.name, self.store.token, PLAN)
        self.servers.simulator.load_catalogue(
            self.store.name, [{"id": location, "name": "All"}],
            [{"id": stores.ITEM_BASE + product, "sku": sku, "barcode": barcode, "tracked": True,
              "levels": [{"location": location, "isActive": True,
                          "available": shop.free(product - shop.FIRST_PRODUCT),
                          "on_hand": shop.free(product - shop.FIRST_PRODUCT)}]}
             for product, sku, barcode in self.pipeline.skus])
        connection.execute(KNOWN, (self.store.name, stores.ITEM_BASE, location))
        connection.execute("VACUUM (ANALYZE) stocksync.level")
        consumer = self.pipeline.consumer.start()
        wait.until(lambda: consumer.metrics().get(apply.RUNNING.format(self.store.name)) == 1,
                   lambda: f"the lane runs:\n{consumer.tail()}", seconds=300,
                   alive=consumer.alive)

    def measure(self):
        """(commits after the warm-up, usage)"""
        processes = {**self.servers.processes(), "producer": self.pipeline.producer.child.pid,
                     "reader": self.reader.pid}
        if self.store is not None:
            processes["consumer"] = self.pipeline.consumer.child.pid
        work = load.Load(self.servers.postgres, self.database, self.pipeline.directory,
                         self.servers.span, PER_S, WARM_UP_S + self.servers.seconds)
        usage = machine.Usage({**processes, "load": work.child.pid})
        used = work.wait(usage.stop)
        self._quiet()
        commits = work.commits()
        begin = commits[0].at_us + WARM_UP_S * 1000000
        return [commit for commit in commits if commit.at_us >= begin], used

    def _quiet(self):
        """Everything that was committed has arrived."""
        self.pipeline.wait_published()
        if self.store is not None:
            consumer = self.pipeline.consumer
            wait.stable(lambda: consumer.metric("stocksync_store_applied_total"),
                        "levels written", quiet=2, every=0.2, alive=consumer.alive)
        self.reader.stop(signal.SIGTERM, seconds=120)
        if not os.path.exists(self.arrivals):
            raise RuntimeError(f"the reader failed:\n{self.reader.tail()}")

    def report(self, result, acknowledged_targets):
        commits, used = self.measure()
        arrivals = read_arrivals(self.arrivals)
        name = self.name
        result.add(f"{name} commits", len(commits), "")
        result.add(f"{name} commits/s",
                   round(len(commits) / ((commits[-1].at_us - commits[0].at_us) / 1e6), 1), "1/s")
        result.add(f"{name} records", len(arrivals), "")
        add(result, f"{name} commit to read", milliseconds(
            commits, Answers((row[0], row[1], row[3]) for row in arrivals), "read"))
        add(result, f"{name} commit to acknowledged", milliseconds(
            commits, Answers((row[0], row[1], row[2]) for row in arrivals), "record"),
            acknowledged_targets)
        result.add(f"{name} producer peak",
                   round(machine.peak_mb(self.pipeline.producer.child.pid), 1), "MB",
                   at_most=MEMORY_MB)
        if self.store is not None:
            self._report_store(result, commits)
        result.add_usage(name, used)

    def _report_store(self, result, commits):
        name = self.name
        attempts = self.pipeline.connection.execute(ATTEMPTS, (self.store.name,)).fetchall()
        journal = [(entry["item"] - stores.ITEM_BASE, entry["quantity"], mutation["at_us"])
                   for mutation in self.servers.simulator.applied(self.store.name)
                   for entry in mutation["entries"]]
        stats = self.servers.simulator.stats(self.store.name)
        add(result, f"{name} commit to stored attempt", milliseconds(
            commits, Answers((row[0], row[1], row[2]) for row in attempts), "attempt"))
        add(result, f"{name} commit to effect in the shop", milliseconds(
            commits, Answers(journal), "journal"))
        add(result, f"{name} commit to Shopify's answer", milliseconds(
            commits, Answers((row[0], row[1], row[3]) for row in attempts), "answer"), APPLIED_MS)
        result.add(f"{name} mutations", stats["mutations"], "")
        result.add(f"{name} pairs a mutation",
                   round(stats["pairsApplied"] / max(1, stats["mutations"]), 2), "")
        result.add(f"{name} reads", stats["requests"].get("LevelsRead", 0), "")
        result.add(f"{name} throttled", stats["throttled"], "")
        result.add(f"{name} consumer peak",
                   round(machine.peak_mb(self.pipeline.consumer.child.pid), 1), "MB")


def run(servers):
    result = report.Report("latency", {
        **servers.conditions, "kafka_partitions": servers.partitions,
        "products": servers.products, "seconds": servers.seconds,
        "commits_per_s": PER_S, "products_changed": servers.span, "plan": PLAN})
    for name, with_store in (("record", False), ("store", True)):
        print(f"latency: {name}: {PER_S} commits/s for {servers.seconds} s", flush=True)
        one = Run(servers, name, with_store)
        try:
            one.start()
            # the target of the acknowledged record is for the producer alone
            one.report(result, None if with_store else ACKNOWLEDGED_MS)
        except BaseException:
            print(one.pipeline.logs())
            raise
        finally:
            one.close()
    return result
