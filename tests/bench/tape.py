"""tape: what a recorded shop's changes cost a store in requests, and which levels they end with."""

import hashlib

import confluent_kafka

from lab import odoo, stores, wait
from lab.pipeline import Pipeline

from . import machine, report

DATABASE = "tape"
RULES = {"locations": {"Berlin": ["WH", "NO"], "Munich": ["SO"]}, "buffer": 2}
LIVE, ONCE = "live", "once"
# One partition: a transaction's records arrive together, so that every run sees the same batches.
PARTITIONS = 1
ONCE_S = 300


class Idle:
    """Waits until both programs have nothing left to do; keeps its place in the topic meanwhile.

    groups  must have finished every record
    """

    def __init__(self, pipeline, groups):
        self._pipeline, self._groups = pipeline, groups
        self._reader = confluent_kafka.Consumer({
            "bootstrap.servers": pipeline.kafka.bootstrap, "group.id": "bench-tape",
            "enable.auto.commit": False, "enable.auto.offset.store": False,
            "enable.partition.eof": True, "fetch.wait.max.ms": 20, "log_level": 3})
        self._topic = confluent_kafka.TopicPartition(pipeline.topic, 0,
                                                     confluent_kafka.OFFSET_BEGINNING)
        self._reader.assign([self._topic])
        self._at = 0        # everything before it has been read
        self._last = -1     # offset of the last record; transaction markers follow it
        self.records = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._reader.close()

    def wait(self):
        seen = None
        while True:
            self._pipeline.wait_published()
            wait.until(self._at_end, "the end of the topic", seconds=60, every=0.001)
            if self.records == seen:
                return
            seen = self.records
            for group in self._groups:
                wait.until(lambda group=group: self._finished(group),
                           f"group {group} has finished the topic", seconds=120,
                           alive=self._pipeline.alive)

    def _at_end(self):
        end = self._reader.get_watermark_offsets(self._topic, timeout=10)[1]
        while self._at < end and (message := self._reader.poll(1)) is not None:
            if message.error() is None:
                self._last = message.offset()
                self.records += 1
            elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                self._at = message.offset()
        return self._at >= end

    def _finished(self, group):
        pipeline = self._pipeline
        return not pipeline.kafka.unread(group, pipeline.topic, {0: self._last})


def replay(pipeline, shop, idle):
    """The tape, with both programs idle before each of its transactions."""
    outcomes = pipeline.replay(shop.tape, lambda _: idle.wait())
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        raise RuntimeError(f"Odoo's transactions failed: {failed[:3]}")
    idle.wait()


def digest(levels):
    """The same text for the same levels of a shop."""
    lines = [f"{item} {location} {level['available']} {level['on_hand']}\n"
             for (item, location), level in sorted(levels.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def counts(simulator, name):
    """What a shop has been asked for so far."""
    stats = simulator.stats(name)
    return {"mutations": stats["requests"].get("StockSet", 0),
            "levels written": stats["pairsApplied"],
            "reads": stats["requests"].get("LevelsRead", 0)}


def add_counts(result, name, first, last):
    for key, value in last.items():
        result.add(f"{name} {key}", value - first.get(key, 0), "")


def add_levels(pipeline, result, store, shop):
    levels = pipeline.simulator.levels(store.name)
    right, total, differences = pipeline.compare_levels(store, shop.after)
    if differences or total == 0:
        raise RuntimeError(f"store {store.name}: {right} of {total} levels equal Odoo's numbers:\n"
                           + "\n".join(differences[:20]))
    result.add(f"{store.name} levels equal to Odoo", right, "")
    result.add(f"{store.name} digest of all {len(levels)} levels", digest(levels), "")


def run_live(servers, pipeline, result, store, shop):
    """A store that follows the tape."""
    programs = {"producer": pipeline.producer, "parents": pipeline.parents,
                "consumer": pipeline.consumer}
    pipeline.producer.start()
    pipeline.parents.start()
    pipeline.backfill()
    with Idle(pipeline, [pipeline.parents_group]) as idle:
        idle.wait()
    pipeline.consumer.arguments = ("run", "--store", store.name)
    pipeline.consumer.start()
    with Idle(pipeline, [pipeline.parents_group, store.group]) as idle:
        idle.wait()
        first = counts(pipeline.simulator, store.name)
        usage = machine.Usage({**servers.processes(), **{
            name: program.child.pid for name, program in programs.items()}})
        replay(pipeline, shop, idle)
        used = usage.stop()
        result.add("records", idle.records, "")
    add_counts(result, f"{store.name} first load", {}, first)
    add_counts(result, f"{store.name} tape", first, counts(pipeline.simulator, store.name))
    add_levels(pipeline, result, store, shop)
    for name, program in programs.items():
        result.add(f"{store.name} {name} peak", round(machine.peak_mb(program.child.pid), 1), "MB")
    result.add_usage(store.name, used)
    pipeline.consumer.stop()


def run_once(pipeline, result, store, shop):
    """A store that finds the whole topic."""
    pipeline.command("consumer", "run", "--once", "--store", store.name, seconds=ONCE_S)
    add_counts(result, store.name, {}, counts(pipeline.simulator, store.name))
    add_levels(pipeline, result, store, shop)


def run(servers):
    shop = odoo.DataSet("a")
    servers.postgres.create_database(DATABASE)
    shop.restore(servers.postgres, DATABASE)
    live, once = (stores.Store(name, **RULES) for name in (LIVE, ONCE))
    pipeline = Pipeline(servers.postgres, servers.kafka, servers.simulator, DATABASE, "bench.tape",
                        [live, once], {"topic": {"partitions": PARTITIONS}})
    result = report.Report("tape", {**servers.conditions, "kafka_partitions": PARTITIONS,
                                    "transactions": len(shop.tape)})
    try:
        pipeline.open_shops()
        pipeline.install()
        print(f"tape: {len(shop.tape)} transactions of Odoo, one at a time", flush=True)
        run_live(servers, pipeline, result, live, shop)
        run_once(pipeline, result, once, shop)
    except BaseException:
        print(pipeline.logs())
        raise
    finally:
        pipeline.close()
        servers.postgres.drop_database(DATABASE)
    return result
