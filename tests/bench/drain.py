"""drain: how fast a full table of marks becomes acknowledged records."""

import re
from datetime import datetime

from lab import odoo, wait
from lab.pipeline import Pipeline

from . import machine, probe, report, shop

COUNTERS = ("stocksync_producer_marks_total", "stocksync_producer_records_total",
            "stocksync_producer_settled_marks_total")

REPEATS = 5
MARKS_PER_S, RECORDS_PER_S, MEMORY_MB = 150000, 60000, 40

# name, marks for each product, in which order, [(counter's figure, its target)]
# repeated: a product's marks lie beside each other, as a document with several moves of it leaves
# them. scattered: the same marks in random order, the least that a batch can fold; no target.
CASES = [
    ("repeated", REPEATS, "n, r", MARKS_PER_S, None),
    ("distinct", 1, "n", None, RECORDS_PER_S),
    ("scattered", REPEATS, "random()", None, None),
]


def insert_marks(connection, products, repeats, order):
    with connection.transaction():
        connection.execute("SELECT setseed(0.5)")
        connection.execute(
            f"INSERT INTO public.{odoo.MARKS} (product_id)"
            f" SELECT {shop.FIRST_PRODUCT} + n FROM generate_series(0, %s - 1) n,"
            f" generate_series(1, %s) r ORDER BY {order}", (products, repeats))
    connection.execute("CHECKPOINT")


def publishing_since(program):
    """Wall time of the log line that says that the tail begins."""
    found = re.search(r"ts=(\S+) .*event=publishing ", program.text())
    if not found:
        raise RuntimeError(f"no line event=publishing in the producer's log:\n{program.tail()}")
    return datetime.fromisoformat(found[1].replace("Z", "+00:00")).timestamp()


def rates(samples):
    """(marks/s, records/s, seconds) between the first sample that counts something and the last that
    differs from its predecessor."""
    moving = [sample for sample in samples if sample[2][0] > 0]
    end = next(sample for sample in moving if sample[2][:2] == moving[-1][2][:2])
    seconds = end[0] - moving[0][0]
    if seconds <= 0:
        raise RuntimeError("drained between two samples: nothing to measure")
    return ((end[2][0] - moving[0][2][0]) / seconds, (end[2][1] - moving[0][2][1]) / seconds,
            seconds)


def one(servers, name, repeats, order, products):
    """Drains one table; (rates, wall seconds to the empty table, usage, producer's peak MB)."""
    database = f"drain_{name}"
    shop.create(servers.postgres, database)
    pipeline = Pipeline(servers.postgres, servers.kafka, None, database, f"bench.drain.{name}", [],
                        {"topic": {"partitions": servers.partitions}})
    try:
        pipeline.install()
        insert_marks(pipeline.connection, products, repeats, order)
        total = products * repeats
        producer = pipeline.producer
        with probe.Probe(producer.listen, COUNTERS) as counters:
            producer.start(ready=False)
            usage = machine.Usage({**servers.processes(), "producer": producer.child.pid})
            wait.until(lambda: counters.last is not None and counters.last[2] >= total,
                       lambda: f"{total} marks settled, not {counters.last}", seconds=600,
                       alive=producer.alive)
            used = usage.stop()
            peak = machine.peak_mb(producer.child.pid)
        if pipeline.marks() != 0:
            raise RuntimeError(f"{pipeline.marks()} marks are left")
        if counters.last[0] < total or counters.last[1] < products:
            raise RuntimeError(f"{total} marks of {products} products, counted: {counters.last}")
        empty_at = next(wall for _, wall, values in counters.samples if values[2] >= total)
        to_empty = empty_at - publishing_since(producer)
        producer.stop()
        return rates(counters.samples), to_empty, used, peak, counters.last[1]
    except BaseException:
        print(pipeline.logs())
        raise
    finally:
        pipeline.close()
        servers.postgres.drop_database(database)


def run(servers):
    result = report.Report("drain", {**servers.conditions, "products": servers.products})
    for name, repeats, order, marks_target, records_target in CASES:
        print(f"drain: {name}: {servers.products * repeats:,} marks", flush=True)
        (marks, records, seconds), to_empty, used, peak, made = one(
            servers, name, repeats, order, servers.products)
        result.add(f"{name} marks", servers.products * repeats, "")
        result.add(f"{name} records", made, "")
        result.add(f"{name} marks/s", round(marks), "1/s", at_least=marks_target)
        result.add(f"{name} records/s", round(records), "1/s", at_least=records_target)
        result.add(f"{name} first to last acknowledged", round(seconds, 2), "s")
        result.add(f"{name} publishing to empty table", round(to_empty, 2), "s")
        result.add(f"{name} producer peak", round(peak, 1), "MB", at_most=MEMORY_MB)
        result.add_usage(name, used)
    return result
