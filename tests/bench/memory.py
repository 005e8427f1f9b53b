"""memory: what a lane keeps of a catalogue, however long the backlog in the topic is."""

import time
from dataclasses import dataclass

import confluent_kafka

from lab import record, stores, wait
from lab.pipeline import Pipeline

from . import apply, machine, report, shop

DATABASE = "memory"
# All points that the drain can use, so that it ends soon; nothing is let through until then.
PLAN = {"restoreRate": 20000, "maximumAvailable": 40000}
HELD_UP = ("LevelsRead", "inventorySetQuantities")
RECORDS = (500000, 5000000)
PEAK_RATIO = 1.1        # ten times the backlog, at most so much of the memory
FLUSH_EVERY = 200000
REVISION_BYTES = 8      # of every revision between the years 1988 and 2112


@dataclass(frozen=True)
class Piece:
    """A product's record around its revision."""
    key: bytes
    partition: int
    before: bytes
    after: bytes


def varint(number):
    """A positive long in Avro's binary encoding."""
    number *= 2
    result = bytearray()
    while number > 0x7F:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    result.append(number)
    return bytes(result)


def pieces_of(records, count):
    """The first products' records, taken apart; the revision that follows all of theirs."""
    pieces, newest = [], 0
    for one in records:
        stock = record.decode(one)
        if shop.FIRST_PRODUCT <= stock.product_id < shop.product(count):
            before, found, after = one.value.partition(varint(stock.revision))
            if len(found) != REVISION_BYTES:
                raise RuntimeError(f"{one.where}: no revision {stock.revision} in its bytes")
            pieces.append(Piece(one.key, one.partition, before, after))
            newest = max(newest, stock.revision)
    if len(pieces) != count:
        raise RuntimeError(f"{count} products, but {len(pieces)} records")
    return pieces, newest + 1


def fill(servers, topic, pieces, revision, count):
    """A backlog: the products' records over and over, with rising revisions; seconds it took."""
    began = time.monotonic()
    servers.kafka.create_topic(topic, servers.partitions, {"cleanup.policy": "compact",
                                                           "min.compaction.lag.ms": "86400000"})
    producer = confluent_kafka.Producer({
        "bootstrap.servers": servers.kafka.bootstrap, "compression.type": "lz4", "linger.ms": 50,
        "queue.buffering.max.messages": 2 * FLUSH_EVERY, "batch.size": 1000000, "log_level": 3})
    for number in range(count):
        piece = pieces[number % len(pieces)]
        producer.produce(topic, piece.before + varint(revision + number) + piece.after, piece.key,
                         piece.partition)
        if number % FLUSH_EVERY == FLUSH_EVERY - 1:
            producer.flush(120)
    if producer.flush(120) > 0:
        raise RuntimeError(f"{topic}: not everything was written")
    return time.monotonic() - began


def read_backlog(consumer, count):
    """Waits until all records are read and only the store holds their values up; seconds."""
    def total():
        return consumer.metric(f'stocksync_store_records_total{{store="{consumer.arguments[2]}"}}')

    wait.until(lambda: "event=partitions_assigned" in consumer.text(), "it begins to read",
               seconds=300, alive=consumer.alive)
    began = time.monotonic()
    wait.until(lambda: total() >= count, lambda: f"{total():,.0f} of {count:,} records are read",
               seconds=600, every=0.2, alive=consumer.alive)
    return time.monotonic() - began


def drain(servers, consumer, name, levels):
    """Lets the store answer, and waits until every level is written; seconds."""
    began = time.monotonic()
    servers.simulator.heal(name)
    wait.until(lambda: servers.simulator.stats(name)["pairsApplied"] >= levels,
               lambda: f"{servers.simulator.stats(name)['pairsApplied']:,} of {levels:,} levels "
                       f"are written:\n{consumer.tail()}",
               seconds=300, every=0.2, alive=consumer.alive)
    return time.monotonic() - began


def one(servers, pipeline, result, store, pieces, revision, count):
    """One backlog, one store; the consumer's peak in MB."""
    name, title = store.name, f"{count:,}"
    topic = f"bench.memory.{count}"
    levels = len(pieces) * len(store.locations)
    result.add(f"{title} filled in", round(fill(servers, topic, pieces, revision, count), 1), "s")
    skus = [one_sku for one_sku in pipeline.skus if one_sku[0] < shop.product(len(pieces))]
    store.open_shop(servers.simulator, skus, PLAN)
    for operation in HELD_UP:
        servers.simulator.fault(name, "throttle", operation=operation)
    pipeline.sections["topic"]["name"] = topic
    pipeline.write_config()
    consumer = pipeline.consumer
    consumer.arguments = ("run", "--store", name)
    consumer.start(ready=False)
    try:
        usage = machine.Usage({**servers.processes(), "consumer": consumer.child.pid})
        seconds = read_backlog(consumer, count)
        result.add(f"{title} read in", round(seconds, 1), "s")
        result.add(f"{title} records/s", round(count / seconds), "1/s")
        pending = consumer.metric(f'stocksync_store_pending_levels{{store="{name}"}}')
        result.add(f"{title} levels that wait", round(pending), "")
        result.add(f"{title} memory, all waiting", round(machine.memory_mb(consumer.child.pid), 1),
                   "MB")
        result.add(f"{title} written in", round(drain(servers, consumer, name, levels), 1), "s")
        result.add(f"{title} memory, all written", round(machine.memory_mb(consumer.child.pid), 1),
                   "MB")
        peak = machine.peak_mb(consumer.child.pid)
        result.add_usage(title, usage.stop())
    finally:
        consumer.kill()
        servers.kafka.delete_topic(topic)
    return peak


def run(servers):
    products = servers.products // 2
    backlogs = [count * servers.products // 200000 for count in RECORDS]
    shop.create(servers.postgres, DATABASE)
    pair = [stores.Store(f"memory-{count}", locations=apply.LOCATIONS) for count in backlogs]
    pipeline = Pipeline(servers.postgres, servers.kafka, servers.simulator, DATABASE,
                        "bench.memory", pair, {"topic": {"partitions": servers.partitions}})
    result = report.Report("memory", {
        **servers.conditions, "kafka_partitions": servers.partitions, "products": products,
        "levels": products * len(apply.LOCATIONS)})
    try:
        pipeline.install()
        apply.fill_topic(pipeline, servers.products)
        pieces, revision = pieces_of(pipeline.records(), products)
        peaks = []
        for store, count in zip(pair, backlogs):
            print(f"memory: {count:,} records of {products:,} products", flush=True)
            peaks.append(one(servers, pipeline, result, store, pieces, revision, count))
            result.add(f"{count:,} consumer peak", round(peaks[-1], 1), "MB",
                       at_most=round(peaks[0] * PEAK_RATIO, 1) if len(peaks) > 1 else None)
    except BaseException:
        print(pipeline.logs())
        raise
    finally:
        pipeline.close()
        servers.postgres.drop_database(DATABASE)
    return result
