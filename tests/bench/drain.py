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

# name, table, marks for each product, in which order, targets in marks/s and records/s
# repeated: a product's marks lie beside each other, as a document with several moves of it leaves
# them. scattered: the same marks in random order. quants: where stock_quant's triggers leave them.
CASES = [
    ("repeated", odoo.MARKS, REPEATS, "n, r", MARKS_PER_S, None),
    ("distinct", odoo.MARKS, 1, "n", None, RECORDS_PER_S),
    ("scattered", odoo.MARKS, REPEATS, "random()", MARKS_PER_S, None),
    ("quants scattered", odoo.QUANT_MARKS, REPEATS, "random()", MARKS_PER_S, None),
    ("quants distinct", odoo.QUANT_MARKS, 1, "n", None, RECORDS_PER_S),
]


def insert_marks(connection, table, products, repeats, order):
    with connection.transaction():
        connection.execute("SELECT setseed(0.5)")
        connection.execute(
            f"INSERT INTO public.{table} (product_id)"
            f" SELECT {shop.FIRST_PRODUCT} + n FROM generate_series(0, %s - 1) n,"
            f" generate_series(1, %s) r ORDER BY {order}", (products, repeats))
    connection.execute("CHECKPOINT")


def publishing_since(program):
    """Wall time of the log line that says that the tail begins."""
    found = re.search(r"ts=(\S+) .*event=publishing ", program.text())
    if not found:
        raise RuntimeError(f"no line event=publishing in the producer's log:\n{program.tail()}")
    return datetime.fromisoformat(found[1].replace("Z", "+00:00")).timestamp()


def acknowledged_at(samples):
    """Wall time of the sample that first counts every record that was made."""
    made = samples[-1][2][1]
    return next(wall for _, wall, values in samples if values[1] == made)


def one(servers, name, table, repeats, order, products):
    """Drains one table; (seconds from the start of the tail to the last acknowledged record, to the
    empty table, usage, producer's peak MB, records)."""
    name = name.replace(" ", "_")
    database = f"drain_{name}"
    shop.create(servers.postgres, database)
    pipeline = Pipeline(servers.postgres, servers.kafka, None, database, f"bench.drain.{name}", [],
                        {"topic": {"partitions": servers.partitions}})
    try:
        pipeline.install()
        insert_marks(pipeline.connection, table, products, repeats, order)
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
        since = publishing_since(producer)
        producer.stop()
        return (acknowledged_at(counters.samples) - since, empty_at - since, used, peak,
                counters.last[1])
    except BaseException:
        print(pipeline.logs())
        raise
    finally:
        pipeline.close()
        servers.postgres.drop_database(database)


def run(servers):
    result = report.Report("drain", {**servers.conditions, "kafka_partitions": servers.partitions,
                                     "products": servers.products})
    for name, table, repeats, order, marks_target, records_target in CASES:
        print(f"drain: {name}: {servers.products * repeats:,} marks", flush=True)
        seconds, to_empty, used, peak, made = one(servers, name, table, repeats, order, servers.products)
        marks, records = servers.products * repeats / seconds, made / seconds
        result.add(f"{name} marks", servers.products * repeats, "")
        result.add(f"{name} records", made, "")
        result.add(f"{name} marks/s", round(marks), "1/s", at_least=marks_target)
        result.add(f"{name} records/s", round(records), "1/s", at_least=records_target)
        result.add(f"{name} start to last acknowledged", round(seconds, 2), "s")
        result.add(f"{name} start to empty table", round(to_empty, 2), "s")
        result.add(f"{name} producer peak", round(peak, 1), "MB", at_most=MEMORY_MB)
        result.add_usage(name, used)
    return result
