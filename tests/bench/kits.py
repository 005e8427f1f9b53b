"""kits: bills of materials exploded, kits computed, and a component of thousands of kits that changes.

A catalogue of kits is added to the generated shop: every fourth contains the next one, every sixteenth
one that does so itself; all have lines of their own, some in dozens or with batches of two; one
component, `hot`, is in a quarter of them.
"""

import os
import re
import signal
import sys
import time
from datetime import datetime

from lab import odoo, process, wait
from lab.pipeline import Pipeline

from . import latency, load, machine, report, shop

KITS = 20000
HOT_SHARE = 4           # every fourth kit
LINES = 4               # of each kit, besides hot and nested ones
FIRST_KIT = 400000
FIRST_KIT_TEMPLATE = 900000
FIRST_BOM = 100000
PER_S = 200
WARM_UP_S = 5
HOT_EVERY_S = 3

EXPLODE_S, LOOKUP_MS, STATE_S, VISIBLE_S, SLOWER = 10, 20, 3, 2, 2

# Components come from the products that the load does not touch: numbers from `span` on.
CATALOGUE = f"""
SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO public.product_template
       (id, name, detailed_type, type, categ_id, uom_id, uom_po_id, active, tracking,
        purchase_line_warn, sale_line_warn, sale_ok, purchase_ok, priority)
SELECT {FIRST_KIT_TEMPLATE} + k, 'Kit ' || k, 'consu', 'consu',
       (SELECT min(id) FROM public.product_category), 1, 1, true, 'none', 'no-message', 'no-message',
       true, true, '0'
  FROM generate_series(0, %(kits)s - 1) k;
INSERT INTO public.product_product
       (id, product_tmpl_id, default_code, active, combination_indices, shopify_product)
SELECT {FIRST_KIT} + k, {FIRST_KIT_TEMPLATE} + k, 'K' || lpad(k::text, 6, '0'), true, '', true
  FROM generate_series(0, %(kits)s - 1) k;
INSERT INTO public.mrp_bom
       (id, active, type, product_tmpl_id, product_qty, product_uom_id, ready_to_produce, consumption)
SELECT {FIRST_BOM} + k, true, 'phantom', {FIRST_KIT_TEMPLATE} + k, 1 + (k %% 10 = 0)::int, 1,
       'asap', 'flexible'
  FROM generate_series(0, %(kits)s - 1) k;
INSERT INTO public.mrp_bom_line (id, product_id, product_qty, product_uom_id, sequence, bom_id)
SELECT {FIRST_BOM} * 10 + k * {LINES} + l,
       {shop.FIRST_PRODUCT} + %(span)s + 1 + (k * 7919 + l * 104729) %% (%(products)s - %(span)s - 1),
       1 + l, CASE WHEN k %% 50 = 1 AND l = 0 THEN 2 ELSE 1 END, l, {FIRST_BOM} + k
  FROM generate_series(0, %(kits)s - 1) k, generate_series(0, {LINES} - 1) l;
INSERT INTO public.mrp_bom_line (id, product_id, product_qty, product_uom_id, sequence, bom_id)
SELECT {FIRST_BOM} * 20 + k, {shop.FIRST_PRODUCT} + %(span)s, 1, 1, 90, {FIRST_BOM} + k
  FROM generate_series(1, %(kits)s - 1, {HOT_SHARE}) k;
INSERT INTO public.mrp_bom_line (id, product_id, product_qty, product_uom_id, sequence, bom_id)
SELECT {FIRST_BOM} * 30 + k, {FIRST_KIT} + k + 2, 1, 1, 91, {FIRST_BOM} + k
  FROM generate_series(0, %(kits)s - 3, 4) k;
INSERT INTO public.mrp_bom_line (id, product_id, product_qty, product_uom_id, sequence, bom_id)
SELECT {FIRST_BOM} * 40 + k, {FIRST_KIT} + k - 7, 1, 1, 92, {FIRST_BOM} + k
  FROM generate_series(15, %(kits)s - 1, 16) k;
SET session_replication_role = origin;
ANALYZE
"""

# As role parents has them: consumer/parents/parents.c.
PARENTS = """
SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
SET LOCAL jit = off
"""


def parents_statement():
    """The statement of role parents, with psycopg's placeholders."""
    with open(os.path.join(process.ROOT, "schemas", "sql", "parents_mark.sql"),
              encoding="ascii") as file:
        text = re.sub(r"^--.*$", "", file.read(), flags=re.MULTILINE)
    # one time for all: a thousand of them would be Python's work, not the server's
    return text.replace("$2::timestamptz[]", "array_fill(now(), ARRAY[cardinality($1::integer[])])"
                        ).replace("$1", "%(ids)s")


def seconds_between(text, first, last):
    """Between two log lines, by their events; the last of each."""
    times = [[datetime.fromisoformat(found.replace("Z", "+00:00")).timestamp() for found in
              re.findall(rf"ts=(\S+) .*event={event} ", text)] for event in (first, last)]
    return times[1][-1] - times[0][-1]


def explode_all(pipeline, result, kits):
    producer = pipeline.producer.start(seconds=120)
    exploded, = re.findall(r"event=kits count=(\d+) of=\1 ", producer.text())
    stored, problems = pipeline.connection.execute(
        "SELECT count(*), count(problem) FROM stocksync.kit").fetchone()
    if (int(exploded), stored, problems) != (kits + SHOP_KITS[0], kits + SHOP_KITS[0], SHOP_KITS[1]):
        raise RuntimeError(f"exploded {exploded}, stored {stored}, without a number {problems}")
    result.add("kits", kits, "")
    result.add("rows of kit_component", pipeline.connection.execute(
        "SELECT count(*) FROM stocksync.kit_component").fetchone()[0], "")
    result.add("explode all", round(seconds_between(producer.text(), "odoo", "kits"), 2), "s",
               at_most=EXPLODE_S)


# The shop that the generated one is made from has lost its products, and its bills with them.
SHOP_KITS = (0, 0)


def look_up(pipeline, result, products):
    """Role parents' statement for 1,000 changed components, none of them hot; rolled back."""
    connection = pipeline.connection
    connection.execute("VACUUM ANALYZE stocksync.kit_component")
    used = [row[0] for row in connection.execute(
        "SELECT DISTINCT component_id FROM stocksync.kit_component WHERE need > 0 AND component_id"
        " <> %s ORDER BY component_id", (products["hot"],))]
    statement, times, found = parents_statement(), [], 0
    for shift in range(15):
        chosen = used[shift::max(1, len(used) // 1000)][:1000]
        with connection.transaction(force_rollback=True):
            connection.execute(PARENTS)
            began = time.monotonic()
            found = connection.execute(statement, {"ids": chosen}, prepare=True).fetchone()[0]
            times.append((time.monotonic() - began) * 1000)
    result.add("kits of 1,000 components, marked", found, "")
    result.add("kits of 1,000 components, one query, median", round(sorted(times)[len(times) // 2], 2),
               "ms", at_most=LOOKUP_MS)


def state_of_all(pipeline, result, kits):
    """Every kit marked as a change of its components would; to the last acknowledged record."""
    producer = pipeline.producer
    times = []
    for _ in range(3):
        before = producer.metric("stocksync_producer_records_total")
        pipeline.connection.execute(
            f"INSERT INTO public.{odoo.MARKS} (product_id, cause)"
            " SELECT kit_id, 3 FROM stocksync.kit")
        began = time.monotonic()
        wait.until(lambda before=before:
                   producer.metric("stocksync_producer_records_total") >= before + kits,
                   "every kit is published", seconds=120, alive=producer.alive)
        times.append(time.monotonic() - began)
        pipeline.wait_published()
    result.add("state of all kits, published, first", round(times[0], 2), "s")
    result.add("state of all kits, published, median of three", round(sorted(times)[1], 2), "s",
               at_most=STATE_S)


def change_hot(connection, hot):
    """One more of it; when its COMMIT returned, µs."""
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id ="
                       " (SELECT min(id) FROM public.stock_quant WHERE product_id = %s)", (hot,))
    return time.time_ns() // 1000


def slowest_kit(arrivals, commits, kits):
    """Seconds from each change of the hot component to the last kit whose record holds it."""
    result = []
    for commit in commits:
        last = {}
        for product, _, arrival, read_at, _ in arrivals:
            if product in kits and read_at >= commit and product not in last:
                last[product] = arrival
        if len(last) != len(kits):
            raise RuntimeError(f"{len(kits) - len(last)} kits never showed the change")
        result.append((max(last.values()) - commit) / 1e6)
    return result


def hot_component(servers, pipeline, result, products):
    """The load alone, then beside changes of the hot component every few seconds."""
    connection = pipeline.connection
    kits = {row[0] for row in connection.execute(
        "SELECT kit_id FROM stocksync.kit_component WHERE component_id = %s AND need IS NOT NULL",
        (products["hot"],))}
    pipeline.parents.start()
    path = os.path.join(pipeline.directory, "arrivals")
    reader = process.Child(
        [sys.executable, os.path.join(os.path.dirname(__file__), "reader.py"),
         servers.kafka.bootstrap, pipeline.topic, servers.partitions, path], path + ".log")
    try:
        half = max(10, servers.seconds // 2)
        usage = machine.Usage({**servers.processes(), "producer": pipeline.producer.child.pid,
                               "parents": pipeline.parents.child.pid, "reader": reader.pid})
        work = load.Load(servers.postgres, pipeline.dbname, pipeline.directory, servers.span, PER_S,
                         WARM_UP_S + 2 * half)
        time.sleep(WARM_UP_S + half)    # measured, not waited for: the load alone
        commits, until = [], time.monotonic() + half - HOT_EVERY_S
        while time.monotonic() < until:
            commits.append(change_hot(connection, products["hot"]))
            time.sleep(HOT_EVERY_S)     # the schedule of the changes
        used = work.wait(usage.stop)
        pipeline.wait_settled(300)
        reader.stop(signal.SIGTERM, seconds=180)
    finally:
        if reader.running:
            reader.kill()
    arrivals = latency.read_arrivals(path)
    arrivals.sort(key=lambda row: row[2])
    changes = work.commits()
    begin = changes[0].at_us + WARM_UP_S * 1000000
    answers = latency.Answers((row[0], row[1], row[2]) for row in arrivals if row[0] not in kits)
    alone = [one for one in changes if begin <= one.at_us < commits[0]]
    beside = [one for one in changes if one.at_us >= commits[0]]
    quiet = latency.milliseconds(alone, answers, "alone")
    busy = latency.milliseconds(beside, answers, "beside")
    slowest = slowest_kit(arrivals, commits, kits)
    result.add("kits of the hot component", len(kits), "")
    result.add("its changes", len(commits), "")
    result.add("change to the last of its kits, slowest", round(max(slowest), 2), "s",
               at_most=VISIBLE_S)
    latency.add(result, "others, alone: commit to acknowledged", quiet)
    latency.add(result, "others, beside: commit to acknowledged", busy)
    result.add("others, p99 beside / alone",
               round(report.percentile(busy, 99) / report.percentile(quiet, 99), 2), "",
               at_most=SLOWER)
    result.add_usage("hot", used)


def run(servers):
    kits = KITS * servers.products // 200000
    result = report.Report("kits", {**servers.conditions, "products": servers.products,
                                    "commits_per_s": PER_S, "hot_every_s": HOT_EVERY_S})
    database = "bench_kits"
    shop.create(servers.postgres, database)
    with servers.postgres.connect(database) as connection:
        sizes = {"kits": kits, "span": servers.span, "products": servers.products}
        for statement in (CATALOGUE % sizes).split(";"):
            connection.execute(statement)
    products = {"hot": shop.FIRST_PRODUCT + servers.span}
    pipeline = Pipeline(servers.postgres, servers.kafka, None, database, "bench.kits", [],
                        {"topic": {"partitions": servers.partitions}})
    try:
        print(f"kits: {kits:,} kits over {servers.products:,} products", flush=True)
        pipeline.install()
        explode_all(pipeline, result, kits)
        look_up(pipeline, result, products)
        state_of_all(pipeline, result, kits)
        hot_component(servers, pipeline, result, products)
    except BaseException:
        print(pipeline.logs())
        raise
    finally:
        pipeline.close()
        servers.postgres.drop_database(database)
    return result
